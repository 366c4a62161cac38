"""Sources of recordings: built-in, ESC-50, one's own; splits without leaks, and clear words about bad input."""

import csv
import io
import shutil
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from collect_recordings import collect_recordings

from places import ROOT, SHARED
from yoho import InputError, audio, job
from yoho.audio import read_audio
from yoho.events import read_table
from yoho.recordings.listening import hear, listen
from yoho.recordings.sources import SOURCES
from yoho.recordings.splits import COLUMNS, SPLITS, assign_splits, check_recordings, join_groups

LABELS = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]
LISTENING = {"bad": "stop", "trim_db": 40, "shortest": 1, "sample_rate": 44100}
UNPACKED = {"most": 10**8, "ratio": 1000}
ESC10 = SHARED / "data" / "esc10"


# ---- built-in recordings ---------------------------------------------------------------------------------------------


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
def synthetic(tmp_path, spread):
    """A function that makes a few built-in recordings: (table, {name: bytes})."""

    def make(folder, **changes):
        (tmp_path / folder).mkdir()
        config = yaml.safe_load(CONFIG.read_text())
        settings = config["datasets"][config["dataset"]]["recordings"] | SMALL | changes
        table = SOURCES["synthetic"](str(tmp_path / folder), spread, **settings)
        return table, {path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())}

    return make


def test_built_in_recordings_are_the_same_for_the_same_seed_and_others_for_another(synthetic):
    first, first_bytes = synthetic("a")
    again, again_bytes = synthetic("b")
    other, other_bytes = synthetic("c", seed=1)
    assert first_bytes == again_bytes
    pd.testing.assert_frame_equal(first.drop(columns="path"), again.drop(columns="path"))
    assert first_bytes.keys() == other_bytes.keys()
    assert not set(first_bytes.values()) & set(other_bytes.values())


def test_built_in_recordings_all_differ(synthetic):
    """Also in length: recordings of one number but another class have draws of their own."""
    table, files = synthetic("a")
    assert len(files) == 12 and len(set(files.values())) == 12
    assert table["duration"].is_unique


def test_recording_does_not_depend_on_how_many_there_are(synthetic):
    _, few = synthetic("a", per_class=3)
    _, more = synthetic("b", per_class=5)
    assert few.items() <= more.items()


def test_built_in_table_describes_the_files(synthetic):
    table, files = synthetic("a")
    assert set(COLUMNS) <= set(table.columns)
    assert sorted(Path(path).name for path in table["path"]) == sorted(files)
    assert table["event_label"].value_counts().to_dict() == {"car": 4, "clocks": 4, "crowds": 4}
    assert table["recording"].is_unique and (table["group"] == table["recording"]).all()
    for row in table.itertuples():
        info = soundfile.info(row.path)
        assert (info.samplerate, info.channels) == (8000, 1)
        assert row.duration == row.offset == pytest.approx(info.duration, abs=1e-9)
        assert row.onset == 0 and 1.99 <= row.duration <= 3.0
    check_recordings(table, ["car", "clocks", "crowds"])


# ---- splits ----------------------------------------------------------------------------------------------------------


def made_up(groups_per_class, rng):
    """A table of recordings of some classes, 1 to 3 recordings a group."""
    rows = [
        {"recording": f"{label}-{group}-{take}", "event_label": label, "group": f"{label}-{group}"}
        for label, groups in groups_per_class.items()
        for group in range(groups)
        for take in range(rng.integers(1, 4))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=int(rng.integers(1000)), ignore_index=True)


@pytest.mark.parametrize("seed", range(20))
def test_no_group_is_in_two_splits_and_every_class_is_in_each(seed):
    rng = np.random.default_rng(seed)
    recordings = made_up({label: int(rng.integers(3, 30)) for label in LABELS}, rng)
    fractions = dict(zip(SPLITS, rng.dirichlet([1, 1, 1]) + 0.01, strict=True))
    dealt = assign_splits(recordings, fractions, rng)
    assert (dealt.groupby("group")["split"].nunique() == 1).all()
    assert len(dealt.groupby(["event_label", "split"])) == len(LABELS) * len(SPLITS)
    assert dealt["recording"].to_list() == recordings["recording"].to_list()
    check_recordings(dealt, LABELS)


