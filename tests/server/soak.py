#!/usr/bin/env python3
"""A server under load and faults for a long time: memory stays flat, good requests are answered, the end is clean.

    soak.py --smlp BIN [--minutes 30] [--log FILE]

Good clients ask at a steady rate, over HTTP and in one connection each. Beside them others vanish within a request or while they wait
for the answer, send malformed or oversized requests, pack bombs, are slow, open connections and say nothing, and load
and unload a model. Once a second the server's memory, descriptors and threads are read.
"""

import argparse
import http.client
import json
import random
import socket
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from pathlib import Path

from serving import Server, as_elements, binary_request, png

SIDE = 128  # of the bundled model


class Soak:
    def __init__(self, server, seconds, seed):
        self.server, self.end = server, time.monotonic() + seconds
        self.noise = random.Random(seed)
        self.outcomes, self.lock = Counter(), threading.Lock()
        pictures = [png(SIDE + 10 * i, i) for i in range(3)]
        self.good = [binary_request(as_elements(pictures[: n + 1]), "BYTES", [n + 1]) for n in range(3)]
        self.bomb = zlib.compress(bytes(100 << 20), 9)
        self.good.append(binary_request(bytes(4 * 3 * SIDE * SIDE), "FP32", [1, 3, SIDE, SIDE]))

    def count(self, what):
        with self.lock:
            self.outcomes[what] += 1

    def going_on(self):
        return time.monotonic() < self.end

    def ask_well(self):
        """A client of one connection; whatever others do, it gets 200, or 503 where there is too much."""
        connection, last = None, 0
        while self.going_on():
            body, headers = self.noise.choice(self.good)
            if connection is None or time.monotonic() - last > 50:  # the server closes it after a minute of silence
                connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=300)
            try:
                connection.request("POST", "/v2/models/smlp/infer", body, headers)
                answer = connection.getresponse()
                answer.read()
                last = time.monotonic()
                self.count(f"good: {answer.status}")
            except OSError as error:
                self.count(f"good: {type(error).__name__}")
                connection = None
            time.sleep(0.05)

    def head(self, length, more=""):
        return f"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()

    def fault(self):
        """(name, bytes to send, whether to wait for the answer)"""
        body, headers = self.noise.choice(self.good)
        more = f"Inference-Header-Content-Length: {headers['Inference-Header-Content-Length']}\r\n"
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
        seen, begin = [], time.monotonic()
        process = Path(f"/proc/{self.server.process.pid}")
        while self.going_on():
            row = (time.monotonic() - begin, self.server.memory(), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())))
            seen.append(row)
            if log:
                print(*(round(value) for value in row), file=log, flush=True)
            time.sleep(1)
        return seen

    def run(self, log):
        jobs = [self.ask_well] * 4 + [self.misbehave] * 3 + [self.linger, self.change_models]
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        seen = self.watch(log)
        for thread in threads:
            thread.join(310)
        return seen


def problems_of(soak, seen, status, said):
    good = {name: count for name, count in soak.outcomes.items() if name.startswith("good")}
    if set(good) - {"good: 200", "good: 503"}:
        yield f"good clients saw {good}"
    if not good.get("good: 200"):
        yield "no good request was answered"
    if status != 0:
        yield f"the server ended with status {status}"
    if said.strip():
        yield f"the server said: {said.strip()[:500]}"
    # The first third is for memory that is kept once it was taken.
    third = len(seen) // 3
    middle, last = seen[third : 2 * third], seen[2 * third :]
    for column, name, slack in ((1, "resident bytes", 8 << 20), (2, "descriptors", 10), (3, "threads", 2)):
        before, after = max(row[column] for row in middle), max(row[column] for row in last)
        if after > 1.03 * before + slack:
            yield f"{name} grow: at most {before} in the second third, {after} in the last"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smlp", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=argparse.FileType("w"), help="a line a second: seconds, resident bytes, descriptors, threads")
    options = parser.parse_args()
    bundled = Path(__file__).resolve().parents[2] / "models/smlp_imagenette.safetensors"
    with Server(options.smlp, "--no-grpc", "--model", f"smlp={bundled}", "--model", f"other={bundled}") as server:
        soak = Soak(server, 60 * options.minutes, options.seed)
        seen = soak.run(options.log)
        status = server.stop(60)
        said = server.process.stderr.read()
    memory = [row[1] for row in seen]
    print(json.dumps({"outcomes": soak.outcomes, "memory": {"first": memory[0], "most": max(memory), "last": memory[-1]}, "descriptors": max(row[2] for row in seen)}))
    problems = list(problems_of(soak, seen, status, said))
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
