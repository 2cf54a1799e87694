"""The bundled model as its peers run it: exported to ONNX, by ONNX Runtime, with pictures prepared by Pillow and NumPy."""

import io
import json
import os

import numpy
import onnxruntime
from PIL import Image

SIDE, RESIZED = 128, 146
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)[:, None, None]
STD = numpy.array([0.229, 0.224, 0.225], numpy.float32)[:, None, None]


class Network:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["SERVING_THREADS"])
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["SERVING_ONNX"], options, providers=["CPUExecutionProvider"])

    def logits(self, tensors):
        return self.session.run(None, {self.session.get_inputs()[0].name: tensors})[0]


def prepared(data):
    """[3, SIDE, SIDE] of a JPEG or PNG file."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = picture.size
    scale = RESIZED / min(width, height)
    size = (RESIZED, int(height * scale)) if width <= height else (int(width * scale), RESIZED)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - SIDE) / 2), round((size[1] - SIDE) / 2)
    pixels = numpy.asarray(picture.crop((left, top, left + SIDE, top + SIDE)), numpy.float32)
    return (pixels.transpose(2, 0, 1) / 255 - MEAN) / STD


def tensors_of(body):
    """[N, 3, SIDE, SIDE] of a request of the protocol whose one input is binary: FP32, or one picture as BYTES."""
    head, json_bytes = json.JSONDecoder().raw_decode(body[:1000].decode("latin-1"))  # the JSON ends before the bytes begin
    data = body[json_bytes:]
    (tensor,) = head["inputs"]
    if tensor["datatype"] == "BYTES":
        return prepared(data[4:])[None]
    return numpy.frombuffer(data, numpy.float32).reshape(tensor["shape"])


def answer_of(logits):
    """(body, the bytes of it that are JSON) of the protocol's binary answer."""
    data = numpy.ascontiguousarray(logits, numpy.float32).tobytes()
    output = {"name": "output", "datatype": "FP32", "shape": list(logits.shape), "parameters": {"binary_data_size": len(data)}}
    text = json.dumps({"model_name": "smlp", "model_version": "1", "outputs": [output]}).encode()
    return text + data, len(text)
