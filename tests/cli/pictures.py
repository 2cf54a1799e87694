"""Pictures for tests that have NumPy and no Pillow."""

import struct
import zlib


def png(path, pixels):
    """Writes an RGB array (height, width, 3) of uint8."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def photograph(seed, width=150, height=150):
    """An RGB array (height, width, 3) of uint8: smooth colours with some noise, another for every seed."""
    import numpy as np  # not every test that writes pictures has it

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x * rng.uniform(0.02, 0.4) + y * rng.uniform(0.02, 0.4) + rng.uniform(0, 6)) for _ in range(3)]
    noise = rng.normal(scale=20, size=(height, width, 3))
    return np.clip(127 + 90 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def write_photographs(folder, count):
    """Makes the folder, with `count` of them."""
    folder.mkdir(parents=True)
    for i in range(count):
        png(folder / f"{i:02}.png", photograph(i))
