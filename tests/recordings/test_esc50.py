"""ESC-50 and collections in its layout as a source: read from a folder or .zip, fetched, and named if they are bad."""

import csv
import hashlib
import io
import re
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from collect_recordings import collect_recordings
from fetch_recordings import fetch_recordings
from recorded import ESC10, LISTENING, UNPACKED, sound

from places import ROOT
from servers import MANNERS
from yoho import InputError, job
from yoho.downloads import download
from yoho.downloads.download import Fetched
from yoho.downloads.web import Web
from yoho.recordings import esc50
from yoho.recordings.listening import examine_recordings
from yoho.recordings.manifest import read_manifest
from yoho.recordings.splits import RECORDING_COLUMNS, check_recordings

CLASSES = [
    {"event_label": "animal", "categories": ["dog", "cat"]},
    {"event_label": "weather", "categories": ["rain"]},
]
FOLDS = {"train": [1, 2], "valid": [3], "test": [4]}
HEADER = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
# Container, sample rate, channels.
FORMATS = [("wav", 44100, 1), ("ogg", 22050, 2), ("flac", 48000, 3), ("wav", 8000, 2), ("ogg", 44100, 1)]
ROWS = [
    [f"{fold}-00{fold}{target}-A-{target}.{FORMATS[(fold + target) % 5][0]}", fold, target, category]
    + [category != "wind", f"00{fold}{target}", "A"]
    for target, category in enumerate(("dog", "cat", "rain", "wind"))
    for fold in range(1, 6)
]


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A tiny collection in the ESC-50 layout: four categories by five folds."""
    root = tmp_path_factory.mktemp("collection")
    (root / "audio").mkdir()
    (root / "meta").mkdir()
    for name, fold, target, *_ in ROWS:
        _, rate, channels = FORMATS[(fold + target) % 5]
        soundfile.write(root / "audio" / name, sound(rate, channels), rate)
    write_meta(root, ROWS)
    return root


@pytest.fixture
def esc(collection, tmp_path):
    """A copy of the collection to spoil."""
    return Path(shutil.copytree(collection, tmp_path / "esc"))


def write_meta(root, rows, header=HEADER):
    with (root / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def read_collection(tmp_path, spread):
    """A function that reads a collection: the checked table, after some changes of the settings."""

    def read(path, **changes):
        folder = tmp_path / "recordings"
        folder.mkdir(exist_ok=True)
        settings = {"path": str(path), "classes": CLASSES, "folds": FOLDS, "unpacked": UNPACKED} | changes
        table = examine_recordings(esc50.collect(str(folder), spread, **settings), spread, **LISTENING)
        return check_recordings(table, [entry["event_label"] for entry in settings["classes"]])

    return read


def test_esc50_folder_is_read(esc, read_collection):
    table = read_collection(esc)
    assert set(RECORDING_COLUMNS) <= set(table.columns)
    assert len(table) == 3 * 4  # neither the unused category nor the unused fold
    assert table["event_label"].value_counts().to_dict() == {"animal": 8, "weather": 4}
    for row in table.itertuples():
        fold, source, _, target = row.recording.split("-")
        assert row.split == {"1": "train", "2": "train", "3": "valid", "4": "test"}[fold]
        assert row.event_label == {"0": "animal", "1": "animal", "2": "weather"}[target]
        assert row.group == source and row.group.startswith("00")  # text, not a number
        assert Path(row.path).parent == esc / "audio" and Path(row.path).stem == row.recording
        assert soundfile.info(row.path).frames > 0


def test_other_columns_of_a_collection_are_none_of_ours(esc, read_collection):
    plain = read_collection(esc)
    names = [name for name in (*RECORDING_COLUMNS, "sha256", "error", "seed") if name != "recordings"]
    write_meta(esc, [[*row, *("other" for _ in names)] for row in ROWS], [*HEADER, *names])
    pd.testing.assert_frame_equal(read_collection(esc), plain)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_table_that_begins_with_a_byte_order_mark_is_read(esc, read_collection, quoted):
    plain = read_collection(esc)
    write_meta(esc, ROWS, HEADER)
    text = (esc / "meta" / "esc50.csv").read_text()
    text = text.replace("filename", '"filename"', 1) if quoted else text
    (esc / "meta" / "esc50.csv").write_text(text, encoding="utf-8-sig")
    pd.testing.assert_frame_equal(read_collection(esc), plain)


def test_near_silent_ends_are_trimmed_at_any_rate_and_channel_count(esc, read_collection):
    table = read_collection(esc)
    assert {soundfile.info(path).samplerate for path in table["path"]} == {44100, 22050, 48000, 8000}
    assert np.abs(table["duration"] - 1).max() < 1e-3
    # A quarter of a second of silence at both ends, found within a frame of 46 ms.
    assert (table["onset"].between(0.25 - 0.047, 0.25)).all()
    assert (table["offset"].between(0.75, 0.75 + 0.047)).all()


def zip_collection(root, path, top="ESC-50-master/", extra=()):
    """Pack a collection; `extra`: (name, content) of more members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if top:
            archive.writestr(top, "")
        for file in sorted(root.rglob("*")):
            archive.write(file, top + str(file.relative_to(root)))
        for name, content in extra:
            archive.writestr(name, content)


