#!/usr/bin/env python3
"""What `smlp serve` bounds: bodies, connections, the queue, and how long a request waits or its client stays.

    limits_test.py --smlp BIN [unittest arguments]
"""

import concurrent.futures
import json
import socket
import sys
import time
import unittest

from serving import SIDE, Server, binary_request, noise_tensor, raw_exchange

SMLP = ""


class Limits(unittest.TestCase):
    def test_large_bodies_are_refused_before_they_come(self):
        with Server(SMLP, "--max-request-bytes", 100_000) as server:
            head = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n"
            answer = raw_exchange(server.port, head, patience=5)
            self.assertTrue(answer.startswith(b"HTTP/1.1 413"), answer[:100])
            chunked = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            answer = raw_exchange(server.port, chunked + b"%x\r\n" % 200_000 + bytes(200_000) + b"\r\n0\r\n\r\n", patience=5)
            self.assertTrue(answer.startswith(b"HTTP/1.1 413"), answer[:100])

    def test_announced_bodies_take_no_memory(self):
        with Server(SMLP) as server:
            server.get("/v2")
            before = server.memory()
            head = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (60 << 20)
            clients = []
            for _ in range(50):
                client = socket.create_connection(("127.0.0.1", server.port))
                client.sendall(head + b"{")
                clients.append(client)
            time.sleep(0.5)
            self.assertLess(server.memory() - before, 64 << 20)
            self.assertEqual(server.get("/v2/health/live")[0], 200)
            for client in clients:
                client.close()
            self.assertEqual(server.get("/v2/health/ready")[0], 200)

    def test_more_connections_than_allowed_are_closed(self):
        with Server(SMLP, "--max-connections", 4) as server:
            clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
            time.sleep(0.2)
            extra = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            self.assertEqual(extra.recv(1), b"")
            extra.close()
            clients.pop().close()
            time.sleep(0.2)
            self.assertEqual(server.get("/v2/health/live")[0], 200)
            for client in clients:
                client.close()

    def test_a_full_queue_answers_503_and_loses_nothing(self):
        with Server(SMLP, "--max-queue", 4, "--max-batch", 2, "--threads", 1) as server:
            body, headers = binary_request(noise_tensor(3), "FP32", [1, 3, SIDE, SIDE])
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                answers = list(pool.map(lambda _: server.infer(body, headers), range(96)))
            statuses = [status for status, _, _ in answers]
            self.assertEqual(set(statuses), {200, 503})
            self.assertEqual(len({a for status, _, a in answers if status == 200}), 1)
            refused = next(fields for status, fields, _ in answers if status == 503)
            self.assertIn("Retry-After", refused)
            counts = server.counts()["inference_stats"]
            self.assertEqual((counts["success"]["count"], counts["fail"]["count"]), (statuses.count(200), statuses.count(503)))
            # More pictures than the queue ever holds: trying again would not help.
            status, fields, answer = server.infer(*binary_request(noise_tensor(3, 40), "FP32", [40, 3, SIDE, SIDE]))
            self.assertEqual(status, 400, answer)
            self.assertNotIn("Retry-After", fields)

    def test_a_request_that_waits_too_long_is_refused(self):
        with Server(SMLP, "--max-delay-us", 2_000_000, "--timeout-ms", 10000) as server:
            body, headers = binary_request(noise_tensor(5), "FP32", [1, 3, SIDE, SIDE], parameters={"timeout": 1})
            status, _, answer = server.infer(body, headers)
            self.assertEqual(status, 503, answer)
            self.assertIn("timed out", json.loads(answer)["error"])

    def test_a_client_that_vanishes_cancels_its_request(self):
        with Server(SMLP, "--max-delay-us", 3_000_000) as server:
            body, headers = binary_request(noise_tensor(6), "FP32", [1, 3, SIDE, SIDE])
            head = "POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
            client = socket.create_connection(("127.0.0.1", server.port))
            client.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.3)
            client.close()
            end = time.monotonic() + 20
            while time.monotonic() < end and 'reason="CANCELED"} 1' not in server.request("GET", "/metrics")[2].decode():
                time.sleep(0.1)
            self.assertIn('reason="CANCELED"} 1', server.request("GET", "/metrics")[2].decode())
            self.assertEqual(server.counts()["execution_count"], 0)


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
