"""LitServe with ONNX Runtime and its dynamic batching: processes that take batches from one queue."""

import os
import sys
from typing import Annotated

import litserve
import numpy
from fastapi import Body, Response

from network import Network, answer_of, tensors_of


class Api(litserve.LitAPI):
    def setup(self, device):
        self.network = Network()

    def decode_request(self, request: Annotated[bytes, Body(media_type="application/octet-stream")]):
        return tensors_of(request)

    def batch(self, inputs):
        return numpy.concatenate(inputs)

    def predict(self, tensors):
        return self.network.logits(tensors)

    def unbatch(self, output):
        return list(output[:, None])

    def encode_response(self, output):
        body, json_bytes = answer_of(output)
        return Response(body, media_type="application/octet-stream", headers={"Inference-Header-Content-Length": str(json_bytes)})


if __name__ == "__main__":
    api = Api(max_batch_size=8, batch_timeout=0.002, api_path="/v2/models/smlp/infer")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(os.environ["SERVING_PROCESSES"]))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
