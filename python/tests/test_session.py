"""Every kind of input gives the program's logits to the bit, and what is wrong with one is said."""

from __future__ import annotations

import array
import copy
import ctypes
import io
import pickle
import re
import threading
import time
from pathlib import Path

import numpy
import pytest
from PIL import Image

import smlp
from support import encoded, picture_pixels


def equal(a: numpy.ndarray, b: numpy.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


class OnlyArray:
    """Something that becomes an array, and is none."""

    def __init__(self, array: numpy.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: object = None, copy: object = None) -> numpy.ndarray:
        return self.array


class OnlyDLPack:
    def __init__(self, array: numpy.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: object) -> object:
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> object:
        return self.array.__dlpack_device__()


class OfAGraph(OnlyDLPack):
    """As torch's tensors are that some operation made of parameters."""

    requires_grad = True

    def detach(self) -> OnlyDLPack:
        return OnlyDLPack(self.array)


def rgb(file: Path) -> numpy.ndarray:
    return numpy.array(Image.open(file).convert("RGB"))


def bottom_up(file: Path) -> numpy.ndarray:
    return rgb(file)[::-1].copy()[::-1]


def wide_rows(file: Path) -> numpy.ndarray:
    pixels = rgb(file)
    padded = numpy.full((pixels.shape[0], pixels.shape[1] + 7, 3), 99, numpy.uint8)
    padded[:, :-7] = pixels
    return padded[:, :-7]


def planes(file: Path) -> numpy.ndarray:
    return numpy.ascontiguousarray(rgb(file).transpose(2, 0, 1)).transpose(1, 2, 0)


def read_only(file: Path) -> numpy.ndarray:
    pixels = rgb(file)
    pixels.flags.writeable = False
    return pixels


def of_ctypes(file: Path) -> object:
    pixels = rgb(file)
    height, width, _ = pixels.shape
    return (ctypes.c_uint8 * 3 * width * height).from_buffer_copy(pixels.tobytes())


ONE = {
    "path": lambda file: file,
    "string": str,
    "bytes": Path.read_bytes,
    "bytearray": lambda file: bytearray(file.read_bytes()),
    "memoryview": lambda file: memoryview(file.read_bytes()),
    "PIL, not loaded": Image.open,
    "PIL, RGB": lambda file: Image.open(file).convert("RGB"),
    "uint8 HWC": rgb,
    "rows from bottom to top": bottom_up,
    "rows that lie apart": wide_rows,
    "planes": planes,
    "read-only": read_only,
    "__array__": lambda file: OnlyArray(rgb(file)),
    "DLPack": lambda file: OnlyDLPack(rgb(file)),
    "the buffer protocol, without strides": of_ctypes,
}


@pytest.mark.parametrize("kind", ONE)
def test_logits_of_one_picture_are_the_programs(
    kind: str, session: smlp.Session, files: list[Path], program_logits: numpy.ndarray
) -> None:
    for file, expected in zip(files, program_logits):
        assert equal(session.logits(ONE[kind](file)), expected), file


@pytest.mark.parametrize("kind", ONE)
def test_logits_of_many_pictures_are_the_programs(
    kind: str, session: smlp.Session, files: list[Path], program_logits: numpy.ndarray
) -> None:
    pictures = [ONE[kind](file) for file in files]
    assert equal(session.logits(pictures), program_logits)
    assert equal(session.logits(iter(pictures)), program_logits)
    assert equal(session.logits(tuple(pictures)), program_logits)
    many = pictures * 5  # more than a batch
    assert equal(session.logits(many), numpy.concatenate([program_logits] * 5))


def test_prepared_tensors_give_the_programs_logits(
    model: smlp.Model, session: smlp.Session, files: list[Path], program_logits: numpy.ndarray
) -> None:
    tensor = model.preprocess(files)
    assert equal(session.logits(tensor), program_logits)
    assert equal(session.logits(tensor[2]), program_logits[2])
    assert equal(session.logits(tensor[2:3]), program_logits[2:3])
    assert equal(session.logits(list(tensor)), program_logits)
    assert equal(session.logits([tensor[4], tensor[0]]), program_logits[[4, 0]])
    assert equal(session.logits(tensor[::-1]), program_logits[::-1])
    assert equal(session.logits(tensor[:, :, ::-1].copy()[:, :, ::-1]), program_logits)
    channels_last = numpy.ascontiguousarray(tensor.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert equal(session.logits(channels_last), program_logits)
    assert equal(session.logits(numpy.concatenate([tensor] * 5)), numpy.concatenate([program_logits] * 5))
    unaligned = numpy.frombuffer(b"x" + tensor.tobytes(), numpy.uint8)[1:].view(numpy.float32).reshape(tensor.shape)
    assert equal(session.logits(unaligned), program_logits)


def test_kinds_mix(session: smlp.Session, model: smlp.Model, files: list[Path], program_logits: numpy.ndarray) -> None:
    mixed = [files[0], files[1].read_bytes(), Image.open(files[2]), rgb(files[3]), model.preprocess(files[4]), str(files[5])]
    assert equal(session.logits(mixed), program_logits)
    pixels = numpy.stack([picture_pixels(70, 60, seed) for seed in range(11)])
    assert equal(session.logits(pixels), session.logits([encoded(p) for p in pixels]))
    strings = numpy.array([str(file) for file in files])
    assert equal(session.logits(strings), program_logits)
    objects = numpy.empty(2, object)
    objects[:] = [files[0].read_bytes(), files[1].read_bytes()]
    assert equal(session.logits(objects), program_logits[:2])


def test_arrays_are_not_copied(session: smlp.Session, model: smlp.Model) -> None:
    """Zeros that nobody has touched take no memory; a copy of them would."""
    import resource

    tensor = numpy.zeros((200, 3, 128, 128), numpy.float32)
    session.logits(tensor[:8])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    session.logits(tensor[:200])
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 200 * 3 * 128 * 128 * 4 / 2


def test_predictions_and_probabilities(session: smlp.Session, files: list[Path]) -> None:
    logits = session.logits(files).astype(float)
    exponents = numpy.exp(logits - logits.max(1, keepdims=True))
    softmax = exponents / exponents.sum(1, keepdims=True)
    assert numpy.allclose(session.predict_proba(files), softmax, rtol=1e-6, atol=1e-9)
    assert equal(session.predict_proba(files[0]), session.predict_proba(files)[0])
    best = session.predict(files, top=3)
    assert [[p.index for p in one] for one in best] == numpy.argsort(-logits, 1)[:, :3].tolist()
    assert best[0][0].label == session.model.class_names[best[0][0].index]
    assert session.predict(files[0], top=3) == best[0]
    assert len(session.predict(files[0], top=1000)) == 10
    assert len(session.predict(files[0])) == 5
    assert repr(best[0][0]).startswith("Prediction('")


def test_a_stream_answers_each_item(session: smlp.Session, files: list[Path], program_logits: numpy.ndarray) -> None:
    items = [files[0], b"no picture", 5, files[1], numpy.full((3, 128, 128), numpy.nan, numpy.float32), "missing.jpg"]
    answers = list(session.stream(items * 3, top=2))
    assert [a.index for a in answers] == list(range(18))
    kinds = [type(None), smlp.PictureError, smlp.InputTypeError, type(None), smlp.SmlpError, smlp.PictureError]
    for answer, kind in zip(answers, kinds * 3):
        assert isinstance(answer.error, kind) and answer.ok == (kind is type(None))
    assert answers[6].logits is not None and equal(answers[6].logits, program_logits[0])
    assert len(answers[3].result()) == 2
    with pytest.raises(smlp.PictureError, match="missing.jpg"):
        answers[5].result()
    assert list(session.stream([])) == []


def test_a_stream_is_of_several(session: smlp.Session, files: list[Path]) -> None:
    """The letters of a path, the rows of an image, the lines of a file and the keys of a dict are no pictures."""
    image = Image.fromarray(PIXELS)
    tensor = numpy.zeros((3, 128, 128), numpy.float32)
    for one in (str(files[0]), files[0], b"bytes", PIXELS, tensor, image, io.BytesIO(b"x"), {"a": PIXELS}, 5, None):
        with pytest.raises(smlp.InputTypeError, match=r"pass \[x\]"):
            session.stream(one)  # type: ignore[arg-type]
    assert [a.ok for a in session.stream(numpy.stack([PIXELS] * 3))] == [True] * 3
    assert [a.ok for a in session.stream(numpy.array([str(f) for f in files]))] == [True] * len(files)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert [a.ok for a in session.stream(pandas.Series([str(f) for f in files]))] == [True] * len(files)


def test_a_stream_is_lazy(session: smlp.Session, files: list[Path]) -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield files[taken % len(files)]

    stream = session.stream(endless())
    assert taken == 0
    for _ in range(20):
        next(stream)
    assert taken <= 20 + session.batch


def test_an_iterable_that_raises(session: smlp.Session, files: list[Path]) -> None:
    def two_then_raise() -> object:
        yield files[0]
        yield files[1]
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        session.logits(two_then_raise())
    stream = session.stream(two_then_raise())
    assert next(stream).ok and next(stream).ok
    with pytest.raises(KeyError, match="of the caller"):
        next(stream)


PIXELS = picture_pixels(40, 30, 1)


class GivesNoArray:
    def __array__(self, dtype: object = None, copy: object = None) -> str:
        return "none"


def closed_image() -> Image.Image:
    image = Image.fromarray(PIXELS)
    image.close()
    return image


def cut_image() -> Image.Image:
    """Opened, but not decoded yet."""
    file = io.BytesIO()
    Image.fromarray(picture_pixels(300, 300, 1)).save(file, "JPEG")
    return Image.open(io.BytesIO(file.getvalue()[:4000]))


REFUSED = [
    (PIXELS.astype(float), smlp.InputTypeError, "float64.*astype"),
    (PIXELS.astype(numpy.float16), smlp.InputTypeError, "float16"),
    (PIXELS.astype(numpy.int64), smlp.InputTypeError, "int64"),
    (PIXELS > 3, smlp.InputTypeError, "bool"),
    (PIXELS.astype(">f4"), smlp.InputTypeError, "byte order"),
    (PIXELS.astype(complex), smlp.InputTypeError, "complex"),
    (PIXELS[..., 0], smlp.InputError, "numpy.stack"),
    (PIXELS.transpose(2, 0, 1), smlp.InputError, r"transpose\(1, 2, 0\)"),
    (numpy.dstack([PIXELS, PIXELS[..., 0]]), smlp.InputError, "alpha"),
    (PIXELS[0, 0], smlp.InputError, r"bytes\(x\)"),
    (PIXELS[:0], smlp.PictureError, "no picture"),
    (PIXELS[None][:0], smlp.InputError, "empty"),
    (PIXELS.astype(numpy.float32), smlp.InputError, r"\(30, 40, 3\).*\(3, 128, 128\)"),
    (numpy.zeros((1, 1, 3, 128, 128), numpy.float32), smlp.InputError, "128"),
    (numpy.full((3, 128, 128), numpy.nan, numpy.float32), smlp.InputError, "NaN"),
    ([numpy.zeros((3, 128, 128), numpy.float32), numpy.full((3, 128, 128), numpy.inf, numpy.float32)], smlp.InputError, "picture 1.*infinity"),
    (numpy.float32(3), smlp.InputError, "128"),
    (5, smlp.InputTypeError, "int"),
    (None, smlp.InputTypeError, "NoneType"),
    ([], smlp.InputError, "empty"),
    (iter(()), smlp.InputError, "empty"),
    ([[PIXELS]], smlp.InputTypeError, "list"),
    ([PIXELS[None]], smlp.InputError, "array of 1"),
    ({"image": PIXELS}, smlp.InputTypeError, "mapping"),
    ({"a.jpg", "b.jpg"}, smlp.InputTypeError, "no order"),
    (frozenset(), smlp.InputTypeError, "no order"),
    (numpy.ndarray, smlp.InputTypeError, "class ndarray itself"),
    (Path, smlp.InputTypeError, "class .*Path itself"),
    ([(PIXELS, 3)], smlp.InputTypeError, r"x\[0\] for x"),
    ((ctypes.c_int * 3)(), smlp.InputTypeError, "int32"),
    ((ctypes.c_uint8 * 300)(), smlp.InputError, r"bytes\(x\)"),
    (array.array("B", encoded(PIXELS)), smlp.InputError, r"bytes\(x\)"),
    ("\ud800.jpg", smlp.InputError, "half a character"),
    (["\ud800.jpg", PIXELS], smlp.InputError, "half a character"),
    ("\udcff.jpg", smlp.PictureError, r"\\xff.jpg: cannot open"),
    (b"", smlp.PictureError, "empty|is not"),
    (b"\xff\xd8\xff\xe0 cut", smlp.PictureError, "."),
    (encoded(PIXELS)[:-500], smlp.PictureError, "."),
    (memoryview(PIXELS[:, ::2]), smlp.InputError, "bytes"),
    ("no/such.jpg", smlp.PictureError, "no/such.jpg"),
    (["no/such.jpg", PIXELS], smlp.PictureError, "no/such.jpg"),
    ([PIXELS, b"text"], smlp.PictureError, "picture 1"),
    ("/", smlp.PictureError, "/"),
    ("", smlp.PictureError, "."),
    (Image.fromarray(PIXELS).convert("F"), smlp.InputError, "'F'"),
    (Image.fromarray(PIXELS).convert("I"), smlp.InputError, "'I'"),
    (numpy.array(object(), object), smlp.InputTypeError, "ndarray"),
    (numpy.array(["2026-11-24"], "datetime64[D]"), smlp.InputTypeError, "datetime64"),
    (numpy.ma.masked_array(PIXELS, PIXELS > 200), smlp.InputTypeError, "mask.*filled"),
    (io.BytesIO(encoded(PIXELS)), smlp.InputTypeError, r"BytesIO.*x.read\(\)"),
    ([io.BytesIO(encoded(PIXELS))], smlp.InputTypeError, "open file"),
    (GivesNoArray(), smlp.InputTypeError, "GivesNoArray gives no array"),
    ("http://localhost/a.jpg", smlp.InputError, "URL"),
    ("s3://bucket/a.jpg", smlp.InputError, "URL"),
    ("file:///a.jpg", smlp.InputError, "URL"),
    ("a b://c.jpg", smlp.PictureError, "cannot open"),
    (["data:image/png;base64,AAAA"], smlp.InputError, "URL"),
    ("a.jpg\0.png", smlp.InputError, "NUL"),
    (closed_image, smlp.PictureError, "Pillow"),
    (cut_image, smlp.PictureError, "Pillow.*truncated"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
@pytest.mark.parametrize("call", ["logits", "predict", "predict_proba"])
def test_what_is_no_picture_is_refused(number: int, call: str, session: smlp.Session) -> None:
    x, kind, words = REFUSED[number]
    if isinstance(x, type(iter(()))):
        x = iter(())
    if x is closed_image or x is cut_image:
        x = x()
    with pytest.raises(kind) as caught:
        getattr(session, call)(x)
    assert re.search(words, str(caught.value)), caught.value
    assert isinstance(caught.value, smlp.SmlpError)
    if kind is smlp.InputTypeError:
        assert isinstance(caught.value, TypeError)
    else:
        assert isinstance(caught.value, ValueError)
    restored = pickle.loads(pickle.dumps(caught.value))
    assert str(restored) == str(caught.value) and restored.what == caught.value.what


class Failing:
    """A dataset whose storage is gone."""

    def __iter__(self) -> object:
        raise ConnectionError("the storage is gone")


def test_what_an_iterable_raises_is_raised(session: smlp.Session, model: smlp.Model) -> None:
    for call in (session.logits, session.predict, session.predict_proba, session.stream, model.preprocess):
        with pytest.raises(ConnectionError, match="gone"):
            call(Failing())  # type: ignore[operator]
    # Names of files that are no text: what is raised prints, and says the path as it was given.
    with pytest.raises(smlp.PictureError) as caught:
        session.logits("\udcff.jpg")
    assert caught.value.file == "\udcff.jpg" and str(caught.value).encode()


def test_columns_of_tables_are_pictures_and_tables_are_not(
    session: smlp.Session, files: list[Path], program_logits: numpy.ndarray
) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame({"path": [str(file) for file in files], "bytes": [file.read_bytes() for file in files]})
    for column in table:
        assert equal(session.logits(table[column]), program_logits)
        assert [answer.ok for answer in session.stream(table[column])] == [True] * len(files)
    for call in (session.logits, session.stream, session.model.preprocess, smlp.pipeline(model=session)):
        with pytest.raises(smlp.InputTypeError, match="column"):
            call(table)
    answers = pandas.DataFrame(session.predict(files[0], top=3))
    assert list(answers.columns) == ["index", "label", "probability"] and len(answers) == 3


def test_options_are_checked(model: smlp.Model) -> None:
    for options, words in [
        ({"threads": -1}, "threads"),
        ({"batch": 0}, "batch"),
        ({"batch": 1 << 20}, "batch"),
        ({"precision": "int4"}, "int4"),
        ({"mode": "fast"}, "throughput"),
        ({"isa": "abacus"}, "abacus"),
        ({"threads": 1.5}, "threads is 1.5"),
        ({"threads": "2"}, "threads"),
        ({"threads": 1 << 40}, "largest"),
        ({"batch": None}, "batch"),
        ({"isa": 3}, "isa is 3"),
        ({"mode": None}, "mode"),
        ({"precision": b"fp32"}, "precision"),
        ({"precision": "FP32"}, "'fp32', 'bf16' or 'int8'"),
        ({"threads": 0}, "1 or more"),
        ({"threads": True}, "whole number"),
        ({"batch": True}, "whole number"),
        ({"pin": "no"}, "True or False"),
        ({"pin": 1}, "True or False"),
        ({"isa": ""}, "isa is ''"),
        ({"isa": "\ud800"}, "half a character"),
    ]:
        with pytest.raises(smlp.OptionError, match=words) as caught:
            smlp.Session(model, **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(smlp.InputTypeError, match="Model.load"):
        smlp.Session("model.pth")  # type: ignore[arg-type]
    assert smlp.Session(model, threads=numpy.int64(1), batch=numpy.int32(4)).batch == 4
    session = smlp.Session(model, threads=1)
    assert smlp.Session(model, threads=1, pin=numpy.bool_(False)).threads == 1
    for top in (2.5, "3", None, True):
        with pytest.raises(smlp.OptionError, match="top is"):
            session.predict(PIXELS, top=top)
        with pytest.raises(smlp.OptionError, match="top is"):
            session.stream([PIXELS], top=top)
    for top in (0, -3):
        with pytest.raises(smlp.OptionError, match="1 or more"):
            session.predict(PIXELS, top=top)
        with pytest.raises(smlp.OptionError, match="1 or more"):
            session.stream([PIXELS], top=top)


def test_a_closed_session_says_so(model: smlp.Model) -> None:
    with smlp.Session(model, threads=1) as session:
        session.logits(PIXELS)
    assert session.closed and "closed" in repr(session)
    session.close()
    for call in (session.logits, session.predict, session.predict_proba):
        with pytest.raises(smlp.ClosedError, match="closed"):
            call(PIXELS)
    with pytest.raises(smlp.ClosedError):
        list(session.stream([PIXELS]))
    with pytest.raises(smlp.ClosedError):
        _ = session.threads
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(smlp.ClosedError, match="copy"):
            copied(session)  # type: ignore[operator]


def test_threads_share_a_session(session: smlp.Session, files: list[Path], program_logits: numpy.ndarray) -> None:
    wrong = []

    def work() -> None:
        for _ in range(5):
            if not equal(session.logits(files), program_logits):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_closing_waits_for_the_call_under_way(model: smlp.Model) -> None:
    session = smlp.Session(model, threads=1)
    outcome: list[object] = []

    def work() -> None:
        try:
            outcome.append(session.logits(numpy.zeros((60, 3, 128, 128), numpy.float32)).shape)
        except smlp.ClosedError as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)
    session.close()
    thread.join()
    assert outcome == [(60, 10)]


def test_the_gil_is_released(session: smlp.Session) -> None:
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    start = time.perf_counter()
    session.logits(numpy.zeros((50, 3, 128, 128), numpy.float32))
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    assert counted > seconds / 0.001 / 20


def test_sessions_are_pickled_by_their_model(session: smlp.Session, files: list[Path], program_logits: numpy.ndarray) -> None:
    assert equal(copy.deepcopy(session).logits(files), program_logits)
    again = pickle.loads(pickle.dumps(session))
    assert again.threads == 2 and equal(again.logits(files), program_logits)


def test_no_gradient_goes_through(session: smlp.Session, files: list[Path], program_logits: numpy.ndarray) -> None:
    tensor = OfAGraph(session.model.preprocess(files[0]))
    with pytest.raises(smlp.InputTypeError, match="detach"):
        session.logits(tensor)
    assert session.logits(tensor.detach()).tobytes() == program_logits[0].tobytes()
