#!/usr/bin/env python3
"""A server under load and faults for a long time: memory stays flat, every honest answer is right to the bit, the end is clean.

    soak.py --smlp BIN [--minutes 30] [--log FILE]

Honest clients ask at a steady rate, over HTTP in one connection each, over gRPC where its client is installed, and some so
slowly that a request takes seconds to arrive. Beside them others vanish within a request or while they wait for the answer,
send malformed or oversized requests, pack bombs, cancel calls, open connections and say nothing, and load and unload a
model. Once a second the server's memory, descriptors and threads are read.
"""

import argparse
import http.client
import json
import random
import socket
import statistics
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from pathlib import Path

try:
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc
except ImportError:
    grpc = None

from serving import Server, as_elements, binary_request, classify_logits, png

SIDE = 128  # of the bundled model
TENSOR = bytes(4 * 3 * SIDE * SIDE)


class Honest:
    """A request, and the bytes that its answer holds."""

    def __init__(self, data, datatype, shape, logits):
        self.data, self.datatype, self.shape, self.logits = data, datatype, shape, logits
        self.body, self.headers = binary_request(data, datatype, shape)

    def is_right(self, headers, answer):
        return answer[int(headers.get("Inference-Header-Content-Length", len(answer))) :] == self.logits


def honest_requests(smlp, server):
    """Pictures have the logits that the command gives them; a tensor those that it had while nobody disturbed."""
    pictures = [png(SIDE + 10 * i, i) for i in range(3)]
    logits = classify_logits(smlp, pictures)
    requests = [Honest(as_elements(pictures[: n + 1]), "BYTES", [n + 1], b"".join(logits[: n + 1])) for n in range(3)]
    tensor = Honest(TENSOR, "FP32", [1, 3, SIDE, SIDE], b"")
    _, headers, answer = server.infer(tensor.body, tensor.headers)
    tensor.logits = answer[int(headers["Inference-Header-Content-Length"]) :]
    return [*requests, tensor]


