"""YAMNet's published weights: a file of TensorFlow Lite, of whole numbers with a scale for each channel.

YAMNet is a chain of convolutions, each with a ReLU6, then a mean over the feature map, and a linear layer, its head,
with which it recognises the 521 sounds of AudioSet (Plakal and Ellis 2020).
"""

import struct
from typing import NamedTuple

import numpy as np

from yoho import InputError

CLASSES = 521  # of AudioSet that YAMNet knows
CONVOLUTIONS = 27  # the first one, and 13 pairs of a depthwise and a pointwise one
PATCH, PLACES = 96, 3  # frames of the patches on which it was trained, and places in time of a patch's map


class Layer(NamedTuple):
    """A convolution, or the head.

    kernel: (out, in, height, width) float32, as PyTorch and ONNX order it; bias: (out,) float32; depthwise: whether
    each channel has a kernel of its own; stride: of both directions.
    """

    kernel: np.ndarray
    bias: np.ndarray
    depthwise: bool
    stride: int


def published_layers(path):
    """The layers (`Layer`) of YAMNet's TensorFlow Lite file, in their order, of which the head is the last.

    Raises InputError if the file holds another network.
    """
    try:
        layers = list(layers_of(path))
        if len(layers) != CONVOLUTIONS + 1 or len(layers[-1].bias) != CLASSES:
            raise ValueError(f"{len(layers)} layers")
        return layers
    except (OSError, ValueError, IndexError, TypeError, AttributeError, KeyError, struct.error) as error:
        raise InputError(f"{path}: holds no YAMNet ({error}); fetch the file again") from error


def named_weights(layers):
    """{name: array} of the weights of a PyTorch `Ear` for the layers of YAMNet."""
    blocks = range(1, CONVOLUTIONS // 2 + 1)
    names = ["backbone.0.0", *(f"backbone.{block}.{part}" for block in blocks for part in (0, 2)), "head"]
    weights = {}
    for name, layer in zip(names, layers, strict=True):
        weights |= {f"{name}.weight": layer.kernel, f"{name}.bias": layer.bias}
    return weights | {"head.weight": layers[-1].kernel[..., 0]}  # a convolution in time alone


def patch_onsets(frames):
    """First frames of the patches that are evenly laid over a window, one for every `PLACES` bins.

    Raises InputError if the window does not divide into patches.
    """
    count, rest = divmod(-(-frames // 32), PLACES)
    if rest or frames < PATCH:
        raise InputError(
            f"backbone yamnet: windows of {frames} frames do not divide into patches of {PATCH}; "
            "change windows.bins or windows.front_ends.yamnet"
        )
    return [round(number * (frames - PATCH) / max(count - 1, 1)) for number in range(count)]


def layers_of(path):
    """Yield a `Layer` for every layer with weights in a file of TensorFlow Lite."""
    import tflite  # Only the making of the ear needs it.

    with open(path, "rb") as file:
        model = tflite.Model.GetRootAsModel(file.read(), 0)
    graph, operators = model.Subgraphs(0), tflite.BuiltinOperator
    options = {operators.CONV_2D: tflite.Conv2DOptions, operators.DEPTHWISE_CONV_2D: tflite.DepthwiseConv2DOptions}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if kind not in (*options, operators.FULLY_CONNECTED):
            continue
        _, kernel, bias = (values(model, graph.Tensors(index)) for index in operator.InputsAsNumpy())
        if kind == operators.FULLY_CONNECTED:
            yield Layer(kernel[..., None, None], bias, False, 1)
            continue
        own = options[kind]()
        own.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        # TensorFlow's order is (out, height, width, in), or (1, height, width, channels) in a depthwise one.
        depthwise = kind == operators.DEPTHWISE_CONV_2D
        kernel = np.ascontiguousarray(kernel.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)))
        yield Layer(kernel, bias, depthwise, own.StrideH())


def values(model, tensor):
    """The values of a tensor, float32: its whole numbers, less the zero point, times the scale of their channel."""
    import tflite

    types = {tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}
    content = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if tensor.Type() not in types or not hasattr(content, "view"):
        return None  # It is not a weight, but computed from the input.
    whole = content.view(types[tensor.Type()]).reshape(tensor.ShapeAsNumpy())
    quantisation = tensor.Quantization()
    shape = [1] * whole.ndim
    shape[quantisation.QuantizedDimension()] = -1
    scale, zero = (part.reshape(shape) for part in (quantisation.ScaleAsNumpy(), quantisation.ZeroPointAsNumpy()))
    return ((whole - zero.astype(np.float64)) * scale).astype(np.float32)
