"""Scores of a run on the test mixes of any dataset, which are segmented as a user would."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from score_segmenting import score_segmenting

from untrained import noise, save_untrained
from yoho import InputError
from yoho.audio import write_audio
from yoho.events import read_table, write_table
from yoho.segmenting.segmenter import Segmenter

SCORING = {"resolution": 1.0, "collar": 0.2, "collar_share": 0.5, "collars": [0.2], "coverage": 0.5}
NAMES = ("test_events", "test_scores", "test_recordings")


def mixes(folder, *labels):
    """Files of a dataset with a mix of 3 s for each label, which sounds from beginning to end."""
    (folder / "audio").mkdir(parents=True)
    names = [f"{label}.flac" for label in labels]
    for seed, name in enumerate(names):
        write_audio(folder / "audio" / name, noise(3, seed=seed), 44100)
    events = pd.DataFrame({"filename": names, "onset": 0.0, "offset": 3.0, "event_label": labels})
    write_table(events, folder / "events.tsv")
    write_table(events.assign(recording=names), folder / "plan.tsv")
    write_table(pd.DataFrame({"recording": names, "group": labels}), folder / "recordings.tsv")
    files = {name: folder / f"{name}.tsv" for name in ("events", "plan", "recordings")}
    return SimpleNamespace(audio=folder / "audio", classes=[], **files)


def test_a_run_is_scored_on_the_events_that_its_command_finds(tmp_path):
    run = save_untrained(tmp_path / "run")
    files, made = mixes(tmp_path / "mixes", "car", "rain"), SimpleNamespace(**{name: tmp_path / name for name in NAMES})
    files.network = [run / "model.json"]
    score_segmenting(files, made, 1, names=None, scoring=SCORING)
    segmenter = Segmenter.load(run, threads=1)
    found = [segmenter.file(files.audio / name).events.assign(filename=name) for name in ("car.flac", "rain.flac")]
    expected = pd.concat(found)[["filename", "onset", "offset", "event_label"]]
    pd.testing.assert_frame_equal(read_table(made.test_events), expected.reset_index(drop=True), check_dtype=False)
    scores = json.loads(made.test_scores.read_text())["scores"]
    assert [row["event_label"] for row in scores] == ["overall", "rain", "car"]
    tallies = read_table(made.test_recordings)
    assert tallies.loc[tallies["event_label"] == "overall", "references"].sum() == 6


def test_a_run_that_lacks_a_class_of_the_mixes_is_refused(tmp_path):
    files = mixes(tmp_path / "mixes", "dog")
    files.network = [save_untrained(tmp_path / "run") / "model.json"]
    with pytest.raises(InputError, match="dog: not among the classes of the network"):
        score_segmenting(files, SimpleNamespace(), 1, names=None, scoring=SCORING)
