"""fork, spawn, signals and interpreters that end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest

import smlp

SHARED: dict[str, object] = {}


def logits_of(argument: tuple[object, str]) -> bytes:
    session, file = argument
    assert isinstance(session, smlp.Session)
    return session.logits(file).tobytes()


def logits_of_shared(file: str) -> bytes:
    session = SHARED["session"]
    assert isinstance(session, smlp.Session)
    return session.logits(file).tobytes()


def preprocess_with_shared(file: str) -> bytes:
    model = SHARED["model"]
    assert isinstance(model, smlp.Model)
    return model.preprocess(file).tobytes()


def test_spawned_processes_have_sessions_of_their_own(
    model: smlp.Model, files: list[Path], program_logits: numpy.ndarray
) -> None:
    session = smlp.Session(model, threads=1)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        got = pool.map(logits_of, [(session, str(file)) for file in files])
    assert b"".join(got) == program_logits.tobytes()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_make_the_session_anew(
    model: smlp.Model, files: list[Path], program_logits: numpy.ndarray
) -> None:
    SHARED["model"] = model
    SHARED["session"] = session = smlp.Session(model, threads=2)
    session.logits(files)  # its threads run, and are not there in the child
    names = [str(file) for file in files]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        got = pool.map_async(logits_of_shared, names).get(60)
        prepared = pool.map_async(preprocess_with_shared, names).get(60)
    assert b"".join(got) == program_logits.tobytes()
    assert b"".join(prepared) == model.preprocess(files).tobytes()
    assert session.logits(files).tobytes() == program_logits.tobytes()  # and the parent's goes on


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_during_a_call_of_another_thread(model: smlp.Model, files: list[Path]) -> None:
    session = smlp.Session(model, threads=1)
    expected = session.logits(files[0]).tobytes()
    busy = threading.Thread(target=session.logits, args=(numpy.zeros((60, 3, 128, 128), numpy.float32),))
    busy.start()
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        fine = session.logits(files[0]).tobytes() == expected
        session.close()
        os._exit(0 if fine else 1)
    for _ in range(600):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == child:
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    busy.join()
    assert status == 0


ENDLESS = """
import itertools, signal, sys, time, numpy, smlp
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
session = smlp.Session(smlp.Model.bundled(), threads=1)
pixels = numpy.zeros((64, 64, 3), numpy.uint8)
tensor = numpy.zeros((100_000, 3, 128, 128), numpy.float32)
begun = time.process_time()
print("ready", flush=True)
try:
    if sys.argv[1] == "tensor":
        session.logits(tensor)
    elif sys.argv[1] == "stream":
        for answer in session.stream(itertools.repeat(pixels)):
            pass
    elif sys.argv[1] == "pipeline":
        for answer in smlp.pipeline(model=session)(itertools.repeat(pixels)):
            pass
    else:
        session.predict([pixels] * 100_000)
except KeyboardInterrupt:
    print(time.process_time() - begun < 2)  # not after a look at 20 GB of floats
    print(session.logits(pixels).shape)  # the session is as it was
    sys.exit(7)
"""


@pytest.mark.parametrize("kind", ["tensor", "pictures", "stream", "pipeline"])
def test_ctrl_c_ends_a_long_call(kind: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 7 and out == "True\n(10,)\n"
    assert time.monotonic() - start < 50  # the call itself would take minutes


def test_a_signal_handler_cannot_reenter(model: smlp.Model) -> None:
    session = smlp.Session(model, threads=1)
    errors: list[Exception] = []

    def handler(number: int, frame: object) -> None:
        try:
            session.logits(numpy.zeros((3, 128, 128), numpy.float32))
        except smlp.ResourceError as error:
            errors.append(error)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        session.logits(numpy.zeros((150, 3, 128, 128), numpy.float32))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(errors) == 1 and "of its own" in str(errors[0])


def test_the_interpreter_ends_while_a_daemon_thread_computes() -> None:
    code = (
        "import smlp, sys, threading, numpy, time\n"
        "s = smlp.Session(smlp.Model.bundled(), threads=1)\n"
        "x = numpy.zeros((2000, 3, 128, 128), numpy.float32)\n"
        "def work():\n"
        "    while True:\n"
        "        try: s.logits(x[:int(sys.argv[1])])\n"
        "        except smlp.SmlpError as error: print('raised', error, file=sys.stderr)\n"
        "for _ in range(2): threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.3)\n"
    )
    for pictures in (2000, 1, 2000, 1, 2000):  # it is a matter of when
        done = subprocess.run([sys.executable, "-c", code, str(pictures)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_importing_costs_little_and_loads_neither_numpy_nor_torch() -> None:
    code = "import sys, smlp; print(sorted(m for m in ('numpy', 'torch', 'PIL', 'pandas', 'asyncio') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_program_comes_along() -> None:
    done = subprocess.run([sys.executable, "-m", "smlp", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"smlp {smlp.__version__}\n"
    refused = subprocess.run([sys.executable, "-m", "smlp", "clasify"], capture_output=True, text=True)
    assert refused.returncode == 2 and "classify" in refused.stderr
