"""FastAPI with ONNX Runtime, as one writes it: a request, a run; threads of the pool compute, the loop goes on."""

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from network import Network, answer_of, tensors_of

app = FastAPI()
network = Network()


def infer(body):
    return answer_of(network.logits(tensors_of(body)))


@app.post("/v2/models/smlp/infer")
async def ask(request: Request):
    body = await request.body()
    answer, json_bytes = await run_in_threadpool(infer, body)
    return Response(answer, media_type="application/octet-stream", headers={"Inference-Header-Content-Length": str(json_bytes)})


@app.get("/v2/health/ready")
async def ready():
    return {"ready": True}
