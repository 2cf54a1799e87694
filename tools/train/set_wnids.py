"""Writes the WordNet ids of a model's classes into a safetensors file's metadata; its tensors stay byte for byte.

    python set_wnids.py MODEL.safetensors n01440764 n02102040 ...

The ids come in the order of the classes. train.py writes them by itself; this is for files made before it did.
"""
import json
import os
import re
import struct
import sys
from pathlib import Path


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    path, wnids = Path(sys.argv[1]), sys.argv[2:]
    old = path.read_bytes()
    (length,) = struct.unpack("<Q", old[:8])
    header, data = json.loads(old[8:8 + length]), old[8 + length:]
    metadata = header.setdefault("__metadata__", {})
    classes = json.loads(metadata["smlp.config"])["classes"]
    if len(wnids) != classes or not all(re.fullmatch(r"n\d{8}", w) for w in wnids):
        sys.exit(f"{path}: {classes} ids such as n01440764 are needed")
    metadata["smlp.wnids"] = json.dumps(wnids)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the data stay aligned
    temporary = path.with_suffix(".part")
    temporary.write_bytes(struct.pack("<Q", len(text)) + text + data)
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
