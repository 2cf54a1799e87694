"""Loading and preprocessing, judged by torch's file format readers' rules and by Pillow."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy
import pytest
from PIL import Image

import smlp
from support import model_file


def state_dict() -> dict[str, numpy.ndarray]:
    """The bundled model's tensors, read by a reader of safetensors that is not ours."""
    data = model_file().read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    kinds = {"F16": numpy.float16, "F32": numpy.float32, "I64": numpy.int64}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = data[8 + length + begin : 8 + length + end]
        tensors[name] = numpy.frombuffer(raw, kinds[entry["dtype"]]).reshape(entry["shape"])
    return tensors


@pytest.fixture(scope="module")
def tensors() -> dict[str, numpy.ndarray]:
    return state_dict()


def pillow_transform(file: Path, how: smlp.Preprocessing) -> numpy.ndarray:
    """torchvision's Resize(how.resize, BICUBIC), CenterCrop, ToTensor, Normalize on a PIL image, written out."""
    image = Image.open(file).convert("RGB")
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if short != how.resize:
        longer = int(how.resize * long / short)
        size = (how.resize, longer) if width <= height else (longer, how.resize)
        image = image.resize(size, getattr(Image.Resampling, how.interpolation.upper()))
    left = int(round((image.width - how.crop) / 2.0))
    top = int(round((image.height - how.crop) / 2.0))
    image = image.crop((left, top, left + how.crop, top + how.crop))
    planes = numpy.asarray(image, numpy.uint8).transpose(2, 0, 1).astype(numpy.float32) / numpy.float32(255)
    mean = numpy.array(how.mean, numpy.float32).reshape(3, 1, 1)
    std = numpy.array(how.std, numpy.float32).reshape(3, 1, 1)
    return (planes - mean) / std


def test_preprocessing_is_pillows_to_the_bit(model: smlp.Model, files: list[Path]) -> None:
    for file in files:
        expected = pillow_transform(file, model.preprocessing)
        for x in (file, file.read_bytes(), Image.open(file), numpy.array(Image.open(file).convert("RGB"))):
            got = model.preprocess(x)
            assert got.dtype == numpy.float32 and got.shape == (3, 128, 128)
            assert got.tobytes() == expected.tobytes(), file
    assert model.preprocess(files).shape == (len(files), 3, 128, 128)


