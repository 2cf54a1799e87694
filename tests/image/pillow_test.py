"""Compares decoding and preprocessing with Pillow and numpy, bit for bit.

  python3 pillow_test.py CROP_TOOL [--data DIR] [--every N] [--generated N]

CROP_TOOL is the program built from crop_tool.cc. Pictures: the fixtures, generated ones of many kinds and sizes, and,
where DIR (SMLP_SHARED_DATA by default) has them, `photos` (all) and `imagenette` (every N-th). The rule is torchvision's Resize, CenterCrop, ToTensor, Normalize,
written out here with Pillow and numpy. Exits 1 on the first differences, after counting them all.
"""

import argparse
import io
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
import PIL
from PIL import Image, ImageFile

Image.MAX_IMAGE_PIXELS = None
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
SUFFIXES = (".jpg", ".jpeg", ".png")


# Under Pillow's own names; sMLPNet's is bicubic.
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


def resized(image, size, interpolation):
    """Pillow's resize: along the rows, then along the columns.

    Pillow 13 does the columns first where a picture loses more than twice as many rows as columns. Resizing in two steps
    keeps the order that every version before had, and which the published accuracy of the checkpoints was measured with.
    """
    resample = getattr(Image, interpolation.upper())
    if int(PIL.__version__.split(".")[0]) >= 13:
        if interpolation != "nearest":
            image = image.resize((size[0], image.size[1]), resample)
    return image.resize(size, resample)


def resize_and_crop(image, resize, crop, interpolation):
    """torchvision.transforms.Resize(resize, interpolation) and CenterCrop(crop) of a Pillow picture."""
    w, h = image.size
    short, long = (w, h) if w <= h else (h, w)
    new_short, new_long = resize, int(resize * long / short)
    image = resized(image, (new_short, new_long) if w <= h else (new_long, new_short), interpolation)
    w, h = image.size
    if crop > w or crop > h:
        left = (crop - w) // 2 if crop > w else 0
        top = (crop - h) // 2 if crop > h else 0
        padded = Image.new("RGB", (max(w, crop), max(h, crop)))
        padded.paste(image, (left, top))
        image = padded
        w, h = image.size
    top, left = int(round((h - crop) / 2.0)), int(round((w - crop) / 2.0))
    return image.crop((left, top, left + crop, top + crop))


def to_floats(crop):
    """ToTensor and Normalize: float32(pixel) / 255, then (x - mean) / std, all in float32, CHW."""
    x = np.asarray(crop).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((x - MEAN) / STD).transpose(2, 0, 1))


