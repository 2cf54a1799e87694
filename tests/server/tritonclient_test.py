#!/usr/bin/env python3
"""`smlp serve` by NVIDIA's own client of the protocol, tritonclient (from PyPI, in the tests' environment).

    tritonclient_test.py --smlp BIN [unittest arguments]
"""

import sys
import unittest

try:
    import numpy as np
    import tritonclient.http as http
    from tritonclient.utils import InferenceServerException
except ImportError as error:
    print(f"SKIPPED: server_tritonclient, the server by another's client: {error} (tools/requirements-test.txt)")
    sys.exit(77)

from serving import Server, classify_logits, png

SMLP = ""


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(SMLP)
        cls.client = http.InferenceServerClient(f"127.0.0.1:{cls.server.port}", concurrency=4)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.__exit__()

    def test_what_the_server_says(self):
        self.assertTrue(self.client.is_server_live() and self.client.is_server_ready() and self.client.is_model_ready("smlp"))
        self.assertEqual(self.client.get_server_metadata()["name"], "smlp")
        self.assertEqual(self.client.get_model_metadata("smlp")["outputs"][0]["shape"], [-1, 10])
        self.assertEqual(self.client.get_model_config("smlp")["max_batch_size"], 8)
        self.assertEqual(self.client.get_model_repository_index()[0]["state"], "READY")
        self.assertIn("model_stats", self.client.get_inference_statistics("smlp"))

    def pictures(self, files):
        value = http.InferInput("input", [len(files)], "BYTES")
        value.set_data_from_numpy(np.array(files, dtype=object), binary_data=True)
        return value

    def test_pictures(self):
        files = [png(90, 1), png(150, 2), png(128, 3)]
        wanted = np.frombuffer(b"".join(classify_logits(SMLP, files)), np.float32).reshape(3, 10)
        for binary in (True, False):
            output = http.InferRequestedOutput("output", binary_data=binary)
            result = self.client.infer("smlp", [self.pictures(files)], outputs=[output], request_id="x7")
            self.assertEqual(result.get_response()["id"], "x7")
            np.testing.assert_array_equal(result.as_numpy("output"), wanted)
        output = http.InferRequestedOutput("output", binary_data=True, class_count=2)
        best = self.client.infer("smlp", [self.pictures(files)], outputs=[output]).as_numpy("output")
        self.assertEqual(best.shape, (3, 2))
        self.assertEqual([int(line.split(b":")[1]) for line in best[:, 0]], wanted.argmax(axis=1).tolist())

    def test_tensors_compressed_and_asynchronous(self):
        tensor = np.random.default_rng(1).normal(size=(2, 3, 128, 128)).astype(np.float32)
        answers = []
        for binary in (True, False):
            value = http.InferInput("input", list(tensor.shape), "FP32")
            value.set_data_from_numpy(tensor, binary_data=binary)
            for packing in (None, "gzip", "deflate"):
                answers.append(self.client.infer("smlp", [value], request_compression_algorithm=packing).as_numpy("output"))
            answers += [r.get_result().as_numpy("output") for r in [self.client.async_infer("smlp", [value]) for _ in range(4)]]
        for answer in answers:
            np.testing.assert_array_equal(answer, answers[0])

    def test_errors_arrive_as_such(self):
        value = http.InferInput("input", [1, 3, 8, 8], "FP32")
        value.set_data_from_numpy(np.zeros((1, 3, 8, 8), np.float32))
        with self.assertRaisesRegex(InferenceServerException, r"takes \[N,3,128,128\]"):
            self.client.infer("smlp", [value])
        with self.assertRaisesRegex(InferenceServerException, "there is no model"):
            self.client.infer("other", [self.pictures([png(10, 1)])])


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
