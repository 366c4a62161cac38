"""Which events an expression means, against cases by hand and against its definition, pair by pair."""

import numpy as np
import pandas as pd
import pytest

from yoho.referring.expressions import ORDINALS, is_plain, needs_level, select, sounds
from yoho.referring.grammar import parse


def table(**times):
    """Events: (onset, offset) pairs of each label, and a score for each event."""
    rows = [(onset, offset, label) for label, pairs in times.items() for onset, offset in pairs]
    events = pd.DataFrame(rows, columns=["onset", "offset", "event_label"])
    return events.astype({"onset": float, "offset": float}).assign(score=np.arange(len(rows)) / 10)


def times(query, events):
    """Onsets and offsets of the events that a query means."""
    found = select(parse(query), events)
    return list(zip(found["onset"], found["offset"]))


STREET = table(
    dog=[(20, 21), (1, 2), (5, 6), (8, 9), (12, 16)],
    car=[(2, 4), (6, 8)],
    rain=[(12, 13), (15.5, 30)],
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("dog", [(1, 2), (5, 6), (8, 9), (12, 16), (20, 21)]),
        ("cat", []),
        ("first dog", [(1, 2)]),
        ("third dog", [(8, 9)]),
        ("last dog", [(20, 21)]),
        ("third car", []),
        ("longest dog", [(12, 16)]),
        ("shortest dog", [(1, 2)]),  # the earliest of four
        ("dog after car", [(5, 6), (8, 9), (12, 16), (20, 21)]),
        ("car after dog", [(2, 4), (6, 8)]),  # the dog from 1 to 2 s touches the first car
        ("dog before car", [(1, 2), (5, 6)]),  # the dog from 5 to 6 s touches the last car
        ("dog during rain", [(12, 16), (20, 21)]),
        ("dog while rain", [(12, 16), (20, 21)]),
        ("dog during car", []),  # they only touch
        ("dog without rain", [(1, 2), (5, 6), (8, 9)]),
        ("dog within 0 seconds of car", [(1, 2), (5, 6), (8, 9)]),  # all of them touch
        ("dog within 3.9 seconds of car", [(1, 2), (5, 6), (8, 9)]),
        ("dog within 4 seconds of car", [(1, 2), (5, 6), (8, 9), (12, 16)]),
        ("car within 4 seconds of rain", [(6, 8)]),
        ("rain within 4 seconds of car", [(12, 13)]),
        ("dog longer than 1 second", [(12, 16)]),
        ("dog at least 1 second", [(1, 2), (5, 6), (8, 9), (12, 16), (20, 21)]),
        ("dog at most 1 second", [(1, 2), (5, 6), (8, 9), (20, 21)]),
        ("dog shorter than 1 second", []),
        ("dog within 0 seconds of dog", [(1, 2), (5, 6), (8, 9), (12, 16), (20, 21)]),  # an event overlaps itself
        ("dog without dog", []),
        ("dog after cat", []),
        ("dog before cat", []),
        ("dog during cat", []),
        ("dog within 9 seconds of cat", []),
        ("car without cat", [(2, 4), (6, 8)]),
        ("cat without car", []),
        ("first dog after first rain after car", [(20, 21)]),
        ("first dog after second car", [(8, 9)]),
        ("last dog before last car", [(5, 6)]),
        ("dog longer than 1 second during rain", [(12, 16)]),
        ("dog during rain longer than 1 second", [(12, 16), (20, 21)]),
        ("dog after third car", []),
        ("dog without third car", [(1, 2), (5, 6), (8, 9), (12, 16), (20, 21)]),
    ],
)
def test_cases_by_hand(query, expected):
    assert times(query, STREET) == expected


def test_rows_are_whole_sorted_and_counted_from_0():
    found = select(parse("dog during rain"), STREET.sample(frac=1, random_state=1))
    expected = pd.DataFrame(
        {"onset": [12.0, 20.0], "offset": [16.0, 21.0], "event_label": "dog", "score": [0.4, 0.0]},
    )
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("query", ["dog", "longest dog", "loudest dog", "last dog", "dog after car", "dog without car"])
def test_a_table_without_events_has_none(query):
    assert select(parse(query), table()).columns.tolist() == ["onset", "offset", "event_label", "score"]
    assert select(parse(query), table()).empty


