"""The requests that `smlp serve` and the real Triton are both given: each a name, and what is sent.

Both serve the bundled model twice: `smlp` takes FP32 tensors, `pictures` takes encoded pictures.
"""

import gzip
import json
import struct
import zlib
from dataclasses import dataclass, field

from serving import SIDE, VALUES, as_elements, binary_request, noise_tensor, png

BATCH = 8
# Of the model as it is: Triton takes it, and goes on as before.
CONFIG = json.dumps(
    {
        "backend": "python",
        "max_batch_size": BATCH,
        "input": [{"name": "input", "data_type": "TYPE_FP32", "dims": [3, SIDE, SIDE]}],
        "output": [{"name": "output", "data_type": "TYPE_FP32", "dims": [10]}],
        "dynamic_batching": {"max_queue_delay_microseconds": 2000},
        "instance_group": [{"kind": "KIND_CPU", "count": 1}],
    }
)
INFER, PICTURES = "/v2/models/smlp/infer", "/v2/models/pictures/infer"


@dataclass
class Http:
    name: str
    method: str = "GET"
    path: str = "/v2"
    body: bytes | None = None
    headers: dict = field(default_factory=dict)


TENSORS = {pictures: noise_tensor(pictures, pictures) for pictures in (1, 2, 3)} | {9: bytes(4 * 9 * VALUES), BATCH: bytes(4 * BATCH * VALUES)}


def get(*paths):
    return [Http(path, "GET", path) for path in paths]


def post(name, body, headers=None, path=INFER):
    return Http(name, "POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers or {})


def binary(title, /, pictures=1, path=INFER, more_headers=None, **changes):
    """A request with a binary tensor; `changes` go into its JSON."""
    shape = [pictures, 3, SIDE, SIDE]
    body, headers = binary_request(TENSORS[pictures], "FP32", shape, **changes)
    return post(title, body, headers | (more_headers or {}), path)


def words(title, /, path=INFER, top=None, **changes):
    """A request in JSON alone, with its input's fields changed (None: left out) and fields of its own in `top`."""
    entry = {"name": "input", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE], "data": [0.25] * VALUES} | changes
    return post(title, {"inputs": [{k: v for k, v in entry.items() if v is not None}]} | (top or {}), path=path)


def metadata():
    models = [f"/v2/models/{model}{what}" for model in ("smlp", "none") for what in ("", "/ready", "/config")]
    versions = [f"/v2/models/smlp/versions/{version}{what}" for version in ("1", "9", "x") for what in ("", "/ready", "/config")]
    yield from get("/v2", "/v2/", "/v2/health/live", "/v2/health/ready", *models, *versions)
    yield from get("/", "/v3", "/v2/models", "/v2/nothing", "/v2/models/smlp/nothing", "/v2/models/none/versions/1")
    yield from get("/v2/logging", "/v2/trace/setting", "/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status", "/metrics", "/openapi.json")
    for method, path in (("POST", "/v2"), ("DELETE", "/v2/models/smlp"), ("GET", INFER), ("PUT", INFER), ("GET", "/v2/repository/index"), ("HEAD", "/v2")):
        yield Http(f"{method} {path}", method, path, b"" if method in ("POST", "PUT") else None)