@pytest.mark.parametrize(
    "groups, fractions, expected",
    [
        (40, (0.7, 0.15, 0.15), (28, 6, 6)),
        (10, (0.7, 0.2, 0.1), (7, 2, 1)),
        (4, (0.5, 0.25, 0.25), (2, 1, 1)),
        (3, (0.98, 0.01, 0.01), (1, 1, 1)),
        (100, (70, 20, 10), (70, 20, 10)),  # shares need not add up to 1
        (50, (0.98, 0.01, 0.01), (48, 1, 1)),
    ],
)
def test_splits_get_their_share_of_the_groups(groups, fractions, expected):
    recordings = pd.DataFrame({"event_label": "car", "group": [f"g{number}" for number in range(groups)]})
    dealt = assign_splits(recordings, dict(zip(SPLITS, fractions, strict=True)), np.random.default_rng(0))
    assert tuple((dealt["split"] == split).sum() for split in SPLITS) == expected


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ([16, 4, 1], (16, 4, 1)),
        ([600] + [50] * 8, (600, 200, 200)),
        ([1] * 60 + [40], (60, 20, 20)),
        ([30, 30, 30, 5, 5], (40, 30, 30)),
    ],
)
def test_shares_are_of_recordings_and_large_groups_are_dealt_first(sizes, expected):
    """Tapes of the BBC hold one to six hundred recordings of a class."""
    groups = np.repeat([f"g{number}" for number in range(len(sizes))], sizes)
    recordings = pd.DataFrame({"event_label": "car", "group": groups})
    for seed in range(5):
        dealt = assign_splits(recordings, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(seed))
        assert tuple((dealt["split"] == split).sum() for split in SPLITS) == expected
        assert (dealt.groupby("group")["split"].nunique() == 1).all()


def test_splits_are_drawn_not_dealt_in_order():
    recordings = pd.DataFrame({"event_label": "car", "group": [f"g{number}" for number in range(30)]})
    fractions = {"train": 0.6, "valid": 0.2, "test": 0.2}
    draws = [tuple(assign_splits(recordings, fractions, np.random.default_rng(seed))["split"]) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] != tuple(np.repeat(SPLITS, (18, 6, 6)))


def test_group_of_several_classes_is_in_one_split_and_every_class_in_each():
    rng = np.random.default_rng(0)
    for seed in range(20):
        rows = [
            (label, f"tape-{tape}")
            for label, tapes in (("car", 25), ("clocks", 5), ("crowds", 12))
            for tape in rng.permutation(25)[:tapes]
        ]
        recordings = pd.DataFrame(rows, columns=["event_label", "group"]).assign(recording=range(len(rows)))
        dealt = assign_splits(recordings, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(seed))
        check_recordings(dealt.assign(recording=dealt["recording"].astype(str)), ["car", "clocks", "crowds"])


def test_class_whose_groups_another_class_has_taken_is_named():
    rows = [("car", f"g{number}") for number in range(3)] + [("clocks", f"g{number}") for number in (0, 0, 1, 2, 3)]
    rows += [("crowds", name) for name in ("g0", "c1", "c2", "c3", "c4")]
    table = pd.DataFrame(rows, columns=["event_label", "group"])
    check = assign_splits(table, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(0))
    assert (check.groupby("group")["split"].nunique() == 1).all()
    table.loc[table["event_label"] == "car", "group"] = ["g0", "g0", "g0"]
    with pytest.raises(InputError, match=r"class car: 1 group\(s\)"):
        assign_splits(table, {"train": 0.6, "valid": 0.2, "test": 0.2}, np.random.default_rng(0))


