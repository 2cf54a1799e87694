#!/usr/bin/env python3
"""`smlp serve` by HTTP: the protocol's words, results equal to the command's, and clients that misbehave.

    serve_test.py --smlp BIN [unittest arguments]
"""

import concurrent.futures
import contextlib
import gzip
import json
import math
import random
import signal
import socket
import struct
import sys
import time
import unittest
import zlib

from serving import (
    SIDE,
    VALUES,
    Server,
    as_elements,
    binary_request,
    classify_logits,
    noise_tensor,
    png,
    raw_exchange,
)

SMLP = ""


def floats(data):
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def output_of(headers, body):
    """(the JSON part, the bytes behind it)"""
    length = int(headers.get("Inference-Header-Content-Length", len(body)))
    return json.loads(body[:length]), body[length:]


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(SMLP)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def refused(self, status, words, body, headers=None):
        got, _, answer = self.server.infer(body, headers)
        self.assertEqual(got, status, answer)
        message = json.loads(answer)["error"]
        self.assertIn(words, message)
        self.assertNotIn("/home", message)

    def test_health_and_metadata(self):
        self.assertEqual(self.server.get("/v2/health/live"), (200, {"live": True}))
        self.assertEqual(self.server.get("/v2/health/ready"), (200, {"ready": True}))
        status, server = self.server.get("/v2")
        self.assertEqual((status, server["name"]), (200, "smlp"))
        status, model = self.server.get("/v2/models/smlp")
        self.assertEqual(status, 200)
        self.assertEqual(model["inputs"], [{"name": "input", "datatype": "FP32", "shape": [-1, 3, SIDE, SIDE]}])
        self.assertEqual(model["outputs"], [{"name": "output", "datatype": "FP32", "shape": [-1, 10]}])
        self.assertEqual(self.server.get("/v2/models/smlp/versions/1")[1], model)
        self.assertEqual(self.server.get("/v2/models/smlp/ready")[1], {"name": "smlp", "ready": True})
        self.assertEqual(self.server.get("/v2/models/smlp/config")[1]["max_batch_size"], 8)

    def test_pages_of_other_sites(self):
        for site, status in (("cross-site", 403), ("same-site", 200), ("same-origin", 200), ("none", 200)):
            fields = {"Sec-Fetch-Site": site}
            self.assertEqual(self.server.request("POST", "/v2/repository/index", b"", fields)[0], status, site)
            got, _, _ = self.server.infer(png(40, 1), fields | {"Content-Type": "image/png"})
            self.assertEqual(got, status, site)
            self.assertEqual(self.server.request("GET", "/", headers=fields)[0], 200)  # a link to the page
        self.assertEqual(self.server.request("POST", "/v2/repository/models/smlp/unload", b"", {"Sec-Fetch-Site": "cross-site"})[0], 403)
        self.assertEqual(self.server.get("/v2/models/smlp/ready")[0], 200)

    def test_paths_with_their_host(self):
        for target, status in (("http://x/v2/health/live", 200), ("https://x:1/v2/models/smlp", 200), ("http://x", 200), ("http://x?y", 200), ("ftp://x/v2", 400)):
            answer = raw_exchange(self.server.port, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d" % status), (target, answer[:60]))

    def test_what_is_not_there(self):
        for path in ["/v2/models/other", "/v2/models/smlp/versions/2", "/v2/models/smlp/versions/1x", "/v3", "/v2/models/../x"]:
            status, answer = self.server.get(path)
            self.assertEqual(status, 404, path)
            self.assertEqual(list(answer), ["error"])
        self.assertEqual(self.server.get("/v2/models/%zz")[0], 400)
        status, headers, _ = self.server.request("DELETE", "/v2/models/smlp")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.server.request("GET", "/v2/models/smlp/infer")[0], 405)
        status, _, body = self.server.request("HEAD", "/v2")
        self.assertEqual((status, body), (200, b""))

    def test_encoded_pictures_have_the_logits_of_the_command(self):
        pictures = [png(side, seed) for seed, side in enumerate([64, 200, 131, 128, 333])]
        wanted = classify_logits(SMLP, pictures)
        status, headers, answer = self.server.infer(*binary_request(as_elements(pictures), "BYTES", [len(pictures)]))
        self.assertEqual(status, 200, answer)
        head, data = output_of(headers, answer)
        self.assertEqual(head["outputs"][0]["shape"], [len(pictures), 10])
        self.assertEqual(data, b"".join(wanted))
        for picture, logits in zip(pictures, wanted):  # the body is the picture; JSON gives the same floats back
            status, _, answer = self.server.infer(picture, {"Content-Type": "image/png"})
            self.assertEqual(status, 200)
            numbers = json.loads(answer)["outputs"][0]["data"]
            self.assertEqual(struct.pack("<10f", *numbers), logits)

    def test_tensors_give_the_same_whether_binary_json_or_raw(self):
        tensor = noise_tensor(1, 2)
        status, headers, answer = self.server.infer(*binary_request(tensor, "FP32", [2, 3, SIDE, SIDE], id="42"))
        self.assertEqual(status, 200, answer)
        head, data = output_of(headers, answer)
        self.assertEqual((head["id"], head["model_name"], head["model_version"]), ("42", "smlp", "1"))
        self.assertEqual(len(data), 2 * 10 * 4)
        numbers = floats(tensor)
        nested = [[numbers[p * VALUES + c * SIDE * SIDE :][: SIDE * SIDE] for c in range(3)] for p in range(2)]
        for values in (numbers, nested):
            request = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [2, 3, SIDE, SIDE], "data": values}]}
            status, _, answer = self.server.infer(request)
            self.assertEqual(status, 200, answer)
            self.assertEqual(struct.pack("<20f", *json.loads(answer)["outputs"][0]["data"]), data)
        status, headers, answer = self.server.infer(tensor, {"Inference-Header-Content-Length": "0"})
        self.assertEqual(status, 200, answer)
        self.assertEqual(output_of(headers, answer)[1], data)

    def test_results_do_not_depend_on_the_batch(self):
        tensor = noise_tensor(2, 5)
        _, headers, answer = self.server.infer(*binary_request(tensor, "FP32", [5, 3, SIDE, SIDE]))
        together = output_of(headers, answer)[1]
        alone = b""
        for i in range(5):
            one = tensor[i * VALUES * 4 : (i + 1) * VALUES * 4]
            _, headers, answer = self.server.infer(*binary_request(one, "FP32", [1, 3, SIDE, SIDE]))
            alone += output_of(headers, answer)[1]
        self.assertEqual(alone, together)

    def test_classification(self):
        picture = png(100, 3)
        [logits] = classify_logits(SMLP, [picture])
        numbers = floats(logits)
        order = sorted(range(10), key=lambda i: (-numbers[i], i))
        body, headers = binary_request(as_elements([picture]), "BYTES", [1], output_binary=False)
        length = int(headers["Inference-Header-Content-Length"])
        head = json.loads(body[:length])
        for count, want in ((3, 3), (99, 10)):
            head["outputs"] = [{"name": "output", "parameters": {"classification": count}}]
            text = json.dumps(head).encode()
            status, _, answer = self.server.infer(text + body[length:], {"Inference-Header-Content-Length": str(len(text))})
            self.assertEqual(status, 200, answer)
            output = json.loads(answer)["outputs"][0]
            self.assertEqual((output["datatype"], output["shape"]), ("BYTES", [1, want]))
            for line, index in zip(output["data"], order):
                value, shown, label = line.split(":", 2)
                self.assertEqual((float(value), int(shown)), (float(f"{numbers[index]:f}"), index))
                self.assertTrue(label)

    def test_compressed_requests(self):
        body, headers = binary_request(noise_tensor(4), "FP32", [1, 3, SIDE, SIDE])
        _, fields, plain = self.server.infer(body, headers)
        for encoding, packed, checksum in (("gzip", gzip.compress(body), -8), ("deflate", zlib.compress(body), -4)):
            wrong_sum = bytearray(packed)
            wrong_sum[checksum] ^= 1
            status, _, answer = self.server.infer(packed, headers | {"Content-Encoding": encoding})
            self.assertEqual((status, answer), (200, plain), encoding)
            for broken in (packed[:-9], packed[:20], b"", packed + b"x", b"\0" * 40, bytes(wrong_sum)):
                status, _, answer = self.server.infer(broken, headers | {"Content-Encoding": encoding})
                self.assertIn(status, (400,), (encoding, len(broken), answer))
        self.assertEqual(self.server.infer(body, headers | {"Content-Encoding": "br"})[0], 415)

    def test_a_bomb_is_refused_and_takes_no_memory(self):
        self.server.get("/v2")
        before = self.server.memory()
        for data in (gzip.compress(bytes(200 << 20), 9), gzip.compress(gzip.compress(bytes(1 << 30), 9), 9)):
            status, _, answer = self.server.infer(data, {"Content-Encoding": "gzip", "Inference-Header-Content-Length": "0"})
            self.assertIn(status, (400, 413), answer)
        self.assertLess(self.server.memory() - before, 100 << 20)

    def test_malformed_json(self):
        whole = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE], "data": [0.5] * VALUES}]}
        self.assertEqual(self.server.infer(whole)[0], 200)
        one = json.dumps({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 2, 2], "data": [1]}]})
        for cut in range(0, len(one) - 1):
            self.assertEqual(self.server.infer(one[:cut].encode())[0], 400, one[:cut])
        cases = [
            (b"[]", "not an object"),
            (b"{}", "no 'inputs'"),
            (b'{"inputs": []}', "is empty"),
            (b'{"inputs": 3}', "not an array"),
            (b'{"inputs": [3]}', "not an object"),
            (b'{"id": 7, "inputs": []}', "'id' is not a string"),
            (b'{"inputs": [], "inputs": []}', "is empty"),
            (b'{"inputs": [{"name": "other"}]}', "no 'datatype'"),
            (b"[" * 100000, "not valid JSON"),
            (b'{"a":' * 100 + b"1" + b"}" * 100, "not valid JSON"),
            (b'{"inputs": [\xff\xfe]}', "not valid JSON"),
            (b'{"x": tru, "inputs": []}', "not valid JSON"),
        ]
        for body, words in cases:
            with self.subTest(body=body[:40]):
                self.refused(400, words, body)

    def test_wrong_inputs(self):
        def request(**changes):
            entry = {"name": "input", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE], "data": [0.25] * VALUES} | changes
            return {"inputs": [{k: v for k, v in entry.items() if v is not None}]}

        cases = [
            (request(name="images"), "unexpected input 'images'"),
            (request(name=None), "no 'name'"),
            (request(datatype="FP16"), "datatype 'FP16'"),
            (request(datatype=None), "no 'datatype'"),
            (request(shape=None), "no 'shape'"),
            (request(shape=[3, SIDE, SIDE]), "FP32 takes [N,3,128,128]"),
            (request(shape=[0, 3, SIDE, SIDE]), "no picture"),
            (request(shape=[-1, 3, SIDE, SIDE]), "whole number"),
            (request(shape=[2**62, 3, SIDE, SIDE]), "at most"),
            (request(shape=[2**70, 3, SIDE, SIDE]), ""),
            (request(shape=[1, 3, SIDE, SIDE] + [1] * 9), "dimensions"),
            (request(shape=[1.5, 3, SIDE, SIDE]), "whole number"),
            (request(data=[0.25] * (VALUES - 1)), f"holds {VALUES - 1} numbers"),
            (request(data=[0.25] * (VALUES + 1)), f"more than the {VALUES}"),
            (request(data=[True] * VALUES), "more than numbers"),
            (request(data=["a"] * VALUES), "more than numbers"),
            (request(data=[1e39] + [0.25] * (VALUES - 1)), "no FP32"),
            (request(data=[[[[[1]]]]]), "nested deeper"),
            (request(data=None), "neither 'data'"),
            (request(parameters={"binary_data_size": 4}), "both 'data'"),
            (request(parameters={"shared_memory_region": "x"}), "shared memory"),
            (request(datatype="BYTES", shape=[1], data=["x"]), "JSON strings"),
            (request() | {"outputs": [{"name": "logits"}]}, "unexpected output 'logits'"),
            (request() | {"outputs": [{}]}, "no 'name'"),
            (request() | {"outputs": [{"name": "output"}] * 2}, "twice"),
            (request() | {"parameters": {"sequence_id": 3}}, "no state"),
            (request() | {"parameters": {"timeout": -3}}, "whole number"),
            ({"inputs": request()["inputs"] * 2}, "twice"),
        ]
        for body, words in cases:
            with self.subTest(words=words):
                self.refused(400, words, body)

    def test_binary_parts_that_do_not_fit(self):
        tensor = bytes(VALUES * 4)
        body, headers = binary_request(tensor, "FP32", [1, 3, SIDE, SIDE])
        length = int(headers["Inference-Header-Content-Length"])
        self.refused(400, "bytes follow the JSON", body[:-1], headers)
        self.refused(400, "bytes follow the JSON", body + b"x", headers)
        self.refused(400, "the body has", body, {"Inference-Header-Content-Length": str(len(body) + 1)})
        self.refused(400, "not a number", body, {"Inference-Header-Content-Length": "-1"})
        self.refused(400, "not a number", body, {"Inference-Header-Content-Length": "99999999999999999999999"})
        self.refused(400, "JSON", body, {"Inference-Header-Content-Length": str(length - 1)})
        self.refused(400, "bytes; its shape", *binary_request(tensor, "FP32", [2, 3, SIDE, SIDE]))
        picture = png(40, 1)
        for elements, shape, words in [
            (as_elements([picture]), [2], "holds 1 elements"),
            (as_elements([picture] * 2), [1], "behind its last"),
            (as_elements([picture])[:-1], [1], "claims"),
            (b"\1\0", [1], "within the length"),
            (struct.pack("<I", 0xFFFFFFFF), [1], "claims"),
            (as_elements([b"no picture"]), [1], "input 'input'"),
            (as_elements([picture, picture[:60]]), [2], "picture 1 of input"),
            (as_elements([b""]), [1], ""),
        ]:
            with self.subTest(words=words):
                self.refused(400, words, *binary_request(elements, "BYTES", shape))
        self.refused(400, "neither a JPEG", b"abc", {"Inference-Header-Content-Length": "0"})

    def test_values_that_are_not_finite(self):
        for bad in (float("nan"), float("inf")):
            tensor = struct.pack("<f", bad) + bytes(VALUES * 4 - 4)
            status, headers, answer = self.server.infer(*binary_request(tensor, "FP32", [1, 3, SIDE, SIDE]))
            self.assertEqual(status, 200)  # binary data hold whatever comes out
            self.assertFalse(any(map(math.isfinite, floats(output_of(headers, answer)[1]))))
            best = {"outputs": [{"name": "output", "parameters": {"classification": 1, "binary_data": True}}]}
            for how in ({"output_binary": False}, best):
                status, _, answer = self.server.infer(*binary_request(tensor, "FP32", [1, 3, SIDE, SIDE], **how))
                self.assertEqual(status, 500)
                self.assertIn("finite", json.loads(answer)["error"])

    def test_statistics_and_metrics_move(self):
        before = self.server.counts()
        self.server.infer(*binary_request(noise_tensor(7, 3), "FP32", [3, 3, SIDE, SIDE]))
        self.server.infer(b"{")
        after = self.server.counts()
        self.assertEqual(after["inference_count"] - before["inference_count"], 3)
        moved = {k: after["inference_stats"][k]["count"] - before["inference_stats"][k]["count"] for k in after["inference_stats"]}
        self.assertEqual((moved["success"], moved["fail"], moved["queue"], moved["compute_infer"]), (1, 1, 1, 1))
        self.assertGreater(after["inference_stats"]["success"]["ns"], before["inference_stats"]["success"]["ns"])
        self.assertEqual(sum(b["compute_infer"]["count"] for b in after["batch_stats"]), after["execution_count"])
        pictures = sum(b["compute_infer"]["count"] * b["batch_size"] for b in after["batch_stats"])
        self.assertGreaterEqual(pictures, after["inference_count"])
        self.assertTrue(all(b["compute_infer"]["ns"] > 0 for b in after["batch_stats"]))
        _, headers, text = self.server.request("GET", "/metrics")
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        self.assertIn('nv_inference_request_success{model="smlp",version="1"}', text.decode())
        self.assertIn('smlp_batch_size_bucket{model="smlp",version="1",le="+Inf"}', text.decode())

    def test_one_connection_takes_many_requests_and_pipelined_ones(self):
        get = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = raw_exchange(self.server.port, get * 20 + get.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        self.assertEqual(answer.count(b"HTTP/1.1 200"), 21)
        picture = png(50, 9)
        post = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(picture)
        answer = raw_exchange(self.server.port, (post + picture) * 3 + get.replace(b"Host: x", b"Connection: close"))
        self.assertEqual(answer.count(b"HTTP/1.1 200"), 4)

    def test_chunks(self):
        body, headers = binary_request(noise_tensor(8), "FP32", [1, 3, SIDE, SIDE])
        length = headers["Inference-Header-Content-Length"].encode()
        head = (
            b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
            b"Inference-Header-Content-Length: " + length + b"\r\n\r\n"
        )
        _, _, plain = self.server.infer(body, headers)
        for size in (3, 1000, len(body)):  # 3: more than 65,536 chunks
            pieces = [body[i : i + size] for i in range(0, len(body), size)]
            chunked = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
            answer = raw_exchange(self.server.port, head + chunked)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:300])
            self.assertTrue(answer.endswith(plain))
        for broken in (b"zz\r\n", b"5\r\nabc", b"ffffffffffffffffff\r\n", b"-1\r\n"):
            answer = raw_exchange(self.server.port, head + broken, patience=3, shut=True)
            self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100])
        self.assertEqual(self.server.get("/v2/health/live")[0], 200)

    def test_chunks_of_a_byte_take_no_time(self):
        """A million of them: a client shall not make the server work for longer than it works itself."""
        chunks = b"1\r\n \r\n" * 1_000_000 + b"0\r\n\r\n"
        head = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        before = self.server.processor_time()
        self.assertTrue(raw_exchange(self.server.port, head + chunks).startswith(b"HTTP/1.1 400"))  # blanks are no JSON
        self.assertLess(self.server.processor_time() - before, 0.6)

    def test_not_http(self):
        for data in (b"\0" * 100, b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", random.Random(1).randbytes(5000)):
            answer = raw_exchange(self.server.port, data, patience=3, shut=True)
            self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer[:100])
        flood = b"GET /v2 HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(100000))
        answer = raw_exchange(self.server.port, flood, patience=3)
        self.assertTrue(answer.startswith(b"HTTP/1.1 431"), answer[:100])
        self.assertEqual(self.server.get("/v2/health/live")[0], 200)

    def test_two_lengths_are_refused(self):
        head = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        answer = raw_exchange(self.server.port, head, patience=3, shut=True)
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer[:100])

    def test_fields_that_say_how_to_read_stand_once(self):
        body, headers = binary_request(noise_tensor(1), "FP32", [1, 3, SIDE, SIDE])
        fields = {"Host": "x", "Content-Type": "application/octet-stream", "Content-Encoding": "identity",
                  "Content-Length": len(body), "Connection": "close", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        for name, second in (("Host", "y"), ("Content-Type", "image/png"), ("Content-Encoding", "gzip"),
                             ("Inference-Header-Content-Length", 5)):
            for more, status in (("", b"200"), (f"{name.lower()}: {second}\r\n", b"400")):
                start = f"POST /v2/models/smlp/infer HTTP/1.1\r\n{head}{more}\r\n".encode()
                answer = raw_exchange(self.server.port, start + body, patience=5)
                self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), (name, more, answer[:300]))
                if more:
                    self.assertIn(f"{name} is given twice".encode(), answer)


