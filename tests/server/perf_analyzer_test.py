#!/usr/bin/env python3
"""NVIDIA's perf_analyzer measures `smlp serve`: over HTTP and gRPC, with zeros and with its random bits, NaN among them.

    perf_analyzer_test.py --smlp BIN [unittest arguments]

It ends with an error at the first refused request, and where the server's statistics stand still or do not fit each other.
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/serving"))

import perf_analyzer  # noqa: E402
from environments import is_ready  # noqa: E402
from serving import Server  # noqa: E402

SMLP = ""


class PerfAnalyzer(unittest.TestCase):
    def test_it_measures(self):
        with Server(SMLP) as server:
            for protocol, port in (("http", server.port), ("grpc", server.grpc_port)):
                for data in ("zero", "random"):
                    with self.subTest(protocol=protocol, data=data):
                        measured = perf_analyzer.measure(port, "smlp", 2, 0.5, protocol, data)
                        self.assertGreater(measured["per_second"], 0)
                        self.assertGreaterEqual(measured["p99_us"], measured["p50_us"])


if __name__ == "__main__":
    if not is_ready("triton"):
        print("SKIPPED: server_perf_analyzer, the server measured by it: it is not there (./dev serving --prepare installs it)")
        sys.exit(77)
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