def test_groups_that_share_a_recording_become_one():
    table = pd.DataFrame(
        {
            "group": ["e", "d", "c", "b", "a", "f", "e"],
            "sha256": ["1", "1", "2", "3", "", "", "9"],
            "description": ["x", "y", "y", "", "", "x", "z"],
            "duration": [1.0, 2.0, 2.0, 5.0, 5.0, 1.5, 7.0],
        },
        index=[3, 1, 4, 15, 9, 2, 6],
    )
    joined = join_groups(table, ["sha256"], ["description", "duration"])
    # e and d are the same audio, d and c the same words and length; empty values are the same as nothing.
    assert joined["group"].to_list() == ["c", "c", "c", "b", "a", "f", "c"]
    assert join_groups(table, ["sha256"])["group"].to_list() == ["d", "d", "c", "b", "a", "f", "d"]
    assert join_groups(table)["group"].to_list() == table["group"].to_list()


def test_missing_duration_makes_no_duplicate():
    table = pd.DataFrame({"group": ["a", "b"], "description": ["x", "x"], "duration": [np.nan, np.nan]})
    assert join_groups(table, ["description", "duration"])["group"].to_list() == ["a", "b"]


def test_class_with_fewer_groups_than_splits_is_named():
    recordings = made_up({"car": 5, "clocks": 2}, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"class clocks: 2 group\(s\).* 3 splits"):
        assign_splits(recordings, {"train": 0.5, "valid": 0.25, "test": 0.25}, np.random.default_rng(0))


def test_too_few_built_in_recordings_are_an_error(synthetic):
    with pytest.raises(InputError, match="class car"):
        synthetic("a", per_class=2)


# ---- what is checked of any source -----------------------------------------------------------------------------------


def checked(**changes):
    """Check a sound table of two classes after some changes: {(row, column): value}."""
    rows = [
        {"recording": f"{label}-{split}", "event_label": label, "group": f"{label}-{split}", "split": split}
        for label in ("car", "clocks")
        for split in SPLITS
    ]
    table = pd.DataFrame(rows)
    for column, values in changes.items():
        for row, value in values.items():
            table.loc[row, column] = value
    return check_recordings(table, ["car", "clocks"])


def test_sound_table_is_given_back():
    assert len(checked()) == 6


def test_no_recordings_at_all_are_an_error():
    with pytest.raises(InputError, match="no recordings"):
        check_recordings(pd.DataFrame(columns=COLUMNS), ["car"])


def test_shared_group_across_splits_is_named():
    with pytest.raises(InputError, match="more than one split: field-7"):
        checked(group={0: "field-7", 2: "field-7"})


def test_group_shared_by_two_classes_across_splits_is_named():
    with pytest.raises(InputError, match="more than one split: field-7"):
        checked(group={0: "field-7", 4: "field-7"})


def test_group_within_one_split_may_be_shared():
    checked(group={0: "field-7", 3: "field-7"})


def test_empty_group_is_named():
    with pytest.raises(InputError, match="no group.*: clocks-train"):
        checked(group={3: ""})


def test_two_recordings_of_one_name_are_named():
    with pytest.raises(InputError, match="two recordings of one name: twin"):
        checked(recording={1: "twin", 4: "twin"})


@pytest.mark.parametrize("row, split", [(3, "train"), (4, "valid"), (5, "test")])
def test_class_that_a_split_lacks_is_named(row, split):
    with pytest.raises(InputError, match=f"class clocks: no recording in split {split}"):
        checked(event_label={row: "car"})


def test_class_without_any_recording_is_named():
    table = checked()
    with pytest.raises(InputError, match="class aircraft: no recording"):
        check_recordings(table, ["car", "clocks", "aircraft"])


# ---- the ESC-50 layout -----------------------------------------------------------------------------------------------

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


