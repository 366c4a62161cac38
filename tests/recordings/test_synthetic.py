"""Built-in recordings as a source: the same seed gives the same files, and the table describes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from places import ROOT
from yoho import InputError
from yoho.recordings import synthetic
from yoho.recordings.splits import RECORDING_COLUMNS, SPLITS, assign_splits, check_recordings

# The default settings, but for fewer and shorter recordings.
CONFIG = ROOT / "config" / "config.yaml"
SMALL = {
    "event_labels": ["car", "clocks", "crowds"],
    "per_class": 4,
    "duration": [2, 3],
    "sample_rate": 8000,
    "splits": {"train": 0.5, "valid": 0.25, "test": 0.25},
    "seed": 0,
}


@pytest.fixture
def synthesise(tmp_path, spread):
    """A function that makes a few built-in recordings: (table, {name: bytes})."""

    def make(folder, **changes):
        (tmp_path / folder).mkdir()
        config = yaml.safe_load(CONFIG.read_text())
        settings = config["datasets"][config["dataset"]]["recordings"] | SMALL | changes
        table = synthetic.collect(str(tmp_path / folder), spread, **settings)
        return table, {path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())}

    return make


def test_built_in_recordings_are_the_same_for_the_same_seed_and_others_for_another(synthesise):
    first, first_bytes = synthesise("a")
    again, again_bytes = synthesise("b")
    other, other_bytes = synthesise("c", seed=1)
    assert first_bytes == again_bytes
    pd.testing.assert_frame_equal(first.drop(columns="path"), again.drop(columns="path"))
    assert first_bytes.keys() == other_bytes.keys()
    assert not set(first_bytes.values()) & set(other_bytes.values())


def test_built_in_recordings_all_differ(synthesise):
    """Also in length: recordings of one number but another class have draws of their own."""
    table, files = synthesise("a")
    assert len(files) == 12 and len(set(files.values())) == 12
    assert table["duration"].is_unique


def test_recording_does_not_depend_on_how_many_there_are(synthesise):
    _, few = synthesise("a", per_class=3)
    _, more = synthesise("b", per_class=5)
    assert few.items() <= more.items()


def test_built_in_table_describes_the_files(synthesise):
    table, files = synthesise("a")
    assert set(RECORDING_COLUMNS) <= set(table.columns)
    assert sorted(Path(path).name for path in table["path"]) == sorted(files)
    assert table["event_label"].value_counts().to_dict() == {"car": 4, "clocks": 4, "crowds": 4}
    assert table["recording"].is_unique and (table["group"] == table["recording"]).all()
    for row in table.itertuples():
        info = soundfile.info(row.path)
        assert (info.samplerate, info.channels) == (8000, 1)
        assert row.duration == row.offset == pytest.approx(info.duration, abs=1e-9)
        assert row.onset == 0 and 1.99 <= row.duration <= 3.0
    check_recordings(table, ["car", "clocks", "crowds"])


def test_too_few_built_in_recordings_are_an_error(synthesise):
    with pytest.raises(InputError, match="class car"):
        synthesise("a", per_class=2)


# ---- training recordings drawn anew ----------------------------------------------------------------------------------


def test_training_recordings_are_drawn_anew_for_every_seed(synthesise):
    """Each pool is as large as the training split, and shares no recording with the dataset or another pool."""
    dataset, files = synthesise("dataset", per_class=5)
    pools = [synthesise(f"pool-{seed}", **synthetic.anew(SMALL | {"per_class": 5}, seed)) for seed in (0, 1)]
    train = dataset[dataset["split"] == "train"]
    for table, _ in pools:
        check_recordings(table, SMALL["event_labels"])
        assert (table["split"] == "train").all()
        assert table["event_label"].value_counts().to_dict() == train["event_label"].value_counts().to_dict()
    every = [content for own in (files, *(made for _, made in pools)) for content in own.values()]
    assert len(set(every)) == len(every) == 15 + 2 * 9


def test_no_training_seed_draws_with_the_seed_of_the_dataset():
    for own in (0, 7):
        seeds = [synthetic.anew(SMALL | {"seed": own}, seed)["seed"] for seed in range(20)]
        assert len({own, *seeds}) == 21


@pytest.mark.parametrize("shares", [(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (1, 1, 1), (0.01, 0.9, 0.09), (98, 1, 1)])
def test_size_of_the_pool_is_that_of_the_training_split(shares):
    splits = dict(zip(SPLITS, shares, strict=True))
    for per_class in (3, 4, 5, 7, 10, 48, 97, 300):
        table = pd.DataFrame({"event_label": "car", "group": [f"g{number}" for number in range(per_class)]})
        dealt = assign_splits(table, splits, np.random.default_rng(0))
        drawn = synthetic.anew(SMALL | {"per_class": per_class, "splits": splits}, 0)
        assert drawn["per_class"] == (dealt["split"] == "train").sum()
