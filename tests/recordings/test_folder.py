"""The user's folder of classes as a source: its groups and its bad files."""

import io
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
from collect_recordings import collect_recordings
from recorded import ESC10, LISTENING, sound

from yoho import InputError, job
from yoho.events import read_table
from yoho.recordings import folder
from yoho.recordings.listening import examine_recordings
from yoho.recordings.splits import RECORDING_COLUMNS, assign_splits, check_recordings, join_groups


@pytest.fixture
def own(tmp_path, spread):
    """A function that reads a folder of classes."""

    def read(root, *event_labels):
        (tmp_path / "made").mkdir(exist_ok=True)
        return folder.collect(tmp_path / "made", spread, path=str(root), event_labels=event_labels)

    return read


def test_subfolder_of_a_class_is_one_group_and_a_file_its_own(tmp_path, own):
    names = ["dog/a.wav", "dog/b.mp3", "dog/garden/a.wav", "dog/garden/more/c.flac", "rain/garden/a.ogg"]
    for name in [*names, "dog/.hidden.wav", "dog/.folder/a.wav", "dog/garden/.more/a.wav"]:
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).touch()
    table = own(tmp_path / "own", "dog", "rain").set_index("recording")
    assert table.index.to_list() == names
    assert table["group"].to_list() == ["dog/a.wav", "dog/b.mp3", "dog/garden", "dog/garden", "rain/garden"]
    assert table["event_label"].to_list() == ["dog"] * 4 + ["rain"]
    assert table["path"].to_list() == [str(tmp_path / "own" / name) for name in names]


def test_class_without_a_folder_is_named(tmp_path, own):
    with pytest.raises(InputError, match="cat: no such folder"):
        own(tmp_path, "cat")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF"])
def test_any_format_that_soundfile_reads_is_one(tmp_path, own, spread, kind):
    path = tmp_path / "own" / "noise" / f"a.{kind.lower()}"
    path.parent.mkdir(parents=True)
    soundfile.write(path, sound(44100, 2), 44100, format=kind)
    heard = examine_recordings(own(tmp_path / "own", "noise"), spread, **LISTENING).iloc[0]
    assert heard["duration"] == pytest.approx(1, abs=0.01)
    assert heard["onset"] == pytest.approx(0.25, abs=0.05) and heard["offset"] == pytest.approx(0.75, abs=0.1)


