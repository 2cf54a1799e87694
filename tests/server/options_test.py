#!/usr/bin/env python3
"""What `smlp serve` can be told: keys, TLS, a file of options, a trace, priorities; and answers that are compressed.

    options_test.py --smlp BIN [unittest arguments]
"""

import concurrent.futures
import gzip
import http.client
import json
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib
from pathlib import Path

from serving import SANITIZED, Server, binary_request, png

SMLP = ""
KEY, OTHER_KEY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def fails(self, words, *options):
        """Ends with status 1 or 2 and one line that says why."""
        done = subprocess.run([SMLP, "serve", "--http-port", "0", "--grpc-port", "0", *options], capture_output=True, text=True, timeout=60)
        self.assertIn(done.returncode, (1, 2), done)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")


class Keys(WithFolder):
    def test_requests_need_a_key(self):
        keys = self.write("keys", f"# two\n{KEY}\n\n{OTHER_KEY}\r\n")
        with Server(SMLP, "--api-key-file", keys) as server:
            picture = {"Content-Type": "image/png"}
            for path in ("/v2/health/live", "/v2/health/ready", "/"):
                self.assertEqual(server.request("GET", path)[0], 200)
            for path in ("/v2", "/metrics", "/v2/models/smlp", "/v2/models/stats"):
                self.assertEqual(server.request("GET", path)[0], 401)
                self.assertEqual(server.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})[0], 200)
            for path in ("/v2/repository/index", "/v2/repository/models/smlp/unload"):
                self.assertEqual(server.request("POST", path)[0], 401)
            status, headers, answer = server.infer(png(40, 1), picture)
            self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Bearer"))
            self.assertIn("Authorization", json.loads(answer)["error"])
            wrong = [KEY[:-1], KEY + "0", KEY[:-1] + "0", "", "x" * 32, KEY.upper()]
            for value in [f"Bearer {key}" for key in wrong] + [KEY, f"Basic {KEY}", f"Bearer{KEY}"]:
                self.assertEqual(server.infer(png(40, 1), picture | {"Authorization": value})[0], 401, value)
            for value in (f"Bearer {KEY}", f"bearer {OTHER_KEY}"):
                self.assertEqual(server.infer(png(40, 1), picture | {"Authorization": value})[0], 200, value)

    def test_bodies_without_a_key_are_not_read(self):
        with Server(SMLP, "--api-key-file", self.write("keys", KEY)) as server:
            server.get("/v2/health/live")
            before = server.peak_memory()
            for _ in range(5):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                try:
                    connection.request("POST", "/v2/models/smlp/infer", bytes(60 << 20))
                    self.assertEqual(connection.getresponse().status, 401)
                except OSError:
                    pass  # closed while it was writing
                connection.close()
            self.assertLess(server.peak_memory() - before, 30 << 20)

    def test_files_that_hold_no_keys(self):
        self.fails("holds no key", "--api-key-file", self.write("empty", "# nothing\n"))
        self.fails("line 2 is no key", "--api-key-file", self.write("short", f"{KEY}\nsecret\n"))
        self.fails("line 1 is no key", "--api-key-file", self.write("blank", "a key with blanks in it\n"))
        self.fails("nowhere", "--api-key-file", str(self.folder / "nowhere"))


