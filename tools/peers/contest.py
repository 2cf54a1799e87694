"""One run: prepares what everybody needs, then lets ours and each peer run in turns at each batch size."""

import hashlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import accuracy, catalog, duel, machine
from .process import Worker, WorkerFailed

# GELU and LayerNorm in elementary operators, LayerNorm as one, and both as one: each peer runs its fastest.
OPSETS = ["11", "17", "20"]
CALIBRATION = 32  # pictures
PREPARE_LIMIT = 3600  # seconds; compilers are slow
RUN_LIMIT = 1200
DISTURBED = 0.05  # CPUs that an idle side may use


@dataclass(frozen=True)
class Network:
    """The same weights in all forms."""

    title: str
    config: dict     # of `smlp info --json`
    gmacs: float     # a picture
    checkpoint: str  # for PyTorch
    onnx: dict       # opset: file
    compiled: dict   # precision: .smlp
    quantized: dict  # mode of a peer in int8: its file


class Contest:
    def __init__(self, options, environment, paths, say):
        self.options, self.environment, self.paths, self.say = options, environment, paths, say
        self.cpus = machine.usable_cpus()[: options.threads or None]
        self.threads = options.threads or len(self.cpus)
        self.precisions = sorted({peer.precision for peer in options.peers})
        self.answers = {}  # (who, precision): Agreement, the worst of all batch sizes
        self.checked = set()
        self.load = os.getloadavg()[0]
        self.peaks, self.isas = {}, {}
        self.results, self.failures = [], []

    # What everybody needs.

    def smlp(self, *arguments):
        command = [self.paths.smlp, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        if done.returncode != 0:
            raise RuntimeError(f"smlp {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def make_inputs(self, *arguments):
        command = [self.environment.python, "-m", "peers.make_inputs", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"no {arguments[0]} could be made: {last}")

    def prepare_network(self):
        work, named = self.paths.work, self.options.network
        checkpoint = named
        if not os.path.isfile(named):
            checkpoint = work / f"{named}.pth"
            self.make_inputs("checkpoint", named, checkpoint)
        info = json.loads(self.smlp("info", "--json", checkpoint))
        if not info["config"]:
            raise RuntimeError(f"{checkpoint} holds no sMLPNet: {info['why_no_network']}")
        onnx = {opset: str(work / f"opset{opset}.onnx") for opset in OPSETS}
        for opset, path in onnx.items():
            self.smlp("export", "--force", "--pth_path", checkpoint, "--onnx_path", path, "--opset_version", opset)
        compiled, quantized = {}, {}
        for precision in self.precisions:
            compiled[precision] = work / f"{precision}.smlp"
            calibration = ["--calibrate", self.calibration_pictures(checkpoint, info["config"])] if precision == "int8" else []
            self.smlp("compile", "--force", "--log", "error", "--model", checkpoint, "--precision", precision,
                      "--output", compiled[precision], *calibration)
        if "int8" in compiled:
            quantized = self.quantize(compiled["int8"], onnx["20"], info["config"])
        title = f"sMLPNet {named}" if not os.path.isfile(named) else os.path.basename(named)
        self.network = Network(f"{title} at {info['config']['image']}", info["config"], info["macs"] / 1e9,
                               str(checkpoint), onnx, compiled, quantized)

    def calibration_pictures(self, checkpoint, config):
        """A file of prepared pictures, the same for everybody."""
        if not self.options.calibrate:
            self.calibration = self.paths.work / "calibration.bin"
            self.make_inputs("--seed", 2, "pictures", CALIBRATION, json.dumps(config), self.calibration)
            return self.calibration
        files = sorted(path for path in Path(self.options.calibrate).rglob("*.*")
                       if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        some = [files[i * len(files) // CALIBRATION] for i in range(CALIBRATION)] if files else []
        listed, bins = self.paths.work / "calibration.txt", self.paths.work / "calibration" / "bins"
        listed.write_text("".join(f"{path.resolve()} 0\n" for path in some))
        self.smlp("preprocess", "--force", "--data_root", f"@{listed}", "--save_dir", bins, "--model", checkpoint, "--batch_size",
                  CALIBRATION)
        self.calibration = bins / "batch-00000.bin"
        return self.calibration

    def quantize(self, compiled, onnx, config):
        """The int8 network as others take it. What NNCF made is kept: it takes minutes."""
        qdq, made_of = self.paths.work / "qdq.onnx", hashlib.sha256()
        self.smlp("export", "--force", "--pth_path", compiled, "--onnx_path", qdq, "--opset_version", 20)
        for file in (onnx, self.calibration):
            made_of.update(Path(file).read_bytes())
        made_of.update(str(self.environment.versions().get("nncf")).encode())
        nncf = self.paths.work / f"nncf-{made_of.hexdigest()[:16]}.xml"
        if not nncf.exists() and "nncf" not in self.environment.failures:
            try:
                self.make_inputs("quantized", onnx, self.calibration, json.dumps(config), nncf)
            except RuntimeError as failure:
                self.environment.failures["nncf"] = str(failure)
        return {"QDQ": str(qdq), "NNCF": str(nncf)}

    def prepare_pictures(self):
        most = max(16, *self.options.batch_sizes)
        self.pictures = self.paths.work / "pictures.bin"
        self.make_inputs("pictures", -(-most // 8) * 8, json.dumps(self.network.config), self.pictures)

    def measure_peak(self, precision):
        """GFLOP/s of the instructions that its products use, by `smlp bench`, and the kernels' name. Called before each
        peer: the highest is nearest to what the machine can do."""
        report = json.loads(self.smlp("bench", "--model", self.network.compiled[precision], "--precision", precision,
                                      "--batch-sizes", 1, "--threads", self.threads, "--loop", 1, "--json"))
        self.peaks[precision] = max(report["peak_gflops"], self.peaks.get(precision, 0))
        self.isas[precision] = report["isa"]

    # Workers.

    def our_worker(self, precision):
        command = [self.paths.ours, self.network.compiled[precision], self.pictures, self.threads]
        return Worker("smlp", command, self.cpus, self.paths.logs / f"smlp-{precision}.log", {})

    def peer_worker(self, peer):
        for package in peer.packages:
            if package in self.environment.failures:
                raise WorkerFailed(self.environment.failures[package])
        setup = {"backend": peer.backend, "mode": peer.mode, "precision": peer.precision, "threads": self.threads,
                 "onnx": self.network.onnx, "quantized": self.network.quantized, "checkpoint": self.network.checkpoint, "config": self.network.config,
                 "pictures": str(self.pictures)}
        settings = {"OMP_NUM_THREADS": str(self.threads), "CUDA_VISIBLE_DEVICES": "",
                    "TORCHINDUCTOR_CACHE_DIR": str(self.paths.inductor),
                    "PYTHONPATH": os.pathsep.join([str(self.paths.root / "tools"), str(self.paths.python)])}
        command = [self.environment.python, "-m", "peers.worker", json.dumps(setup)]
        return Worker(peer.name, command, self.cpus, self.paths.logs / f"{peer.name}.log", settings)

    def logits_of(self, worker):
        path = self.paths.work / f"{worker.name}.logits"
        worker.ask(f"logits {path}", RUN_LIMIT)
        return accuracy.read_logits(path, self.network.config["classes"])

    def compute_reference(self):
        """PyTorch's fp32 logits; those of another fp32 peer where PyTorch does not run."""
        others = [peer for peer in catalog.PEERS if peer.precision == "fp32" and peer is not catalog.REFERENCE]
        for peer in [catalog.REFERENCE, *others]:
            try:
                with self.peer_worker(peer) as worker:
                    worker.ask("prepare 8", PREPARE_LIMIT)
                    self.reference, self.reference_peer = self.logits_of(worker), peer
                return
            except WorkerFailed as failure:
                self.say(f"{peer.name} cannot be the reference: {failure}")
        raise RuntimeError("no peer can compute the reference logits")

    # The contest itself.

    def check(self, who, worker, precision):
        got = self.logits_of(worker)
        agreement = accuracy.compare(got, self.reference[: len(got)])
        worst = self.answers.get((who, precision))
        if worst is None or not agreement.error <= worst.error:
            self.answers[who, precision] = agreement
        if wrong := agreement.wrong(precision):
            raise WorkerFailed(wrong)

    def check_ours(self, worker, precision, batch):
        if (precision, batch) in self.checked:
            return
        try:
            self.check("smlp", worker, precision)
        except WorkerFailed as failure:
            raise WorkerFailed(f"smlp itself: {failure}") from None
        self.checked.add((precision, batch))

    def meet(self, peer, batch):
        with self.our_worker(peer.precision) as ours, self.peer_worker(peer) as theirs:
            ours.ask(f"prepare {batch}", PREPARE_LIMIT)
            start = time.monotonic()
            chosen = theirs.ask(f"prepare {batch}", PREPARE_LIMIT)
            preparation = time.monotonic() - start
            self.check_ours(ours, peer.precision, batch)
            self.check(peer.name, theirs, peer.precision)
            turns = duel.fight(ours, theirs, batch, self.options.rounds, self.options.seconds, RUN_LIMIT)
        if turns.disturbance > DISTURBED:
            self.say(f"{peer.name}, batch {batch}: the idle side used {turns.disturbance:.2f} CPUs")
        return {"peer": peer.name, "batch": batch, "prepared_in": preparation, **chosen, **turns.as_dict()}

    def hold(self):
        if self.load > machine.BUSY:
            self.say(f"other programs are running (load {self.load:.1f}): this spoils every number")
        self.prepare_network()
        self.prepare_pictures()
        self.compute_reference()
        for peer in self.options.peers:
            self.measure_peak(peer.precision)
            for batch in self.options.batch_sizes:
                try:
                    result = self.meet(peer, batch)
                except WorkerFailed as failure:
                    self.failures.append({"peer": peer.name, "batch": batch, "reason": str(failure)})
                    self.say(f"{peer.name}, batch {batch}: {failure}")
                    continue
                self.results.append(result)
                ratio = duel.Turns(result["ours"], result["theirs"]).ratio()
                self.say(f"{peer.name}, batch {batch}: ours/theirs {ratio.median:.2f}")
        return self.report()

    def report(self):
        """What is saved as JSON, and all that a table is made of."""
        versions = self.environment.versions()
        return {
            "date": time.strftime("%Y-%m-%d %H:%M"), "quick": self.options.quick,
            "machine": machine.cpu_model(), "load": self.load,
            "cpus": self.cpus, "threads": self.threads, "commit": machine.commit(self.paths.root),
            "network": self.network.title, "config": self.network.config, "gmacs": self.network.gmacs,
            "rounds": self.options.rounds, "seconds": self.options.seconds, "peaks": self.peaks, "isas": self.isas,
            "versions": {package: versions.get(package) for peer in self.options.peers for package in peer.packages},
            "reference": self.reference_peer.name,
            "reference_classes": len({row.index(max(row)) for row in self.reference}),
            "answers": [{"who": who, "precision": precision, **agreement.as_dict()}
                        for (who, precision), agreement in self.answers.items()],
            "results": self.results, "failures": self.failures}
