#!/usr/bin/env python3
"""Files that the fuzzers start from: make_seeds.py FOLDER makes FOLDER/NAME_fuzz/* for each of them.

Small versions of the files of tests/budgets, and good and bad ones of every kind that the fixtures lack.
"""

import gzip
import io
import json
import random
import struct
import sys
import tarfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/budgets"))

import hostile  # noqa: E402

HOW = {"resize": 18, "crop": 16, "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [1, 1, 1]}
CONFIG = {"dim": 2, "alpha": 2, "patch": 4, "image": 16, "channels": 3, "classes": 2, "depths": [1, 1]}
NESTED = "[" * 40 + "]" * 40


def npy(descr, shape, data, version=1):
    header = str({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def for_safetensors(file):
    """As safetensors_fuzz wants it: the share of the header first, and no length."""
    length = struct.unpack("<Q", file[:8])[0]
    header, data = file[8:8 + length], file[8 + length:]
    for pad in range(4096):
        total, wanted = length + pad + len(data), length + pad
        for share in (wanted * 255 // max(total, 1), wanted * 255 // max(total, 1) + 1):
            if share < 256 and total * share // 255 == wanted:
                return bytes([share]) + header + b" " * pad + data
    return bytes([255]) + header + data


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def journal():
    head = {"smlp_preprocess": 2, "batch_size": 2, "pictures": 3, "listing_sha256": "a" * 64, "resize": 18, "crop": 16,
            "interpolation": "bicubic", "mean": [0, 0, 0], "std": [1, 1, 1]}
    good = [1234, 1700000000000000000, "ab"]
    return lines(head, {"bin": [8, 1], "pictures": [good, good + ["broken"]]}, {"bin": [4, 1], "pictures": [good]},
                 {"endings": ["a", "b"]})


def run_record():
    identity = {"program": "1", "model_sha256": "a", "precision": "fp32", "isa": "avx2", "preprocess": "p",
                "inputs_sha256": "b", "shard": "", "format": ".npy", "packed": False, "classes": 2}
    return lines({"smlp_run": 1, "identity": identity, "provenance": {}},
                 {"file": "a%20_0.npy", "bytes": 3, "sha256": "b"},
                 {"stem": "a", "rows": 2, "sha256": "c"}, {"keep": 1}, {"finished": True})


def evaluation():
    identity = {"program": "1", "model_sha256": "a" * 64, "precision": "fp32", "isa": "avx2", "preprocess": "",
                "inputs_sha256": "", "labels": "wnid", "shard": "", "format": "evaluation", "packed": False, "classes": 3}
    return lines({"smlp_evaluation_journal": 1, "identity": identity, "provenance": {}},
                 {"rank": 0, "answer": 0, "top": [[0, 0.75], [2, 0.25]], "ns": 1},
                 {"error": "not a JPEG or PNG file", "ns": 2}, {"not_finite": True, "ns": 3},
                 {"rank": 1, "answer": 1, "top": [[1, 1.0]], "ns": 4})


def run_summary():
    return json.dumps({"npu_compute_time_list": [1.5],
                       "smlp": {"h2d_list": [0.5], "d2h_list": [0.5], "executed_pictures": [2],
                                "wall_clock": {"seconds": 1, "pictures": 2}, "inputs_broken": 0, "inputs_resumed": 0,
                                "batch": 2, "loop": 1}}).encode()


def inputs(truth):
    known = {"labels": [1, 0]} if truth else {}
    return lines({"smlp_inputs": 1, "truth": truth, "missing": "" if truth else "why"},
                 {"file": "a.bin", "stem": "a", "rows": 2} | known)


def manifest():
    rows = [(0, 0, 1, "a"), (0, 1, 0, "b"), (1, 0, 1, "c")]
    return lines(*({"batch": batch, "index": index, "label": label, "sha256": sha256}
                   for batch, index, label, sha256 in rows))


def benchmark():
    times = {"min": 1, "median": 2, "p90": 3, "p99": 4}
    return json.dumps({"machine": "m", "threads": 2, "results": [{"batch": 1, "images_per_second": 2.5,
                                                                  "latency_ms": times}]}).encode()


def tar(form):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in (("a/x.jpg", b"1"), ("long/" * 40 + "y.png", b"2" * 600), ("z\u00e9.cls", b"3")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def seeds():
    """name of a fuzzer -> files"""
    made = {}
    made["jpeg_fuzz"] = made["jpeg_limits_fuzz"] = [hostile.progressive_jpeg(64, 5), hostile.progressive_jpeg(8, 1)]
    made["png_fuzz"] = made["png_limits_fuzz"] = [hostile.png(side=9, depth=d, colour=c)
                                                  for d, c in ((1, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 6))]
    pickles = [hostile.pickle_of_nothing(50), hostile.pickle_of_marks(50), hostile.pickle_of_copies(5, 5),
               hostile.pickle_of_ranks(3), hostile.pickle_of_networks(3), hostile.pickle_of_high_memo(),
               hostile.legacy_of_nothing(20), hostile.zip_bomb(1 << 20), hostile.torch_zip_bomb(1 << 20, 2),
               hostile.overlapping_zip(3, 64), hostile.gzip_bomb(1 << 20), hostile.gzip_lying(1 << 20)]
    made["torch_file_fuzz"] = pickles
    made["pickle_fuzz"] = [hostile.torch_pickle(2, 16), b"\x80\x02(NNK\x01l."]
    tensors = [hostile.network({}), hostile.nested_metadata(40), hostile.long_name(3, 50), hostile.many_tensors(5),
               hostile.many_metadata(5), hostile.nested_header(5)]
    made["safetensors_fuzz"] = [for_safetensors(file) for file in tensors]
    made["onnx_fuzz"] = [hostile.onnx_of_messages(1, 5), hostile.onnx_of_messages(5, 5), hostile.onnx_of_edges(5),
                         hostile.onnx_of_identities(3, 9), hostile.onnx_of_unsqueezes(5, 2), hostile.onnx_of_calls(3),
                         hostile.onnx_of_packed_integers(9)]
    arrays = [npy("<i8", (2, 3), struct.pack("<6q", *range(6))), npy("<i8", (3,), struct.pack("<3q", 0, 1, -1)),
              npy("<f4", (2, 2), bytes(16)), npy(">i2", (1, 2), bytes(4), 2), npy("|b1", (), b"\1", 3),
              npy("<i8", (0, 1 << 62), b""), npy("<i8", (1 << 62, 4, 0), b""), npy("<i8", (1 << 32, 1 << 32), b"")]
    made["npy_fuzz"] = made["labels_fuzz"] = arrays
    made["path_list_fuzz"] = [bytes([places]) + text for places in (0, 1, 2, 6, 8, 12) for text in (
        b"a.jpg\nb 1.png\r\n\n", b"a.jpg 3\nbb.jpg\t4\n", b"\xef\xbb\xbfa.jpg,3\n/b.jpg n01440764 \n", b"a\0b\n")]
    made["archive_pictures_fuzz"] = [b"a.jpg\na.cls\nd.e/b.PNG\nd.e/b.json\n7", b"x/a.jpg\nx/b.jpg\n{\"label\": 3}",
                                     b"a.jpg\na.png\na.cls\n", b"__MACOSX/a.jpg\n./a.jpg\n.a.jpg\n__m__\n"]
    made["tar_fuzz"] = [tar(kind) for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
    made["class_list_fuzz"] = [b"\x02tench\nchurch\n", b"\x02n01440764 tench\nn03028079 church\n",
                               b"\x01\xef\xbb\xbfone\r\n\r\n", b"\x03a\n\nb\n"]
    made["op_precision_fuzz"] = [b"Gelu=high_performance\n", b"\xef\xbb\xbf[ByOpType]\n# no\n; no\n Gelu = high_precision\r\n",
                                 b"[Other]\n", b"Gelu\n", b"Gelu=high_performance\nGelu=high_precision"]
    records = [journal(), run_record(), benchmark(), inputs("labels.npy"), manifest(), evaluation(), run_summary()]
    made["records_fuzz"] = [bytes([i]) + record for i, record in enumerate(records)]
    made["records_fuzz"] += [b"\3" + inputs("")] + [bytes([i]) + NESTED.encode() + b"\n" for i in range(7)]
    summary = json.dumps({"filesinfo": [{"infiles": ["@/bins/batch-00000.bin"]}]}).encode()
    pair = npy("<f4", (2, 2), struct.pack("<4f", 1, 0, 0, 1))
    made["results_fuzz"] = [b"\0\2\2" + pair, b"\1\2\2" + bytes(16), b"\1\2\0" + bytes(16),
                            b"\2\0\0" + b"1.5 -2e3\n0, nan\n", b"\3\0\0x\t0\ny\t0\n", b"\4\0\0" + summary]
    made["json_fuzz"] = [json.dumps(HOW).encode(), json.dumps(["\x1b\u009b\u202e", -1.5e300, None, True]).encode(),
                         NESTED.encode(), b'{"a": 1, "a": 2}', "\x1b[31m\u009b\u202e".encode(), b"\x9b\xc0\x80"]
    values = [json.dumps(CONFIG), json.dumps(["a", "b"]), json.dumps(HOW), "1", "bf16", "high_performance", "65536",
              NESTED]
    made["smlp_fuzz"] = [bytes([key, 0, 255, 0]) + value.encode() for key in range(9) for value in values]
    made["smlp_fuzz"] += [bytes([255, tensor, kind, 0]) + struct.pack("<f", float("nan"))
                          for tensor in range(0, 40, 7) for kind in range(14)]
    made["infer_request_fuzz"] = list(requests())
    made["infer_message_fuzz"] = list(messages())
    rng = random.Random(1)
    made["kernels_fuzz"] = [bytes(rng.randrange(256) for _ in range(16)) for _ in range(64)]
    return made


def requests():
    """Requests over HTTP as infer_request_fuzz.cc takes them: kind, where the JSON ends, path or body."""
    one = {"name": "input", "datatype": "FP32", "shape": [1, 1, 2, 2]}
    many = [
        {"inputs": [one | {"data": [1, 2.5, -3e2, 0]}], "id": "7", "outputs": [{"name": "output", "parameters": {"classification": 2}}]},
        {"inputs": [one | {"data": [[[[1, 2], [3, 4]]]]}], "parameters": {"timeout": 5, "priority": 1, "binary_data_output": True}},
        {"inputs": [one | {"parameters": {"binary_data_size": 16}}], "outputs": [{"name": "output", "parameters": {"binary_data": True}}]},
        {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 12}}]},
    ]
    for request in many:
        text = json.dumps(request).encode()
        for tail in (b"", bytes(16), struct.pack("<I", 8) + b"\x89PNG\r\n\x1a\n"):
            yield bytes([0, len(text) % 256, len(text) // 256]) + text + tail
            yield bytes([1, 0, 0]) + text
            yield bytes([3, 0, 0]) + gzip.compress(text, mtime=0)
            yield bytes([7, 0, 0]) + zlib.compress(text)
    yield bytes([2, 0, 0]) + bytes(32)
    for path in (b"/v2/models/m/versions/3/infer", b"/v2/repository/models/a%20b/load", b"/?x#y", b"gzip;q=0.5, deflate"):
        yield bytes([0, 0, 0]) + path
        yield bytes([1, 0, 0]) + path


def messages():
    """ModelInferRequest by hand: protobuf's wire format is a number and a kind, then a length where it is one of bytes."""

    def part(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    def parameter(name, value):
        return part(1, name) + part(2, value)

    shape = part(3, bytes([1, 1, 2, 2]))
    floats = part(5, part(6, struct.pack("<4f", 1, 2, 3, 4)))
    picture = part(5, part(8, b"\x89PNG\r\n\x1a\n"))
    tensor, files = part(1, b"input") + part(2, b"FP32"), part(1, b"input") + part(2, b"BYTES") + part(3, bytes([1]))
    head = part(1, b"m") + part(2, b"1") + part(3, b"id")
    yield head + part(5, tensor + shape + floats)
    yield head + part(5, tensor + shape) + part(7, bytes(16))
    yield head + part(5, files + picture)
    yield head + part(5, files) + part(7, struct.pack("<I", 3) + b"abc")
    yield head + part(4, parameter(b"timeout", b"\x10\x05")) + part(5, tensor + shape + floats) + part(6, part(1, b"output"))
    yield head + part(5, files + picture) + part(6, part(1, b"output") + part(2, parameter(b"classification", b"\x28\x02")))


def main():
    for name, files in seeds().items():
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for i, content in enumerate(files):
            (folder / f"seed-{i:03}").write_bytes(content)


main()