@pytest.mark.parametrize("interpolation", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_overrides_are_timms(interpolation: str, files: list[Path]) -> None:
    model = smlp.Model.load(
        model_file(), crop_pct=0.7, interpolation=interpolation, mean=[0.5, 0.4, 0.3], std=(0.1, 0.2, 0.25)
    )
    how = model.preprocessing
    assert how == (182, 128, interpolation, (0.5, 0.4, 0.3), (0.1, 0.2, 0.25))
    for file in files:
        assert model.preprocess(file).tobytes() == pillow_transform(file, how).tobytes(), file


def test_a_prepared_tensor_is_not_prepared_again(model: smlp.Model, files: list[Path]) -> None:
    with pytest.raises(smlp.InputError, match="prepared already"):
        model.preprocess(model.preprocess(files))


def test_properties(model: smlp.Model) -> None:
    assert (model.image_size, model.in_channels, model.num_classes) == (128, 3, 10)
    assert (model.dim, model.depths, model.parameters, model.precision) == (40, (2, 2, 6, 2), 3685386, "fp32")
    assert len(model.class_names) == 10 and model.class_names[0].startswith("tench")
    assert model.preprocessing == (146, 128, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert "3,685,386 parameters" in repr(model)
    with pytest.raises(TypeError, match="Model.load"):
        smlp.Model()


def test_tensors_in_memory_are_the_model(
    tensors: dict[str, numpy.ndarray], files: list[Path], program_logits: numpy.ndarray
) -> None:
    how = {"crop_pct": 128 / 146, "classes": smlp.Model.bundled().class_names}
    kinds = {
        "as they are": tensors,
        "float32": {k: v.astype(numpy.float32) if v.dtype == numpy.float16 else v for k, v in tensors.items()},
        "float64": {k: v.astype(float) if v.dtype == numpy.float16 else v for k, v in tensors.items()},
        "a checkpoint": {"epoch": 3, "model": tensors, "optimizer": {"state": {}}},
        "wrapped": {"module." + k: v for k, v in tensors.items()},
        "Fortran's order": {k: numpy.asfortranarray(v) for k, v in tensors.items()},
        "reversed in memory": {k: v[::-1].copy()[::-1] if v.ndim else v for k, v in tensors.items()},
    }
    for kind, given in kinds.items():
        model = smlp.Model.load(given, **how)
        with smlp.Session(model, threads=1) as session:
            assert session.logits(files).tobytes() == program_logits.tobytes(), kind
        assert model.class_names == smlp.Model.bundled().class_names
    model = smlp.Model.load(tensors)
    del tensors, given, kinds  # the model keeps what it needs
    assert model.num_classes == 10 and model.class_names == []
    with pytest.raises(pickle.PicklingError, match="save it to a file"):
        pickle.dumps(model)


def test_what_is_no_model_is_refused(tensors: dict[str, numpy.ndarray], tmp_path: Path) -> None:
    name = "token_mix.0.1.fuse.weight"
    nan = {**tensors, name: numpy.full_like(tensors[name], numpy.nan)}
    cases = [
        ({}, smlp.ModelError, "."),
        ({"weight": numpy.zeros(3, numpy.float32)}, smlp.ModelError, "."),
        (nan, smlp.ModelError, name),
        ({**tensors, name: tensors[name][1:]}, smlp.ModelError, name),
        ({k: v for k, v in tensors.items() if k != name}, smlp.ModelError, name),
        ({**tensors, name: tensors[name].astype(numpy.int32)}, smlp.ModelError, name),
        ({**tensors, name: tensors[name].astype(complex)}, smlp.ModelError, name),
        ({**tensors, "\ud800": tensors[name]}, smlp.InputError, "half a character"),
        ({**tensors, name: tensors[name].astype(">f4")}, smlp.InputTypeError, "byte order"),
        (5, smlp.InputTypeError, "state_dict"),
        ([1], smlp.InputTypeError, "state_dict"),
        ("", smlp.ModelError, "empty"),
        (tmp_path / "none.pth", smlp.ModelError, "none.pth"),
        (tmp_path, smlp.ModelError, str(tmp_path)),
    ]
    (tmp_path / "text.pth").write_text("hello")
    cases.append((tmp_path / "text.pth", smlp.ModelError, "text.pth"))
    for source, kind, words in cases:
        with pytest.raises(kind, match=words):
            smlp.Model.load(source)
    with pytest.raises(smlp.ModelError, match="3 class names for a model of 10"):
        smlp.Model.load(model_file(), classes=["a", "b", "c"])
    with pytest.raises(smlp.ModelError, match="image size of 64"):
        smlp.Model.load(model_file(), img_size=64)
    for wrong, words in [({"crop_pct": 0}, "crop of 0"), ({"crop_pct": 2.0}, "0.1 to 1"), ({"std": (0, 0, 0)}, "deviation of 0"),
                         ({"std": (1, 1, float("inf"))}, "deviation"), ({"mean": (1e9, 0, 0)}, "mean")]:
        with pytest.raises(smlp.ModelError, match=words):
            smlp.Model.load(model_file(), **wrong)  # type: ignore[arg-type]
    for wrong, words in [({"crop_pct": float("nan")}, "crop_pct"), ({"mean": 0.5}, "three numbers"), ({"mean": (1, 2)}, "three"),
                         ({"mean": {1, 2, 3}}, "three numbers"), ({"crop_pct": True}, "number"), ({"img_size": True}, "whole"),
                         ({"std": "abc"}, "number"), ({"img_size": 128.0}, "whole"), ({"img_size": (3, 128, 128)}, "whole"),
                         ({"interpolation": 3}, "word"), ({"classes": {0: "a"}}, "list of names"), ({"classes": range(10)}, "name"),
                         ({"classes": 5}, "list of names")]:
        with pytest.raises(smlp.OptionError, match=words) as caught:
            smlp.Model.load(model_file(), **wrong)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    for no_file in ("\ud800.pth", "a\0.pth"):
        for call in (smlp.Model.load, lambda file: smlp.Model.load(model_file(), classes=file)):
            with pytest.raises(smlp.InputError, match="no file has such a name"):
                call(no_file)  # type: ignore[no-untyped-call]
    with pytest.raises(smlp.ModelError, match="xff.pth") as caught:
        smlp.Model.load("\udcff.pth")
    assert caught.value.file == "\udcff.pth"
    with pytest.raises(smlp.InputError, match="NUL"):
        smlp.Model.load(f"{model_file()}\0.pth")
    with pytest.raises(smlp.OptionError, match="Pillow"):
        smlp.Model.load(model_file(), interpolation="cubic")
    error = pytest.raises(smlp.ModelError, smlp.Model.load, nan).value
    assert error.tensor == name and error.remedy and not error.transient


def test_class_names_come_from_files_or_lists(tmp_path: Path) -> None:
    names = [f"class number {i}" for i in range(10)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    assert smlp.Model.load(model_file(), classes=tmp_path / "names.txt").class_names == names
    assert smlp.Model.load(str(model_file()), classes=names).class_names == names
    again = pickle.loads(pickle.dumps(smlp.Model.load(model_file(), classes=names, crop_pct=0.5)))
    assert again.class_names == names and again.preprocessing.resize == 256
