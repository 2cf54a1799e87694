"""smlp.pipeline, by what transformers' documentation says of its image-classification pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from support import model_file
from PIL import Image

import smlp


def test_one_picture_gives_a_list_of_dicts(files: list[Path], session: smlp.Session) -> None:
    pipe = smlp.pipeline("image-classification", threads=1)
    best = session.predict(files[0])
    expected = [{"label": p.label, "score": p.probability} for p in best]
    for x in (str(files[0]), files[0], files[0].read_bytes(), Image.open(files[0]), numpy.array(Image.open(files[0]))):
        assert pipe(x) == expected
    assert pipe(files[0], top_k=2) == expected[:2]
    assert len(pipe(files[0], top_k=99)) == len(pipe(files[0], top_k=None)) == 10
    assert sum(one["score"] for one in pipe(files[0], top_k=None)) == pytest.approx(1)


def test_lists_give_lists_and_generators_generators(files: list[Path], session: smlp.Session) -> None:
    pipe = smlp.pipeline(model=session, top_k=3)
    each = [pipe(file) for file in files]
    assert pipe(files) == pipe([str(f) for f in files]) == pipe(tuple(files)) == each
    assert pipe([files[0]]) == [each[0]]
    assert pipe([]) == []
    assert pipe(files, batch_size=2) == each
    generated = pipe(file for file in files)
    assert next(iter(generated)) == each[0]

    class Dataset:
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> Image.Image:
            return Image.open(files[index])

    assert list(pipe(Dataset(), batch_size=3)) == each
    pixels = numpy.stack([numpy.array(Image.open(files[0])), numpy.array(Image.open(files[0]))])
    assert pipe(pixels) == [each[0], each[0]]


def test_functions(files: list[Path], session: smlp.Session) -> None:
    pipe = smlp.pipeline(model=session.model, threads=1)
    logits = session.logits(files[0])
    raw = pipe(files[0], function_to_apply="none", top_k=None)
    assert [one["score"] for one in raw] == sorted(map(float, logits), reverse=True)
    sigmoid = pipe(files[0], function_to_apply="sigmoid", top_k=1)
    assert sigmoid[0]["score"] == pytest.approx(1 / (1 + numpy.exp(-logits.max())))
    assert list(pipe(iter([files[0]]), function_to_apply="none", top_k=None)) == [raw]


def test_what_is_refused(files: list[Path], session: smlp.Session) -> None:
    pipe = smlp.pipeline(model=str(model_file()), device="cpu")
    with pytest.raises(smlp.PictureError, match="missing"):
        pipe("missing.jpg")
    with pytest.raises(smlp.PictureError, match="picture 1"):
        pipe([files[0].read_bytes(), b"text"])
    with pytest.raises(smlp.PictureError):
        list(pipe(iter([files[0], b"text"])))
    for no_items in ({"image": files[0]}, {files[0]}, frozenset(), [[files[0]]], {}.keys()):
        with pytest.raises((smlp.InputTypeError, smlp.InputError)):
            pipe(no_items)
    for wrong in ({"top_k": 0}, {"top_k": "5"}, {"function_to_apply": "relu"}, {"batch_size": 0}, {"batch_size": 1.5}):
        with pytest.raises(smlp.OptionError):
            pipe(files[0], **wrong)
    with pytest.raises(smlp.OptionError, match="image-classification"):
        smlp.pipeline("text-generation")
    with pytest.raises(smlp.OptionError, match="CPU"):
        smlp.pipeline(device="cuda:0")
    with pytest.raises(smlp.OptionError, match="made already"):
        smlp.pipeline(model=session, threads=1)
    with pytest.raises(AttributeError, match="pipelin"):
        smlp.pipelin
