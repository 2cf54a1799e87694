#!/usr/bin/env python3
"""Makes fixtures/ and expected.txt: small JPEG and PNG files of every kind, and what Pillow makes of them.

  python3 make_fixtures.py        needs Pillow below 13 (see pillow_test.py), numpy, cjpeg (Debian: libjpeg-turbo-progs)

expected.txt has a line a case:
  decode FILE WIDTH HEIGHT SHA256          all pixels of a fixture, as Image.open(f).convert("RGB") gives them
  cut FILE LENGTH SHA256|refused           the same for the fixture's first LENGTH bytes
  floats FILE RESIZE CROP SHA256           float32 CHW after resize, crop and normalisation
  crop WIDTH HEIGHT RESIZE CROP SHA256     the 8-bit crop of a picture that generated() here and in C++ make alike
The picture files are made once and committed: another version of cjpeg may write other bytes.
"""

import hashlib
import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import PIL
from PIL import Image

from pillow_test import resize_and_crop, to_floats

Image.MAX_IMAGE_PIXELS = None
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "fixtures")


def generated(width, height):
    """8-bit RGB (height, width, 3) from integer arithmetic modulo 2^32; the same formula is in generated_picture.h."""
    y, x, c = np.meshgrid(*(np.arange(n, dtype=np.uint32) for n in (height, width, 3)), indexing="ij")
    smooth = x * 5 + y * 3 + c * 60
    noise = (x * 2654435761 + y * 2246822519 + c * 3266489917) & 0xFFFFFFFF
    noise = noise ^ (noise >> 15)
    edges = (((x >> 3) ^ (y >> 4)) & 1) * 200
    return ((smooth + edges + (noise >> 26)) & 255).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows, pixel_bytes):
    """Rows of bytes -> filtered scanlines; row i uses filter i % 5."""
    out, previous = bytearray(), bytes(len(rows[0]) if rows else 0)
    for i, row in enumerate(rows):
        kind = i % 5
        out.append(kind)
        for j, value in enumerate(row):
            a = row[j - pixel_bytes] if j >= pixel_bytes else 0
            b = previous[j]
            c = previous[j - pixel_bytes] if j >= pixel_bytes else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            out.append((value - [0, a, b, (a + b) // 2, nearest][kind]) & 255)
        previous = row
    return bytes(out)


def packed(samples, bits):
    """Samples (rows, width * channels) -> rows of bytes."""
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in samples]
    if bits == 8:
        return [row.astype(np.uint8).tobytes() for row in samples]
    planes = (samples[:, :, None].astype(np.uint8) >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    return [np.packbits(row).tobytes() for row in planes.reshape(len(samples), -1)]


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, bits, colour, interlaced=False, before_data=b""):
    """Samples (height, width, channels) as a PNG file of this bit depth and colour type."""
    height, width, channels = samples.shape
    pixel_bytes = max(1, bits * channels // 8)
    data = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.size:
            data += filtered(packed(part.reshape(part.shape[0], -1), bits), pixel_bytes)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    stream = zlib.compress(data, 9)
    middle = len(stream) // 2  # two chunks of data, as large files have
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before_data + chunk(b"IDAT", stream[:middle]) +
            chunk(b"IDAT", stream[middle:]) + chunk(b"IEND", b""))


def with_small_window(data):
    """The zlib stream says that it looks back 256 bytes at most, which it does not keep to."""
    at = data.index(b"IDAT") + 4
    assert data[at] == 0x78
    length, = struct.unpack(">I", data[at - 8:at - 4])
    body = b"\x08\x1d" + data[at + 2:at + length]
    return data[:at - 8] + chunk(b"IDAT", body) + data[at + length + 4:]


def png_files():
    width, height = 37, 23
    colour = generated(width, height)
    alpha = generated(height, width).transpose(1, 0, 2)[:, :, :1]
    wide = colour.astype(np.uint16) * 256 + colour[::-1]
    wide_alpha = alpha.astype(np.uint16) * 257
    dark = (wide[:, :, :1] >> 7)  # 16-bit grey around 255, where Pillow saturates
    grey = colour[:, :, :1]
    palette = chunk(b"PLTE", generated(16, 16).reshape(-1).tobytes())
    some = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"tEXt", b"Comment\0nothing that changes a pixel")
    for interlaced in (False, True):
        name = "interlaced" if interlaced else "plain"
        for bits in (1, 2, 4, 8):
            yield f"grey{bits}-{name}.png", png(grey >> (8 - bits), bits, 0, interlaced)
            used = chunk(b"PLTE", generated(16, 16).reshape(-1)[: 3 << bits].tobytes())
            yield f"palette{bits}-{name}.png", png(grey >> (8 - bits), bits, 3, interlaced, used)
        yield f"grey16-{name}.png", png(dark, 16, 0, interlaced)
        yield f"rgb8-{name}.png", png(colour, 8, 2, interlaced, some)
        yield f"rgb16-{name}.png", png(wide, 16, 2, interlaced)
        yield f"greyalpha8-{name}.png", png(np.concatenate([grey, alpha], 2), 8, 4, interlaced)
        yield f"greyalpha16-{name}.png", png(np.concatenate([wide[:, :, :1], wide_alpha], 2), 16, 4, interlaced)
        yield f"rgba8-{name}.png", png(np.concatenate([colour, alpha], 2), 8, 6, interlaced)
        yield f"rgba16-{name}.png", png(np.concatenate([wide, wide_alpha], 2), 16, 6, interlaced)
    yield "palette8-transparent.png", png(grey, 8, 3, False, palette + chunk(b"tRNS", bytes(range(0, 256, 2))))
    yield "grey8-transparent.png", png(grey, 8, 0, False, chunk(b"tRNS", b"\0\x80"))
    yield "rgb8-transparent.png", png(colour, 8, 2, False, chunk(b"tRNS", b"\0\x80\0\x80\0\x80"))
    yield "one-pixel.png", png(colour[:1, :1], 8, 2)
    yield "rgb8-small-window.png", with_small_window(png(colour, 8, 2))


def cjpeg(pixels, *options):
    height, width, channels = pixels.shape
    header = f"P{5 if channels == 1 else 6} {width} {height} 255\n".encode()
    return subprocess.run(["cjpeg", *options], input=header + pixels.tobytes(), stdout=subprocess.PIPE, check=True).stdout


def with_adobe_marker(jpeg, transform):
    """The JFIF segment replaced by Adobe's, which says how the components are to be read."""
    assert jpeg[2:4] == b"\xff\xe0"
    rest = jpeg[4 + struct.unpack(">H", jpeg[4:6])[0]:]
    return jpeg[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0" + bytes([transform]) + rest


def jpeg_files():
    colour, grey = generated(53, 35), generated(53, 35)[:, :, :1]
    for name, sample in (("444", "1x1"), ("422", "2x1"), ("420", "2x2"), ("440", "1x2"), ("411", "4x1")):
        yield f"{name}.jpg", cjpeg(colour, "-quality", "85", "-sample", sample)
        yield f"{name}-progressive.jpg", cjpeg(colour, "-quality", "70", "-progressive", "-sample", sample)
    yield "grey.jpg", cjpeg(grey, "-grayscale")
    yield "grey-progressive.jpg", cjpeg(grey, "-grayscale", "-progressive")
    yield "restart.jpg", cjpeg(colour, "-restart", "2B", "-sample", "2x2")
    yield "coarse.jpg", cjpeg(colour, "-quality", "5")
    yield "arithmetic.jpg", cjpeg(colour, "-arithmetic")
    yield "rgb.jpg", cjpeg(colour, "-rgb")
    yield "adobe-ycc.jpg", with_adobe_marker(cjpeg(colour), 1)
    yield "adobe-rgb.jpg", with_adobe_marker(cjpeg(colour), 0)
    for size in ((1, 1), (8, 8), (17, 9), (2, 33)):
        yield f"{size[0]}x{size[1]}.jpg", cjpeg(generated(*size), "-sample", "2x2")
    ink = np.concatenate([colour, generated(35, 53).transpose(1, 0, 2)[:, :, :1]], 2)
    out = io.BytesIO()
    Image.fromarray(ink, "CMYK").save(out, "JPEG", quality=90)
    cmyk = out.getvalue()
    yield "cmyk.jpg", cmyk
    transform = cmyk.index(b"Adobe") + 11
    assert cmyk[transform] == 0
    yield "ycck.jpg", cmyk[:transform] + b"\x02" + cmyk[transform + 1:]
    start = cmyk.index(b"\xff\xee")
    yield "cmyk-without-adobe.jpg", cmyk[:start] + cmyk[start + 16:]


def read_rgb(data):
    try:
        with Image.open(io.BytesIO(data)) as file:
            return file.convert("RGB")
    except Exception:  # Pillow raises many kinds
        return None


def sha256(data):
    return hashlib.sha256(data).hexdigest()


SIZES = [  # width, height, resize, crop
    (1, 1, 256, 224), (1, 2, 256, 224), (2, 1, 256, 224), (3, 7, 256, 224), (1, 90, 256, 224), (90, 1, 256, 224),
    (2, 700, 64, 56), (700, 2, 64, 56), (255, 256, 256, 224), (256, 256, 256, 224), (256, 300, 256, 224),
    (300, 256, 256, 224), (257, 255, 256, 224), (224, 224, 256, 224), (500, 375, 256, 224), (375, 500, 256, 224),
    (333, 500, 256, 224), (640, 427, 256, 224), (1280, 720, 256, 224), (200, 3000, 256, 224), (3000, 200, 256, 224),
    (4000, 30, 16, 16), (30, 4000, 16, 16), (6000, 4000, 256, 224), (4000, 6000, 256, 224), (123, 77, 146, 128),
    (77, 123, 73, 64), (640, 480, 438, 384), (50, 40, 20, 33), (40, 50, 7, 20), (90, 20, 10, 15), (500, 375, 1, 1),
]


def main():
    if int(PIL.__version__.split(".")[0]) >= 13:
        sys.exit("Pillow below 13 is needed")
    os.makedirs(FIXTURES, exist_ok=True)
    lines = []
    for name, data in (*jpeg_files(), *png_files()):
        with open(os.path.join(FIXTURES, name), "wb") as file:
            file.write(data)
        image = read_rgb(data)
        lines.append(f"decode {name} {image.width} {image.height} {sha256(image.tobytes())}")
        lines.append(f"floats {name} 73 64 {sha256(to_floats(resize_and_crop(image, 73, 64, 'bicubic')).tobytes())}")
        for length in (len(data) // 3, len(data) - 30, len(data) - 2):
            cut = read_rgb(data[:length])
            lines.append(f"cut {name} {length} {'refused' if cut is None else sha256(cut.tobytes())}")
    for width, height, resize, crop in SIZES:
        image = resize_and_crop(Image.fromarray(generated(width, height), "RGB"), resize, crop, "bicubic")
        lines.append(f"crop {width} {height} {resize} {crop} {sha256(image.tobytes())}")
    with open(os.path.join(HERE, "expected.txt"), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