@pytest.mark.parametrize("top", ["ESC-50-master/", ""])
def test_esc50_zip_gives_what_its_folder_gives(tmp_path, esc, read_collection, top):
    zip_collection(esc, tmp_path / "esc.zip", top, [(f"{top}README.md", "read me")])
    from_folder, from_zip = read_collection(esc), read_collection(tmp_path / "esc.zip")
    pd.testing.assert_frame_equal(from_folder.drop(columns="path"), from_zip.drop(columns="path"))
    for one, other in zip(from_folder["path"], from_zip["path"], strict=True):
        assert Path(other).is_relative_to(tmp_path / "recordings")
        assert Path(one).read_bytes() == Path(other).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../../evil", "../../evil.wav", "../audio/evil.wav", "/evil.wav", "audio/../../evil.wav", "meta/../../evil"],
)
def test_member_of_a_zip_cannot_escape(tmp_path, esc, read_collection, name):
    zip_collection(esc, tmp_path / "esc.zip", extra=[(name, "evil")])
    before = set(tmp_path.parent.rglob("*")) | {tmp_path / "recordings"}
    with pytest.raises(InputError, match=r"esc\.zip: member .*evil.* outside"):
        read_collection(tmp_path / "esc.zip")
    assert set(tmp_path.parent.rglob("*")) | {tmp_path / "recordings"} == before
    assert not Path("/evil.wav").exists()


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path, esc, read_collection):
    zip_collection(esc, tmp_path / "esc.zip", extra=[("audio/zeros.wav", bytes(10**6))])
    with pytest.raises(InputError, match=r"esc\.zip: would unpack to"):
        read_collection(tmp_path / "esc.zip", unpacked={"most": 10**6, "ratio": 1000})


def test_real_recordings_of_esc10(read_collection):
    if not (ESC10 / "meta" / "esc50.csv").is_file():
        pytest.skip(f"no real recordings at {ESC10}")
    categories = sorted(pd.read_csv(ESC10 / "meta" / "esc50.csv")["category"].unique())
    classes = [{"event_label": category, "categories": [category]} for category in categories]
    table = read_collection(ESC10, classes=classes)
    assert len(table) == 320 and table["event_label"].nunique() == 10
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert table["split"].value_counts().to_dict() == {"train": 160, "valid": 80, "test": 80}
    assert ((table["onset"] >= 0) & (table["onset"] < table["offset"]) & (table["offset"] <= table["duration"])).all()
    assert (np.abs(table["duration"] - 5) < 0.01).mean() > 0.9
    assert (table["offset"] - table["onset"] < 4).sum() > 50  # many end in silence


def test_missing_folder_is_named(tmp_path, read_collection):
    with pytest.raises(InputError, match="nowhere.*no such file.*meta/esc50.csv"):
        read_collection(tmp_path / "nowhere")


def test_missing_zip_is_named(tmp_path, read_collection):
    with pytest.raises(InputError, match="nowhere.zip"):
        read_collection(tmp_path / "nowhere.zip")


def test_zip_without_the_layout_is_named(tmp_path, read_collection):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("README.md", "nothing here")
    with pytest.raises(InputError, match="esc50.csv"):
        read_collection(tmp_path / "other.zip")


@pytest.mark.parametrize("column", ["filename", "fold", "category", "src_file"])
def test_missing_column_is_named(esc, read_collection, column):
    index = HEADER.index(column)
    write_meta(esc, [row[:index] + row[index + 1 :] for row in ROWS], HEADER[:index] + HEADER[index + 1 :])
    with pytest.raises(InputError, match=f"esc50.csv: no column {column}"):
        read_collection(esc)


def test_another_separator_or_encoding_is_named(esc, read_collection):
    text = (esc / "meta" / "esc50.csv").read_text()
    (esc / "meta" / "esc50.csv").write_text(text.replace(",", ";"))
    with pytest.raises(InputError, match="its first line names filename;fold.*commas must separate"):
        read_collection(esc)
    (esc / "meta" / "esc50.csv").write_text(text, encoding="utf-16")
    with pytest.raises(InputError, match=r"esc50\.csv: .*; save it as UTF-8"):
        read_collection(esc)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x89PNG\r\n\x1a\n\x00\xff\xfe", b'a,b\n1,2\n1,2,3,4\n"'])
