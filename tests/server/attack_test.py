#!/usr/bin/env python3
"""`smlp serve` under attack and among faults: others are answered as before, memory stays bounded, nothing is lost.

    attack_test.py --smlp BIN [--long] [unittest arguments]     --long: ten times as many of everything
"""

import concurrent.futures
import contextlib
import http.client
import json
import random
import resource
import socket
import struct
import sys
import threading
import time
import unittest
import zlib
from pathlib import Path

from serving import Server, as_elements, binary_request, classify_logits, png

SMLP = ""
MORE = 1
TENSOR = bytes(3 * 128 * 128 * 4)
HEAD = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def read_answers(client, count):
    """Statuses of `count` answers, each with a Content-Length."""
    stream, statuses = client.makefile("rb"), []
    for _ in range(count):
        statuses.append(int(stream.readline().split()[1]))
        length = 0
        while (line := stream.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        stream.read(length)
    return statuses


class Unaffected(unittest.TestCase):
    """While something happens, an honest client asks on; at the end every one of its answers was right."""

    @contextlib.contextmanager
    def honest(self, server):
        picture = png(64, 1)
        wanted = list(struct.unpack("<10f", classify_logits(SMLP, [picture])[0]))
        ended = threading.Event()

        def ask_once():
            begun = time.monotonic()
            status, _, body = server.infer(picture, {"Content-Type": "image/png"})
            return status, json.loads(body)["outputs"][0]["data"] if status == 200 else body, time.monotonic() - begun

        def ask():
            while not ended.is_set():
                answers.append(ask_once())
                time.sleep(0.05)

        answers = [ask_once() for _ in range(3)]
        patience = 20 + 100 * max(seconds for _, _, seconds in answers)  # a busy machine answers late without any attack

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            client = pool.submit(ask)
            try:
                yield answers
                while len(answers) < 6 and not client.done():
                    time.sleep(0.05)
            finally:
                ended.set()
            client.result()
        self.assertGreater(len(answers), 5)
        for status, logits, seconds in answers:
            self.assertEqual(status, 200, logits)
            self.assertEqual([struct.pack("<f", x) for x in logits], [struct.pack("<f", x) for x in wanted])
            self.assertLess(seconds, patience)

    def assert_flat(self, server, before, megabytes):
        self.assertLess(server.memory() - before, megabytes << 20)


class Connections(Unaffected):
    def test_slow_senders_half_open_connections_and_slow_readers(self):
        with Server(SMLP, "--max-connections", 600) as server:
            server.infer(png(64, 1), {"Content-Type": "image/png"})
            before = server.memory()
            with self.honest(server):
                idle = [connect(server) for _ in range(150)]  # say nothing
                heads = [connect(server) for _ in range(150)]  # a byte of a head now and then
                bodies = [connect(server) for _ in range(150)]  # and of a body
                readers = [connect(server) for _ in range(40)]  # ask much, read nothing
                for client in bodies:
                    client.sendall(HEAD % (1 << 20))
                for client in readers:
                    client.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
                for byte in b"GET /v2 HT":
                    for client in heads + bodies:
                        client.sendall(bytes([byte]))
                    time.sleep(0.3)
                # A body of a megabyte that was announced is not memory before it comes; nor are answers nobody reads.
                self.assert_flat(server, before, 100)
                for client in idle + heads + bodies + readers:
                    client.close()
            self.assertEqual(server.get("/v2/health/live")[0], 200)

    def test_a_slow_head_is_closed(self):
        if MORE == 1:
            self.skipTest("takes a minute: --long")
        with Server(SMLP) as server:
            client = connect(server)
            client.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n")
            client.settimeout(75)
            begun = time.monotonic()
            client.sendall(b"X-A: ")
            self.assertEqual(client.recv(1000), b"")
            self.assertLess(time.monotonic() - begun, 75)

    def test_many_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 10_000
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 1000), hard))
        count = min(wanted, hard - 1000)
        if count < wanted:
            print(f"only {count} connections: the system allows {hard} descriptors")
        try:
            with Server(SMLP, "--max-connections", count + 50) as server:
                before = server.memory()
                with self.honest(server):
                    clients = []
                    for _ in range(count):
                        clients.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
                    for client in random.Random(1).sample(clients, 200):  # any of them is answered
                        client.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                        self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 200"))
                    taken = server.memory() - before
                    print(f"{count} connections take {taken / count / 1024:.1f} KiB each")
                    self.assertLess(taken, count * 32 * 1024)
                    for client in clients:
                        client.close()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_clients_that_vanish(self):
        picture = png(64, 2)
        request = HEAD % len(picture) + picture
        rng = random.Random(3)
        with Server(SMLP, "--max-delay-us", 20_000) as server:
            server.infer(picture, {"Content-Type": "image/png"})
            before = server.memory()
            with self.honest(server):
                for _ in range(400 * MORE):
                    client = connect(server)
                    client.sendall(request[: rng.randrange(len(request) + 1)])
                    if rng.random() < 0.5:  # a reset instead of an end
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if rng.random() < 0.2:
                        time.sleep(0.01)
                    client.close()
            self.assert_flat(server, before, 60)
            self.assertEqual(server.stop(), 0)

    def test_many_small_requests(self):
        count = 20_000 * MORE
        get = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        with Server(SMLP) as server:
            client = connect(server)
            client.sendall(get * 100)
            self.assertEqual(read_answers(client, 100), [200] * 100)
            before = server.memory()
            with self.honest(server):
                for _ in range(count // 500):
                    client.sendall(get * 500)
                    self.assertEqual(read_answers(client, 500), [200] * 500)
            client.close()
            self.assert_flat(server, before, 20)


class Bodies(Unaffected):
    def test_shorter_and_longer_than_announced(self):
        picture = png(64, 3)
        with Server(SMLP) as server:
            with self.honest(server):
                client = connect(server)  # shorter: the client ends before
                client.sendall(HEAD % (len(picture) + 1) + picture)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1000), b"")
                client.close()
                client = connect(server)  # longer: what follows is another request, and no good one
                client.sendall(HEAD % len(picture) + picture + b"surplus\r\n\r\n")
                answer = b""
                while piece := client.recv(65536):
                    answer += piece
                self.assertTrue(answer.startswith(b"HTTP/1.1 200"))
                self.assertEqual(answer.count(b"HTTP/1.1 400"), 1)
                client.close()

    def test_bombs(self):
        zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(zeros.compress(bytes(16 << 20)) for _ in range(64)) + zeros.flush()  # 1 GiB
        with Server(SMLP) as server:
            server.infer(png(64, 1), {"Content-Type": "image/png"})
            before = server.peak_memory()
            with self.honest(server):
                for _ in range(3):
                    status, _, _ = server.infer(bomb, {"Content-Encoding": "gzip", "Inference-Header-Content-Length": "0"})
                    self.assertEqual(status, 413)
            self.assertLess(server.peak_memory() - before, 300 << 20)

    def test_pictures_that_are_heavy(self):
        def blank(width, height):
            def chunk(kind, data):
                return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

            packer = zlib.compressobj(9)
            rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(height)) + packer.flush()
            head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
            return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

        heavy = blank(6000, 6000)  # 108 MB of pixels in 100 kB
        with Server(SMLP, "--threads", 2) as server:
            server.infer(png(64, 1), {"Content-Type": "image/png"})
            before = server.peak_memory()
            with self.honest(server), concurrent.futures.ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda _: server.infer(heavy, {"Content-Type": "image/png"}), range(6)))
            self.assertEqual({status for status, _, _ in answers}, {200})
            self.assertEqual(len({body for _, _, body in answers}), 1)
            self.assertLess(server.peak_memory() - before, 600 << 20)

    def test_json_that_is_deep_or_long(self):
        with Server(SMLP) as server:
            server.infer(png(64, 1), {"Content-Type": "image/png"})
            before = server.peak_memory()
            with self.honest(server):
                for body in [b"[" * (1 << 20), b'{"a":' * (1 << 19), b"[" + b"1," * (10 << 20) + b"1]", b'"' + b"x" * (20 << 20)]:
                    self.assertEqual(server.infer(body)[0], 400)
                self.assertEqual(server.infer(b" " * (40 << 20))[0], 413)
            self.assertLess(server.peak_memory() - before, 500 << 20)

    def test_noise(self):
        rng = random.Random(5)
        body, headers = binary_request(as_elements([png(30, 1)]), "BYTES", [1])
        with Server(SMLP) as server:
            with self.honest(server):
                for _ in range(300 * MORE):
                    broken = bytearray(body)
                    for _ in range(rng.randrange(1, 6)):
                        broken[rng.randrange(len(broken))] = rng.randrange(256)
                    status, _, answer = server.infer(bytes(broken), headers)
                    self.assertIn(status, (200, 400, 413), answer)
                    if status != 200:
                        self.assertIn("error", json.loads(answer))


