#!/usr/bin/env python3
"""`smlp serve` beside other servers: the same requests, from the same load generator, one server after the other.

    compare.py                       all servers that can be had, into build/serving/results.json, and the table
    compare.py --server smlp triton  these alone; other results stay
    compare.py --table               the table of what was measured

Servers of the whole protocol are also asked by NVIDIA's perf_analyzer, which fails where the protocol's statistics make no
sense. Every server gets the bundled model in float32 and the machine's processors, which it shares with the load generator. What each is
asked first is compared with what `smlp serve` answers, so that nobody is fast by answering something else.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import perf_analyzer
import triton
from environments import BUILD, PEERS, ROOT, environment, version

PORT = 18300


def setting(processes):
    """How a peer uses the processors: as several processes of one thread, or as one of several threads."""
    cores = len(os.sched_getaffinity(0))
    return {"SERVING_PROCESSES": str(processes), "SERVING_THREADS": str(max(1, cores // processes)), "SERVING_ONNX": str(BUILD / "smlp.onnx")}


def smlp_command(options):
    return [options.bin / "smlp", "serve", "--no-grpc", "--http-port", str(PORT), *options.smlp], {}, "smlp"


def fastapi_command(options):
    python = environment("web")
    command = [python, "-m", "uvicorn", "--app-dir", PEERS, "--host", "127.0.0.1", "--port", str(PORT), "--log-level", "warning", "--workers", str(options.processes), "fastapi_app:app"]
    return python and command, setting(options.processes), f"FastAPI {python and version(python, 'fastapi')}"


def litserve_command(options):
    python = environment("web")
    return python and [python, PEERS / "litserve_app.py", str(PORT)], setting(options.processes), f"LitServe {python and version(python, 'litserve')}"


def triton_command(options):
    if environment("triton") is None:
        return None, {}, "Triton"
    for name, kind, dims in (("smlp", "TYPE_FP32", "[ 3, 128, 128 ]"), ("smlp_pictures", "TYPE_STRING", "[ 1 ]")):
        triton.write_model(BUILD / "models", name, kind, dims, processes=options.processes)
    more = ["--http-thread-count", 2, "--allow-grpc", "false", "--allow-metrics", "false"]
    command, variables = triton.command(BUILD / "models", PORT, *more)
    return command, setting(options.processes) | variables, "Triton 2.51"


COMMANDS = {"smlp": smlp_command, "triton": triton_command, "litserve": litserve_command, "fastapi": fastapi_command}


@contextlib.contextmanager
def running(command, variables, log):
    with open(log, "w") as file:
        process = subprocess.Popen(list(map(str, command)), env=os.environ | variables, stdout=file, stderr=file, start_new_session=True)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what the server started, too
            process.wait()


def ask(body, json_bytes, model):
    """The logits that a server answers to a request."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/v2/models/{model}/infer", body, {"Inference-Header-Content-Length": str(json_bytes), "Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        data, length = answer.read(), int(answer.headers["Inference-Header-Content-Length"])
    return memoryview(data[length:]).cast("f").tolist()


def request_of(kind, options):
    """(body, the bytes of it that are JSON)"""
    if kind == "tensors":
        data, shape, datatype = memoryview(bytearray(4 * 3 * 128 * 128)), [1, 3, 128, 128], "FP32"
        values = data.cast("f")
        for i in range(len(values)):
            values[i] = i % 97 / 48 - 1
    else:
        picture = options.picture.read_bytes()
        data, shape, datatype = len(picture).to_bytes(4, "little") + picture, [1, 1], "BYTES"
    head = {
        "inputs": [{"name": "input", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}],
        "outputs": [{"name": "output", "parameters": {"binary_data": True}}],
    }
    text = json.dumps(head).encode()
    return text + data, len(text)


def wait_until_ready(process, options):
    body, json_bytes = request_of("tensors", options)
    end = time.monotonic() + 40
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            ask(body, json_bytes, "smlp")
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not answer within 40 s")


def load(options, kind, model, *more):
    what = ["--tensor", "3,128,128"] if kind == "tensors" else ["--picture", options.picture, "--protocol"]
    command = [options.bin / "smlp_load", "--port", PORT, "--model", model, "--warmup", 1, "--seconds", options.seconds, *what, *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(name, options):
    command, variables, title = COMMANDS[name](options)
    if not command:
        return None
    BUILD.mkdir(parents=True, exist_ok=True)
    with running(command, variables, BUILD / f"{name}.log") as process:
        wait_until_ready(process, options)
        result = {"title": title, "processes": options.processes if name != "smlp" else None, "logits": {}, "kinds": {}}
        for kind in ("tensors", "pictures"):
            model = "smlp_pictures" if name == "triton" and kind == "pictures" else "smlp"
            result["logits"][kind] = ask(*request_of(kind, options), model)
            result["kinds"][kind] = {
                "full": load(options, kind, model, "--clients", 16),
                "one": load(options, kind, model, "--clients", 1),
                "open": load(options, kind, model, "--rate", options.rate),
            }
        if name in ("smlp", "triton"):  # it asks for metadata and statistics, which others do not have
            try:
                result["perf_analyzer"] = perf_analyzer.measure(PORT, "smlp", 16, options.seconds / 3)
            except RuntimeError as error:
                print(f"{name}: perf_analyzer: {error}")
        return result


def check_logits(results):
    """Others differ from smlp in the order of their sums, and by a rounding of a pixel; not by more."""
    for name, result in results.items():
        for kind, logits in result["logits"].items():
            wanted = results["smlp"]["logits"][kind]
            worst = max(abs(a - b) for a, b in zip(logits, wanted, strict=True))
            if not worst < 0.02 * max(map(abs, wanted)):
                raise SystemExit(f"{name} answers other {kind}: {logits} instead of {wanted}")


def table(results, options):
    lines = [
        "| server | requests | at saturation, a second | p99 | one client, p50 | "
        f"{options.rate:g} a second, p50 | p99 | perf_analyzer, a second | p99 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("tensors", "pictures"):
        for result in results.values():
            one = result["kinds"][kind]
            ms = lambda part, name, of=one: f"{of[part][name] / 1000:.1f} ms"
            perf = result.get("perf_analyzer") if kind == "tensors" else None
            by_perf = f"{perf['per_second']:.0f} | {perf['p99_us'] / 1000:.1f} ms" if perf else "- | -"
            late = "" if one["open"]["outcomes"].get("200") == one["open"]["requests"] else f" ({one['open']['outcomes']})"
            lines.append(
                f"| {result['title']} | {kind} | {one['full']['good_per_second']:.0f} | {ms('full', 'p99_us')} | {ms('one', 'p50_us')} "
                f"| {ms('open', 'p50_us')} | {ms('open', 'p99_us')}{late} | {by_perf} |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--picture", type=Path, required=not {"--table", "--prepare"} & set(sys.argv), help="a JPEG file")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rate", type=float, default=100, help="requests a second of the open loop")
    parser.add_argument("--processes", type=int, default=2, help="of each peer; their threads share the processors")
    parser.add_argument("--smlp", nargs="*", default=[], help="options of smlp serve")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin", help="where smlp and smlp_load are")
    parser.add_argument("--prepare", action="store_true", help="install and export, and measure nothing")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    if not options.table:
        if not (BUILD / "smlp.onnx").exists():
            model = ROOT / "models/smlp_imagenette.safetensors"
            subprocess.run([options.bin / "smlp", "export", model, BUILD / "smlp.onnx", "--opset", "17"], check=True, stdout=subprocess.DEVNULL)
        if options.prepare:
            raise SystemExit(0 if all(environment(name) for name in ("web", "triton", "kserve")) else 1)
        for name in options.server:
            try:
                if result := measure(name, options):
                    results[name] = result
            except (RuntimeError, subprocess.CalledProcessError, OSError) as error:
                print(f"{name}: {error}; see {BUILD / name}.log")
        results = {name: results[name] for name in COMMANDS if name in results}
        file.write_text(json.dumps(results))
    if "smlp" in results:
        check_logits(results)
        print(table(results, options))


if __name__ == "__main__":
    main()
