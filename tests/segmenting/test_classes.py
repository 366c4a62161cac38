"""The classes that are reported: by their names, with their kinds, the most specific ones, those that sound longest."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from yoho import InputError
from yoho.segmenting.classes import LISTED, SIMILAR, Groups, Specific, known_names, longest, regrouped

FEW = ["rain", "car", "Car", "Vehicle horn, car horn, honking"]
MANY = [*FEW, *(f"sound {number}" for number in range(LISTED))]


def test_names_are_found_in_any_case_and_once():
    assert known_names(["RAIN", "rain"], FEW) == ["rain"]
    assert known_names(["Car", "car", "CAR"], FEW[1:3]) == ["Car", "car"]  # a name that is written so comes first
    assert known_names(["vehicle HORN, car horn, honking"], FEW) == FEW[3:]


def test_names_are_found_however_their_accents_are_written():
    forms = [unicodedata.normalize(form, "Möwe") for form in ("NFC", "NFD")]
    assert forms[0] != forms[1]
    for known in forms:
        assert [known_names([asked], [known, "rain"]) for asked in forms] == [[known], [known]]
        assert known_names([forms[0].upper()], [known]) == [known]
    assert known_names(forms, forms) == forms


def test_an_unknown_name_gets_the_known_ones_if_they_are_few():
    with pytest.raises(InputError, match="^class dog: not known; the network knows rain, car, Car, Vehicle horn"):
        known_names(["rain", "dog"], FEW)


@pytest.mark.parametrize(
    ("name", "first"), [("Rian", "rain"), ("car horn", "Vehicle horn, car horn, honking"), ("sound 0x", "sound 0")]
)
def test_an_unknown_name_gets_similar_ones_if_they_are_many(name, first):
    with pytest.raises(InputError) as caught:
        known_names([name], MANY)
    start, names = str(caught.value).split("similar classes are ")
    assert start == f"class {name}: not known; "
    assert names.split("; ")[0] == first and len(names.split("; ")) == SIMILAR


LABELS = ["Vehicle", "Car", "Car alarm", "Rain", "Alarm"]
DESCENDANTS = {"Vehicle": ["Car", "Car alarm"], "Alarm": ["Car alarm"]}


@pytest.mark.parametrize(
    ("sounds", "left"),
    [
        (["Vehicle"], ["Vehicle"]),
        (["Vehicle", "Car"], ["Car"]),
        (["Vehicle", "Rain"], ["Vehicle", "Rain"]),
        (["Vehicle", "Alarm", "Car alarm"], ["Car alarm"]),
        (["Vehicle", "Alarm", "Car"], ["Car", "Alarm"]),
        ([], []),
    ],
)
def test_a_class_is_hidden_where_a_kind_of_it_sounds(sounds, left):
    cells = np.array([[label in sounds for label in LABELS], [label == "Vehicle" for label in LABELS]])
    before = cells.copy()
    found = Specific(LABELS, DESCENDANTS)(cells[None])
    assert found.shape == (1, 2, 5) and (cells == before).all()
    assert [label for label, heard in zip(LABELS, found[0, 0]) if heard] == left
    assert found[0, 1].tolist() == [True, False, False, False, False]  # in another cell nothing hides it


def test_the_classes_that_sound_longest_are_weighed_by_score():
    rows = [(0, 10, "faint", 0.1), (0, 2, "loud", 1.0), (5, 6, "short", 0.9), (8, 9, "short", 0.9)]
    events = pd.DataFrame(rows, columns=["onset", "offset", "event_label", "score"])
    assert longest(events, 1)["event_label"].tolist() == ["loud"]
    assert longest(events, 2)["event_label"].tolist() == ["loud", "short", "short"]
    assert len(longest(events, 9)) == 4 and longest(events[:0], 3).empty


# ---- groups of the ear's sounds --------------------------------------------------------------------------------------


def outputs_of(presence):
    """Outputs (windows, bins, 3 * sounds) of the ear: each sound lasts from the start of a bin to its end."""
    parts = [presence, np.zeros_like(presence), np.ones_like(presence)]
    return np.stack(parts, axis=-1).reshape(*presence.shape[:2], -1).astype(np.float32)


def test_a_group_is_as_present_as_its_most_present_sound():
    presence = np.array([[[0.1, 0.7, 0.3, 0.9], [0.6, 0.2, 0.8, 0.5]]])
    found = Groups([[3], [1, 0, 2]])(outputs_of(presence))
    np.testing.assert_array_equal(found, outputs_of(np.array([[[0.9, 0.7], [0.5, 0.8]]])))


def test_presences_are_raised_by_logits():
    logits, raised = np.array([[[-30.0, -2.0, 0.0, 9.0]]]), np.array([30.0, 1.5, -0.5, 1.0])
    found = Groups(None, raised)(outputs_of(1 / (1 + np.exp(-logits))))[..., ::3]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(logits + raised))), rtol=1e-3)
    assert Groups([[0, 1]], raised)(outputs_of(1 / (1 + np.exp(-logits))))[0, 0, 0] == found[0, 0, 0]


def test_a_network_for_other_classes_takes_the_tuned_threshold_of_the_most_similar():
    description = {
        "event_labels": ["rain", "car"],
        "decoding": {"threshold": 0.5},
        "thresholds": {"rain": 0.3, "car": 0.7},
    }
    found = regrouped(description, {"traffic": {"car": 0.6, "rain": 0.5}, "drops": ["rain"]})
    assert found["thresholds"] == {"traffic": 0.7, "drops": 0.3} and found["groups"] == [[1, 0], [0]]
    assert found["event_labels"] == ["traffic", "drops"] and found["decoding"] == {"threshold": 0.5}
