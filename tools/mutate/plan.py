"""Which mutations a run makes: a number for each room of src/, drawn by the seed."""

import importlib.util
import json
import random
import re
from pathlib import Path

from .operators import mutations_of

ROOT = Path(__file__).resolve().parent.parent.parent
# Kernels for other processors: no test can run what is broken there. All code in x86/ is for tiles.
CPU = Path("/proc/cpuinfo").read_text()
OTHER_CPUS = {folder for folder, needed in (("x86", "amx_tile"), ("arm", "asimd")) if needed not in CPU}
OTHER_CONDITION = re.compile("aarch64|_ARM_" if "arm" in OTHER_CPUS else "x86|X86|AVX|SSE")
EXPLAINED = Path(__file__).resolve().parent / "explained.json"


def layers():
    spec = importlib.util.spec_from_file_location("layers", ROOT / "tests" / "layers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sources(room, root=ROOT):
    """Files whose change rebuilds one object or a few: sources, and the kernels' shared bodies."""
    folder = root / "src" / room
    return sorted(p for p in folder.rglob("*") if p.suffix == ".cc" or p.name.endswith("-inl.h"))


def lines_for_others(text):
    """Numbers, from 1, of the lines under an #if or #elif that asks for another kind of processor."""
    found, stack = set(), []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#if"):
            stack.append(bool(OTHER_CONDITION.search(line)))
        elif line.startswith("#el") and stack:
            stack[-1] = line.startswith("#elif") and bool(OTHER_CONDITION.search(line))
        elif line.startswith("#endif") and stack:
            stack.pop()
        if any(stack):
            found.add(number)
    return found


def candidates(room, root=ROOT):
    """The changes that this machine's tests can notice."""
    found = []
    for path in sources(room, root):
        if OTHER_CPUS.intersection(path.parts):
            continue
        text = path.read_text()
        others = lines_for_others(text)
        found += [m for m in mutations_of(str(path.relative_to(root)), text) if m.line not in others]
    return found


def quotas(sizes, count):
    """`count` shared among the rooms by the square root of their sizes, so that a small room is not forgotten."""
    weights = {room: size ** 0.5 for room, size in sizes.items() if size}
    total = sum(weights.values())
    shares = {room: max(1, int(count * w / total)) for room, w in weights.items()}
    for room in sorted(weights, key=weights.get, reverse=True):
        if sum(shares.values()) >= count:
            break
        shares[room] += 1
    while sum(shares.values()) < count:
        shares[max(weights, key=weights.get)] += 1
    return shares


def spread(found, rng):
    """The candidates in the order in which they are tried: shuffled, the kinds in turn, since constants and removed
    statements are many and broken orders of writing few."""
    kinds = {}
    for mutation in found:
        kinds.setdefault(mutation.kind, []).append(mutation)
    for members in kinds.values():
        rng.shuffle(members)
    order, names = [], sorted(kinds)
    rng.shuffle(names)
    while any(kinds.values()):
        order += [kinds[name].pop() for name in names if kinds[name]]
    return order


def make_plan(seed, count, only=None):
    """room -> (how many, the candidates in the order in which they are tried)."""
    found = {room: candidates(room) for room in layers().BELOW if (ROOT / "src" / room).is_dir()}
    if only:
        found = {room: found[room] for room in only}
    shares = quotas({room: len(f) for room, f in found.items()}, count)
    return {room: (shares.get(room, 0), spread(f, random.Random(f"{seed} {room}"))) for room, f in found.items()}


def explained():
    return json.loads(EXPLAINED.read_text())


def explanation_of(mutation, entries):
    for entry in entries:
        if (entry["file"], entry["old"], entry["new"]) == (mutation.file, mutation.old.strip(), mutation.new.strip()):
            return entry
    return None


def stale_explanations(entries):
    """Entries that no mutation of today's source matches, be it for this machine or another."""
    texts = {e["file"]: (ROOT / e["file"]).read_text() for e in entries if (ROOT / e["file"]).is_file()}
    present = {(m.file, m.old.strip(), m.new.strip()) for file, text in texts.items() for m in mutations_of(file, text)}
    return [e for e in entries if (e["file"], e["old"], e["new"]) not in present]
