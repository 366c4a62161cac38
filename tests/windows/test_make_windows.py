"""The jobs that make windows, their targets, and their images with each front end."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from make_features import make_features
from make_windows import make_windows

from yoho import job
from yoho.audio import write_audio
from yoho.events import read_table, write_table
from yoho.windows.front_ends import LogMel
from yoho.windows.targets import encode_events

RATE, LENGTH, HOP, BINS = 8000, 0.5, 0.3, 5
LABELS = ["car", "clocks"]
FINE = {"sample_rate": RATE, "n_fft": 512, "hop_length": 80, "win_length": 320, "n_mels": 13, "top_db": 80}
FRONT_ENDS = {"fine": FINE, "coarse": FINE | {"hop_length": 400, "n_mels": 8}}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two mixes and their tables."""
    monkeypatch.setattr(job, "spread", lambda function, calls, *_: (function(*call) for call in calls))
    rows = [("b.flac", 0.0, 0.7, "car"), ("b.flac", 0.7, 1.25, "clocks"), ("a.flac", 0.0, 0.4, "clocks")]
    events = pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])
    for name in ("plan", "events"):
        write_table(events, tmp_path / f"{name}.tsv")
    for name, seconds in {"a.flac": 0.4, "b.flac": 1.25}.items():
        noise = 0.1 * np.random.default_rng(len(name)).standard_normal(round(seconds * RATE))
        write_audio(tmp_path / name, noise, RATE)
    return SimpleNamespace(plan=tmp_path / "plan.tsv", events=tmp_path / "events.tsv", audio=tmp_path)


def make(files, folder):
    """Windows, targets, and the images of each front end."""
    made = SimpleNamespace(targets=folder / "targets.npy", windows=folder / "windows.tsv")
    make_windows(files, made, event_labels=LABELS, hop=HOP, length=LENGTH, bins=BINS, targets="exact")
    images, given = [], SimpleNamespace(windows=made.windows, audio=files.audio)
    for settings in FRONT_ENDS.values():
        make_features(given, folder / "features.npy", 1, front_end=settings, length=LENGTH)
        images.append(np.load(folder / "features.npy"))
    return read_table(made.windows), np.load(made.targets), images


def test_each_front_end_has_its_images_of_the_same_windows(files, tmp_path):
    windows, targets, images = make(files, tmp_path)
    assert windows["filename"].tolist() == ["a.flac"] + 4 * ["b.flac"]
    assert windows["onset"].to_numpy() == pytest.approx([0, 0, 0.3, 0.6, 0.9])
    assert windows["mix_duration"].tolist() == [0.4, 1.25, 1.25, 1.25, 1.25]
    assert [array.shape for array in images] == [(5, 51, 13), (5, 11, 8)]
    for array, settings in zip(images, FRONT_ENDS.values()):
        own = LogMel(**settings).file_images(files.audio / "b.flac", windows["onset"][1:], LENGTH)
        np.testing.assert_array_equal(array[1:], own)
    events = read_table(files.events)
    for name, rows in windows.groupby("filename").indices.items():
        own = encode_events(events[events["filename"] == name], windows["onset"][rows], LABELS, LENGTH, BINS)
        np.testing.assert_array_equal(targets[rows], own)