class Soak:
    def __init__(self, smlp, server, seconds, seed):
        self.server, self.end = server, time.monotonic() + seconds
        self.noise = random.Random(seed)
        self.outcomes, self.lock = Counter(), threading.Lock()
        self.latencies, self.failures, self.pauses = [], [], []
        self.good = honest_requests(smlp, server)
        self.bomb = zlib.compress(bytes(100 << 20), 9)

    def count(self, what):
        with self.lock:
            self.outcomes[what] += 1

    def going_on(self):
        return time.monotonic() < self.end

    def judge(self, who, begin, request, status, headers, answer):
        right = status == 200 and request.is_right(headers, answer)
        self.count(f"{who}: {'right' if right else status if status != 200 else 'WRONG'}")
        if who == "honest":
            self.latencies.append(time.monotonic() - begin)
        if not right:
            self.failures.append((begin, time.monotonic(), f"{who}: {status} {answer[:200]!r}"))

    def failed(self, who, begin, error):
        self.count(f"{who}: {type(error).__name__}")
        self.failures.append((begin, time.monotonic(), f"{who}: {error!r}"))

    def ask_well(self):
        """A client of one connection; whatever others do, it gets its answer."""
        connection, last = None, 0
        while self.going_on():
            request, begin = self.noise.choice(self.good), time.monotonic()
            if connection is None or begin - last > 50:  # the server closes it after a minute of silence
                connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=300)
            try:
                connection.request("POST", "/v2/models/smlp/infer", request.body, request.headers)
                answer = connection.getresponse()
                self.judge("honest", begin, request, answer.status, answer.headers, answer.read())
                last = time.monotonic()
            except (OSError, http.client.HTTPException) as error:
                self.failed("honest", begin, error)
                connection = None
            time.sleep(0.1)

    def ask_slowly(self):
        """A line of little: the request takes seconds to send, and its answer is read a few bytes at a time."""
        while self.going_on():
            request, begin = self.noise.choice(self.good), time.monotonic()
            length = request.headers["Inference-Header-Content-Length"]
            data = self.head(len(request.body), f"Inference-Header-Content-Length: {length}\r\nConnection: close\r\n") + request.body
            try:
                with socket.create_connection(("127.0.0.1", self.server.port), timeout=300) as client:
                    step = len(data) // 30 + 1
                    for at in range(0, len(data), step):
                        client.sendall(data[at : at + step])
                        time.sleep(0.1)
                    answer = b""
                    while piece := client.recv(64):
                        answer += piece
                head, _, body = answer.partition(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
                self.judge("honest and slow", begin, request, int(head.split()[1]), fields, body)
            except (OSError, ValueError, IndexError) as error:
                self.failed("honest and slow", begin, error)

    def call(self, channel, request, **how):
        tensor = service_pb2.ModelInferRequest.InferInputTensor(name="input", datatype=request.datatype, shape=request.shape)
        message = service_pb2.ModelInferRequest(model_name="smlp", inputs=[tensor], raw_input_contents=[request.data])
        return service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(message, **how)

    def ask_by_grpc(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}") as channel:
            while self.going_on():
                request, begin = self.noise.choice(self.good), time.monotonic()
                try:
                    answer = self.call(channel, request, timeout=300).result()
                    self.judge("honest by gRPC", begin, request, 200, {"Inference-Header-Content-Length": 0}, answer.raw_output_contents[0])
                except grpc.RpcError as error:
                    self.failed("honest by gRPC", begin, error)
                time.sleep(0.2)

    def misbehave_by_grpc(self):
        while self.going_on():
            with grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
                request = self.noise.choice(self.good)
                kind = self.noise.choice(["cancelled", "too late", "of the wrong shape", "left behind"])
                if kind == "of the wrong shape":
                    request = Honest(request.data[:-1], request.datatype, request.shape, b"")
                call = self.call(channel, request, timeout=0.002 if kind == "too late" else 60)
                time.sleep(0.01 * self.noise.random())
                if kind == "cancelled":
                    call.cancel()
                elif kind != "left behind":
                    call.exception()
            self.count(f"a call {kind}")
            time.sleep(0.3)

    def head(self, length, more=""):
        return f"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()

    def fault(self):
        """(name, bytes to send, whether to wait for the answer)"""
        request = self.noise.choice(self.good)
        body = request.body
        more = f"Inference-Header-Content-Length: {request.headers['Inference-Header-Content-Length']}\r\n"
        whole = self.head(len(body), more) + body
        cut = whole[: self.noise.randrange(1, len(whole))]
        return self.noise.choice(
            [
                ("vanishes within a request", cut, False),
                ("vanishes before the answer", whole, False),
                ("malformed JSON", self.head(9) + b'{"inputs"', True),
                ("no HTTP", self.noise.randbytes(300), True),
                ("too large", self.head(1 << 40), True),
                ("a bomb", self.head(len(self.bomb), "Content-Encoding: deflate\r\n") + self.bomb, True),
                ("long head", self.head(0, "X: " + "y" * 60000 + "\r\n"), True),
                ("a broken picture", self.head(5000, "Content-Type: image/jpeg\r\n") + b"\xff\xd8\xff" + self.noise.randbytes(4997), True),
            ]
        )

    def misbehave(self):
        while self.going_on():
            name, data, waits = self.fault()
            try:
                with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as client:
                    if self.noise.random() < 0.5:  # gone without a farewell
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.sendall(data)
                    if waits:
                        client.recv(4096)
                self.count(name)
            except OSError:  # the server closed it: its right
                self.count(name)
            time.sleep(0.1)

    def linger(self):
        """Connections that say nothing, and some that say a byte now and then."""
        held = []
        while self.going_on():
            try:
                held.append(socket.create_connection(("127.0.0.1", self.server.port), timeout=60))
                for client in self.noise.sample(held, min(5, len(held))):
                    client.send(b"P")
            except OSError:
                pass
            if len(held) > 50:
                held.pop(0).close()
            time.sleep(0.2)

    def change_models(self):
        while self.going_on():
            for what in ("unload", "load"):
                try:
                    status, _, _ = self.server.request("POST", f"/v2/repository/models/other/{what}", b"")
                except OSError as error:
                    status = type(error).__name__
                self.count(f"{what}: {status}")
            time.sleep(2)

    def watch(self, log):
        """[(seconds, resident bytes, descriptors, threads)], once a second."""
        seen, begin, last = [], time.monotonic(), time.monotonic()
        process = Path(f"/proc/{self.server.process.pid}")
        while self.going_on():
            row = (time.monotonic() - begin, self.server.memory(), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())))
            seen.append(row)
            if log:
                print(*(round(value) for value in row), file=log, flush=True)
            time.sleep(1)
            if time.monotonic() - last > 6:  # everything stood still: the machine slept, or others had it
                self.pauses.append((last, time.monotonic()))
            last = time.monotonic()
        return seen

    def run(self, log):
        jobs = [self.ask_well] * 4 + [self.ask_slowly] * 2 + [self.misbehave] * 3 + [self.linger, self.change_models]
        if self.server.grpc_port is not None:
            jobs += [self.ask_by_grpc] * 2 + [self.misbehave_by_grpc]
        else:
            print("SKIPPED: gRPC, which is not served or whose client is not installed (tools/requirements-test.txt)")
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        seen = self.watch(log)
        for thread in threads:
            thread.join(310)
        return seen


