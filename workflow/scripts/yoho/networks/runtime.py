"""A network in ONNX Runtime: see `yoho.networks.engines`."""

import onnxruntime


class OnnxEngine:
    """A network's ONNX file, or its bytes, in ONNX Runtime. Each call computes on the thread that makes it.

    Raises an error of ONNX Runtime, or ValueError, if it cannot be read or has another input.
    """

    at_once = 8  # The maps of so many windows stay in the processor's cache from layer to layer.

    def __init__(self, file):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        (given,) = self.session.get_inputs()
        if given.name != "features":
            raise ValueError(f"it takes {given.name}, as files for other programs do")
        self.columns = self.session.get_outputs()[0].shape[-1]
        self.weights = self.session.get_modelmeta().custom_metadata_map.get("weights")

    def __call__(self, features):
        return self.session.run(None, {"features": features})[0]