class Encryption(WithFolder):
    def certificate(self, name="server"):
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
            + ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        return str(certificate), str(key)

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not installed")
    def test_both_ports_are_encrypted(self):
        certificate, key = self.certificate()
        with Server(SMLP, "--tls-cert", certificate, "--tls-key", key) as server:
            trust = ssl.create_default_context(cafile=certificate)

            def ask(method, path, body=None, headers={}):
                connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=trust)
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                connection.close()
                return answer.status, data

            self.assertEqual(ask("GET", "/v2/health/ready")[0], 200)
            with Server(SMLP) as plain:
                _, _, wanted = plain.infer(png(70, 1), {"Content-Type": "image/png"})
            self.assertEqual(ask("POST", "/v2/models/smlp/infer", png(70, 1), {"Content-Type": "image/png"}), (200, wanted))
            body, headers = binary_request(bytes(3 * 128 * 128 * 4), "FP32", [1, 3, 128, 128])
            self.assertEqual(ask("POST", "/v2/models/smlp/infer", body, headers)[0], 200)
            # Who does not speak TLS is not answered, and disturbs nobody.
            with self.assertRaises((OSError, http.client.HTTPException)):
                server.get("/v2/health/live")
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            with self.assertRaises((OSError, ssl.SSLError)):
                connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=old)
                connection.request("GET", "/v2/health/live")
            self.assertEqual(ask("GET", "/v2/health/ready")[0], 200)
            if server.grpc_port is not None:
                self.ask_grpc(server.grpc_port, Path(certificate).read_bytes())
            self.assertEqual(server.stop(), 0)

    def ask_grpc(self, port, certificate):
        try:
            import grpc
            from tritonclient.grpc import service_pb2, service_pb2_grpc
        except ImportError as error:
            print(f"SKIPPED: gRPC over TLS: {error} (tools/requirements-test.txt)")
            return
        with grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(certificate)) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            self.assertTrue(stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=30).ready)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            with self.assertRaises(grpc.RpcError):
                service_pb2_grpc.GRPCInferenceServiceStub(channel).ServerReady(service_pb2.ServerReadyRequest(), timeout=10)

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not installed")
    def test_a_full_queue_refuses_before_the_body_comes(self):
        certificate, key = self.certificate()
        options = ("--tls-cert", certificate, "--tls-key", key, "--max-queue", 1, "--max-delay-us", 5_000_000)
        with Server(SMLP, *options) as server:
            trust = ssl.create_default_context(cafile=certificate)
            waiting, client = (http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=trust) for _ in range(2))
            waiting.request("POST", "/v2/models/smlp/infer", png(60, 1), {"Content-Type": "image/png"})
            time.sleep(0.5)
            for size in (1 << 20, 100):
                client.putrequest("POST", "/v2/models/smlp/infer")
                client.putheader("Content-Length", str(size))
                client.endheaders()
                answer = client.getresponse()
                self.assertEqual(answer.status, 503)
                self.assertFalse(answer.will_close)
                answer.read()
                client.send(bytes(size))
            client.request("GET", "/v2/health/live")
            self.assertEqual(client.getresponse().status, 200)
            self.assertEqual(waiting.getresponse().status, 200)
            waiting.close()
            client.close()

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not installed")
    def test_a_client_that_vanishes_cancels_its_request(self):
        certificate, key = self.certificate()
        with Server(SMLP, "--tls-cert", certificate, "--tls-key", key, "--max-delay-us", 3_000_000) as server:
            trust = ssl.create_default_context(cafile=certificate)
            connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=trust)
            connection.request("POST", "/v2/models/smlp/infer", png(60, 1), {"Content-Type": "image/png"})
            time.sleep(0.5)
            connection.close()
            end = time.monotonic() + 20
            metrics = ""
            while time.monotonic() < end and 'reason="CANCELED"} 1' not in metrics:
                time.sleep(0.1)
                asking = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=trust)
                asking.request("GET", "/metrics")
                metrics = asking.getresponse().read().decode()
                asking.close()
            self.assertIn('reason="CANCELED"} 1', metrics)

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not installed")
    def test_files_that_do_not_fit(self):
        certificate, key = self.certificate()
        other = self.certificate("other")[1]
        for words in ("--tls-key", certificate, other, "is not the certificate's"):
            self.fails(words, "--tls-cert", certificate, "--tls-key", other)
        for words in ("--tls-cert", "certificate cannot be used", key):
            self.fails(words, "--tls-cert", key, "--tls-key", key)
        self.fails("certificate cannot be used", "--tls-cert", self.write("empty", ""), "--tls-key", key)
        locked = str(self.folder / "locked.key")
        subprocess.run(["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked], check=True, capture_output=True)
        self.fails("without a password", "--tls-cert", certificate, "--tls-key", locked)
        self.fails("requires --tls-key", "--tls-cert", certificate)
        self.fails("nowhere", "--tls-cert", str(self.folder / "nowhere"), "--tls-key", key)


class OptionFile(WithFolder):
    def test_options_come_from_a_file(self):
        config = self.write("serve.conf", "# a server\n\nmax-batch = 3\n  max-delay-us=77  \nthreads = 1\nmax_queue = 9\n")
        with Server(SMLP, "--config", config, "--max-batch", 5) as server:
            batching = server.get("/v2/models/smlp/config")[1]
            self.assertEqual(batching["max_batch_size"], 5)  # the command line goes first
            self.assertEqual(batching["dynamic_batching"]["max_queue_delay_microseconds"], 77)
            self.assertEqual(batching["dynamic_batching"]["default_queue_policy"]["max_queue_size"], 9)

    def test_models_and_flags(self):
        config = self.write("serve.conf", f"model = a={MODEL}\nmodel = b:2={MODEL}\nno-grpc = true\n")
        with Server(SMLP, "--config", config, "--no-grpc") as server:
            self.assertEqual({m["name"] for m in json.loads(server.request("POST", "/v2/repository/index")[2])}, {"a", "b"})

    def test_lines_that_are_none(self):
        for text, words in [
            ("max-batch 3", "line 1: expected NAME = VALUE"),
            ("\n\nmax-bach = 3", "line 3: there is no option 'max-bach'"),
            ("max-batch = 0", "line 1: --max-batch"),
            ("max-batch = 1\nmax-batch = 2", "given twice"),
            ("no-grpc = yes", "true or false"),
            ("max-batch =", "empty"),
            ("max_batch = 1\nmax-batch = 2", "line 2: --max-batch is given twice"),
            ("max-batch = 3 # three", "not '3 # three'"),
            ("[server]", "line 1: expected NAME = VALUE"),
            ("config = other.conf", "line 1: a file of options names no other"),
            ("help = true", "there is no option 'help'"),
            ("model = nowhere.smlp", "nowhere.smlp: cannot open"),
        ]:
            with self.subTest(words=words):
                self.fails(words, "--config", self.write("serve.conf", text))
        self.fails("nowhere", "--config", str(self.folder / "nowhere"))


class Models(WithFolder):
    def test_names_that_no_path_can_say(self):
        for name in (".", "..", "stats"):
            self.fails(f"requests could not name '{name}'", "--model", f"{name}={MODEL}")
        self.fails("expected NAME=FILE", "--model", f"={MODEL}")
        self.fails("a version is a whole number", "--model", f"a:0={MODEL}")
        self.fails("given twice", "--model", f"a={MODEL}", "--model", f"a:1={MODEL}")

    def test_files_that_are_none_are_named(self):
        text = self.write("text.smlp", "no model\n")
        self.fails(f"{text}: ", "--model", text)
        self.fails(f"{self.folder}/nowhere: cannot open", "--model", f"a={self.folder}/nowhere")
        self.fails(f"{self.folder}: is a directory", "--model", f"a={self.folder}")

    def test_a_file_is_replaced_and_removed_while_it_is_served(self):
        for name in ("m.safetensors", "m.smlp"):
            path = self.folder / name
            if name.endswith("smlp"):
                subprocess.run([SMLP, "compile", MODEL, path], check=True, capture_output=True)
            else:
                shutil.copy(MODEL, path)
            good = path.read_bytes()
            with Server(SMLP, "--model", f"smlp={path}") as server:

                def ask():
                    return server.infer(png(60, 1), {"Content-Type": "image/png"})[2]

                def load():
                    status, _, answer = server.request("POST", "/v2/repository/models/smlp/load")
                    self.assertNotIn(str(self.folder), answer.decode())
                    return status

                wanted = ask()
                for damage in (b"", good[: len(good) // 2], b"text", None):
                    if damage is None:
                        path.unlink()
                    else:
                        path.write_bytes(damage)  # in place: what was mapped would change
                    self.assertEqual(ask(), wanted)
                    self.assertEqual(load(), 400)
                    self.assertEqual(ask(), wanted)
                    self.assertEqual(server.get("/v2/models/smlp/ready")[0], 200)
                path.write_bytes(good)
                self.assertEqual(load(), 200)
                self.assertEqual(ask(), wanted)
                self.assertEqual(server.stop(), 0)


class Trace(WithFolder):
    def events(self, path):
        text = path.read_text()
        return json.loads(text if text.rstrip().endswith("]") else text.rstrip().rstrip(",") + "]")

    def test_requests_are_written(self):
        path = self.folder / "trace.json"
        with Server(SMLP, "--trace-file", path) as server:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda i: server.infer(png(50, i), {"Content-Type": "image/png"}), range(20)))
            server.infer(b"{")
            server.infer(*binary_request(bytes(2 * 3 * 128 * 128 * 4), "FP32", [2, 3, 128, 128], id='a"b'))
            self.assertEqual(server.stop(), 0)
        events = self.events(path)
        requests = [e for e in events if e["ph"] == "b" and e["name"] == "request"]
        self.assertEqual(len(requests), 22)
        self.assertEqual(requests[-1]["args"]["id"], 'a"b')
        self.assertEqual((requests[-1]["args"]["pictures"], requests[-1]["args"]["outcome"]), (2, "ok"))
        self.assertEqual(sum("JSON" in r["args"]["outcome"] for r in requests), 1)
        for request in requests:  # its parts are in order, and fill it
            mine = [e for e in events if e.get("id") == request["id"]]
            self.assertEqual([e["name"] for e in mine if e["ph"] == "b"], ["request", "read", "queue", "compute", "write"])
            times = [e["ts"] for e in mine]
            self.assertEqual(times, sorted(times))
            self.assertGreaterEqual(request["args"]["batch"], 0 if request["args"]["outcome"] != "ok" else 1)

    def test_a_killed_server_leaves_a_trace_that_opens(self):
        path = self.folder / "trace.json"
        with Server(SMLP, "--trace-file", path) as server:
            for i in range(3):
                server.infer(png(50, i), {"Content-Type": "image/png"})
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(20)
        self.assertEqual(self.events(path)[0]["args"]["name"], "smlp serve")

    def test_a_disk_that_is_full_loses_the_trace_alone(self):
        path = self.folder / "trace.json"
        with Server(SMLP, "--trace-file", path) as server:
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
            for i in range(150):  # more than is kept in memory
                self.assertEqual(server.request("POST", "/v2/models/smlp/infer", b"{")[0], 400)
            self.assertEqual(server.infer(png(50, 1), {"Content-Type": "image/png"})[0], 200)
            self.assertEqual(server.stop(), 0)
        self.assertLessEqual(path.stat().st_size, 1000)

    def test_nothing_is_overwritten_unasked(self):
        path = self.folder / "trace.json"
        options = ("--trace-file", str(path))
        for content in ("", "mine", '{"displayTimeUnit": "ms"}'):
            path.write_text(content)
            self.fails(f"{path}: exists already", *options)
            self.assertEqual(path.read_text(), content)
            if content:
                self.fails(f"{path}: is not a trace of serve", *options, "--force")
                self.assertEqual(path.read_text(), content)
        path.unlink()
        for force in ((), ("--force",)):
            with Server(SMLP, *options, *force) as server:
                self.fails("another smlp serve is writing it", *options, "--force")
                self.assertEqual(server.infer(png(50, 1), {"Content-Type": "image/png"})[0], 200)
                self.assertEqual(server.stop(), 0)
            self.fails("--force", *options)
            self.assertEqual(sum(e["ph"] == "b" and e["name"] == "request" for e in self.events(path)), 1)
        self.fails("--trace-file", "--force")

    @unittest.skipIf(SANITIZED, "the sanitizer's own files are limited, too")
    def test_a_full_disk_at_the_start_leaves_nothing(self):
        path = self.folder / "trace.json"
        limited = f"ulimit -f 0; exec {SMLP} serve --http-port 0 --grpc-port 0 --trace-file {path}"
        done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, f"^smlp: error: {path}: the trace cannot be written; .*\n$")
        self.assertFalse(path.exists(), "it would stand in the next server's way")

    def test_a_file_that_cannot_be_written(self):
        self.fails("trace.json", "--trace-file", str(self.folder / "none" / "trace.json"))


class Answers(unittest.TestCase):
    def test_compressed_answers(self):
        with Server(SMLP) as server:
            body, headers = binary_request(bytes(40 * 3 * 128 * 128 * 4), "FP32", [40, 3, 128, 128], output_binary=False)
            for asked, coding, unpack in [
                ("gzip", "gzip", gzip.decompress),
                ("deflate", "deflate", zlib.decompress),
                ("br, deflate;q=0.5, GZIP;q=0.9", "gzip", gzip.decompress),
                ("gzip;q=0.1, deflate", "deflate", zlib.decompress),
                ("gzip;q=0", None, bytes),
                ("br", None, bytes),
                ("", None, bytes),
                ("gzip;level=9", None, bytes),
            ]:
                for binary in (False, True):
                    body, headers = binary_request(bytes(40 * 3 * 128 * 128 * 4), "FP32", [40, 3, 128, 128], output_binary=binary)
                    _, _, plain = server.infer(body, headers)
                    status, fields, packed = server.infer(body, headers | {"Accept-Encoding": asked})
                    self.assertEqual((status, fields["Content-Encoding"]), (200, coding), asked)
                    self.assertEqual(unpack(packed), plain)
                    self.assertEqual(fields["Vary"], "Accept-Encoding")
            # What is short is not packed.
            _, fields, _ = server.request("GET", "/v2", headers={"Accept-Encoding": "gzip"})
            self.assertIsNone(fields["Content-Encoding"])

    def test_priority(self):
        with Server(SMLP, "--max-batch", 1, "--threads", 1, "--max-delay-us", 0) as server:
            order, lock = [], threading.Lock()
            slow, slow_headers = binary_request(bytes(200 * 3 * 128 * 128 * 4), "FP32", [200, 3, 128, 128])

            def ask(name, pictures, priority):
                tensor = bytes(pictures * 3 * 128 * 128 * 4)
                body, headers = binary_request(tensor, "FP32", [pictures, 3, 128, 128], parameters={"priority": priority})
                status, _, answer = server.infer(body, headers)
                with lock:
                    order.append(name)
                return status, answer

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                first = pool.submit(server.infer, slow, slow_headers)
                time.sleep(0.2)
                later = [pool.submit(ask, "last", 20, 8)]
                time.sleep(0.1)
                later += [pool.submit(ask, "default", 1, 0), pool.submit(ask, "first", 1, 1)]
                self.assertEqual({f.result()[0] for f in later}, {200})
                self.assertEqual(first.result()[0], 200)
            self.assertEqual(order[0], "first")
            self.assertEqual(order[-1], "last")
            for bad in (9, -1, "high"):
                status, answer = ask("", 1, bad)
                self.assertEqual(status, 400)
                self.assertIn("priority", json.loads(answer)["error"])

    def test_parts_of_the_time(self):
        with Server(SMLP, "--max-delay-us", 300_000) as server:
            _, fields, _ = server.infer(png(60, 1), {"Content-Type": "image/png"})
            parts = dict(part.strip().split(";dur=") for part in fields["Server-Timing"].split(","))
            self.assertEqual(list(parts), ["read", "queue", "compute", "write"])
            self.assertGreater(float(parts["queue"]), 200)
            self.assertLess(float(parts["compute"]), 5000)


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    MODEL = str(Path(__file__).resolve().parents[2] / "models" / "smlp_imagenette.safetensors")
    unittest.main()
