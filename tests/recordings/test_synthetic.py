"""Built-in recordings as a source: the same seed gives the same files, and the table describes them."""

from pathlib import Path

import pandas as pd
import pytest
import soundfile
import yaml

from places import ROOT
from yoho import InputError
from yoho.recordings import synthetic
from yoho.recordings.splits import RECORDING_COLUMNS, check_recordings

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
