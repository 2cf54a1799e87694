#!/usr/bin/env python3
"""The OpenAPI description that the server has of itself, by schemathesis: generated requests, and answers as described.

    openapi_test.py --smlp BIN [--examples N]
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile

from serving import Server


def check_paths(server, description):
    """Every path of the description is there, and answers by it, with the model's name put in."""
    for path, operations in description["paths"].items():
        for method in set(operations) & {"get", "post"}:
            if path.endswith("/infer"):
                continue
            status, _, _ = server.request(method.upper(), path.replace("{model}", "smlp"))
            if status != 200:
                raise SystemExit(f"{method.upper()} {path}: {status}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", required=True)
    parser.add_argument("--examples", type=int, default=25)
    options = parser.parse_args()
    if importlib.util.find_spec("schemathesis") is None:
        print("SKIPPED: server_openapi, requests made from the description: no schemathesis (tools/requirements-test.txt)")
        return 77
    with Server(options.smlp) as server, tempfile.TemporaryDirectory() as folder:
        check_paths(server, server.get("/openapi.json")[1])
        url = f"http://127.0.0.1:{server.port}"
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url, "--checks", checks]
            + ["--max-examples", str(options.examples), "--seed", "1", "--no-color", "--phases", "examples,coverage,fuzzing"],
            capture_output=True,
            text=True,
            cwd=folder,  # it keeps a cache where it runs
        )
        if done.returncode != 0 or server.process.poll() is not None:
            print(done.stdout[-8000:], done.stderr[-3000:])
            return 1
        print(re.search(r"Test cases:[\s\S]*", done.stdout) and "\n".join(done.stdout.splitlines()[-15:]))
        if server.get("/v2/health/ready")[0] != 200:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