def test_meta_that_is_no_table_is_named(esc, read_collection, content):
    (esc / "meta" / "esc50.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"esc50\.csv") as caught:
        read_collection(esc)
    assert "\n" not in str(caught.value)


def test_row_without_a_file_name_is_an_error(esc, read_collection):
    write_meta(esc, [*ROWS, ["", 1, 0, "dog", True, "0099", "A"]])
    with pytest.raises(InputError, match="esc50.csv|filename"):
        read_collection(esc)


def test_unknown_category_is_named_with_the_known_ones(esc, read_collection):
    classes = [*CLASSES, {"event_label": "vehicle", "categories": ["tram"]}]
    with pytest.raises(InputError, match="no category tram.*cat, dog, rain, wind"):
        read_collection(esc, classes=classes)


@pytest.mark.parametrize(
    "folds", [{"train": [1, 2], "valid": [3], "test": [9]}, {"train": [1], "valid": [3], "test": []}]
)
def test_split_without_recordings_is_named(esc, read_collection, folds):
    with pytest.raises(InputError, match="no recording in split test"):
        read_collection(esc, folds=folds)


def test_folds_that_the_collection_lacks_are_an_error(esc, read_collection):
    with pytest.raises(InputError, match="no recordings.*folds"):
        read_collection(esc, folds={"train": [7], "valid": [8], "test": [9]})


def test_source_file_across_folds_of_two_splits_is_named(esc, read_collection):
    shared = [row[:5] + ["0077"] + row[6:] if row[3] == "dog" and row[1] in (1, 4) else row for row in ROWS]
    write_meta(esc, shared)
    with pytest.raises(InputError, match="more than one split: 0077"):
        read_collection(esc)


def test_recording_without_a_source_file_is_named(esc, read_collection):
    write_meta(esc, [row[:5] + [""] + row[6:] if row is ROWS[0] else row for row in ROWS])
    with pytest.raises(InputError, match=f"without a group.*{Path(ROWS[0][0]).stem}"):
        read_collection(esc)


def test_two_files_of_one_name_are_an_error(esc, read_collection):
    twins = [["twin.wav", 1, 0, "dog", True, "0099", "A"], ["twin.ogg", 1, 0, "dog", True, "0099", "B"]]
    write_meta(esc, [*ROWS, *twins])
    soundfile.write(esc / "audio" / "twin.wav", sound(8000, 1), 8000)
    soundfile.write(esc / "audio" / "twin.ogg", sound(8000, 1), 8000)
    with pytest.raises(InputError, match="two recordings with the same name: twin"):
        read_collection(esc)


def spoil(path, how):
    """Replace the recording at `path`, a .wav, by something unusable."""
    if how == "missing":
        path.unlink()
    elif how == "unreadable":
        path.write_bytes(b"this is no audio at all" * 10)
    elif how == "of no bytes":
        path.write_bytes(b"")
    elif how == "empty":
        soundfile.write(path, np.zeros((0, 1)), 8000)
    elif how == "not finite":
        samples = sound(8000, 1)
        samples[100] = np.nan
        soundfile.write(path, samples, 8000, subtype="FLOAT")
    elif how == "infinite":
        samples = sound(8000, 1)
        samples[100] = np.inf
        soundfile.write(path, samples, 8000, subtype="DOUBLE")
    elif how == "silent":
        soundfile.write(path, np.zeros(8000), 8000)
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    elif how.startswith("truncated"):
        kind = how.split()[1]
        soundfile.write(path, sound(44100, 1), 44100, format=kind)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


BAD = ["missing", "unreadable", "of no bytes", "empty", "not finite", "infinite", "silent", "a folder"]
BAD += [f"truncated {kind}" for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF")]


@pytest.mark.parametrize("how", BAD)
def test_bad_recording_is_named(esc, read_collection, how):
    name = next(row[0] for row in ROWS if row[0].endswith(".wav") and row[1] != 5 and row[3] != "wind")
    spoil(esc / "audio" / name, how)
    with pytest.raises(InputError, match=name) as caught:
        read_collection(esc)
    assert "\n" not in str(caught.value)


def test_the_same_audio_in_two_splits_is_named(esc, tmp_path, monkeypatch):
    """Also with another `src_file`: the audio decides."""
    table = pd.read_csv(esc / "meta" / "esc50.csv", dtype=str)
    first, second = (table[(table["category"] == "dog") & (table["fold"] == fold)]["filename"].iloc[0] for fold in "13")
    shutil.copy(esc / "audio" / first, esc / "audio" / second)
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())
    made = SimpleNamespace(audio=str(tmp_path / "made"), table=tmp_path / "recordings.tsv")
    settings = {"path": str(esc), "classes": CLASSES, "folds": FOLDS, "unpacked": UNPACKED}
    slices = {"settings": settings, "listening": LISTENING, "splitting": None, "background": None}
    with pytest.raises(InputError, match="groups in more than one split"):
        collect_recordings(made, 1, source="esc50", event_labels=["animal", "weather"], **slices)


def test_several_bad_recordings_are_a_line_each(esc, read_collection):
    names = [row[0] for row in ROWS if row[0].endswith(".wav") and row[1] != 5 and row[3] != "wind"][:3]
    for name, how in zip(names, ("missing", "silent", "truncated WAV"), strict=True):
        spoil(esc / "audio" / name, how)
    with pytest.raises(InputError) as caught:
        read_collection(esc)
    first, *lines = str(caught.value).splitlines()
    assert first == "3 recordings cannot be used:"
    for line, name, words in zip(lines, names, ("cannot be read", "is silent", "is cut off"), strict=True):
        assert name in line and words in line and "replace or remove it" in line


def test_bad_recording_of_an_unused_category_does_no_harm(esc, read_collection):
    name = next(row[0] for row in ROWS if row[3] == "wind")
    spoil(esc / "audio" / name, "missing")
    assert len(read_collection(esc)) == 12


BAD_ZIPS = ["no archive", "truncated", "damaged start", "damaged middle", "encrypted"]


@pytest.mark.parametrize("how", BAD_ZIPS)
def test_bad_zip_is_named(tmp_path, esc, read_collection, how):
    path = tmp_path / "esc.zip"
    zip_collection(esc, path)
    content = bytearray(path.read_bytes())
    if how == "no archive":
        content = b"not a zip"
    elif how == "truncated":
        content = content[: len(content) // 2]
    elif how.startswith("damaged"):
        with zipfile.ZipFile(path) as archive:
            member = max(archive.infolist(), key=lambda info: info.compress_size)
        first = member.header_offset + 30 + len(member.filename)
        place = first if how == "damaged start" else first + member.compress_size // 2
        content[place : place + 100] = b"\xff" * 100
    elif how == "encrypted":
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of every member
            position = content.find(signature)
            while position >= 0:
                content[position + offset] |= 1
                position = content.find(signature, position + 4)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"esc\.zip"):
        read_collection(path)


# ---- fetching --------------------------------------------------------------------------------------------------------


def test_esc50_is_fetched_by_address(tmp_path, server):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ESC-50-master/meta/esc50.csv", "filename\n")
    server.add("master.zip", content.getvalue())
    made = tmp_path / "esc50" / "manifest.tsv"
    made.parent.mkdir()
    settings = {"address": f"{server.address}/zip/master.zip", "name": "ESC-50.zip"}
    fetch_recordings(made, source="esc50", settings=settings, web=MANNERS)
    assert (tmp_path / "esc50" / "downloads" / "ESC-50.zip").read_bytes() == content.getvalue()
    (said,) = read_manifest(made).to_dict("records")
    assert said["sha256"] == hashlib.sha256(content.getvalue()).hexdigest()
    assert said["licence"] == "that of its source"  # the licence of a user's own address is unknown
    assert read_manifest(made.parent / "downloads" / "manifest.tsv").to_dict("records") == [said]


def test_shipped_address_is_of_a_fixed_version_and_has_its_licence(monkeypatch):
    address = yaml.safe_load((ROOT / "config" / "esc50.yaml").read_text())["datasets"]["esc50"]["recordings"]["address"]
    assert re.fullmatch(rf"{esc50.ESC50}archive/[0-9a-f]{{40}}\.zip", address)
    said = []
    monkeypatch.setattr(
        download, "download_files", lambda web, files, *_: [Fetched(files[0].name, address, error="stop here")]
    )
    with pytest.raises(InputError, match="stop here"):
        esc50.fetch(Path("none"), None, None, said.append, address=address, name="ESC-50.zip")
    assert said == [f"ESC-50, licence: {esc50.LICENCE}: {address}"]


def test_archive_that_is_none_is_named_with_its_address(tmp_path, server):
    address = server.add("master.zip", b"no archive at all")
    with Web(**MANNERS) as web, pytest.raises(InputError, match=rf"{address}: is not a complete \.zip"):
        esc50.fetch(tmp_path / "downloads", web, job.progress, print, address=address, name="ESC-50.zip")
