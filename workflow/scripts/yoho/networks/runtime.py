"""A network in ONNX Runtime: see `yoho.networks.engines`."""

import onnxruntime


class OnnxEngine:
    """A network's ONNX file in ONNX Runtime. Each call computes on the thread that makes it."""

    at_once = 8  # The maps of so many windows stay in the processor's cache from layer to layer.

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.columns = self.session.get_outputs()[0].shape[-1]
        # A file that takes waveforms, as other programs need, has no such digest.
        self.weights = self.session.get_modelmeta().custom_metadata_map.get("weights")

    def __call__(self, features):
        return self.session.run(None, {"features": features})[0]
