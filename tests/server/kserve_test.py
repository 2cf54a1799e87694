#!/usr/bin/env python3
"""`smlp serve` by KServe's own clients of the protocol, over REST and gRPC (from PyPI, in an environment of their own).

    kserve_test.py --smlp BIN [unittest arguments]
"""

import asyncio
import logging
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/serving"))

from environments import is_ready, python_of  # noqa: E402

if not is_ready("kserve"):
    print("SKIPPED: server_kserve, the server by KServe's clients: they are not there (./dev serving --prepare installs them)")
    sys.exit(77)
if Path(sys.prefix).resolve() != python_of("kserve").parents[1].resolve():
    os.execv(python_of("kserve"), [str(python_of("kserve")), *sys.argv])

import grpc  # noqa: E402
import httpx  # noqa: E402
import numpy as np  # noqa: E402
from kserve import InferInput, InferRequest, InferenceGRPCClient, InferenceRESTClient  # noqa: E402
from kserve.inference_client import RESTConfig  # noqa: E402
from kserve.protocol.infer_type import RequestedOutput  # noqa: E402

from serving import Server, classify_logits, png  # noqa: E402

SMLP = ""


def pictures(files):
    value = InferInput("input", [len(files)], "BYTES")
    value.set_data_from_numpy(np.array(files, dtype=object), binary_data=True)
    return value


def tensor(binary):
    value = InferInput("input", [2, 3, 128, 128], "FP32")
    values = np.random.default_rng(1).normal(size=(2, 3, 128, 128)).astype(np.float32)
    value.set_data_from_numpy(values, binary_data=binary)
    return value


def logits(answer):
    return answer.outputs[0].as_numpy()


class Clients(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        logging.disable(logging.CRITICAL)  # the clients log what they raise
        self.server = Server(SMLP)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.rest = InferenceRESTClient(RESTConfig(protocol="v2"))
        self.grpc = InferenceGRPCClient(f"127.0.0.1:{self.server.grpc_port}")

    async def asyncTearDown(self):
        await self.rest.close()
        await self.grpc.close()
        self.server.__exit__()

    async def test_what_the_server_says(self):
        self.assertTrue(await self.rest.is_server_live(self.url) and await self.rest.is_server_ready(self.url))
        self.assertTrue(await self.rest.is_model_ready(self.url, "smlp"))
        self.assertFalse(await self.rest.is_model_ready(self.url, "other"))
        self.assertTrue(await self.grpc.is_server_live() and await self.grpc.is_server_ready())
        self.assertTrue(await self.grpc.is_model_ready("smlp"))
        self.assertFalse(await self.grpc.is_model_ready("other"))

    async def test_pictures_and_tensors(self):
        files = [png(90, 1), png(150, 2)]
        wanted = np.frombuffer(b"".join(classify_logits(SMLP, files)), np.float32).reshape(2, 10)
        request = InferRequest("smlp", [pictures(files)], request_id="x7")
        for answer in (await self.rest.infer(self.url, request, "smlp"), await self.grpc.infer(request)):
            self.assertEqual((answer.id, answer.model_name), ("x7", "smlp"))
            np.testing.assert_array_equal(logits(answer), wanted)
        answers = []
        for binary_in in (True, False):
            for binary_out in (True, False):
                output = [RequestedOutput("output", {"binary_data": binary_out})]
                request = InferRequest("smlp", [tensor(binary_in)], request_outputs=output)
                answers.append(logits(await self.rest.infer(self.url, request, "smlp")))
            answers.append(logits(await self.grpc.infer(InferRequest("smlp", [tensor(binary_in)]))))
        for answer in answers:
            np.testing.assert_array_equal(answer, answers[0])

    async def test_many_at_once(self):
        request = InferRequest("smlp", [tensor(True)])
        calls = [self.rest.infer(self.url, request, "smlp") for _ in range(10)] + [self.grpc.infer(request) for _ in range(10)]
        answers = [logits(answer) for answer in await asyncio.gather(*calls)]
        for answer in answers:
            np.testing.assert_array_equal(answer, answers[0])

    async def test_errors_arrive_as_such(self):
        value = InferInput("input", [1, 3, 8, 8], "FP32")
        value.set_data_from_numpy(np.zeros((1, 3, 8, 8), np.float32), binary_data=True)
        request = InferRequest("smlp", [value])
        with self.assertRaisesRegex(httpx.HTTPStatusError, r"takes \[N,3,128,128\].*400"):
            await self.rest.infer(self.url, request, "smlp")
        with self.assertRaises(grpc.RpcError) as raised:
            await self.grpc.infer(request)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        with self.assertRaisesRegex(httpx.HTTPStatusError, "there is no model 'other'.*404"):
            await self.rest.infer(self.url, InferRequest("other", [tensor(True)]), "other")


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
