#!/usr/bin/env python3
"""Runs what README.md and the pages of docs/ say: every command of their `sh` blocks, and every flag that they name.

    python3 tests/readme.py --bin build/release/bin           runs the commands in a scratch directory
    python3 tests/readme.py --bin build/release/bin --flags   checks only that the flags exist

The scratch directory holds generated pictures under the names that README.md uses. `./dev demo` runs where
SMLP_README_DEMO is set (`./dev test` sets it); of the other `./dev` commands only their existence is checked here,
because they would run this test again. Exit 77: skipped.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*.md"))]
SKIPPED = 77
DEV_OFFLINE = 3  # `./dev demo` could not fetch its photographs

# In Imagenette's order, as an ImageFolder of its validation set names them.
IMAGENETTE = ["n01440764", "n02102040", "n02979186", "n03000684", "n03028079",
              "n03394916", "n03417042", "n03425413", "n03445777", "n03888257"]

DEV_STAND_IN = """#!/bin/bash
if [[ $1 == demo && -n ${{SMLP_README_DEMO:-}} ]]; then exec {root}/dev "$@"; fi
{root}/dev --help | grep -q "^  $1 " || {{ echo "./dev has no command $1" >&2; exit 2; }}
"""


def blocks(page):
    """(line number, text) of every fenced block marked `sh`."""
    found, start, lines = [], None, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if start is None and line.strip() == "```sh":
            start, lines = number + 1, []
        elif start is not None and line.strip() == "```":
            found.append((start, "\n".join(lines)))
            start = None
        elif start is not None:
            lines.append(line)
    return found


def make_pictures(scratch):
    """photos/*.jpg|png and imagenette/val/CLASS/*.jpg: gradients and discs, each another."""
    from PIL import Image, ImageDraw

    def picture(path, seed):
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = 200 + 37 * seed % 160, 180 + 53 * seed % 140
        image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
        draw = ImageDraw.Draw(image)
        for k in range(5):
            x, y = (seed * 71 + k * 97) % width, (seed * 43 + k * 59) % height
            draw.ellipse((x - 40, y - 30, x + 40, y + 30), fill=(50 * k, seed * 23 % 256, 255 - 40 * k))
        image.save(path)

    for seed, name in enumerate(["church.jpg", "dog.png", "truck.jpg"]):
        picture(scratch / "photos" / name, seed)
    for label, folder in enumerate(IMAGENETTE):
        picture(scratch / "imagenette" / "val" / folder / "0.jpg", 10 + label)


def run_commands(program_dir):
    if not list((ROOT / "models").glob("*.safetensors")):
        print("SKIPPED: no bundled model in models/")
        return SKIPPED
    if importlib.util.find_spec("PIL") is None:
        print("SKIPPED: the pictures for README.md's commands need Pillow (python3-pil)")
        return SKIPPED
    failures = count = 0
    environment = dict(os.environ, PATH=f"{program_dir}{os.pathsep}{os.environ['PATH']}")
    for page in PAGES:
        with tempfile.TemporaryDirectory() as directory:  # each page stands alone
            scratch = Path(directory)
            make_pictures(scratch)
            (scratch / "models").symlink_to(ROOT / "models")
            (scratch / "work").mkdir()
            dev = scratch / "dev"
            dev.write_text(DEV_STAND_IN.format(root=ROOT))
            dev.chmod(0o755)
            for line, text in blocks(page):
                count += 1
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=scratch, env=environment,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                print(f"== {page.name}:{line}\n{text}\n-- exit {done.returncode}\n{done.stdout}")
                if done.returncode == DEV_OFFLINE and "./dev demo" in text:
                    print("SKIPPED: ./dev demo could not fetch its photographs")
                elif done.returncode != 0:
                    failures += 1
    print(f"{count} blocks, {failures} failed")
    return 1 if failures or not count else 0


def check_flags(program_dir):
    """Every `smlp COMMAND ... --flag` of the pages must be in that command's --help."""
    helps, problems, count = {}, [], 0
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        code = re.findall(r"^```sh$(.*?)^```$", text, re.M | re.S) + re.findall(r"`(smlp [^`\n]+)`", text)
        for line in "\n".join(code).splitlines():
            for command, rest in re.findall(r"(?:^|[\s;|&/])smlp ([a-z]+)([^|;&#]*)", line):
                if command not in helps:
                    done = subprocess.run([program_dir / "smlp", command, "--help"], capture_output=True, text=True)
                    helps[command] = done.stdout if done.returncode == 0 else None
                if helps[command] is None:
                    problems.append(f"{page.name}: no command `smlp {command}`")
                    continue
                for flag in re.findall(r"(?<!\S)--?[A-Za-z][\w-]*", rest):
                    count += 1
                    if not re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", helps[command]):
                        problems.append(f"{page.name}: `smlp {command}` has no {flag}")
    for problem in problems:
        print(problem)
    print(f"{count} flags of {len(helps)} commands, {len(problems)} problems")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="the directory that smlp was built into")
    parser.add_argument("--flags", action="store_true", help="check the flags only")
    options = parser.parse_args()
    check = check_flags if options.flags else run_commands
    return check(options.bin.resolve())


if __name__ == "__main__":
    sys.exit(main())