def sound(rate, channels):
    """Half a second of noise between two stretches of silence of a quarter, (samples, channels)."""
    noise = 0.2 * np.random.default_rng(rate).standard_normal((rate // 2, channels))
    quiet = np.zeros((rate // 4, channels))
    return np.concatenate([quiet, noise, quiet]).clip(-1, 1)


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
def esc50(tmp_path, spread):
    """A function that reads a collection: the checked table, with nothing but a few settings changed."""

    def read(path, **changes):
        folder = tmp_path / "recordings"
        folder.mkdir(exist_ok=True)
        settings = {"path": str(path), "classes": CLASSES, "folds": FOLDS, "unpacked": UNPACKED} | changes
        table = listen(SOURCES["esc50"](str(folder), spread, **settings), spread, **LISTENING)
        return check_recordings(table, [entry["event_label"] for entry in settings["classes"]])

    return read


def test_esc50_folder_is_read(esc, esc50):
    table = esc50(esc)
    assert set(COLUMNS) <= set(table.columns)
    assert len(table) == 3 * 4  # neither the unused category nor the unused fold
    assert table["event_label"].value_counts().to_dict() == {"animal": 8, "weather": 4}
    for row in table.itertuples():
        fold, source, _, target = row.recording.split("-")
        assert row.split == {"1": "train", "2": "train", "3": "valid", "4": "test"}[fold]
        assert row.event_label == {"0": "animal", "1": "animal", "2": "weather"}[target]
        assert row.group == source and row.group.startswith("00")  # text, not a number
        assert Path(row.path).parent == esc / "audio" and Path(row.path).stem == row.recording
        assert soundfile.info(row.path).frames > 0


def test_other_columns_of_a_collection_are_none_of_ours(esc, esc50):
    plain = esc50(esc)
    names = [name for name in (*COLUMNS, "sha256", "error", "seed") if name != "recordings"]
    write_meta(esc, [[*row, *("other" for _ in names)] for row in ROWS], [*HEADER, *names])
    pd.testing.assert_frame_equal(esc50(esc), plain)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_table_that_begins_with_a_byte_order_mark_is_read(esc, esc50, quoted):
    plain = esc50(esc)
    write_meta(esc, ROWS, HEADER)
    text = (esc / "meta" / "esc50.csv").read_text()
    text = text.replace("filename", '"filename"', 1) if quoted else text
    (esc / "meta" / "esc50.csv").write_text(text, encoding="utf-8-sig")
    pd.testing.assert_frame_equal(esc50(esc), plain)


def test_near_silent_ends_are_trimmed_at_any_rate_and_channel_count(esc, esc50):
    table = esc50(esc)
    assert {soundfile.info(path).samplerate for path in table["path"]} == {44100, 22050, 48000, 8000}
    assert np.abs(table["duration"] - 1).max() < 1e-3
    # A quarter of a second of silence at both ends, found within a frame of 46 ms.
    assert (table["onset"].between(0.25 - 0.047, 0.25)).all()
    assert (table["offset"].between(0.75, 0.75 + 0.047)).all()


def test_what_is_near_silent_depends_on_trim_db(tmp_path):
    rate, rng = 16000, np.random.default_rng(0)
    levels = np.repeat([0.003, 0.3, 0.003], rate)  # ends 40 dB below
    soundfile.write(tmp_path / "a.wav", levels * rng.uniform(-1, 1, 3 * rate), rate)
    assert hear(tmp_path / "a.wav", 30, 1, rate)[1:3] == pytest.approx((1.0, 2.0), abs=0.05)
    assert hear(tmp_path / "a.wav", 50, 1, rate)[1:3] == (0.0, 3.0)


def test_recording_shorter_than_a_trimming_frame_is_kept_whole(tmp_path):
    soundfile.write(tmp_path / "click.wav", 0.5 * np.ones(40), 8000)
    assert hear(tmp_path / "click.wav", 40, 1, 8000)[:3] == pytest.approx((0.005, 0.0, 0.005))


@pytest.mark.parametrize("seed", range(5))
def test_ends_are_trimmed_as_librosa_does_though_read_in_blocks(tmp_path, monkeypatch, seed):
    rng = np.random.default_rng(seed)
    rate, length = int(rng.choice([8000, 11025, 44100])), int(rng.integers(1000, 60000))
    envelope = np.exp(-(((np.arange(length) / length - rng.uniform()) / 0.1) ** 2))
    soundfile.write(tmp_path / "a.wav", 0.1 * envelope * rng.standard_normal(length), rate, subtype="FLOAT")
    frame = round(0.046 * rate)
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    _, edges = librosa.effects.trim(samples, top_db=40, frame_length=frame, hop_length=frame // 4)
    monkeypatch.setattr(audio, "BLOCK", 5000)
    heard = hear(tmp_path / "a.wav", 40, 1, rate)
    assert heard[:3] == (length / rate, edges[0] / rate, edges[1] / rate)


def test_silences_between_sounds_are_noted_from_the_shortest_on(tmp_path):
    rate, rng = 8000, np.random.default_rng(0)
    levels = np.repeat([0, 0.3, 0.001, 0.3, 0.001, 0.3, 0], rate // 2 * np.array([2, 4, 6, 2, 1, 2, 4]))
    soundfile.write(tmp_path / "a.wav", levels * rng.uniform(-1, 1, len(levels)), rate)
    (silence,) = hear(tmp_path / "a.wav", 40, 1, rate).silences.split()
    assert [float(time) for time in silence.split("-")] == pytest.approx([3, 6], abs=0.05)
    assert len(hear(tmp_path / "a.wav", 40, 0.2, rate).silences.split()) == 2
    assert hear(tmp_path / "a.wav", 60, 0.2, rate).silences == ""


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
def test_esc50_zip_gives_what_its_folder_gives(tmp_path, esc, esc50, top):
    zip_collection(esc, tmp_path / "esc.zip", top, [(f"{top}README.md", "read me")])
    from_folder, from_zip = esc50(esc), esc50(tmp_path / "esc.zip")
    pd.testing.assert_frame_equal(from_folder.drop(columns="path"), from_zip.drop(columns="path"))
    for one, other in zip(from_folder["path"], from_zip["path"], strict=True):
        assert Path(other).is_relative_to(tmp_path / "recordings")
        assert Path(one).read_bytes() == Path(other).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../../evil", "../../evil.wav", "../audio/evil.wav", "/evil.wav", "audio/../../evil.wav", "meta/../../evil"],
)
def test_member_of_a_zip_cannot_escape(tmp_path, esc, esc50, name):
    zip_collection(esc, tmp_path / "esc.zip", extra=[(name, "evil")])
    before = set(tmp_path.parent.rglob("*")) | {tmp_path / "recordings"}
    with pytest.raises(InputError, match=r"esc\.zip: member .*evil.* outside"):
        esc50(tmp_path / "esc.zip")
    assert set(tmp_path.parent.rglob("*")) | {tmp_path / "recordings"} == before
    assert not Path("/evil.wav").exists()


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path, esc, esc50):
    zip_collection(esc, tmp_path / "esc.zip", extra=[("audio/zeros.wav", bytes(10**6))])
    with pytest.raises(InputError, match=r"esc\.zip: would unpack to"):
        esc50(tmp_path / "esc.zip", unpacked={"most": 10**6, "ratio": 1000})


def test_real_recordings_of_esc10(esc50):
    if not (ESC10 / "meta" / "esc50.csv").is_file():
        pytest.skip(f"no real recordings at {ESC10}")
    categories = sorted(pd.read_csv(ESC10 / "meta" / "esc50.csv")["category"].unique())
    classes = [{"event_label": category, "categories": [category]} for category in categories]
    table = esc50(ESC10, classes=classes)
    assert len(table) == 320 and table["event_label"].nunique() == 10
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert table["split"].value_counts().to_dict() == {"train": 160, "valid": 80, "test": 80}
    assert ((table["onset"] >= 0) & (table["onset"] < table["offset"]) & (table["offset"] <= table["duration"])).all()
    assert (np.abs(table["duration"] - 5) < 0.01).mean() > 0.9
    assert (table["offset"] - table["onset"] < 4).sum() > 50  # many end in silence


# ---- one's own folder ------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path, spread):
    """A function that reads a folder of classes."""

    def read(root, *event_labels):
        (tmp_path / "made").mkdir(exist_ok=True)
        return SOURCES["folder"](tmp_path / "made", spread, path=str(root), event_labels=event_labels)

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
    heard = listen(own(tmp_path / "own", "noise"), spread, **LISTENING).iloc[0]
    assert heard["duration"] == pytest.approx(1, abs=0.01)
    assert heard["onset"] == pytest.approx(0.25, abs=0.05) and heard["offset"] == pytest.approx(0.75, abs=0.1)


def test_broken_link_is_a_bad_recording(tmp_path, own, spread):
    (tmp_path / "own" / "dog").mkdir(parents=True)
    (tmp_path / "own" / "dog" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    with pytest.raises(InputError, match=r"gone\.wav: cannot be read as audio"):
        listen(own(tmp_path / "own", "dog"), spread, **LISTENING)


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
    table = listen(own(root, "dog", "rain"), spread, **LISTENING)
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
    assert table.columns.to_list() == COLUMNS and len(table) == 64


# ---- bad collections -------------------------------------------------------------------------------------------------


def test_missing_folder_is_named(tmp_path, esc50):
    with pytest.raises(InputError, match="nowhere.*no such file.*meta/esc50.csv"):
        esc50(tmp_path / "nowhere")


def test_missing_zip_is_named(tmp_path, esc50):
    with pytest.raises(InputError, match="nowhere.zip"):
        esc50(tmp_path / "nowhere.zip")


def test_zip_without_the_layout_is_named(tmp_path, esc50):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("README.md", "nothing here")
    with pytest.raises(InputError, match="esc50.csv"):
        esc50(tmp_path / "other.zip")


@pytest.mark.parametrize("column", ["filename", "fold", "category", "src_file"])
def test_missing_column_is_named(esc, esc50, column):
    index = HEADER.index(column)
    write_meta(esc, [row[:index] + row[index + 1 :] for row in ROWS], HEADER[:index] + HEADER[index + 1 :])
    with pytest.raises(InputError, match=f"esc50.csv: no column {column}"):
        esc50(esc)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x89PNG\r\n\x1a\n\x00\xff\xfe", b'a,b\n1,2\n1,2,3,4\n"'])
def test_meta_that_is_no_table_is_named(esc, esc50, content):
    (esc / "meta" / "esc50.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"esc50\.csv") as caught:
        esc50(esc)
    assert "\n" not in str(caught.value)


def test_row_without_a_file_name_is_an_error(esc, esc50):
    write_meta(esc, [*ROWS, ["", 1, 0, "dog", True, "0099", "A"]])
    with pytest.raises(InputError, match="esc50.csv|filename"):
        esc50(esc)


def test_unknown_category_is_named_with_the_known_ones(esc, esc50):
    classes = [*CLASSES, {"event_label": "vehicle", "categories": ["tram"]}]
    with pytest.raises(InputError, match="no category tram.*cat, dog, rain, wind"):
        esc50(esc, classes=classes)


@pytest.mark.parametrize(
    "folds", [{"train": [1, 2], "valid": [3], "test": [9]}, {"train": [1], "valid": [3], "test": []}]
)
def test_split_without_recordings_is_named(esc, esc50, folds):
    with pytest.raises(InputError, match="no recording in split test"):
        esc50(esc, folds=folds)


def test_folds_that_the_collection_lacks_are_an_error(esc, esc50):
    with pytest.raises(InputError, match="no recordings.*folds"):
        esc50(esc, folds={"train": [7], "valid": [8], "test": [9]})


def test_source_file_across_folds_of_two_splits_is_named(esc, esc50):
    shared = [row[:5] + ["0077"] + row[6:] if row[3] == "dog" and row[1] in (1, 4) else row for row in ROWS]
    write_meta(esc, shared)
    with pytest.raises(InputError, match="more than one split: 0077"):
        esc50(esc)


def test_recording_without_a_source_file_is_named(esc, esc50):
    write_meta(esc, [row[:5] + [""] + row[6:] if row is ROWS[0] else row for row in ROWS])
    with pytest.raises(InputError, match=f"no group.*{Path(ROWS[0][0]).stem}"):
        esc50(esc)


def test_two_files_of_one_name_are_an_error(esc, esc50):
    twins = [["twin.wav", 1, 0, "dog", True, "0099", "A"], ["twin.ogg", 1, 0, "dog", True, "0099", "B"]]
    write_meta(esc, [*ROWS, *twins])
    soundfile.write(esc / "audio" / "twin.wav", sound(8000, 1), 8000)
    soundfile.write(esc / "audio" / "twin.ogg", sound(8000, 1), 8000)
    with pytest.raises(InputError, match="two recordings of one name: twin"):
        esc50(esc)


def spoil(path, how):
    """Put something that is no usable recording at `path`, a .wav."""
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
def test_bad_recording_is_named(esc, esc50, how):
    name = next(row[0] for row in ROWS if row[0].endswith(".wav") and row[1] != 5 and row[3] != "wind")
    spoil(esc / "audio" / name, how)
    with pytest.raises(InputError, match=name) as caught:
        esc50(esc)
    assert "\n" not in str(caught.value)


def write_mp3(path):
    """Ten seconds of noise at a constant 160 kbit/s; returns how many bytes its first frame has."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(441000)
    soundfile.write(path, noise, 44100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    assert b"Info" in path.read_bytes()[:60]
    return 522


@pytest.mark.parametrize("tail", [b"", b"TAG" + bytes(125)], ids=["plain", "ID3v1"])
def test_mp3_without_a_frame_that_tells_its_length_is_whole(tmp_path, tail):
    """Its length is estimated then, and the estimate may be too long by a frame."""
    path = tmp_path / "a.mp3"
    first = write_mp3(path)
    path.write_bytes(path.read_bytes()[first:] + tail)
    with soundfile.SoundFile(path) as file:
        assert len(file.read()) < file.frames  # the case there was trouble with
    found = hear(path, 40, 1.0, 44100)
    assert found.error == "" and found.duration == pytest.approx(10, abs=0.1)
    assert "is guessed" in found.remark


def test_recording_in_which_one_cannot_seek_is_named(tmp_path):
    soundfile.write(tmp_path / "a.au", sound(8000, 1)[:, 0], 8000, subtype="G721_32")
    assert "a coding in which one cannot seek" in hear(tmp_path / "a.au", 40, 1.0, 44100).error


def test_mp3_with_such_a_frame_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "a.mp3"
    write_mp3(path)
    path.write_bytes(path.read_bytes()[:150_000])
    assert "is cut off" in hear(path, 40, 1.0, 44100).error


def test_the_same_audio_in_two_splits_is_named(esc, tmp_path, monkeypatch):
    """Under another `src_file` too: what counts is what is heard."""
    table = pd.read_csv(esc / "meta" / "esc50.csv", dtype=str)
    first, second = (table[(table["category"] == "dog") & (table["fold"] == fold)]["filename"].iloc[0] for fold in "13")
    shutil.copy(esc / "audio" / first, esc / "audio" / second)
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())
    made = SimpleNamespace(audio=str(tmp_path / "made"), table=tmp_path / "recordings.tsv")
    settings = {"path": str(esc), "classes": CLASSES, "folds": FOLDS, "unpacked": UNPACKED}
    slices = {"settings": settings, "listening": LISTENING, "splitting": None, "background": None}
    with pytest.raises(InputError, match="groups in more than one split"):
        collect_recordings(made, 1, source="esc50", event_labels=["animal", "weather"], **slices)


def test_several_bad_recordings_are_a_line_each(esc, esc50):
    names = [row[0] for row in ROWS if row[0].endswith(".wav") and row[1] != 5 and row[3] != "wind"][:3]
    for name, how in zip(names, ("missing", "silent", "truncated WAV"), strict=True):
        spoil(esc / "audio" / name, how)
    with pytest.raises(InputError) as caught:
        esc50(esc)
    first, *lines = str(caught.value).splitlines()
    assert first == "3 recordings cannot be used:"
    for line, name, words in zip(lines, names, ("cannot be read", "is silent", "is cut off"), strict=True):
        assert name in line and words in line and "replace or remove it" in line


def test_many_bad_recordings_are_all_in_the_log(spread, capsys):
    table = pd.DataFrame({"path": [f"gone-{number}.wav" for number in range(30)]})
    with pytest.raises(InputError, match="30 recordings cannot be used:(?s:.*)and 10 more, in the log") as caught:
        listen(table, spread, **LISTENING)
    assert "gone-19" in str(caught.value) and "gone-20" not in str(caught.value)
    assert "gone-29" in capsys.readouterr().out


def test_bad_recordings_are_left_out_where_the_config_says_so(tmp_path, spread, capsys):
    soundfile.write(tmp_path / "good.wav", sound(8000, 1), 8000)
    (tmp_path / "bad.wav").write_text("no audio")
    table = pd.DataFrame({"path": [str(tmp_path / "bad.wav"), str(tmp_path / "good.wav")]}, index=[7, 3])
    heard = listen(table, spread, **LISTENING | {"bad": "leave_out"})
    assert heard["path"].to_list() == [str(tmp_path / "good.wav")] and heard["duration"].to_list() == [1.0]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out: ")]
    assert len(lines) == 1 and "bad.wav: cannot be read as audio" in lines[0]


@pytest.mark.parametrize(
    "name, rate, channels, seconds, kind, words",
    [
        ("low.wav", 8000, 1, 1, "WAV", "8000 Hz, resampled to 44100"),
        ("round.wav", 44100, 7, 1, "WAV", "7 channels, averaged"),
        ("long.flac", 1000, 1, 7200, "FLAC", "2.0 hours long, read in parts"),
        ("other.wav", 44100, 1, 1, "FLAC", "FLAC in spite of its name, read as such"),
        ("other.flac", 44100, 1, 1, "MP3", "MP3 in spite of its name, read as such"),
    ],
)
def test_unusual_recording_is_used_and_named(tmp_path, spread, capsys, name, rate, channels, seconds, kind, words):
    path = tmp_path / name
    with soundfile.SoundFile(path, "w", rate, channels, format=kind) as file:
        for _ in range(seconds):
            file.write(np.tile(0.2 * np.sin(np.arange(rate))[:, None], channels))
    heard = listen(pd.DataFrame({"path": [str(path)]}), spread, **LISTENING)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: used, though ") and words in line
    assert heard["duration"].iloc[0] == pytest.approx(seconds, abs=0.1)
    samples, _ = read_audio(str(path), seconds - 0.5, seconds - 0.25)
    assert len(samples) == rate // 4 and np.abs(samples).max() == pytest.approx(0.2, abs=0.02)


def test_two_hours_of_seven_channels_are_read_in_little_memory(tmp_path):
    """Whole, they would take 9 GB at 44.1 kHz."""
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 7) as file:
        for _ in range(600):
            file.write(np.full((8000, 7), 0.1))
    tracemalloc.start()
    heard = hear(str(path), 40, 1, 8000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard.duration == 600 and peak < 100e6 < 600 * 8000 * 7 * 4


def test_recording_named_raw_is_no_traceback(tmp_path):
    """soundfile asks for its rate, with a TypeError."""
    (tmp_path / "a.raw").write_bytes(bytes(100))
    assert "a.raw: cannot be read as audio" in hear(tmp_path / "a.raw", 40, 1, 44100).error


def test_bad_recording_of_an_unused_category_does_no_harm(esc, esc50):
    name = next(row[0] for row in ROWS if row[3] == "wind")
    spoil(esc / "audio" / name, "missing")
    assert len(esc50(esc)) == 12


BAD_ZIPS = ["no archive", "truncated", "damaged start", "damaged middle", "encrypted"]


@pytest.mark.parametrize("how", BAD_ZIPS)
def test_bad_zip_is_named(tmp_path, esc, esc50, how):
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
        esc50(path)
