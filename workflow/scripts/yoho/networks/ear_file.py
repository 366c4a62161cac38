"""The untrained ear as an ONNX model: YAMNet with its own head, which finds AudioSet's 521 sounds in a window's bins.

Its presences are calibrated: each class is present from 0.5 on (see `yoho.networks.calibration`). It is made without
PyTorch, so that segmenting needs none; `yoho.networks.ear.Ear` is the same network in PyTorch.
"""

import numpy as np

from yoho import InputError
from yoho.networks.run_folder import OPSET
from yoho.networks.yamnet import PATCH, PLACES, patch_onsets


def ear_model(layers, thresholds, *, frames, n_mels, bins):
    """The ear as an ONNX model: `features` (windows, frames, n_mels) to `outputs` (windows, bins, 3 * classes).

    layers: those of YAMNet, see `yoho.networks.yamnet`; thresholds: the raw logit of each class at which its presence
    is 0.5, (classes,). The start and end of a bin are always 0 and 1.
    Raises InputError if windows of so many frames do not divide into as many bins.
    """
    from onnx import TensorProto, helper  # Only making the ear needs it.

    onsets, classes = ear_onsets(frames, bins), len(layers[-1].bias)
    graph = Chain("features")
    # Each patch of a window becomes an image of its own, (windows * patches, 1, PATCH, n_mels).
    graph.add("Gather", np.add.outer(onsets, np.arange(PATCH)), axis=1)
    graph.add("Reshape", np.array([-1, 1, PATCH, n_mels]))
    for kernel, bias, depthwise, stride in layers[:-1]:
        options = {"auto_pad": "SAME_UPPER", "strides": [stride, stride], "group": len(kernel) if depthwise else 1}
        graph.add("Conv", kernel, bias, **options)
        graph.add("Clip", np.float32(0), np.float32(6))
    graph.add("ReduceMean", np.array([3]), keepdims=0)  # over bands: (windows * patches, channels, PLACES)
    graph.add("Transpose", perm=[0, 2, 1])
    graph.add("MatMul", np.ascontiguousarray(layers[-1].kernel[:, :, 0, 0].T))
    graph.add("Add", (layers[-1].bias - np.asarray(thresholds)).astype(np.float32))
    graph.add("Sigmoid")
    graph.add("Reshape", np.array([-1, bins, classes, 1]))
    for value in (0, 1):  # start and end of a bin
        graph.add("Pad", np.array([0] * 7 + [1]), np.float32(value))
    graph.add("Reshape", np.array([-1, bins, 3 * classes]), output="outputs")
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["windows", frames, n_mels])
    made = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["windows", bins, 3 * classes])
    whole = helper.make_graph(graph.nodes, "ear", [given], [made], graph.constants)
    # The oldest version of the format that has this set of operators.
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def ear_onsets(frames, bins):
    """As `patch_onsets`; InputError if the patches of a window have another number of bins."""
    onsets = patch_onsets(frames)
    if len(onsets) * PLACES != bins:
        raise InputError(
            f"ear: gives {len(onsets) * PLACES} bins for windows of {frames} frames, not {bins}; "
            "change windows.bins or windows.front_ends.yamnet"
        )
    return onsets


class Chain:
    """The nodes and constants of a graph in which each operator takes the output of the one before it."""

    def __init__(self, name):
        self.last, self.nodes, self.constants = name, [], []

    def add(self, operator, *arrays, output=None, **attributes):
        """Append an operator whose further inputs are constant arrays; output: its name, None for any."""
        from onnx import helper, numpy_helper

        names = [f"constant{len(self.constants) + number}" for number in range(len(arrays))]
        self.constants += [numpy_helper.from_array(np.asarray(array), name) for array, name in zip(arrays, names)]
        inputs, self.last = [self.last, *names], output or f"output{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [self.last], **attributes))
