#!/usr/bin/env python3
"""`smlp serve` beside the real Triton: both get the same requests, and differ only where docs/serving.md says so, and why.

    triton_test.py --smlp BIN [--show]

Triton is what `./dev serving` installs under build/serving. --show prints every difference. An answer is compared field by
field: status, headers, each value of its JSON and its tensors; each field that differs has to be named by an entry of DIFFERENCES,
with what either server says, and each entry by a row of the document.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/serving"))

import environments  # noqa: E402
import triton  # noqa: E402
from serving import Server  # noqa: E402
from triton_cases import HTTP, grpc_cases  # noqa: E402
from triton_differences import DIFFERENCES  # noqa: E402

try:
    import grpc
    from google.protobuf.json_format import MessageToDict
    from tritonclient.grpc import service_pb2, service_pb2_grpc
except ImportError:
    grpc = None

MODEL = ROOT / "models/smlp_imagenette.safetensors"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Triton:
    """The real one, with both models, ended with the object."""

    def __init__(self, smlp, folder):
        onnx = folder / "smlp.onnx"
        subprocess.run([smlp, "export", MODEL, onnx, "--opset", "17"], check=True, stdout=subprocess.DEVNULL)
        triton.write_model(folder / "models", "smlp", "TYPE_FP32", "[ 3, 128, 128 ]")
        triton.write_model(folder / "models", "pictures", "TYPE_STRING", "[ -1 ]", batch=0, more="")
        self.port, self.grpc_port, self.log = free_port(), free_port(), folder / "log"
        more = ["--grpc-address", "127.0.0.1", "--grpc-port", self.grpc_port, "--allow-metrics", "false", "--model-control-mode", "explicit"]
        command, variables = triton.command(folder / "models", self.port, *more, "--load-model", "smlp", "--load-model", "pictures")
        variables |= {"SERVING_ONNX": str(onnx), "SERVING_THREADS": "1", "SERVING_PROCESSES": "1"}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, env=os.environ | variables, stdout=log, stderr=log, start_new_session=True)

    def __enter__(self):
        end = time.monotonic() + 300
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/v2/health/ready")[0] == 200:
                    return self
            time.sleep(0.2)
        self.__exit__()
        raise RuntimeError(f"Triton does not start: {self.log.read_text()}")

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # what it started, too
        self.process.wait()

    request = Server.request

    def wait_for_unloading(self):
        """Triton unloads a model after it has said so."""
        while '"UNLOADING"' in self.request("POST", "/v2/repository/index")[2].decode():
            time.sleep(0.1)


def flat(value, name):
    """{path: value} of JSON."""
    if isinstance(value, dict):
        return {path: leaf for key, part in value.items() for path, leaf in flat(part, f"{name}.{key}").items()} or {name: "{}"}
    if isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value):
        return {path: leaf for i, part in enumerate(value) for path, leaf in flat(part, f"{name}.{i}").items()}
    return {name: value}


def elements(data):
    """Of datatype BYTES."""
    while data:
        (length,) = struct.unpack_from("<I", data)
        yield data[4 : 4 + length].decode()
        data = data[4 + length :]


def tensor_of(datatype, data):
    return list(elements(data)) if datatype == "BYTES" else list(struct.unpack(f"<{len(data) // 4}f", data))


def http_fields(status, headers, body):
    """{field: value} of an answer."""
    fields = {"status": status}
    named = {name.lower(): value for name, value in headers.items()}
    coding = named.get("content-encoding")
    body = {None: lambda data: data, "gzip": lambda data: zlib.decompress(data, 31), "deflate": zlib.decompress}[coding](body)
    length = named.pop("inference-header-content-length", None)
    head, rest = (body, b"") if length is None else (body[: int(length)], body[int(length) :])
    for name in named.keys() - {"content-length", "date"}:  # of the body, whose parts are compared themselves
        fields[name] = "(times)" if name == "server-timing" else named[name]
    fields["inference-header-content-length"] = None if length is None else "(its JSON's length)"
    if length is not None:
        if len(head) != int(length):
            fields["inference-header-content-length"] = f"{length} of {len(body)} bytes"
        outputs = json.loads(head)["outputs"]
        assert sum(o["parameters"]["binary_data_size"] for o in outputs) == len(rest), (outputs, len(rest))
        fields["tensor"] = tensor_of(outputs[0]["datatype"], rest)
    try:
        fields |= flat(json.loads(head), "body")
    except ValueError:
        fields["body"] = re.sub(r"\s.*", " ...", head.decode("utf-8", "replace"), flags=re.DOTALL)
    return fields


def comparable(fields):
    """What takes its time, or is said in one's own words, is compared by its presence."""
    for path in fields:
        if path.endswith((".ns", ".last_inference")):
            fields[path] = "(a time)" if int(fields[path]) else "0"
        elif path in ("body.error", "message"):
            fields[path] = "(words)" if fields[path] else ""
        elif path.endswith("binary_data_size"):
            fields[path] = "(its size)"
    return fields


