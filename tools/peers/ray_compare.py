"""Run as `python -m peers.ray_compare DATA --model M`, where smlp, Ray, PyTorch and torchvision are installed.

The same pictures through: `smlp evaluate`; the job `smlp.ray.classify`; Ray Data with smlp.ray.Classifier; Ray Data with
PyTorch, decoded by Pillow and prepared by torchvision; and Ray Data with a step that does nothing, which is Ray's own
share. All have the same processors. Rates are counted where the work is done, from the end of the first batch to that of the
last, so that the start of workers and the loading of models, which a long job has once, are not in them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCH = 16


def find_pictures(folder, limit):
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [str(p.resolve()) for p in files[:limit]]


class Nothing:
    """What is left is Ray: reading files, moving bytes between processes, calling Python."""

    def __call__(self, batch):
        return {"bytes": [len(one) for one in batch["bytes"]]}


class Torch:
    """An image-classification step as PyTorch's users write it."""

    def __init__(self, model, config, how, threads):
        import torch
        from torchvision import transforms

        from .torch_network import load

        torch.set_num_threads(threads)
        self.torch = torch
        self.network = load(config, model, "matmul")
        self.prepare = transforms.Compose([
            transforms.Resize(how.resize, transforms.InterpolationMode(how.interpolation)), transforms.CenterCrop(how.crop),
            transforms.ToTensor(), transforms.Normalize(how.mean, how.std)])

    def __call__(self, batch):
        import io

        from PIL import Image

        tensors = [self.prepare(Image.open(io.BytesIO(one)).convert("RGB")) for one in batch["bytes"]]
        with self.torch.inference_mode():
            return {"class": self.network(self.torch.stack(tensors)).argmax(1).numpy()}


class Timed:
    """A step that says when each batch was done: what arrives at the driver, arrives late and several at once."""

    def __init__(self, step, arguments):
        self.step = step(**arguments)

    def __call__(self, batch):
        rows = len(batch["bytes"])
        self.step(batch)
        return {"done": [time.monotonic()] * rows}


def steady(moments):
    """Pictures a second from the end of the first batch to that of the last, of the moments at which each was done."""
    first, last = min(moments), max(moments)
    return sum(moment > first for moment in moments) / (last - first)


def pipeline(files, cpus, step, arguments):
    import ray

    data = ray.data.read_binary_files(files, override_num_blocks=max(4, len(files) // 64)).map_batches(
        Timed, fn_constructor_kwargs={"step": step, "arguments": arguments}, batch_size=BATCH, num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(size=1))
    return steady([float(moment) for batch in data.iter_batches(batch_size=None) for moment in batch["done"]])


def job(files, model, cpus):
    """When a part is done its file is there."""
    import smlp

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "list.txt").write_text("\n".join(files))
        smlp.ray.classify(f"@{folder}/list.txt", f"{folder}/out", model, part=2 * BATCH, actors=1, cpus_per_actor=cpus)
        ends = sorted(part.stat().st_mtime for part in Path(folder, "out").glob("part-*"))
        return (len(files) - 2 * BATCH) / (ends[-1] - ends[0])


def evaluate(data, pictures, model, classes, cpus):
    """`smlp evaluate` tells how far it is ten times a second."""
    import smlp

    moments = []
    smlp.evaluate(data, model, classes=classes, limit=pictures, threads=cpus,
                  progress=lambda done, all_: moments.append((time.monotonic(), done)))
    return (moments[-1][1] - moments[0][1]) / (moments[-1][0] - moments[0][0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="pictures in a folder a class")
    parser.add_argument("--model", required=True, help="a checkpoint of PyTorch")
    parser.add_argument("--classes", help="names of the model's classes, where it carries none: a line of `n01440764 name` each")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--cpus", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", nargs="+", default=["evaluate", "job", "pipeline", "torch", "nothing"])
    options = parser.parse_args()
    import ray

    import smlp

    files, model = find_pictures(options.data, options.pictures), str(Path(options.model).resolve())
    info = json.loads(subprocess.run([Path(smlp.__file__).parent / "bin" / "smlp", "info", model, "--json"], check=True,
                                     capture_output=True, text=True).stdout)
    how, cpus = smlp.Model.load(model).preprocessing, options.cpus
    # Reading needs a CPU of Ray's counting while the step has all that there are.
    ray.init(num_cpus=cpus + 1, include_dashboard=False, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    ways = {
        "evaluate": lambda: evaluate(options.data, len(files), model, options.classes, cpus),
        "job": lambda: job(files, model, cpus),
        "pipeline": lambda: pipeline(files, cpus, smlp.ray.Classifier, {"model": model, "threads": cpus}),
        "torch": lambda: pipeline(files, cpus, Torch, {"model": model, "config": info["config"], "how": how, "threads": cpus}),
        "nothing": lambda: pipeline(files, cpus, Nothing, {}),
    }
    for name in options.only:
        print(json.dumps({"way": name, "pictures_per_second": ways[name](), "pictures": len(files), "cpus": cpus}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
