"""The table of scores that are pooled over datasets: the counts of all seeds and datasets are added up."""

from types import SimpleNamespace

import pandas as pd
import pytest
from tabulate_pooled import tabulate_pooled

from yoho import InputError
from yoho.events import write_table

LABELS = ["dog", "rain"]
CLAIMS = {"level": 0.05, "replicates": 200, "seed": 0}
SCORING = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5, "collars": [0.1, 0.2, 0.5, 1.0], "coverage": 0.5}


def events(*rows):
    return pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])


def tallies(recordings):
    """Tallies of recordings {name: (class, true positives, references, predictions)}."""
    rows = [
        (name, label, scored, *(counts if scored in ("overall", label) else (0, 0, 0)), 0)
        for name, (label, *counts) in recordings.items()
        for scored in ("overall", *LABELS)
    ]
    columns = "recording recording_label event_label true_positives references predictions errors"
    return pd.DataFrame(rows, columns=columns.split())


@pytest.fixture
def files(tmp_path):
    """Two datasets with one mix of 4 s of the same name; a network with two seeds, of which one finds nothing in b."""
    truth = {
        "a": events(("m.flac", 0, 2, "dog"), ("m.flac", 2, 4, "rain")),
        "b": events(("m.flac", 0, 4, "dog")),
    }
    found = {("s0", "a"): truth["a"], ("s0", "b"): truth["b"], ("s1", "a"): truth["a"], ("s1", "b"): events()}
    counts = {
        ("s0", "a"): {"d1": ("dog", 2, 2, 2), "r1": ("rain", 2, 2, 2)},
        ("s0", "b"): {"d1": ("dog", 4, 4, 4)},
        ("s1", "a"): {"d1": ("dog", 2, 2, 2), "r1": ("rain", 2, 2, 2)},
        ("s1", "b"): {"d1": ("dog", 0, 4, 0)},
    }

    def written(name, table):
        write_table(table, tmp_path / name)
        return tmp_path / name

    return SimpleNamespace(
        events=[written(f"{name}.tsv", truth[name]) for name in truth],
        plans=[written(f"plan_{name}.tsv", truth[name]) for name in truth],
        predictions=[written(f"{seed}{name}.tsv", table) for (seed, name), table in found.items()],
        tallies=[written(f"t_{seed}{name}.tsv", tallies(rows)) for (seed, name), rows in counts.items()],
    )


def test_counts_of_all_seeds_and_datasets_are_added_up(files, tmp_path):
    made = {"datasets": ["a", "b"], "networks": {"ear": ["s0", "s1"]}, "event_labels": LABELS}
    tabulate_pooled(files, tmp_path / "pooled.csv", **made, scoring=SCORING, claims=CLAIMS)
    table = pd.read_csv(tmp_path / "pooled.csv").set_index("event_label")
    # 16 reference seconds in all, of which 12 are found and no other: precision 1, recall 0.75.
    assert table.loc["overall", "segment_f1"] == pytest.approx(2 * 12 / (16 + 12), abs=1e-6)
    assert table.loc["dog", "segment_recall"] == pytest.approx(8 / 12, abs=1e-6)
    assert table.loc["rain", "segment_f1"] == 1
    assert table["seeds"].tolist() == [2, 2, 2] and table["recordings"].tolist() == [3, 3, 3]
    mean = (1 + 2 * 4 / (8 + 4)) / 2  # of the two seeds' F1
    low, middle, high = table.loc["overall", ["low", "mean_segment_f1", "high"]]
    assert middle == pytest.approx(mean, abs=1e-6)
    assert (low + high) / 2 == pytest.approx(mean, abs=1e-5) and low < mean < high
    assert table.loc["rain", "low"] == 1


def test_the_page_shows_the_same_table(files, tmp_path):
    made = {"datasets": ["a", "b"], "networks": {"ear": ["s0", "s1"]}, "event_labels": LABELS}
    tabulate_pooled(files, tmp_path / "pooled.csv", **made, scoring=SCORING, claims=CLAIMS)
    assert "mean segment f1" in (tmp_path / "pooled.html").read_text()


def test_no_dataset_is_one_line(files, tmp_path):
    made = {"datasets": [], "networks": {"ear": ["s0"]}, "event_labels": LABELS}
    with pytest.raises(InputError, match=r"^scoring\.pooled: names no dataset"):
        tabulate_pooled(files, tmp_path / "pooled.csv", **made, scoring=SCORING, claims=CLAIMS)