def ask_http(server, case):
    try:
        return comparable(http_fields(*server.request(case.method, case.path, case.body, case.headers)))
    except (OSError, http.client.HTTPException) as error:
        return {"status": f"closed ({type(error).__name__})"}


def ask_grpc(server, method, message):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        try:
            answer = getattr(service_pb2_grpc.GRPCInferenceServiceStub(channel), method)(message, timeout=120)
        except grpc.RpcError as error:
            return comparable({"status": error.code().name, "message": error.details()})
    raw = list(getattr(answer, "raw_output_contents", []))
    fields = {"status": "OK"} | flat(MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=False), "answer")
    if raw:
        fields = {name: value for name, value in fields.items() if not name.startswith("answer.raw_output_contents")}
        fields["tensor"] = tensor_of(answer.outputs[0].datatype, raw[0])
    return comparable(fields)


def same_numbers(a, b):
    """ONNX Runtime adds in another order, and Pillow rounds other pixels: numbers differ by that, and by no more."""
    return len(a) == len(b) and all(abs(x - y) < 0.02 * max(map(abs, b)) for x, y in zip(a, b))


def numbers_of(value):
    """A tensor's numbers, or those of "value:index" elements in the order of their values; nothing where it is none."""
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(one, float) for one in value):
        return value
    parts = [one.split(":") for one in value if isinstance(one, str)]
    if all(len(one) >= 2 for one in parts) and len(parts) == len(value):
        return [float(one[0]) for one in parts]
    return None


def is_refusal(fields):
    return fields["status"] not in (200, "OK")


def differences(theirs, ours):
    """[(field, what Triton says, what smlp says)]"""
    found = []
    # Where one refuses, what the other answers follows from that.
    fields = {"status"} if is_refusal(theirs) != is_refusal(ours) else theirs.keys() | ours.keys()
    for field in sorted(fields):
        a, b = theirs.get(field), ours.get(field)
        if a == b:
            continue
        numbers = numbers_of(a), numbers_of(b)
        if None not in numbers and same_numbers(*numbers):
            a, b = form_of(a), form_of(b)
        if a != b:
            found.append((field, shown(a), shown(b)))
    return found


def form_of(value):
    """Numbers are "numbers"; classes are "value:index" or "value:index:label"."""
    if isinstance(value[0], float):
        return "numbers"
    kinds = {":".join(["value", "index", "label"][: len(one.split(":", 2))]) for one in value}
    return " or ".join(sorted(kinds))


def shown(value):
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) < 90 else text[:87] + "..."


def explained(case, found, used):
    """The differences of a case that no entry names; the entries that do go into `used`."""
    for field, theirs, ours in found:
        for entry in DIFFERENCES:
            patterns = (entry.case, entry.field, entry.theirs, entry.ours)
            if all(map(re.fullmatch, patterns, (case, field, theirs, ours))):
                used.add(entry)
                break
        else:
            yield field, theirs, ours


def documented():
    """The names in the first column of the table of docs/serving.md."""
    text = (ROOT / "docs/serving.md").read_text().split("## Beside the real Triton")[1].split("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def ask_both(theirs, ours):
    for case in HTTP:
        yield f"HTTP: {case.name}", ask_http(theirs, case), ask_http(ours, case)
        if case.path.endswith("/unload"):
            theirs.wait_for_unloading()
    if grpc is None:
        print("SKIPPED: gRPC beside Triton: its client is not installed (tools/requirements-test.txt)")
        return
    for name, method, message in grpc_cases(service_pb2):
        yield f"gRPC: {name}", ask_grpc(theirs, method, message), ask_grpc(ours, method, message)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smlp", required=True)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that Triton does not outlive this
    if not environments.is_ready("triton"):
        print("SKIPPED: server_triton, the server beside the real Triton: it is not there (./dev serving --prepare installs it)")
        return 77
    used, problems, cases = set(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        models = ["--model", f"smlp={MODEL}", "--model", f"pictures={MODEL}"]
        with Triton(options.smlp, Path(folder)) as theirs, Server(options.smlp, *models) as ours:
            for case, a, b in ask_both(theirs, ours):
                cases += 1
                found = differences(a, b)
                if options.show:
                    print(f"{case}: {a['status']}, {b['status']}", *(f"    {f}: {x} | {y}" for f, x, y in found), sep="\n")
                problems += [f"{case}: {f}: Triton {x}, smlp {y}" for f, x, y in explained(case, found, used)]
    if grpc is not None:
        problems += [f"no request shows: {entry}" for entry in DIFFERENCES if entry not in used]
    names = list(dict.fromkeys(entry.name for entry in DIFFERENCES))
    problems += [f"docs/serving.md does not explain: {name}" for name in names if name not in documented()]
    problems += [f"docs/serving.md explains what is not tested: {name}" for name in documented() if name not in names]
    print(f"{cases} requests, {len(names)} kinds of differences, {len(problems)} problems")
    print(*problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