class Overload(Unaffected):
    def test_past_saturation_it_refuses_early(self):
        body, headers = binary_request(TENSOR, "FP32", [1, 3, 128, 128])
        with Server(SMLP, "--max-queue", 16) as server:
            seconds, answers, lock = 4, [], threading.Lock()

            def flood(_):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    begun = time.monotonic()
                    connection.request("POST", "/v2/models/smlp/infer", body, headers)
                    status = connection.getresponse()
                    status.read()
                    with lock:
                        answers.append((status.status, time.monotonic() - begun))
                connection.close()

            with concurrent.futures.ThreadPoolExecutor(48) as pool:
                list(pool.map(flood, range(48)))
            statuses = [status for status, _ in answers]
            self.assertEqual(set(statuses), {200, 503})
            # Whoever is refused knows at once; whoever is taken waits for no more than the queue.
            refused = sorted(t for status, t in answers if status == 503)
            taken = sorted(t for status, t in answers if status == 200)
            self.assertLess(refused[len(refused) // 2], taken[len(taken) // 2])
            counts = server.counts()["inference_stats"]
            self.assertEqual((counts["success"]["count"], counts["fail"]["count"]), (len(taken), len(refused)))
            self.assertEqual(server.stop(), 0)

    @contextlib.contextmanager
    def full(self, *options):
        """A server whose queue holds one request, which waits there until it is told to end."""
        picture = png(64, 1)
        with Server(SMLP, "--max-queue", 1, "--max-batch", 8, "--max-delay-us", 10_000_000, *options) as server:
            with connect(server) as waiting:
                waiting.sendall(HEAD % len(picture) + picture)
                end = time.monotonic() + 20
                while 'nv_inference_pending_request_count{model="smlp",version="1"} 1' not in server.request("GET", "/metrics")[2].decode():
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.02)
                yield server
                self.assertEqual(server.stop(), 0)
                self.assertEqual(read_answers(waiting, 1), [200])  # nothing that was taken is lost

    def test_a_full_queue_refuses_before_the_body_comes(self):
        get = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        with self.full() as server:
            with connect(server) as client:
                for size in (1, len(TENSOR), 20 << 20):
                    client.sendall(HEAD % size)
                    self.assertEqual(read_answers(client, 1), [503], size)
                    client.sendall(bytes(size) + get)  # on its way or not: the connection goes on behind it
                    self.assertEqual(read_answers(client, 1), [200], size)
                for size in (0, 1, 20 << 20):  # who writes all before he reads is not cut off
                    client.sendall(HEAD % size + bytes(size) + get)
                    self.assertEqual(read_answers(client, 2), [503, 200], size)
            refused = 6
            for size, field in ((20 << 20, b"Connection: close"), (100, b"Expect: 100-continue")):
                with connect(server) as client:  # the last word: the answer comes, and then the end
                    head = HEAD.replace(b"Host: x", field) % size
                    client.sendall(head + bytes(size if size == 20 << 20 else 0))
                    answer = b""
                    while piece := client.recv(65536):
                        answer += piece
                    self.assertTrue(answer.startswith(b"HTTP/1.1 503"), answer[:100])
                    self.assertIn(b"Connection: close", answer)
                    refused += 1
            with connect(server) as client:
                client.sendall(b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n")
                self.assertEqual(read_answers(client, 1), [503])
                refused += 1
            with connect(server) as client:  # a body that stops coming holds up nobody
                client.sendall(HEAD % 1000 + b"x")
                self.assertEqual(read_answers(client, 1), [503])
                refused += 1
            self.assertEqual(server.counts()["inference_stats"]["fail"]["count"], refused)
            self.assertIn('reason="REJECTED"} %d' % refused, server.request("GET", "/metrics")[2].decode())

    def test_killed_and_started_again(self):
        picture = png(64, 1)
        with Server(SMLP) as server:
            _, _, wanted = server.infer(picture, {"Content-Type": "image/png"})
            for _ in range(2):
                port = server.port
                server.process.kill()
                server.process.wait(20)
                begun = time.monotonic()
                server = Server(SMLP, http_port=port)
                self.assertEqual(server.get("/v2/health/ready")[0], 200)
                print(f"ready again after {time.monotonic() - begun:.2f} s")
                self.assertEqual(server.infer(picture, {"Content-Type": "image/png"})[2], wanted)
            server.__exit__()

    def test_more_models_than_memory(self):
        with Server(SMLP) as server:
            self.assertEqual(server.infer(png(64, 1), {"Content-Type": "image/png"})[0], 200)
            pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[0])
            room = pages * resource.getpagesize() + (6 << 20)  # for requests, not for a model
            resource.prlimit(server.process.pid, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
            status, _, answer = server.request("POST", "/v2/repository/models/smlp/load")
            self.assertIn(status, (400, 503), answer)
            self.assertIn("memory", json.loads(answer)["error"])
            self.assertIsNone(server.process.poll())
            resource.prlimit(server.process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.assertEqual(server.infer(png(64, 1), {"Content-Type": "image/png"})[0], 200)


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    if "--long" in sys.argv:
        sys.argv.remove("--long")
        MORE = 10
    unittest.main()