def test_broken_link_is_a_bad_recording(tmp_path, own, spread):
    (tmp_path / "own" / "dog").mkdir(parents=True)
    (tmp_path / "own" / "dog" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    with pytest.raises(InputError, match=r"gone\.wav: cannot be read as audio"):
        examine_recordings(own(tmp_path / "own", "dog"), spread, **LISTENING)


def test_linked_subfolders_are_groups_and_circles_end(tmp_path, own, monkeypatch):
    monkeypatch.setattr(job, "TERMINAL", terminal := io.StringIO())
    for name in ("own/dog/a.wav", "own/dog/garden/b.wav", "elsewhere/c.wav", "elsewhere/deep/d.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "own/dog/yard").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "own/dog/circle").symlink_to(tmp_path / "own")
    (tmp_path / "own/cat").symlink_to(tmp_path / "elsewhere")
    table = own(tmp_path / "own", "dog", "cat")
    found = ["dog/a.wav", "dog/garden/b.wav", "dog/yard/c.wav", "dog/yard/deep/d.wav", "cat/c.wav", "cat/deep/d.wav"]
    assert table["recording"].to_list() == found
    assert table["group"].to_list()[2:4] == ["dog/yard", "dog/yard"]
    said = "passed over: links to folders that are searched already or contain this one (1)"
    assert terminal.getvalue() == f"{tmp_path}/own/dog: {said}\n"
    assert folder.event_labels({"path": str(tmp_path / "own")}) == ["cat", "dog"]
    assert sorted(folder.files({"path": str(tmp_path / "own")})) == sorted(table["path"])


def test_files_of_the_operating_system_are_passed_over_and_counted(tmp_path, own, monkeypatch):
    monkeypatch.setattr(job, "TERMINAL", terminal := io.StringIO())
    names = ["dog/a.wav", "dog/Thumbs.db", "dog/deep/desktop.ini", "dog/.DS_Store", "__MACOSX/dog/a.wav", "note.txt"]
    root = tmp_path / "own"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert own(root, "dog")["recording"].to_list() == ["dog/a.wav"]
    assert terminal.getvalue().splitlines() == [
        f"{root}: passed over: put there by the operating system, such as Thumbs.db (1), "
        "files in no folder of a class (1)",
        f"{root}/dog: passed over: hidden (1), put there by the operating system, such as Thumbs.db (2)",
    ]
    assert folder.event_labels({"path": str(root)}) == ["dog"]
    assert folder.files({"path": str(root)}) == [str(root / "dog/a.wav")]


def test_a_folder_that_cannot_be_read_is_a_bad_recording(tmp_path, own, spread, monkeypatch):
    (tmp_path / "own/dog/locked").mkdir(parents=True)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as only_here:
        only_here.setattr(os, "scandir", refuse)
        with pytest.raises(InputError, match="locked: cannot be read as audio"):
            examine_recordings(own(tmp_path / "own", "dog"), spread, **LISTENING)
        with pytest.raises(InputError, match=r"locked: cannot be read \(Permission denied\)"):
            own(tmp_path / "own/dog", "locked")


def test_a_class_that_is_a_broken_link_is_a_mistake(tmp_path):
    (tmp_path / "own/dog").mkdir(parents=True)
    (tmp_path / "own/cat").symlink_to(tmp_path / "nowhere")
    (line,) = folder.mistakes("here", {"path": str(tmp_path / "own")}, None)
    assert (
        line == f"here.path: {tmp_path}/own/cat leads to a place that is missing or cannot be read; mend or remove it"
    )


def test_a_place_that_cannot_be_reached_is_a_mistake_and_no_traceback(tmp_path, monkeypatch):
    """As for a user who may not look into a folder."""
    (tmp_path / "own/dog").mkdir(parents=True)
    (tmp_path / "own/cat").symlink_to(tmp_path / "locked/cat")
    stat = os.stat

    def refuse(path, **options):
        if "locked" in str(path) or str(path).endswith("cat"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    with monkeypatch.context() as only_here:
        only_here.setattr(os, "stat", refuse)
        assert folder.event_labels({"path": str(tmp_path / "own")}) == ["dog"]
        (line,) = folder.mistakes("here", {"path": str(tmp_path / "own")}, None)
        assert "own/cat leads to a place that is missing or cannot be read" in line
        assert folder.event_labels({"path": str(tmp_path / "locked/own")}) == []
        (line,) = folder.mistakes("here", {"path": str(tmp_path / "locked/own")}, None)
        assert "no such folder" in line


@pytest.fixture
def linked(tmp_path):
    """Real recordings as a folder of classes, linked: those of one field recording in a subfolder."""
    if not (ESC10 / "meta" / "esc50.csv").is_file():
        pytest.skip(f"no real recordings at {ESC10}")
    table = pd.read_csv(ESC10 / "meta" / "esc50.csv", dtype=str)
    table = table[table["category"].isin(["dog", "rain"])]
    for row in table.itertuples():
        folder = tmp_path / "linked" / row.category
        if (table["src_file"] == row.src_file).sum() > 1:
            folder /= row.src_file
        folder.mkdir(parents=True, exist_ok=True)
        (folder / row.filename).symlink_to(ESC10 / "audio" / row.filename)
    return tmp_path / "linked", table


def test_real_recordings_in_a_folder_are_grouped_by_subfolder(linked, own, spread):
    root, meta = linked
    table = examine_recordings(own(root, "dog", "rain"), spread, **LISTENING)
    table = join_groups(table, ["sha256"])
    table = assign_splits(table, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(0))
    check_recordings(table, ["dog", "rain"])
    assert len(table) == len(meta) == 64
    sources_of = table["path"].map(lambda path: Path(path).name.split("-")[1])
    assert (table.groupby(sources_of)["split"].nunique() == 1).all()
    assert table["group"].nunique() == meta["src_file"].nunique()


def test_collecting_a_folder_shows_classes_and_counts_first(linked, tmp_path, monkeypatch, capsys):
    root, _ = linked
    terminal = io.StringIO()
    monkeypatch.setattr(job, "TERMINAL", terminal)
    monkeypatch.setattr(job, "spread", lambda function, calls, **_: [function(*call) for call in calls])
    (root / "dog" / "bad.wav").write_text("no audio")
    collect_recordings(
        SimpleNamespace(audio=tmp_path / "recordings", table=tmp_path / "recordings.tsv"),
        1,
        source="folder",
        settings={"path": str(root), "event_labels": ["dog", "rain"]},
        listening=LISTENING | {"bad": "leave_out"},
        splitting={"splits": {"train": 0.6, "valid": 0.2, "test": 0.2}, "seed": 0},
        event_labels=["dog", "rain"],
        background=None,
    )
    lines = ["dog: 33 recordings", "rain: 32 recordings", "1 of 65 recordings left out, each with a line in the log"]
    assert terminal.getvalue().splitlines() == lines
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == lines[:2] and out[-1] == lines[-1] and "bad.wav" in out[-2]
    table = read_table(tmp_path / "recordings.tsv")
    assert table.columns.to_list() == RECORDING_COLUMNS and len(table) == 64