def problems_of(soak, seen, status, said):
    # Time limits run on while all processes stand still: what failed around that says nothing of the server.
    failures = [what for begin, end, what in soak.failures if not any(begin < to and end > since for since, to in soak.pauses)]
    if failures:
        yield f"{len(failures)} honest requests failed: {failures[:5]}"
    for who in ["honest", "honest and slow"] + ["honest by gRPC"] * (soak.server.grpc_port is not None):
        if not soak.outcomes[f"{who}: right"]:
            yield f"no request of who is {who} was answered"
    if status != 0:
        yield f"the server ended with status {status}"
    if said.strip():
        yield f"the server said: {said.strip()[:500]}"
    # The first third is for memory that is kept once it was taken. What requests hold comes and goes, so that the median tells.
    third = len(seen) // 3
    middle, last = seen[third : 2 * third], seen[2 * third :]
    for column, name, of, slack in ((1, "resident bytes", statistics.median, 8 << 20), (2, "descriptors", max, 10), (3, "threads", max, 2)):
        before, after = of(row[column] for row in middle), of(row[column] for row in last)
        if after > 1.03 * before + slack:
            yield f"{name} grow: {before} in the second third, {after} in the last"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smlp", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=argparse.FileType("w"), help="a line a second: seconds, resident bytes, descriptors, threads")
    options = parser.parse_args()
    bundled = Path(__file__).resolve().parents[2] / "models/smlp_imagenette.safetensors"
    without_client = [] if grpc else ["--no-grpc"]
    with Server(options.smlp, "--model", f"smlp={bundled}", "--model", f"other={bundled}", *without_client) as server:
        soak = Soak(options.smlp, server, 60 * options.minutes, options.seed)
        seen = soak.run(options.log)
        status = server.stop(60)
        said = server.process.stderr.read()
    memory, third = [row[1] for row in seen], len(seen) // 3
    latency = sorted(soak.latencies)
    figures = {
        "outcomes": dict(sorted(soak.outcomes.items())),
        "memory": {"most": max(memory)} | {f"median of third {i + 1}": statistics.median(memory[i * third : (i + 1) * third]) for i in range(3)},
        "descriptors": max(row[2] for row in seen),
        "honest latency, ms": {f"p{p}": round(1000 * latency[len(latency) * p // 100], 1) for p in (50, 99)},
        "seconds at which everything stood still": round(sum(to - since for since, to in soak.pauses)),
    }
    print(json.dumps(figures, indent=1))
    problems = list(problems_of(soak, seen, status, said))
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