def test_the_loudest_and_the_quietest():
    events = table(dog=[(5, 6), (1, 2), (3, 4)], car=[(0, 9)]).assign(level=[-20.0, -20.0, -30.0, 0.0])
    assert times("loudest dog", events) == [(1, 2)]  # the earlier of two
    assert times("quietest dog", events) == [(3, 4)]
    assert times("loudest dog after quietest dog", events) == [(5, 6)]


def test_times_are_compared_to_the_microsecond():
    events = table(dog=[(0.1 + 0.2, 0.7)], car=[(0, 0.3), (0.7 - 1e-9, 3.7)])
    for query in ("dog after car", "dog before car", "dog without car", "car at most 3 seconds"):
        assert len(select(parse(query), events)), query
    assert times("dog during car", events) == times("car longer than 3 seconds", events) == []
    assert len(select(parse("dog during car"), table(dog=[(0, 1.000001)], car=[(1, 2)])))


def gap(a, b):
    """Microseconds between two events; negative where they overlap."""
    return max(a[0], b[0]) - min(a[1], b[1])


# The definitions, for whole microseconds: a is an event, others are all events B.
DEFINITIONS = {
    "after": lambda a, others: bool(others) and a[0] >= min(b[1] for b in others),
    "before": lambda a, others: bool(others) and a[1] <= max(b[0] for b in others),
    "during": lambda a, others: any(gap(a, b) < 0 for b in others),
    "without": lambda a, others: not any(gap(a, b) < 0 for b in others),
    "within 1 second of": lambda a, others: any(gap(a, b) <= 1_000_000 for b in others),
    "within 0.3 seconds of": lambda a, others: any(gap(a, b) <= 300_000 for b in others),
}


@pytest.mark.parametrize("relation", DEFINITIONS)
@pytest.mark.parametrize("others", ["b", "third b", "b longer than 0.4 seconds", "b after c"])
def test_relations_hold_pair_by_pair(relation, others):
    """Times are tenths of a second, so that many events touch."""
    rng = np.random.default_rng(3)
    kept = 0
    for _ in range(30):
        onset = rng.integers(0, 200, 24) / 10
        events = pd.DataFrame({"onset": onset, "offset": onset + rng.integers(1, 12, 24) / 10})
        events["event_label"] = rng.choice(["a", "b", "c"], 24, p=[0.6, 0.3, 0.1])
        pairs = [
            [(round(start * 1e6), round(end * 1e6)) for start, end in times(query, events)] for query in ("a", others)
        ]
        expected = [(a[0] / 1e6, a[1] / 1e6) for a in pairs[0] if DEFINITIONS[relation](a, pairs[1])]
        assert np.allclose(times(f"a {relation} {others}", events), expected)
        kept += len(expected)
    assert kept > 0


@pytest.mark.parametrize("which", ORDINALS)
def test_ordinals_count_by_onset(which):
    events = table(dog=[(second, second + 0.5) for second in range(10)]).sample(frac=1, random_state=0)
    assert times(f"{which} dog", events) == [(ORDINALS.index(which), ORDINALS.index(which) + 0.5)]


def test_many_events_are_compared_without_all_pairs():
    """All pairs would be 2.5e9."""
    onset = np.arange(100_000) * 0.1
    events = pd.DataFrame({"onset": onset, "offset": onset + 0.15, "event_label": ["a", "b"] * 50_000})
    assert len(select(parse("a during b"), events)) == 50_000
    assert select(parse("a without b"), events).empty


def test_sounds_come_once_and_in_order():
    assert sounds(parse("the last dog before the first car after the dog")) == ["dog", "car", "the dog"]
    assert sounds(parse("dog without loudest dog")) == ["dog"]


@pytest.mark.parametrize(
    ("query", "plain", "level"),
    [
        ("dog", True, False),
        ("first dog", False, False),
        ("dog longer than 1 second", False, False),
        ("dog after loudest car", False, True),
        ("quietest dog", False, True),
    ],
)
def test_what_an_expression_needs(query, plain, level):
    assert is_plain(parse(query)) == plain
    assert needs_level(parse(query)) == level
