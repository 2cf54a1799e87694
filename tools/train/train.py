"""Trains the bundled sMLPNet on Imagenette and writes it as a half-precision safetensors file.

    python train.py --data IMAGENETTE --out smlpnet_imagenette.safetensors --minutes 95

Needs: pip install torch numpy pillow safetensors. Two CPU cores suffice.

Recipe. AdamW, cosine learning rate after a linear warm-up, label smoothing, mixup or CutMix on half of the batches,
random resized crop, flip and colour jitter, stochastic depth, an exponential moving average of the weights.
The picture size grows in phases (64, 96, 128): a mixing matrix learnt on an h x h grid is carried to the next grid by
linear interpolation of both of its sides. The schedule is a share of the time allowed, not of epochs, because how many
epochs two shared cores finish in that time is not known beforehand; the log records it. The averaged weights are written
every few minutes, whole: a run that is ended early leaves a model.
"""

import argparse
import copy
import json
import math
import os
import queue
import random
import re
import threading
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from safetensors.torch import load_file, save_file

from smlpnet import SMLPNet

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_folder(root):
    """ImageFolder order: class folders by name, files by name. Returns RGB arrays, labels and the class names."""
    classes = sorted(p.name for p in Path(root).iterdir() if p.is_dir())
    pictures, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted((Path(root) / name).iterdir()):
            with Image.open(file) as picture:
                pictures.append(np.asarray(picture.convert("RGB")))
            labels.append(label)
    return pictures, labels, classes


def random_crop(picture, size, rng):
    """Random resized crop (area 0.3 to 1, aspect 3/4 to 4/3), flip, colour jitter; HWC uint8."""
    width, height = picture.size
    for _ in range(10):
        area = rng.uniform(0.3, 1.0) * width * height
        aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if w <= width and h <= height:
            break
    else:
        w = h = min(width, height)
    x, y = rng.randint(0, width - w), rng.randint(0, height - h)
    out = picture.resize((size, size), Image.BICUBIC, box=(x, y, x + w, y + h))
    if rng.random() < 0.5:
        out = out.transpose(Image.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if rng.random() < 0.5:
            out = enhance(out).enhance(rng.uniform(0.6, 1.4))
    return np.asarray(out)


def evaluation_crop(picture, size):
    """Short side to int(256/224*size), centre crop: the transform of the deployed model."""
    short = int(256 / 224 * size)
    width, height = picture.size
    if width <= height:
        new = short, int(short * height / width)
    else:
        new = int(short * width / height), short
    left, top = (round((n - size) / 2) for n in new)
    return np.asarray(picture.resize(new, Image.BICUBIC).crop((left, top, left + size, top + size)))


def to_batch(arrays):
    x = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(255)
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def training_batches(pictures, labels, size, batch, seed):
    """Endless shuffled batches, made ahead by a thread (Pillow releases the interpreter lock)."""
    ready, rng = queue.Queue(maxsize=8), random.Random(seed)
    stop = threading.Event()

    def produce():
        while not stop.is_set():
            order = list(range(len(pictures)))
            rng.shuffle(order)
            for i in range(0, len(order) - batch + 1, batch):
                rows = order[i:i + batch]
                x = to_batch([random_crop(Image.fromarray(pictures[r]), size, rng) for r in rows])
                item = x, torch.tensor([labels[r] for r in rows])
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=1)
                        break
                    except queue.Full:
                        pass

    threading.Thread(target=produce, daemon=True).start()
    return ready, stop


def mix(x, y, classes, smoothing, rng):
    """Mixup or CutMix on half of the batches; targets as distributions."""
    target = torch.full((len(y), classes), smoothing / classes)
    target.scatter_(1, y[:, None], 1 - smoothing + smoothing / classes)
    kind = rng.random()
    if kind >= 0.5:
        return x, target
    perm = torch.randperm(len(y))
    if kind < 0.25:
        lam = rng.betavariate(0.4, 0.4)
        return lam * x + (1 - lam) * x[perm], lam * target + (1 - lam) * target[perm]
    size, cut = x.shape[2], math.sqrt(1 - rng.betavariate(1, 1))
    cy, cx, half = rng.randrange(size), rng.randrange(size), int(size * cut / 2)
    y0, y1, x0, x1 = max(0, cy - half), min(size, cy + half), max(0, cx - half), min(size, cx + half)
    x = x.clone()
    x[:, :, y0:y1, x0:x1] = x[perm][:, :, y0:y1, x0:x1]
    lam = 1 - (y1 - y0) * (x1 - x0) / size**2
    return x, lam * target + (1 - lam) * target[perm]