def inference():
    numbers = list(struct.unpack(f"<{VALUES}f", TENSORS[1]))
    nested = [[[numbers[(c * SIDE + y) * SIDE :][:SIDE] for y in range(SIDE)] for c in range(3)]]
    yield words("tensor in JSON", data=numbers)
    yield words("tensor in nested JSON", data=nested)
    yield binary("binary tensor")
    yield binary("binary tensors of three", 3)
    yield binary("the largest batch", BATCH)
    yield binary("more than the largest batch", 9)
    yield binary("by its version", path="/v2/models/smlp/versions/1/infer")
    yield binary("by a version that is not there", path="/v2/models/smlp/versions/9/infer")
    yield binary("of a model that is not there", path="/v2/models/none/infer")
    body, headers = binary_request(TENSORS[1], "FP32", [1, 3, SIDE, SIDE], output_binary=False)
    yield post("binary in, JSON out", body, headers)
    yield post("a bare body", TENSORS[1], {"Inference-Header-Content-Length": "0"})
    yield post("a bare body of two", TENSORS[2], {"Inference-Header-Content-Length": "0"})
    yield binary("no outputs asked for", outputs=[])
    yield words("everything binary by binary_data_output", top={"parameters": {"binary_data_output": True}})
    for value in ("42", "", 'a"b\\', "é", 7):
        yield binary(f"id {value!r}", id=value)
    for parameters in ({"priority": 1}, {"priority": 0}, {"priority": 9}, {"timeout": 10_000_000}, {"timeout": -3}, {"mine": "x"}, {"sequence_id": 3}):
        yield binary(f"parameters {json.dumps(parameters)}", parameters=parameters)
    for count in (3, 10, 99, 0, -1, "x"):
        yield binary(f"classification {count}", 2, outputs=[{"name": "output", "parameters": {"classification": count}}])
    yield binary("classification in binary", 2, outputs=[{"name": "output", "parameters": {"classification": 3, "binary_data": True}}])
    yield binary("wrong output", outputs=[{"name": "logits"}])
    yield binary("output twice", outputs=[{"name": "output"}] * 2)
    yield binary("output without a name", outputs=[{}])


def refusals():
    for name, changes in {
        "wrong input name": {"name": "images"},
        "no input name": {"name": None},
        "wrong datatype": {"datatype": "FP16"},
        "unknown datatype": {"datatype": "FP8"},
        "no datatype": {"datatype": None},
        "no shape": {"shape": None},
        "shape without its batch": {"shape": [3, SIDE, SIDE]},
        "shape of another size": {"shape": [1, 3, 64, 64], "data": [0.25] * (3 * 64 * 64)},
        "shape of no picture": {"shape": [0, 3, SIDE, SIDE], "data": []},
        "negative shape": {"shape": [-1, 3, SIDE, SIDE]},
        "shape that overflows": {"shape": [2**62, 3, SIDE, SIDE]},
        "shape of 2^70": {"shape": [2**70, 3, SIDE, SIDE]},
        "shape of fractions": {"shape": [1.5, 3, SIDE, SIDE]},
        "a number too few": {"data": [0.25] * (VALUES - 1)},
        "a number too many": {"data": [0.25] * (VALUES + 1)},
        "words for numbers": {"data": ["a"] * VALUES},
        "booleans for numbers": {"data": [True] * VALUES},
        "numbers beyond FP32": {"data": [1e39] + [0.25] * (VALUES - 1)},
        "no data": {"data": None},
        "data twice": {"parameters": {"binary_data_size": 4}},
    }.items():
        yield words(name, **changes)
    entry = {"name": "input", "datatype": "FP32", "shape": [1, 3, SIDE, SIDE], "data": [0.25] * VALUES}
    yield post("input twice", {"inputs": [entry] * 2})
    for name, body in {
        "an empty body": b"",
        "JSON that ends early": b'{"inputs": [',
        "JSON that is an array": b"[]",
        "an empty object": b"{}",
        "no inputs": b'{"inputs": []}',
        "inputs that are a number": b'{"inputs": 3}',
        "an input that is a number": b'{"inputs": [3]}',
        "invalid UTF-8": b'{"inputs": [\xff\xfe]}',
        "deep JSON": b"[" * 5000,
    }.items():
        yield post(name, body)
    body, headers = binary_request(TENSORS[1], "FP32", [1, 3, SIDE, SIDE])
    length = int(headers["Inference-Header-Content-Length"])
    yield post("a byte too few", body[:-1], headers)
    yield post("a byte too many", body + b"x", headers)
    for value in (str(len(body) + 1), "-1", "x", str(length - 1), str(length + 1)):
        yield post(f"Inference-Header-Content-Length {value}", body, {"Inference-Header-Content-Length": value})
    yield post("binary size beside the shape", *binary_request(TENSORS[1], "FP32", [2, 3, SIDE, SIDE]))


