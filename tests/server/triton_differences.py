"""Where `smlp serve` and Triton differ, as patterns of what triton_test.py sees; docs/serving.md says why."""

from typing import NamedTuple

ANY = ".*"


class Difference(NamedTuple):
    name: str  # its row in the table of docs/serving.md
    case: str  # regular expressions, of the whole: the request, the field, what Triton says, what smlp says
    field: str
    theirs: str
    ours: str


def difference(name, *rows):
    return [Difference(name, *row) for row in rows]


# Where only one of them answers with success, the status alone is compared.
DIFFERENCES = [
    *difference(
        "further headers",
        ("HTTP: .*", "server", "-", "smlp"),
        ("HTTP: .*", "vary", "-", "Accept-Encoding"),
        ("HTTP: .*", "x-content-type-options", "-", "nosniff"),
        ("HTTP: .*", "server-timing", "-", r"\(times\)"),
        ("HTTP: .*", "allow", "-", "GET, HEAD|POST"),
        ("HTTP: br request", "accept-encoding", "gzip, deflate", "-"),
    ),
    *difference("type of errors", ("HTTP: .*", "content-type", "text/plain", "application/json")),
    *difference(
        "names and what is offered",
        (".*(/v2|metadata.*)", r"(body|answer)\.name", "triton", "smlp"),
        (".*(/v2|metadata.*)", r"(body|answer)\.version", r"2\.51\.0", r"\d+\.\d+\.\d+"),
        (".*(/v2|metadata.*)", r"(body|answer)\.extensions", ANY, ANY),
        (".*(smlp|versions/1|version 1)", r"(body|answer)\.platform", "python", "smlp"),
    ),
    *difference(
        "configuration",
        ("(HTTP|gRPC): .*config(: .*)?", r"(body|answer\.config)\.(?!max_batch_size|name|(input|output)\.0\.(name|data_type|dims)).*", ANY, ANY),
    ),
    *difference(
        "bodies of health",
        ("HTTP: .*/(live|ready)", "body", "", "-"),
        ("HTTP: .*/(live|ready)", r"body\.(live|ready)", "-", "true"),
        ("HTTP: .*/models/smlp/.*ready", r"body\.name", "-", "smlp"),
    ),
    *difference("a model that is not there", (".*(none|/9|version 9|pictures)/(ready|stats)", "status", "400", "404"), ("gRPC: statistics: (none|smlp version 9)", "status", "INVALID_ARGUMENT", "NOT_FOUND")),
    *difference("paths of one server alone", ("HTTP: /v2/(logging|trace/setting|systemsharedmemory/status|cudasharedmemory/status)", "status", "200", "404"), ("HTTP: /(openapi.json|metrics)?|HTTP: /v2/", "status", "404", "200"), ("gRPC: (shared memory|trace settings|log settings)", "status", "OK", "UNIMPLEMENTED")),
    *difference("HEAD", ("HTTP: HEAD /v2", "status", "405", "200")),
    *difference(
        "malformed requests are the client's fault",
        ("HTTP: .*", "status", "500", "400"),
        ("gRPC: (no inputs|shape that overflows|a picture that is none)", "status", "INTERNAL", "INVALID_ARGUMENT"),
    ),
    *difference("a coding that is not known", ("HTTP: br request", "status", "501", "415")),
    *difference(
        "what means nothing is refused",
        (r'HTTP: parameters {"(priority": 9|sequence_id": 3)}', "status", "200", "400"),
        ("HTTP: (output twice|numbers beyond FP32)", "status", "200", "400"),
        ("HTTP: load with a configuration", "status", "200", "400"),
        ("gRPC: sequence", "status", "OK", "INVALID_ARGUMENT"),
        ("gRPC: load with a configuration", "status", "OK", "INVALID_ARGUMENT"),
    ),
    *difference("more pictures than a batch", (".*more than the largest batch", "status", "400|INVALID_ARGUMENT", "200|OK"), ("HTTP: a bare body of two", "status", "400", "200")),
    *difference("pictures and tensors by one model", ("HTTP: a tensor for a model of pictures", "status", "400", "200")),
    *difference("labels", (".*(classification|accepts).*", r"body\.outputs\.0\.data|tensor", "value:index", "value:index:label")),
    *difference("short answers", ("HTTP: short answer, accepts gzip", "content-encoding", "gzip", "-")),
    *difference("connections that are closed", ("HTTP: Inference-Header-Content-Length (-1|x)", "connection", "-", "close")),
    *difference(
        "statistics",
        (".*statistics.*", r"(body|answer)\.model_stats\.\d\.(memory_usage|response_stats)", r"\[\]|\{\}", "-"),
        (".*statistics.*", r"(body|answer)\.model_stats\.\d\.inference_stats\.fail\.(count|ns)", "0|-", r"\d+|\(a time\)"),
        (".*statistics.*", r"(body|answer)\.model_stats\.\d\.batch_stats\.\d\.compute_(input|output)\.ns", r"\(a time\)", "0|-"),
    ),
    *difference(
        "the repository's answers",
        ("HTTP: .*index.*", r"body\.\d\.reason", "-", ""),
        ("HTTP: .*/(load|unload).*", "body", "", r"\{\}"),
    ),
    *difference(
        "loading what is not there",
        ("HTTP: .*/none/(load|unload)", "status", "500|200", "404"),
        ("gRPC: (load|unload) what is not there", "status", "INTERNAL|OK", "NOT_FOUND"),
    ),
]
