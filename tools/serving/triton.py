"""The real Triton, with its Python backend and ONNX Runtime: its model repository, its command line, its variables.

It comes from PyPI with the environment `triton` of peers/requirements.txt, which environments.py makes.
"""

from pathlib import Path

from environments import BUILD, PEERS

CONFIG = """
name: "{name}"
backend: "python"
max_batch_size: {batch}
input [ {{ name: "input" data_type: {type} dims: {dims} }} ]
output [ {{ name: "output" data_type: TYPE_FP32 dims: {classes} }} ]
instance_group [ {{ kind: KIND_CPU count: {processes} }} ]
{more}
"""
BATCHING = "dynamic_batching { max_queue_delay_microseconds: 2000 }"


def write_model(repository, name, datatype, dims, batch=8, processes=1, more=BATCHING):
    """A model of the repository, which answers [-1, 10] logits; batch 0: Triton batches nothing, and dims are whole shapes."""
    folder = Path(repository, name)
    (folder / "1").mkdir(parents=True, exist_ok=True)
    classes = "[ 10 ]" if batch else "[ -1, 10 ]"
    values = {"name": name, "type": datatype, "dims": dims, "batch": batch, "classes": classes, "processes": processes, "more": more}
    (folder / "config.pbtxt").write_text(CONFIG.format(**values))
    for source, copy in (("triton_model.py", "model.py"), ("network.py", "network.py")):
        (folder / "1" / copy).write_text((PEERS / source).read_text())


def packages():
    return next((BUILD / "triton/lib").glob("python3*")) / "site-packages"


def link_backend():
    """Where Triton looks for its Python backend: beside it, the stub that is made for this Python."""
    home = packages() / "pytriton/tritonserver"
    python_version = packages().parent.name.removeprefix("python")
    stub = home / "python_backend_stubs" / python_version / "triton_python_backend_stub"
    backend = BUILD / "backends/python"
    backend.mkdir(parents=True, exist_ok=True)
    for file in [*(home / "backends/python").glob("*.*"), stub]:
        link = backend / file.name
        if not link.exists():
            link.symlink_to(file)
    return backend.parent


def command(repository, http_port, *options):
    """(command line, variables)"""
    program = packages() / "pytriton/tritonserver/bin/tritonserver"
    line = [program, "--model-repository", repository, "--backend-directory", link_backend(), "--http-port", http_port, "--http-address", "127.0.0.1"]
    line += ["--log-info", "false", "--log-warning", "false", *options]
    variables = {"LD_LIBRARY_PATH": str(packages() / "nvidia_pytriton.libs"), "SERVING_PACKAGES": str(packages())}
    return list(map(str, line)), variables