def coding():
    body, headers = binary_request(TENSORS[1], "FP32", [1, 3, SIDE, SIDE])
    for name, coding_name, packed in (("gzip", "gzip", gzip.compress(body)), ("deflate", "deflate", zlib.compress(body))):
        yield post(f"{name} request", packed, headers | {"Content-Encoding": coding_name})
        yield post(f"{name} request that is none", body, headers | {"Content-Encoding": coding_name})
        yield post(f"{name} request that ends early", packed[: len(packed) // 2], headers | {"Content-Encoding": coding_name})
    yield post("br request", body, headers | {"Content-Encoding": "br"})
    yield post("identity request", body, headers | {"Content-Encoding": "identity"})
    outputs = [{"name": "output", "parameters": {"classification": 10}}]
    for accepted in ("gzip", "deflate", "gzip, deflate", "br", "*"):
        yield binary(f"accepts {accepted}", BATCH, more_headers={"Accept-Encoding": accepted}, outputs=outputs)
    yield binary("short answer, accepts gzip", more_headers={"Accept-Encoding": "gzip"})
    yield Http("metadata, accepts gzip", headers={"Accept-Encoding": "gzip"})


def pictures():
    files = [png(64, 1), png(200, 2), png(131, 3)]

    def request(name, data, shape):
        return post(name, *binary_request(data, "BYTES", shape), PICTURES)

    yield request("pictures", as_elements(files), [3])
    yield request("more pictures than the shape", as_elements(files), [2])
    yield request("fewer pictures than the shape", as_elements(files), [4])
    yield request("an element that claims too much", struct.pack("<I", 2**32 - 1) + b"x", [1])
    yield request("a length cut short", b"\1\0", [1])
    yield request("a picture that is none", as_elements([b"no picture"]), [1])
    yield request("a broken picture", as_elements([files[0][:60]]), [1])
    yield words("a picture as a JSON string", PICTURES, datatype="BYTES", shape=[1], data=["x"])
    yield words("a tensor for a model of pictures", PICTURES)


def repository():
    """In order: what one does, the next sees."""

    def ask(what, model=None, body=b""):
        path = f"/v2/repository/models/{model}/{what}" if model else f"/v2/repository/{what}"
        return Http(f"{path} {body.decode()}".strip(), "POST", path, body)

    yield ask("index")
    yield ask("index", body=b"{}")
    yield ask("index", body=b'{"ready": true}')
    yield ask("index", body=b"{")
    yield ask("load", "smlp")
    yield ask("load", "none")
    yield ask("unload", "none")
    yield post("load with a configuration", {"parameters": {"config": CONFIG}}, path="/v2/repository/models/smlp/load")
    yield ask("load", "smlp", b"{")
    yield ask("unload", "pictures")
    for case in [ask("index"), ask("index", body=b'{"ready": true}'), *get("/v2/models/pictures", "/v2/models/pictures/ready", "/v2/models/pictures/stats", "/v2/health/ready")]:
        case.name = f"unloaded: {case.name}"
        yield case
    yield post("unloaded: inference", *binary_request(as_elements([png(64, 1)]), "BYTES", [1]), PICTURES)
    yield ask("load", "pictures", b'{"parameters": {}}')
    yield post("loaded again: inference", *binary_request(as_elements([png(64, 1)]), "BYTES", [1]), PICTURES)


def statistics():
    """Asked at first, and again when a request of three pictures was answered and one refused."""
    yield Http("fresh statistics", path="/v2/models/smlp/stats")
    yield Http("fresh statistics of a version", path="/v2/models/smlp/versions/1/stats")
    yield binary("a request that is counted", 3)
    yield words("a refused request that is counted", shape=[1, 3, 64, 64], data=[0.25] * (3 * 64 * 64))
    yield Http("statistics", path="/v2/models/smlp/stats")
    yield Http("statistics of all models", path="/v2/models/stats")
    yield from get("/v2/models/none/stats", "/v2/models/smlp/versions/9/stats")


HTTP = [*statistics(), *metadata(), *inference(), *refusals(), *coding(), *pictures(), *repository()]


def grpc_cases(pb):
    """(name, method, message) of the same kinds; `pb` is the module of the protocol's messages."""
    tensor, wanted, contents, parameter = (
        pb.ModelInferRequest.InferInputTensor,
        pb.ModelInferRequest.InferRequestedOutputTensor,
        pb.InferTensorContents,
        pb.InferParameter,
    )

    def infer(name, raw=TENSORS[1], shape=(1, 3, SIDE, SIDE), datatype="FP32", values=None, input_name="input", model="smlp", **more):
        entry = tensor(name=input_name, datatype=datatype, shape=shape, contents=values)
        raws = [] if raw is None else [raw]
        return name, "ModelInfer", pb.ModelInferRequest(model_name=model, inputs=[entry], raw_input_contents=raws, **more)

    yield "live", "ServerLive", pb.ServerLiveRequest()
    yield "ready", "ServerReady", pb.ServerReadyRequest()
    yield "server metadata", "ServerMetadata", pb.ServerMetadataRequest()
    for name, version in (("smlp", ""), ("smlp", "1"), ("smlp", "9"), ("none", ""), ("", "")):
        which = f"{name or '(none)'}{version and ' version ' + version}"
        yield f"ready: {which}", "ModelReady", pb.ModelReadyRequest(name=name, version=version)
        yield f"metadata: {which}", "ModelMetadata", pb.ModelMetadataRequest(name=name, version=version)
        yield f"config: {which}", "ModelConfig", pb.ModelConfigRequest(name=name, version=version)
        yield f"statistics: {which}", "ModelStatistics", pb.ModelStatisticsRequest(name=name, version=version)
    yield infer("raw tensor")
    yield infer("raw tensors of three", TENSORS[3], (3, 3, SIDE, SIDE))
    yield infer("typed tensor", None, values=contents(fp32_contents=struct.unpack(f"<{VALUES}f", TENSORS[1])))
    yield infer("id", id="x7")
    yield infer("version", model_version="1")
    yield infer("a version that is not there", model_version="9")
    yield infer("a model that is not there", model="none")
    yield infer("more than the largest batch", TENSORS[9], (9, 3, SIDE, SIDE))
    yield infer("requested output", outputs=[wanted(name="output")])
    yield infer("wrong output", outputs=[wanted(name="logits")])
    yield infer("classification", outputs=[wanted(name="output", parameters={"classification": parameter(int64_param=3)})])
    yield infer("classification that is negative", outputs=[wanted(name="output", parameters={"classification": parameter(int64_param=-1)})])
    yield infer("priority", parameters={"priority": parameter(uint64_param=1)})
    yield infer("priority that is a word", parameters={"priority": parameter(string_param="x")})
    yield infer("timeout", parameters={"timeout": parameter(int64_param=10_000_000)})
    yield infer("a parameter of one's own", parameters={"mine": parameter(string_param="x")})
    yield infer("sequence", parameters={"sequence_id": parameter(int64_param=3)})
    yield infer("wrong input name", input_name="images")
    yield infer("wrong datatype", datatype="FP64")
    yield infer("unknown datatype", datatype="FP8")
    yield infer("wrong shape", shape=(1, 3, 64, 64))
    yield infer("negative shape", shape=(-1, 3, SIDE, SIDE))
    yield infer("shape that overflows", shape=(2**62, 3, SIDE, SIDE))
    yield infer("a byte too few", TENSORS[1][:-1])
    yield infer("a byte too many", TENSORS[1] + b"x")
    yield infer("a number too few", None, values=contents(fp32_contents=[0.5] * (VALUES - 1)))
    yield infer("no data", None)
    yield infer("data twice", values=contents(fp32_contents=[0.5]))
    yield infer("another type's contents", None, values=contents(int_contents=[1] * VALUES))
    yield "no inputs", "ModelInfer", pb.ModelInferRequest(model_name="smlp")
    yield infer("a picture", as_elements([png(64, 1)]), [1], "BYTES", model="pictures")
    yield infer("a typed picture", None, [1], "BYTES", contents(bytes_contents=[png(64, 1)]), model="pictures")
    yield infer("a picture that is none", as_elements([b"no picture"]), [1], "BYTES", model="pictures")
    yield "index", "RepositoryIndex", pb.RepositoryIndexRequest()
    yield "index of what is ready", "RepositoryIndex", pb.RepositoryIndexRequest(ready=True)
    yield "load", "RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name="smlp")
    yield "load what is not there", "RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name="none")
    yield "unload what is not there", "RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name="none")
    settings = {"config": pb.ModelRepositoryParameter(string_param=CONFIG)}
    yield "load with a configuration", "RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name="smlp", parameters=settings)
    yield "shared memory", "SystemSharedMemoryStatus", pb.SystemSharedMemoryStatusRequest()
    yield "trace settings", "TraceSetting", pb.TraceSettingRequest()
    yield "log settings", "LogSettings", pb.LogSettingsRequest()
