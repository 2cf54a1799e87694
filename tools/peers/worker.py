"""A Python peer in its own process: `python -m peers.worker SETUP`, SETUP a JSON object (see Setup).

The commands are those of process.py. A module backend_NAME.py holds a class Backend with
    __init__(setup)
    prepare(batch, pictures)   gets ready for `batch` pictures at a time; may try these to choose between ways of
                               working; returns {"effective": TEXT, what precision runs; "choice": TEXT}
    set_input(pictures)        batch x channels x side x side float32, C order
    execute()                  -> batch x classes, of the pictures set last
"""

import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass

import numpy as np


@dataclass
class Setup:
    backend: str
    mode: str
    precision: str  # fp32, bf16 or int8
    threads: int
    onnx: dict       # opset: the network's file
    quantized: dict  # mode: its file in int8
    checkpoint: str  # the same for PyTorch
    config: dict     # as `smlp info --json` has it
    pictures: str    # file of float32


class Commands:
    def __init__(self, setup):
        shape = (-1, setup.config["channels"], setup.config["image"], setup.config["image"])
        self.pictures = np.fromfile(setup.pictures, np.float32).reshape(shape)
        self.backend = importlib.import_module(f".backend_{setup.backend}", __package__).Backend(setup)
        self.batch = 0

    def prepare(self, batch):
        self.batch = int(batch)
        first = self.pictures[: self.batch]
        chosen = self.backend.prepare(self.batch, first)
        self.backend.set_input(first)
        return chosen

    def logits(self, path):
        rows = []
        for start in range(0, len(self.pictures) - self.batch + 1, self.batch):
            self.backend.set_input(self.pictures[start : start + self.batch])
            rows.append(np.array(self.backend.execute(), np.float32))
        self.backend.set_input(self.pictures[: self.batch])
        np.concatenate(rows).tofile(path)
        return {"pictures": self.batch * len(rows)}

    def run(self, seconds):
        start, executions, elapsed = time.perf_counter(), 0, 0.0
        while executions == 0 or elapsed < float(seconds):
            self.backend.execute()
            executions += 1
            elapsed = time.perf_counter() - start
        return {"executions": executions, "seconds": elapsed}


def private_stdout():
    """Answers go here; whatever a library prints goes to the log."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def main():
    answers = private_stdout()
    commands = None
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            commands = commands or Commands(Setup(**json.loads(sys.argv[1])))
            answers.write(f"ok {json.dumps(getattr(commands, name)(*arguments))}\n")
        except Exception as error:  # whatever a peer throws is its answer
            traceback.print_exc()
            text = " ".join(str(error).split())
            answers.write(f"error {type(error).__name__}: {text[:300]}\n")


if __name__ == "__main__":
    main()