def expected(path, what, resize, crop, interpolation):
    """The bytes Pillow makes of a file, or None where it refuses the file."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except Exception:  # Pillow raises many kinds
        return None
    if what == "decode":
        return image.tobytes()
    image = resize_and_crop(image, resize, crop, interpolation)
    return image.tobytes() if what == "crop" else to_floats(image).tobytes()


class Tool:
    """A running crop_tool: one path in, one result out."""

    def __init__(self, program, what, resize=256, crop=224, interpolation="bicubic"):
        self.what, self.resize, self.crop, self.interpolation = what, resize, crop, interpolation
        self.process = subprocess.Popen([program, what, str(resize), str(crop), interpolation], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def run(self, path):
        """The bytes, or None and the error."""
        self.process.stdin.write(path.encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().split()
        if not line or line[0] != b"ok":
            return None, b" ".join(line[1:]).decode() or "crop_tool died"
        return self.process.stdout.read(int(line[3])), ""

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Comparison:
    def __init__(self):
        self.same = self.refused = 0
        self.wrong = []

    def check(self, tool, path, label):
        got, error = tool.run(path)
        want = expected(path, tool.what, tool.resize, tool.crop, tool.interpolation)
        if got == want:
            self.same += got is not None
            self.refused += got is None
            return
        if got is None or want is None:
            self.wrong.append(f"{label}: smlp: {error or 'reads it'}; Pillow: {'refuses' if want is None else 'reads it'}")
            return
        kind = np.float32 if tool.what == "floats" else np.uint8
        a, b = np.frombuffer(got, kind), np.frombuffer(want, kind)
        detail = f"{len(a)} values, expected {len(b)}" if len(a) != len(b) else (
            f"{int((a != b).sum())} of {len(a)} values differ, by up to {float(np.abs(a.astype(float) - b).max())}")
        self.wrong.append(f"{label} ({tool.what} {tool.resize} {tool.crop} {tool.interpolation}): {detail}")


def picture(rng, w, h):
    """Smooth colour with noise and hard edges, so that both resampling and clipping have work."""
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for _ in range(3):
        wave = np.sin(x * rng.uniform(0, 0.5) + y * rng.uniform(0, 0.5)) * 100 + 128
        stripe = ((x // rng.randint(1, 9) + y // rng.randint(1, 9)) % 2) * rng.randint(0, 255)
        planes.append(np.clip(wave * 0.5 + stripe, 0, 255))
    return Image.fromarray(np.stack(planes, 2).astype(np.uint8), "RGB")


def random_size(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randint(1, 12), rng.randint(1, 12)
    if kind == 1:
        return rng.randint(1, 4), rng.randint(100, 2000)
    if kind == 2:
        return rng.randint(100, 2000), rng.randint(1, 4)
    if kind == 3:
        return rng.choice([224, 255, 256, 257, 448, 512]), rng.choice([224, 255, 256, 257, 448, 512])
    return rng.randint(20, 900), rng.randint(20, 900)


def random_file(rng, image):
    """The picture as bytes of a random kind of JPEG or PNG."""
    out = io.BytesIO()
    if rng.random() < 0.5:
        mode = rng.choice(["RGB", "RGB", "RGB", "L", "CMYK"])
        options = {"quality": rng.randint(1, 100), "optimize": rng.random() < 0.3, "progressive": rng.random() < 0.4}
        if mode == "RGB":
            options["subsampling"] = rng.randrange(3)
        image.convert(mode).save(out, "JPEG", **options)
        return out.getvalue(), f"JPEG {mode} {options}"
    mode = rng.choice(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
    if mode == "I;16":
        values = np.asarray(image.convert("L")).astype(np.uint16) * rng.choice([1, 2, 257])
        converted = Image.fromarray(values)
    else:
        converted = image.convert(mode)
    options = {"bits": rng.choice([1, 2, 4, 8])} if mode == "P" else {}
    if mode == "P":
        converted = image.quantize(2 ** options["bits"])
    converted.save(out, "PNG", **options)
    return out.getvalue(), f"PNG {mode} {options}"


def compare_generated(comparison, tool_path, count, seed):
    ImageFile.MAXBLOCK = 1 << 24  # lets Pillow write optimised and progressive files of any size
    rng = random.Random(seed)
    settings = [(256, 224), (256, 224), (146, 128), (64, 64), (73, 64), (439, 384), (100, 160), (7, 5)]
    tools = {(what, s): Tool(tool_path, what, *s) for what in ("decode", "crop", "floats") for s in set(settings)}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "picture")
        for i in range(count):
            w, h = random_size(rng)
            data, label = random_file(rng, picture(rng, w, h))
            with open(path, "wb") as file:
                file.write(data)
            for what in ("decode", "crop") if i % 4 else ("decode", "floats"):
                comparison.check(tools[what, rng.choice(settings)], path, f"generated {i}, {w} x {h}, {label}")
            if i % 8 == 0:  # cut off anywhere
                with open(path, "wb") as file:
                    file.write(data[: rng.randrange(len(data))])
                comparison.check(tools["decode", (256, 224)], path, f"generated {i}, cut off, {w} x {h}, {label}")
    for tool in tools.values():
        tool.close()


def compare_interpolations(comparison, tool_path, count, seed):
    """Every filter at random sizes, shrinking and growing, from pictures of random sizes."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "picture.png")
        for interpolation in INTERPOLATIONS:
            equal = comparison.same
            for i in range(count):
                crop = rng.choice([224, 128, rng.randint(1, 400)])
                resize = rng.choice([int(crop / rng.uniform(0.5, 1.0)), crop, rng.randint(1, 500)])
                w, h = random_size(rng)
                picture(rng, w, h).save(path)
                tool = Tool(tool_path, "crop", resize, crop, interpolation)
                comparison.check(tool, path, f"interpolation {i}, {w} x {h}")
                tool.close()
            print(f"{interpolation}: {comparison.same - equal} of {count} equal")


def compare_files(comparison, tool_path, files):
    tools = [Tool(tool_path, "crop"), Tool(tool_path, "floats")]
    for i, path in enumerate(files):
        comparison.check(tools[i % 2], path, path)
        comparison.check(tools[(i + 1) % 2], path, path)
    for tool in tools:
        tool.close()


def pictures_under(folder):
    found = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names
             if name.lower().endswith(SUFFIXES)]
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("--data", default=os.environ.get("SMLP_SHARED_DATA", ""))
    parser.add_argument("--default-data", default="", help="used where --data and SMLP_SHARED_DATA are not given")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--generated", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    data = options.data or options.default_data

    print(f"Pillow {PIL.__version__}, numpy {np.__version__}")
    comparison = Comparison()
    fixtures = pictures_under(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures"))
    compare_files(comparison, options.tool, fixtures)
    print(f"fixtures: {len(fixtures)} compared")
    compare_generated(comparison, options.tool, options.generated, options.seed)
    print(f"generated pictures: {options.generated} compared")
    compare_interpolations(comparison, options.tool, options.generated, options.seed)
    for name, every in (("photos", 1), ("imagenette", options.every)):
        folder = os.path.join(data, name)
        if not data or not os.path.isdir(folder):
            print(f"SKIPPED: {name}: not in {data or 'any data folder'} (set SMLP_SHARED_DATA to the folder that has it)")
            continue
        files = pictures_under(folder)[::every]
        compare_files(comparison, options.tool, files)
        print(f"{name}: {len(files)} pictures compared")
    for line in comparison.wrong[:20]:
        print("DIFFERS:", line)
    print(f"{comparison.same} equal, {comparison.refused} refused by both, {len(comparison.wrong)} different")
    return 1 if comparison.wrong or not comparison.same else 0


if __name__ == "__main__":
    sys.exit(main())