def interpolation(rows, cols):
    """(rows, cols) matrix of linear interpolation between cell centres, antialiased when shrinking; rows sum to 1."""
    scale = max(1.0, cols / rows)
    centre = (torch.arange(rows, dtype=torch.float64)[:, None] + 0.5) * cols / rows - 0.5
    weight = (1 - (centre - torch.arange(cols, dtype=torch.float64)).abs() / scale).clamp(min=0)
    return (weight / weight.sum(1, keepdim=True)).float()


def carry(state, model):
    """A state dict learnt on smaller grids, for `model`: M' = U M D, bias' = U bias."""
    wanted, out = model.state_dict(), {}
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            small, large = value.shape[0], wanted[key].shape[0]
            up, down = interpolation(large, small), interpolation(small, large)
            value = (up @ value[:, :, 0, 0] @ down)[:, :, None, None] if value.dim() == 4 else up @ value
        out[key] = value
    return out


def evaluate(model, pictures, labels, size):
    model.eval()
    right = torch.zeros(2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for i in range(0, len(pictures), 128):
            x = to_batch([evaluation_crop(Image.fromarray(p), size) for p in pictures[i:i + 128]])
            top = model(x).float().topk(5).indices == torch.tensor(labels[i:i + 128])[:, None]
            right += torch.stack([top[:, :1].sum(), top.sum()])
    return (right / len(pictures)).tolist()


def halved(value):
    """As float16, which is precise enough; a variance can be beyond its range, and stays as it is."""
    half = value.half() if value.is_floating_point() else value
    return half if not value.is_floating_point() or torch.isfinite(half).all() else value


def save(model, path, folders, names, config):
    state = {k: halved(v) for k, v in model.state_dict().items()}
    wnids = {"smlp.wnids": json.dumps(folders)} if all(re.fullmatch(r"n\d{8}", f) for f in folders) else {}
    save_file(state, f"{path}.new", metadata=wnids | {
        "smlp.config": json.dumps(config),
        "smlp.classes": json.dumps(names),
        "smlp.preprocess": json.dumps({"resize": int(256 / 224 * config["image"]), "crop": config["image"],
                                       "interpolation": "bicubic", "mean": MEAN, "std": STD}),
    })
    os.replace(f"{path}.new", path)  # whoever reads `path` meanwhile sees a whole file


def class_labels(folders, names_file):
    """Readable names of the class folders from a list of `wnid name` lines; the folder's name where there is none."""
    names = {}
    if names_file:
        for line in Path(names_file).read_text().splitlines():
            wnid, _, name = line.partition(" ")
            names[wnid] = name
    return [names.get(f, f) for f in folders]


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--data", required=True, help="folder with train/ and val/")
    parse.add_argument("--names", help="file of `wnid name` lines for readable class names")
    parse.add_argument("--out", required=True)
    parse.add_argument("--minutes", type=float, default=95)
    parse.add_argument("--phases", default="64:0.15,96:0.5,128:0.35", help="picture size : share of the time")
    parse.add_argument("--dim", type=int, default=40)
    parse.add_argument("--depths", default="2,2,6,2")
    parse.add_argument("--batch", type=int, default=64)
    parse.add_argument("--rate", type=float, default=2e-3)
    parse.add_argument("--warm", type=float, default=2, help="epochs until the first phase has its full rate")
    parse.add_argument("--save-minutes", type=float, default=10, help="minutes between two writings of the weights")
    parse.add_argument("--threads", type=int, help="threads of the arithmetic; all cores if left out")
    parse.add_argument("--seed", type=int, default=1)
    parse.add_argument("--start", help="safetensors file of an earlier run to go on from; its picture size may be smaller")
    args = parse.parse_args()

    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    train, train_labels, folders = read_folder(Path(args.data) / "train")
    val, val_labels, _ = read_folder(Path(args.data) / "val")
    print(f"{len(train)} training and {len(val)} validation pictures, torch {torch.__version__}", flush=True)

    depths = [int(d) for d in args.depths.split(",")]
    phases = [(int(s), float(share)) for s, share in (p.split(":") for p in args.phases.split(","))]
    labels = class_labels(folders, args.names)
    start, saved, end, steps = time.time(), time.time(), 0.0, 0
    state = {k: v.float() if v.is_floating_point() else v for k, v in load_file(args.start).items()} if args.start else None
    averaged = state
    for size, share in phases:
        end += share
        config = {"dim": args.dim, "alpha": 3, "patch": 4, "image": size, "channels": 3, "classes": len(folders),
                  "depths": depths}
        model = SMLPNet(args.dim, depths, image=size, classes=len(folders), drop_path=0.05)
        average = SMLPNet(args.dim, depths, image=size, classes=len(folders))
        if state is not None:
            average.load_state_dict(carry(averaged, average))
            model.load_state_dict(carry(state, model))
        else:
            average.load_state_dict(model.state_dict())
            print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
        decay = [p for p in model.parameters() if p.dim() > 1]
        plain = [p for p in model.parameters() if p.dim() <= 1]
        optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05},
                                       {"params": plain, "weight_decay": 0.0}], betas=(0.9, 0.99), fused=True)
        ready, stop = training_batches(train, train_labels, size, args.batch, args.seed + size)
        phase_steps, logged_steps, loss_sum, logged, epoch_steps = 0, 0, 0.0, time.time(), len(train) // args.batch
        while (progress := (time.time() - start) / (60 * args.minutes)) < end:
            model.train()
            warm = min(1.0, (phase_steps + 1) / (max(1, args.warm * epoch_steps) if steps == phase_steps else 60))
            for group in optimizer.param_groups:
                group["lr"] = args.rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
            x, y = ready.get()
            x, target = mix(x, y, len(folders), 0.1, rng)
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(x).float(), target)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            phase_steps, steps, loss_sum = phase_steps + 1, steps + 1, loss_sum + loss.item()
            momentum = min(0.999, (1 + phase_steps) / (10 + phase_steps))  # a new grid's average starts afresh
            with torch.no_grad():
                for a, m in zip(average.state_dict().values(), model.state_dict().values()):
                    a.copy_(a * momentum + m * (1 - momentum)) if a.is_floating_point() else a.copy_(m)
            if time.time() - saved > 60 * args.save_minutes:
                save(average, args.out, folders, labels, config)
                saved = time.time()
                print(f"step {steps} size {size} minutes {(saved - start) / 60:.1f} loss {loss.item():.4f} saved", flush=True)
            if steps % epoch_steps == 0:
                acc1, acc5 = evaluate(average, val, val_labels, size)
                print(f"epoch {steps // epoch_steps} size {size} minutes {(time.time() - start) / 60:.1f} "
                      f"lr {optimizer.param_groups[0]['lr']:.2e} loss {loss_sum / (phase_steps - logged_steps):.4f} "
                      f"images/s {(phase_steps - logged_steps) * args.batch / (time.time() - logged):.0f} "
                      f"val acc@1 {acc1:.4f} acc@5 {acc5:.4f}", flush=True)
                logged_steps, loss_sum, logged = phase_steps, 0.0, time.time()
        stop.set()
        state, averaged = copy.deepcopy(model.state_dict()), copy.deepcopy(average.state_dict())
        save(average, args.out, folders, labels, config)
        acc1, acc5 = evaluate(average, val, val_labels, size)
        print(f"phase {size} done, saved {args.out}: val acc@1 {acc1:.4f} acc@5 {acc5:.4f}", flush=True)


if __name__ == "__main__":
    main()