class Lifetime(unittest.TestCase):
    def test_models_are_unloaded_and_loaded(self):
        with Server(SMLP) as server:
            body, headers = binary_request(noise_tensor(5), "FP32", [1, 3, SIDE, SIDE])
            self.assertEqual(server.request("POST", "/v2/repository/models/smlp/unload")[0], 200)
            _, _, index = server.request("POST", "/v2/repository/index")
            self.assertEqual(json.loads(index), [{"name": "smlp", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}])
            self.assertEqual(server.infer(body, headers)[0], 404)
            self.assertEqual(server.get("/v2/models/smlp/ready")[0], 404)
            self.assertEqual(server.request("POST", "/v2/repository/models/smlp/load")[0], 200)
            self.assertEqual(server.infer(body, headers)[0], 200)
            self.assertEqual(server.request("POST", "/v2/repository/models/other/load")[0], 404)

    def test_what_requests_to_the_repository_may_say(self):
        with Server(SMLP) as server:

            def ask(path, body, status, words=""):
                got, _, answer = server.request("POST", f"/v2/repository/{path}", body)
                self.assertEqual(got, status, (path, body, answer))
                self.assertIn(words, answer.decode())
                return json.loads(answer)

            self.assertEqual(ask("index", b'{"ready": true}', 200)[0]["name"], "smlp")
            ask("models/smlp/unload", b'{"parameters": {"unload_dependents": false}}', 200)
            self.assertEqual(ask("index", b'{"ready": true}', 200), [])
            for body in (b"", b"{}", b'{"ready": false}'):
                self.assertEqual([m["state"] for m in ask("index", body, 200)], ["UNAVAILABLE"])
            for body, words in ((b"{", "not valid JSON"), (b"[]", "not an object"), (b'{"ready": 1}', "neither true nor false")):
                ask("index", body, 400, words)
            ask("index", b'{"x": "' + b"y" * 70000 + b'"}', 413)
            for body, words in (
                (b"{", "not valid JSON"),
                (b"7", "not an object"),
                (b'{"parameters": []}', "not an object"),
                (b'{"parameters": {"config": "{}"}}', "parameter 'config'"),
                (b'{"parameters": {"file:1/model.onnx": "AAAA"}}', "parameter 'file:1/model.onnx'"),
            ):
                ask("models/smlp/load", body, 400, words)
                self.assertEqual(server.get("/v2/models/smlp")[0], 404)  # nothing was loaded
            ask("models/smlp/load", b'{"parameters": {}}', 200)
            self.assertEqual(server.get("/v2/models/smlp")[0], 200)

    def test_loading_under_load_loses_nothing(self):
        with Server(SMLP) as server:
            body, headers = binary_request(noise_tensor(5), "FP32", [1, 3, SIDE, SIDE])
            with concurrent.futures.ThreadPoolExecutor(9) as pool:
                reloads = [pool.submit(server.request, "POST", "/v2/repository/models/smlp/load") for _ in range(5)]
                answers = list(pool.map(lambda _: server.infer(body, headers), range(100)))
                self.assertEqual({r.result()[0] for r in reloads}, {200})
            self.assertEqual({status for status, _, _ in answers}, {200})
            self.assertEqual(len({answer for _, _, answer in answers}), 1)

    def test_unloading_under_load_answers_or_says_so(self):
        with Server(SMLP) as server:
            body, headers = binary_request(noise_tensor(5), "FP32", [1, 3, SIDE, SIDE])
            _, _, wanted = server.infer(body, headers)
            with concurrent.futures.ThreadPoolExecutor(9) as pool:
                answers = [pool.submit(server.infer, body, headers) for _ in range(100)]
                for _ in range(5):
                    self.assertEqual(server.request("POST", "/v2/repository/models/smlp/unload")[0], 200)
                    self.assertEqual(server.request("POST", "/v2/repository/models/smlp/load")[0], 200)
                for status, _, answer in (future.result() for future in answers):
                    self.assertIn(status, (200, 404))
                    self.assertIn(answer, (wanted, b'{"error":"model \'smlp\' is not loaded"}'))

    def test_sigterm_under_load_answers_what_was_taken(self):
        with Server(SMLP, "--max-delay-us", 300_000) as server:
            body, headers = binary_request(noise_tensor(5), "FP32", [1, 3, SIDE, SIDE])
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                futures = [pool.submit(server.infer, body, headers) for _ in range(6)]
                time.sleep(0.15)
                self.assertEqual(server.stop(), 0)
                for future in futures:
                    self.assertEqual(future.result()[0], 200)

    def test_sigterm_loses_nothing_that_was_connected(self):
        """Requests lie in sockets that the server has not looked at, and connections that it has not taken yet."""
        picture = png(64, 1)
        request = b"POST /v2/models/smlp/infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(picture)
        request += picture
        with Server(SMLP, "--max-queue", 1000) as server, contextlib.ExitStack() as clients:

            def connect():
                return clients.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))

            idle, early, late, slow = connect(), [connect() for _ in range(200)], [], connect()
            server.get("/v2")  # all are taken
            server.process.send_signal(signal.SIGSTOP)
            for client in early:
                client.sendall(request)
            for _ in range(200):
                late.append(connect())
                late[-1].sendall(request)
            slow.sendall(request[:30])
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGCONT)
            time.sleep(0.5)
            slow.sendall(request[30:])
            for client in [*early, *late, slow]:
                answer = b""
                while piece := client.recv(65536):  # to its end: the server closes it
                    answer += piece
                self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:200])
            self.assertEqual(idle.recv(1), b"")
            self.assertEqual(server.process.wait(20), 0)

    def test_sigterm_does_not_wait_for_half_a_head(self):
        with Server(SMLP) as server, contextlib.ExitStack() as clients:
            for start in (b"G", b"POST /v2/models/smlp/infer HTTP/1.1\r\nContent-Len"):
                client = clients.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                client.sendall(start)
            server.get("/v2")  # both have come
            begun = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - begun, 15)  # a head has 30 s otherwise

    def test_sigterm_as_soon_as_it_listens_is_no_crash(self):
        for _ in range(5):
            with Server(SMLP) as server:
                self.assertEqual(server.stop(), 0)

    def test_two_models_and_versions(self):
        with Server(SMLP, "--model", "a=" + MODEL, "--model", "b:3=" + MODEL, "--model", "b:12=" + MODEL) as server:
            self.assertEqual(server.get("/v2/models/b")[1]["versions"], ["3", "12"])
            picture = png(64, 4)
            for path in ("a", "b", "b/versions/3", "b/versions/12"):
                status, _, answer = server.infer(picture, {"Content-Type": "image/png"}, model=path)
                self.assertEqual(status, 200)
            self.assertEqual(json.loads(answer)["model_version"], "12")
            self.assertEqual(server.get("/v2/models/b/versions/4")[0], 404)


def main():
    global SMLP, MODEL
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    from pathlib import Path

    MODEL = str(Path(__file__).resolve().parents[2] / "models" / "smlp_imagenette.safetensors")
    unittest.main()


if __name__ == "__main__":
    main()
