"""A server under test, and what its tests share."""

import http.client
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

# Set by CTest: the sanitizers' own memory (shadows, freed blocks kept for a while) is not to be judged.
SANITIZED = bool(os.environ.get("SMLP_SANITIZED"))
# Set by CTest: the thread sanitizer does not see how Debian's gRPC, which is not instrumented, orders its threads.
WITHOUT_GRPC = bool(os.environ.get("SMLP_WITHOUT_GRPC"))

SIDE = 128  # of the bundled model
VALUES = 3 * SIDE * SIDE


def png(side, seed):
    """Bytes of an RGB picture of noise, by the PNG specification."""
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Server:
    """`smlp serve` on free ports of the loopback, ended with the object."""

    def __init__(self, smlp, *options, http_port=0):
        if WITHOUT_GRPC:
            options = (*options, "--no-grpc")
        self.process = subprocess.Popen(
            [smlp, "serve", "--http-port", str(http_port), "--grpc-port", "0", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = self.next_port("http")
        self.grpc_port = None if "--no-grpc" in options else self.next_port("grpc")

    def next_port(self, scheme):
        line = self.process.stdout.readline()
        match = re.fullmatch(rf"{scheme}s?://127\.0\.0\.1:(\d+)\n", line)
        if not match:
            self.process.kill()
            raise AssertionError(f"no {scheme} address in {line!r}: {self.process.communicate()}")
        return int(match[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        errors = self.process.communicate()[1] or ""
        if "Sanitizer" in errors or "runtime error:" in errors:
            raise AssertionError(errors)

    def stop(self, patience=20):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, bytes)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        return status, json.loads(body)

    def infer(self, body, headers=None, model="smlp"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        status, fields, answer = self.request("POST", f"/v2/models/{model}/infer", body, headers)
        return status, fields, answer

    def counts(self, model="smlp"):
        return self.get(f"/v2/models/{model}/stats")[1]["model_stats"][0]

    def processor_time(self):
        """Seconds that it has used; 0 under sanitizers."""
        if SANITIZED:
            return 0
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident bytes; 0 under sanitizers."""
        if SANITIZED:
            return 0
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak_memory(self):
        """The most that was ever resident, bytes; 0 under sanitizers."""
        if SANITIZED:
            return 0
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def classify_logits(smlp, pictures, *options):
    """What `smlp infer` says of the same bytes: the oracle for the server is the command, whose oracle is PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder, "in")
        inputs.mkdir()
        for i, data in enumerate(pictures):
            (inputs / f"{i:04d}.png").write_bytes(data)
        subprocess.run(
            [smlp, "infer", "--input", inputs, "--output", Path(folder, "out"), "--output-dirname", "run", "--format", "BIN", *options],
            check=True,
            capture_output=True,
        )
        return [Path(folder, "out", "run", f"{i:04d}_0.bin").read_bytes() for i in range(len(pictures))]


def binary_request(tensors, datatype, shape, output_binary=True, **more):
    """(body, headers) of a request whose input follows its JSON."""
    head = {
        "inputs": [
            {"name": "input", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(tensors)}}
        ],
        "outputs": [{"name": "output", "parameters": {"binary_data": output_binary}}],
        **more,
    }
    text = json.dumps(head).encode()
    return text + tensors, {"Inference-Header-Content-Length": str(len(text))}


def as_elements(pictures):
    """Elements of datatype BYTES: each its length and its bytes."""
    return b"".join(struct.pack("<I", len(p)) + p for p in pictures)


def noise_tensor(seed, pictures=1):
    """float32 bytes of as many inputs of the network."""
    noise = random.Random(seed)
    return struct.pack(f"<{pictures * VALUES}f", *(noise.uniform(-2, 2) for _ in range(pictures * VALUES)))


def raw_exchange(port, data, patience=60 if SANITIZED else 10, shut=False):
    """Sends bytes, reads until the server closes or nothing comes for `patience` seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as client:
        try:
            client.sendall(data)
            if shut:
                client.shutdown(socket.SHUT_WR)
        except OSError:  # the server closed it meanwhile
            pass
        answer = b""
        try:
            while piece := client.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer
