"""YAMNet's published weights: a file of TensorFlow Lite, of whole numbers with a scale for each channel.

YAMNet is the backbone `YAMNet`, a mean over the feature map, and a linear layer, its head, with which it recognises the
521 sounds of AudioSet.
"""

import struct

import numpy as np

from yoho import InputError
from yoho.networks.backbones import YAMNet


def published_weights(path):
    """The weights in YAMNet's TensorFlow Lite file: (those of `YAMNet(published=True)` and those of its head, by name).

    The head's are "weight" (521, 1024) and "bias" (521,). Raises InputError if the file holds another network.
    """
    try:
        *kernels, head = layers_of(path)
        names = [
            name.removesuffix(".weight") for name in YAMNet(published=True).state_dict() if name.endswith("weight")
        ]
        backbone = {}
        for name, (kernel, bias, depthwise) in zip(names, kernels, strict=True):
            # TensorFlow's order is (out, height, width, in), or (1, height, width, channels) in a depthwise one.
            backbone[f"{name}.weight"] = kernel.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
            backbone[f"{name}.bias"] = bias
        return backbone, {"weight": head[0], "bias": head[1]}
    except (OSError, ValueError, IndexError, TypeError, AttributeError, KeyError, struct.error) as error:
        raise InputError(f"{path}: holds no YAMNet ({error}); fetch the file again") from error


def layers_of(path):
    """Yield kernel, bias, and whether it is depthwise, of every layer with weights in a file of TensorFlow Lite."""
    import tflite  # Only the job that makes the ear needs it.

    with open(path, "rb") as file:
        model = tflite.Model.GetRootAsModel(file.read(), 0)
    graph, operators = model.Subgraphs(0), tflite.BuiltinOperator
    kinds = {operators.CONV_2D: False, operators.DEPTHWISE_CONV_2D: True, operators.FULLY_CONNECTED: False}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if kind in kinds:
            _, kernel, bias = (values(model, graph.Tensors(index)) for index in operator.InputsAsNumpy())
            yield kernel, bias, kinds[kind]


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
