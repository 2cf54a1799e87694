"""Small networks as PyTorch's exporters write them: tests/formats/onnx/*.onnx, which onnx_fixture_test.cc imports.

    python3 tests/formats/make_onnx_fixtures.py [--output DIR]

Needs PyTorch (any from 1.13; the newer exporter wants 2.5 with onnx and onnxscript) and onnx. Exports that the PyTorch at
hand lacks are skipped and named. The weights come from tools/golden/generator.py, so that the test knows them without
reading a file of ours. Descriptions, stack traces and inferred shapes are stripped from the files, names are
kept. The one named `beside` keeps its weights in a file of its own.

Two spellings of the network are exported: `nhwc` (tools/train/smlpnet.py: mixing as matrix products) and `nchw`
(Transpose, 1x1 convolution, Transpose, as the public reference does it).
"""

import argparse
import pathlib
import sys

import numpy as np
import onnx
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "train"), str(ROOT / "tools" / "golden")]

import generator  # noqa: E402
from smlpnet import SMLPNet  # noqa: E402

CONFIG = dict(dim=2, depths=(1, 1), alpha=2, patch=2, image=8, in_channels=3, classes=3)
SEED = 21
NEW = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 5)


class ReferenceLayout(SMLPNet):
    """The same network with activations in NCHW."""

    def forward(self, x):
        gelu, b = nn.functional.gelu, 0
        for stem, depth in zip(self.to_patch_embedding, self.depths):
            x = stem(x)
            for _ in range(depth):
                local, mix = self.token_mix[b].get_submodule("0").conv_merge, self.token_mix[b].get_submodule("1")
                g = gelu(mix.BN(local.Conv(gelu(local.BN(x)))))
                along_width = mix.proj_h(g.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
                along_height = mix.proh_w(g.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
                x = x + mix.fuse(torch.cat([g, along_width, along_height], dim=1))
                x = x + self.channel_mix[b](x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
                b += 1
        return self.mlp_head(self.batch_norm(x).mean(dim=[2, 3]).flatten(1))


def build(network):
    net = network(**CONFIG)
    state = {key: generator.tensor(SEED, key, tuple(value.shape), 1.0) for key, value in net.state_dict().items()}
    net.load_state_dict({k: torch.from_numpy(v) for k, v in state.items() if v is not None}, strict=False)
    return net.eval()


def strip(message):
    """Drops text that only people read, everywhere in a protobuf message."""
    for field, value in message.ListFields():
        if field.name in ("doc_string", "metadata_props"):
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for item in value if hasattr(value, "append") or hasattr(value, "add") else [value]:
                strip(item)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "tests" / "formats" / "onnx")
    parser.add_argument("--prefix", default="", help="before each file's name, to tell PyTorch releases apart")
    arguments = parser.parse_args()
    nhwc, nchw = build(SMLPNet), build(ReferenceLayout)
    pictures = torch.from_numpy(np.stack([generator.picture(SEED, i, (3, 8, 8)) for i in range(2)]))
    with torch.no_grad():
        assert torch.allclose(nhwc(pictures), nchw(pictures), rtol=1e-4, atol=1e-5)

    old = {"dynamo": False} if NEW else {}
    names = dict(input_names=["input"], output_names=["output"])
    batch = dict(dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    preserve = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    exports = {
        "script_9_nchw": (nchw, dict(opset_version=9, **old, **names)),
        "script_11_nchw_batch": (nchw, dict(opset_version=11, **old, **names, **batch)),
        "script_11_nhwc_unfolded": (nhwc, dict(opset_version=11, **old, **names, **batch, **preserve)),
        "script_17_nchw_inputs": (nchw, dict(opset_version=17, keep_initializers_as_inputs=True, **old, **names)),
    }
    if NEW:
        open_batch = dict(dynamo=True, dynamic_shapes=({0: "batch"},), verbose=False)
        exports |= {
            "export_18_nhwc_plain": (nhwc, dict(opset_version=18, optimize=False, external_data=False, **open_batch)),
            "export_20_nchw": (nchw, dict(opset_version=20, external_data=False, **open_batch)),
            "export_20_nhwc_beside": (nhwc, dict(opset_version=20, external_data=False, **open_batch)),
        }
    for name, (net, options) in exports.items():
        path = arguments.output / f"{arguments.prefix}{name}.onnx"
        try:
            torch.onnx.export(net, (pictures,), str(path), **options)
        except (RuntimeError, ValueError) as error:
            print(f"{name}: skipped: {str(error).splitlines()[0]}")
            continue
        model = onnx.load(str(path), load_external_data=False)
        strip(model)
        del model.graph.value_info[:]
        beside = dict(save_as_external_data=True, location=f"{path.name}.data", size_threshold=0)
        onnx.save(model, str(path), **(beside if name.endswith("beside") else {}))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
