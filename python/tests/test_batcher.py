"""smlp.Batcher: awaited, from threads, refused, cancelled, late, closed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from support import picture_pixels

import smlp

PIXELS = picture_pixels(50, 40, 3)


def test_await(model: smlp.Model, session: smlp.Session, files: list[Path]) -> None:
    async def classify(batcher: smlp.Batcher) -> list[object]:
        requests = [batcher.submit(file, top=2) for file in files * 4]
        return await asyncio.gather(*requests)

    with smlp.Batcher(model, threads=1) as batcher:
        answers = asyncio.run(classify(batcher))
        assert answers == session.predict(files, top=2) * 4
        counts = batcher.statistics()
    assert counts.answered == counts.accepted == 24 and counts.queue.events == 24
    assert sum(n * times for n, times in enumerate(counts.batches)) == 24
    assert max(n for n, times in enumerate(counts.batches) if times) > 1


def test_every_kind_of_picture_and_logits(
    model: smlp.Model, files: list[Path], program_logits: numpy.ndarray
) -> None:
    with smlp.Batcher(model, threads=1, max_delay=0) as batcher:
        for file, expected in zip(files, program_logits):
            for x in (file, str(file), file.read_bytes(), model.preprocess(file)):
                got = batcher.submit(x, top=None).result(30)
                assert got.tobytes() == expected.tobytes() and got.dtype == numpy.float32


def test_many_threads(model: smlp.Model, files: list[Path], session: smlp.Session) -> None:
    expected = [one[0].index for one in session.predict(files, top=1)]
    with smlp.Batcher(model, threads=1) as batcher, concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda f: batcher.submit(f, top=1).result(60)[0].index, files * 10))
    assert got == expected * 10


def test_errors_of_the_picture_and_of_the_call(model: smlp.Model, files: list[Path]) -> None:
    with smlp.Batcher(model, threads=1) as batcher:
        broken, fine = batcher.submit(b"text"), batcher.submit(files[0])
        with pytest.raises(smlp.PictureError, match="JPEG or PNG"):
            broken.result(30)
        assert len(fine.result(30)) == 5
        for x, kind in [
            (PIXELS.astype(float), smlp.InputTypeError),
            ([PIXELS], smlp.InputTypeError),
            (PIXELS[None], smlp.InputError),
            (numpy.full((3, 128, 128), numpy.nan, numpy.float32), smlp.InputError),
        ]:
            with pytest.raises(kind):
                batcher.submit(x)
        for wrong in ({"top": 0}, {"top": 1.5}, {"timeout": "3"}, {"timeout": float("nan")}):
            with pytest.raises(smlp.OptionError):
                batcher.submit(PIXELS, **wrong)  # type: ignore[arg-type]
        late = [batcher.submit(PIXELS, timeout=-1.0), batcher.submit(PIXELS, timeout=0.0)]
        for request in late:
            with pytest.raises(smlp.DeadlineError) as caught:
                request.result(30)
            assert isinstance(caught.value, TimeoutError) and caught.value.transient
        for long in (1e9, 1e300, float("inf")):
            assert len(batcher.submit(PIXELS, timeout=long).result(30)) == 5
    with pytest.raises(smlp.ClosedError):
        batcher.submit(PIXELS)
    batcher.close()
    for options in ({"max_delay": -1}, {"max_queue": 0}, {"max_batch": 0}, {"precision": "int4"}, {"max_delay": "1"},
                    {"max_queue": 1.5}, {"max_batch": None}, {"threads": "2"}):
        with pytest.raises(smlp.OptionError):
            smlp.Batcher(model, **options)


def test_a_full_queue_refuses_and_cancelled_requests_are_not_computed(model: smlp.Model) -> None:
    batcher = smlp.Batcher(model, threads=1, max_batch=1, max_queue=4)
    taken, refused = [], 0
    while not refused:
        try:
            taken.append(batcher.submit(PIXELS))
        except smlp.QueueFullError as error:
            refused += 1
            assert "full" in str(error)
    assert taken[-1].cancel() and taken[-1].cancelled()
    batcher.close()
    counts = batcher.statistics()
    assert counts.refused == 1 and counts.accepted == len(taken) == counts.answered + counts.cancelled
    assert counts.cancelled == 1
    for request in taken[:-1]:
        assert len(request.result(0)) == 5


def test_a_batcher_is_no_value(model: smlp.Model) -> None:
    with smlp.Batcher(model, threads=1) as batcher:
        assert re.fullmatch(r"<smlp.Batcher of <smlp.Model .*>: \d+ queued, \d+ running, 0 answered>", repr(batcher))
        for copied in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(pickle.PicklingError, match="one in each"):
                copied(batcher)  # type: ignore[operator]


def test_coroutines_that_are_cancelled(model: smlp.Model, session: smlp.Session) -> None:
    async def go(batcher: smlp.Batcher) -> list[object]:
        async def one() -> object:
            return await batcher.submit(PIXELS, top=1)

        tasks = [asyncio.ensure_future(one()) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks[10:]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises((asyncio.TimeoutError, TimeoutError)):
            await asyncio.wait_for(one(), 1e-6)
        return answers

    with smlp.Batcher(model, threads=1) as batcher:
        answers = asyncio.run(go(batcher))
    assert answers[:10] == [session.predict(PIXELS, top=1)] * 10
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[10:])
    counts = batcher.statistics()
    assert counts.answered + counts.cancelled == counts.accepted and counts.queued == counts.running == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told(model: smlp.Model) -> None:
    batcher = smlp.Batcher(model, threads=1)
    child = os.fork()
    if child == 0:
        try:
            batcher.submit(PIXELS)
        except smlp.ClosedError as error:
            os._exit(0 if "each process" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert len(batcher.submit(PIXELS).result(30)) == 5
    batcher.close()


def test_an_open_batcher_does_not_keep_the_interpreter_from_ending() -> None:
    code = (
        "import smlp, numpy\n"
        "b = smlp.Batcher(smlp.Model.bundled(), threads=1)\n"
        "r = [b.submit(numpy.zeros((50, 50, 3), numpy.uint8)) for _ in range(20)]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
