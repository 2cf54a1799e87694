"""torch's tensors, modules, state dicts and data loaders; torchvision's transform. Skipped without torch."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from PIL import Image
from test_model import state_dict

import smlp

torch = pytest.importorskip("torch", reason="torch is not installed")


class Pictures(torch.utils.data.Dataset):
    def __init__(self, files: list[Path], prepare: object) -> None:
        self.files = files
        self.prepare = prepare

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> object:
        return self.prepare(self.files[index])  # type: ignore[operator]


def test_tensors_are_pictures(session: smlp.Session, files: list[Path], program_logits: numpy.ndarray) -> None:
    pixels = torch.from_numpy(numpy.array(Image.open(files[0])))
    prepared = torch.from_numpy(session.model.preprocess(files))
    assert session.logits(pixels).tobytes() == program_logits[0].tobytes()
    assert session.logits(prepared).tobytes() == program_logits.tobytes()
    assert session.logits(prepared.to(memory_format=torch.channels_last)).tobytes() == program_logits.tobytes()
    assert session.logits(list(prepared)).tobytes() == program_logits.tobytes()
    for x, words in [
        (prepared.double(), "float64"),
        (prepared.bfloat16(), "bfloat16"),
        (prepared.half(), "float16"),
        (prepared.clone().requires_grad_(), "detach"),
        (prepared.to("meta"), "device|dtype"),
    ]:
        with pytest.raises(smlp.InputTypeError, match=words):
            session.logits(x)
    negated = torch._neg_view(-prepared)  # values are negated when they are read, as those of x.conj().imag
    assert negated.is_neg() and session.logits(negated).tobytes() == program_logits.tobytes()
    assert smlp.torch.wrap(session)(negated).numpy().tobytes() == program_logits.tobytes()
    for x in (prepared.to_sparse(), prepared.to_mkldnn()):
        with pytest.raises(smlp.InputTypeError, match="to_dense"):
            session.logits(x)
    with pytest.raises(smlp.InputError, match="permute"):
        session.logits(pixels.permute(2, 0, 1))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated")
def test_a_module(session: smlp.Session, files: list[Path], program_logits: numpy.ndarray) -> None:
    module = smlp.torch.wrap(session).eval()
    batch = torch.from_numpy(session.model.preprocess(files))
    out = module(batch)
    assert isinstance(out, torch.Tensor) and out.numpy().tobytes() == program_logits.tobytes()
    with torch.inference_mode():
        assert module(torch.from_numpy(session.model.preprocess(files)) + 0).shape == (len(files), 10)
    assert list(module.parameters()) == []
    with pytest.raises(smlp.OptionError, match="smlp.export"):
        torch.jit.trace(module, batch)
    with pytest.raises(smlp.OptionError, match="made already"):
        smlp.torch.wrap(session, threads=1)
    with pytest.raises(smlp.InputTypeError, match="gradient"):
        module(batch.requires_grad_())
    with pytest.raises(smlp.InputTypeError, match="uint8"):
        module(torch.zeros(3, 128, 128, dtype=torch.uint8))
    other = smlp.torch.wrap(session.model, threads=1)
    assert other(batch.detach()).numpy().tobytes() == program_logits.tobytes()


def test_a_state_dict_of_torch(files: list[Path], program_logits: numpy.ndarray) -> None:
    how = {"crop_pct": 128 / 146}
    state = {k: torch.from_numpy(v.copy()) for k, v in state_dict().items()}
    as_bf16 = {k: v.float().bfloat16() if v.is_floating_point() else v for k, v in state.items()}
    parameters = {k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in state.items()}
    session = smlp.Session(smlp.Model.load(state, **how), threads=1)
    assert session.logits(files).tobytes() == program_logits.tobytes()
    assert numpy.abs(smlp.Session(smlp.Model.load(as_bf16, **how)).logits(files) - program_logits).max() < 0.5
    assert smlp.Session(smlp.Model.load(parameters, **how), threads=1).logits(files).tobytes() == program_logits.tobytes()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_data_loaders(start: str, model: smlp.Model, session: smlp.Session, files: list[Path],
                      program_logits: numpy.ndarray) -> None:
    session.logits(files[0])
    for prepare, infer in [(model.preprocess, session.logits), (session.logits, lambda x: x.numpy())]:
        loader = torch.utils.data.DataLoader(
            Pictures(files, prepare), batch_size=3, num_workers=2, multiprocessing_context=start
        )
        got = numpy.concatenate([infer(batch) for batch in loader])
        assert got.tobytes() == program_logits.tobytes()


def test_torchvision_prepares_the_same_bits(model: smlp.Model, files: list[Path]) -> None:
    transforms = pytest.importorskip("torchvision.transforms", reason="torchvision is not installed")
    how = model.preprocessing
    transform = transforms.Compose([
        transforms.Resize(how.resize, transforms.InterpolationMode(how.interpolation)),
        transforms.CenterCrop(how.crop),
        transforms.ToTensor(),
        transforms.Normalize(how.mean, how.std),
    ])
    for file in files:
        image = Image.open(file).convert("RGB")
        expected = transform(image).numpy()
        assert model.preprocess(image).tobytes() == expected.tobytes(), file
