"""smlp's worker of `./dev peers`, driven as the contest drives it: python3 worker_test.py SMLP_PEERS_OURS SMLP

Its logits must be those of `smlp infer`. Without the bundled model it says so and exits with 77.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
import unittest
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from peers import accuracy, process  # noqa: E402

MODEL = ROOT / "models" / "smlp_imagenette.safetensors"
SIDE, CLASSES, PICTURES = 128, 10, 4


class OurWorker(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.pictures = self.scratch / "pictures.bin"
        noise = random.Random(1)
        self.pictures.write_bytes(array("f", (noise.uniform(-2, 2) for _ in range(PICTURES * 3 * SIDE**2))).tobytes())

    def worker(self, model=MODEL):
        command = [WORKER, model, self.pictures, 1]
        return process.Worker("smlp", command, os.sched_getaffinity(0), self.scratch / "log", {})

    def test_logits_are_those_of_smlp_infer(self):
        subprocess.run([SMLP, "infer", "--model", MODEL, "--input", self.pictures, "--batchsize", str(PICTURES),
                        "--outfmt", "BIN", "--output", self.scratch, "--output_dirname", "run", "--threads", "1"],
                       check=True, capture_output=True)
        expected = accuracy.read_logits(self.scratch / "run" / "pictures_0.bin", CLASSES)
        for batch, whole in ((1, 4), (2, 4), (3, 3), (4, 4)):
            with self.worker() as worker:
                self.assertEqual(worker.ask(f"prepare {batch}", 60)["threads"], 1)
                self.assertEqual(worker.ask(f"logits {self.scratch / 'logits'}", 60), {"pictures": whole})
            self.assertEqual(accuracy.read_logits(self.scratch / "logits", CLASSES), expected[:whole])

    def test_it_runs_as_long_as_told_and_sleeps_otherwise(self):
        with self.worker() as worker:
            worker.ask("prepare 1", 60)
            answer = worker.ask("run 0.2", 60)
            self.assertGreaterEqual(answer["seconds"], 0.2)
            self.assertGreater(answer["executions"], 0)
            time.sleep(0.2)
            before = worker.cpu_seconds()
            time.sleep(0.5)
            self.assertLessEqual(worker.cpu_seconds() - before, 0.02)

    def test_faults_are_told(self):
        with self.worker() as worker:
            with self.assertRaisesRegex(process.WorkerFailed, "comes first"):
                worker.ask("run 1", 60)
            with self.assertRaisesRegex(process.WorkerFailed, "no batch of that many"):
                worker.ask("prepare 5", 60)
            with self.assertRaisesRegex(process.WorkerFailed, "no command"):
                worker.ask("prepare 1", 60) and worker.ask("dance", 60)
        with self.worker(self.scratch / "absent.smlp") as worker:
            with self.assertRaisesRegex(process.WorkerFailed, "status 1: .*absent.smlp"):
                worker.ask("prepare 1", 60)


if __name__ == "__main__":
    WORKER, SMLP = sys.argv[1:3]
    if not MODEL.exists():
        print("SKIPPED: no bundled model in models/")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
