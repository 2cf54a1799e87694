"""./dev loadgen: runs smlp under MLCommons LoadGen.

Builds LoadGen's sources from PyPI with tools/loadgen/*.cc, writes the list of pictures and LoadGen's configuration, runs a
scenario and says what its logs hold. A run of 10 minutes or more that LoadGen calls VALID is "measured with LoadGen"; it is no
MLPerf result, which only MLCommons' review makes. Shorter runs are labelled as not valid.
"""

import argparse
import json
import re
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "loadgen"
VERSION = "6.0.17"
SCENARIOS = ("SingleStream", "Offline", "Server")
FULL = 600  # seconds that LoadGen's rules ask for


def parse():
    parser = argparse.ArgumentParser(prog="./dev loadgen", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("data", type=Path, help="an ImageFolder: pictures in a folder a class")
    add("--scenario", choices=SCENARIOS, default="SingleStream")
    add("--accuracy", action="store_true", help="answer every picture once, and compare with smlp evaluate")
    add("--model", type=Path, default=ROOT / "models" / "smlp_imagenette.safetensors")
    add("--seconds", type=int, default=FULL, help="shortest length (%(default)s, which a valid run needs)")
    add("--samples", type=int, help="fewest samples of Offline (24576, which a valid run needs)")
    add("--rate", type=float, help="pictures a second: of Offline and SingleStream at least what is reached (else twice what a short "
                                   "run reaches), of Server what comes (else half of it)")
    add("--latency-ms", type=float, help="Server: the bound for the 99th percentile (15, LoadGen's for image classification)")
    add("--threads", type=int)
    add("--precision", choices=("fp32", "bf16"))
    add("--encoded", action="store_true", help="decode in the timed part; prepared tensors are given otherwise, as the rules allow")
    add("--build", type=Path, default=ROOT / "build" / "release", help="of the library (%(default)s)")
    add("--json", action="store_true", help="print what the logs hold as one JSON object")
    return parser.parse_args()


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def fetch_sources():
    """LoadGen's C++ sources; the package's own setup makes two of the files, which pip's preparation runs."""
    folder = WORK / f"mlcommons_loadgen-{VERSION}"
    if not (folder / "mlperf_conf.h").exists():
        download = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run([*download, "-d", WORK, f"mlcommons-loadgen=={VERSION}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            print(f"SKIPPED: LoadGen {VERSION} cannot be fetched from PyPI")
            sys.exit(77)
        with tarfile.open(next(WORK.glob("mlcommons_loadgen-*.tar.gz"))) as archive:
            archive.extractall(WORK, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(WORK)
    return folder


def build(given, sources):
    """The program, against an installed tree of the build; LoadGen is compiled once."""
    major, minor = VERSION.split(".")[:2]
    prefix, project = WORK / "prefix", WORK / "project"
    run("cmake", "--install", given.build, "--prefix", prefix)
    run("cmake", "-G", "Ninja", "-S", ROOT / "tools" / "loadgen", "-B", project, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DLOADGEN={sources}", f"-DLOADGEN_MAJOR={major}", f"-DLOADGEN_MINOR={minor}",
        *(["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []),
        f"-DCMAKE_BUILD_RPATH={next(prefix.rglob('libsmlp.so')).parent}")
    run("cmake", "--build", project)
    return project / "smlp_loadgen", prefix / "bin" / "smlp"


def list_pictures(data):
    """LoadGen names samples by their place in this list."""
    folder = data / "val" if (data / "val").is_dir() else data
    files = sorted(p for p in folder.glob("*/*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        sys.exit(f"{data}: no pictures in class folders")
    return files


def write_configuration(path, given, count, rate):
    lines = [f"resnet50.*.performance_sample_count_override = {min(1024, count)}",
             f"*.{given.scenario}.min_duration = {given.seconds * 1000}"]
    if given.scenario == "SingleStream" and rate:
        # So many queries are made beforehand, and a run that uses them up before its time is not valid.
        lines.append(f"*.SingleStream.target_latency = {1000 / rate}")
    if given.scenario == "Offline":
        if given.samples is not None:
            lines.append(f"resnet50.Offline.min_query_count = {given.samples}")
        lines.append(f"*.Offline.target_qps = {rate}")
    if given.scenario == "Server":
        lines.append(f"*.Server.target_qps = {rate}")
        if given.latency_ms is not None:
            lines.append(f"resnet50.Server.target_latency = {given.latency_ms}")
    path.write_text("\n".join(lines) + "\n")


def measure(program, given, pictures, out, rate, mode, scenario=None, seconds=None):
    out.mkdir(parents=True, exist_ok=True)
    used = argparse.Namespace(**{**vars(given), "scenario": scenario or given.scenario,
                                 "seconds": given.seconds if seconds is None else seconds})
    if seconds is not None:
        used.samples = 1
    write_configuration(out / "user.conf", used, len(pictures), rate)
    (out / "pictures.txt").write_text("".join(f"{p}\n" for p in pictures))
    command = [program, "--scenario", used.scenario, "--mode", mode, "--model", given.model, "--pictures", out / "pictures.txt",
               "--config", out / "user.conf", "--out", out]
    command += ["--threads", given.threads] if given.threads else []
    command += ["--precision", given.precision] if given.precision else []
    run(*command, *(["--encoded"] if given.encoded else []))


def summary(out):
    """The lines `name : value` of LoadGen's summary."""
    text = (out / "mlperf_log_summary.txt").read_text()
    values = dict((name.strip(), value.strip()) for name, value in re.findall(r"^([^:\n]+?)\s*:\s*(.+)$", text, re.M))
    reasons = re.findall(r"^\s*\* (.+)$", text, re.M)
    return values, reasons


def throughput(values):
    for name in ("Samples per second", "Completed samples per second", "Scheduled samples per second"):
        if name in values:
            return float(values[name])
    return 1e9 / float(values["Mean latency (ns)"])


def find_rate(program, given, pictures):
    """A short run says what this machine can do."""
    out = WORK / "logs" / "rate"
    measure(program, given, pictures, out, 1000, "performance", "SingleStream" if given.scenario == "SingleStream" else "Offline", 3)
    reached = throughput(summary(out)[0])
    return reached / 2 if given.scenario == "Server" else 2 * reached


def performance(program, given, pictures, out):
    rate = given.rate or find_rate(program, given, pictures)
    measure(program, given, pictures, out, rate, "performance")
    values, reasons = summary(out)
    full = given.seconds >= FULL and given.samples is None
    verdict = values["Result is"] if full else f"not valid: {given.seconds} s are shorter than {FULL} s ({values['Result is']} at that length)"
    report = {"scenario": given.scenario, "verdict": verdict, "pictures_per_second": throughput(values), "reasons": reasons}
    for name, key in [("Mean latency (ns)", "mean_ms"), ("50.00 percentile latency (ns)", "p50_ms"),
                      ("90.00 percentile latency (ns)", "p90_ms"), ("99.00 percentile latency (ns)", "p99_ms")]:
        if name in values:
            report[key] = float(values[name]) / 1e6
    return {**report, "measured_with": f"LoadGen {VERSION}"}


def accuracy(program, smlp, given, pictures, out):
    """LoadGen's log of the answers against the folders' names, and against smlp evaluate."""
    measure(program, given, pictures, out, 1000, "accuracy")
    answers = {}
    for entry in json.loads((out / "mlperf_log_accuracy.json").read_text()):
        (answers[entry["qsl_idx"]],) = struct.unpack("<i", bytes.fromhex(entry["data"]))
    options = ["--precision", given.precision] if given.precision else []
    said = json.loads(run(smlp, "evaluate", given.data, "--model", given.model, "--json", *options))
    index = {row["folder"]: row["index"] for row in said["per_class"]}
    right = sum(answers[i] == index[picture.parent.name] for i, picture in enumerate(pictures))
    report = {"scenario": given.scenario, "pictures": len(pictures), "answered": len(answers), "right1": right,
              "acc1": right / len(pictures), "right1_of_evaluate": said["right1"], "measured_with": f"LoadGen {VERSION}"}
    report["verdict"] = "equal" if (right, len(answers)) == (said["right1"], len(pictures)) else "DIFFERENT"
    return report


def main():
    given = parse()
    given.data, given.model = given.data.resolve(), given.model.resolve()
    WORK.mkdir(parents=True, exist_ok=True)
    program, smlp = build(given, fetch_sources())
    pictures = list_pictures(given.data)
    out = WORK / "logs" / f"{given.scenario}-{'accuracy' if given.accuracy else 'performance'}"
    if given.accuracy:
        report = accuracy(program, smlp, given, pictures, out)
    else:
        report = performance(program, given, pictures, out)
    report["logs"] = str(out)
    if given.json:
        print(json.dumps(report))
    else:
        print("\n".join(f"{name:20} {value}" for name, value in report.items()))
    return 1 if report["verdict"] in ("DIFFERENT", "INVALID") else 0


if __name__ == "__main__":
    sys.exit(main())
