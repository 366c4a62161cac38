"""The sentence encoder: it gives what the published model gives, and says which words it does not know."""

import numpy as np
import pytest

from yoho import InputError
from yoho.referring import encoder as module
from yoho.referring import packages
from yoho.referring.encoder import AT_ONCE, load_encoder

# The library transformers 5.24.0 gave these products and first numbers for the same weights.
TEXTS = ["a dog barking", "rain on a tin roof in the evening", "Ich höre einen Hund"]
PRODUCTS = [[1, 0.1725722, 0.13019839], [0.1725722, 1, 0.03846912], [0.13019839, 0.03846912, 1]]
STARTS = [
    [0.02319659, -0.01596041, 0.0431657, 0.07652046],
    [-0.00702185, 0.11909537, 0.08540328, 0.03949546],
    [-0.09843471, 0.04696797, 0.05236612, -0.0306802],
]


def test_vectors_are_those_of_the_published_model():
    vectors = load_encoder()(TEXTS)
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors @ vectors.T, PRODUCTS, atol=1e-6)
    np.testing.assert_allclose(vectors[:, :4], STARTS, atol=1e-6)


def test_a_vector_does_not_depend_on_the_other_texts():
    few = load_encoder()(TEXTS)
    many = load_encoder()([f"text number {number}" for number in range(AT_ONCE)] + TEXTS[::-1])
    np.testing.assert_allclose(many[-3:][::-1], few, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a dog barking", False),
        ("the neighbour's dog won't stop barking", False),
        ("someone sneezes", True),
        ("Hundegebell", True),
        ("ein Hund bellt", True),
        ("собака лает", True),
        ("犬", False),
        ("asdfgh", True),
        ("🐶", True),
    ],
)
def test_unknown_words_are_noticed(text, unknown):
    assert load_encoder().is_unknown(text) == unknown


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "tokenizers" else name)
    with pytest.raises(InputError, match=r"not installed here \(tokenizers\): pip install lark tokenizers"):
        module.Encoder()
