"""The model card says which sounds the training mixes held at once."""

import pytest

from yoho.networks.card import overlapping

OVERLAP = {"sounds": 3, "level": [-12, 12.5], "gap": [0, 6], "crossfade": [0, 0.5]}


@pytest.mark.parametrize("overlap", [None, OVERLAP | {"sounds": 1}])
def test_card_of_a_run_that_is_trained_without_overlap(overlap):
    assert overlapping(overlap).endswith("never on two classes at once.")


def test_card_of_a_run_that_is_trained_with_overlap():
    text = overlapping(OVERLAP)
    assert "at most 3 sounds of different classes overlap" in text and "-12 to 12.5 dB" in text
