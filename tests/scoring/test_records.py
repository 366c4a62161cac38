"""Records of finished runs: what was written is read again, in a small file that is always the same."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from places import ROOT
from yoho import InputError
from yoho.scoring.records import BY_CLASS, KEYS, read_about, read_record, write_record
from yoho.scoring.tallies import OVERALL, kinds

LABELS = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]
ABOUT = {"run": "yoho-seed3", "test": "0" * 64, "settings": {"run": {"seed": 3}}, "epoch": 8}
ABOUT |= {"exposure": {"windows_seen": 60000, "anew": True}}
MEASURED = ["presence_loss", "regression_loss", "onset_error", "offset_error"]


def made_up(recordings, seed=0, names="{label}-{number:04d}"):
    """Tallies of a network with many errors: recordings of up to 16 s, in which any class may be found."""
    rng = np.random.default_rng(seed)
    columns = kinds([0.1, 0.2, 0.5, 1.0])
    counts = rng.poisson(1.5, (recordings, len(LABELS), len(columns))) * (rng.random((recordings, 6, 1)) < 0.5)
    counts[..., 1] = np.where(
        np.arange(6) == np.arange(recordings)[:, None] % 6, rng.integers(1, 17, (recordings, 1)), 0
    )
    table = pd.DataFrame(counts.reshape(-1, len(columns)), columns=columns).astype(float)
    table[MEASURED] = rng.exponential(2, (len(table), 4)) * (table[["references"]] > 0).to_numpy()
    labels = [LABELS[number % 6] for number in range(recordings)]
    recording = [names.format(label=label, number=number) for number, label in enumerate(labels)]
    keys = {"recording": np.repeat(recording, 6), "recording_label": np.repeat(labels, 6)}
    table = table.assign(**keys, event_label=LABELS * recordings)
    overall = table.groupby(KEYS[:2], sort=False)[columns].sum().reset_index().assign(event_label=OVERALL)
    table = pd.concat([overall, table])[[*KEYS, *columns]]
    return table.sort_values("recording", kind="stable", ignore_index=True)


def history(epochs):
    rng = np.random.default_rng(epochs)
    losses = pd.DataFrame(rng.random((epochs, 10)), columns=[f"column {number}" for number in range(10)])
    losses.insert(0, "windows_seen", 1000 * np.arange(1, epochs + 1))
    return losses.assign(f1=losses["column 0"])


def written(folder, about=ABOUT, epochs=4, tallies=None):
    path = folder / "yoho-seed3.zip"
    write_record(path, about, history(epochs), made_up(12) if tallies is None else tallies)
    return path


def test_what_was_written_is_read_again(tmp_path):
    found, expected = read_record(written(tmp_path)), made_up(12)
    assert found.about == ABOUT
    pd.testing.assert_frame_equal(found.history, history(4), rtol=1e-5)
    assert found.history["windows_seen"].tolist() == [1000, 2000, 3000, 4000]
    assert found.tallies.columns.tolist() == expected.columns.tolist()
    pd.testing.assert_frame_equal(found.tallies[KEYS], expected[KEYS])
    overall, by_class = (found.tallies[(found.tallies["event_label"] == OVERALL) == whole] for whole in (True, False))
    exact = expected.columns.difference([*KEYS, *MEASURED])
    assert (overall[exact] == expected.loc[overall.index, exact]).all(axis=None)
    np.testing.assert_allclose(overall[MEASURED], expected.loc[overall.index, MEASURED], rtol=5e-4)
    assert (by_class[BY_CLASS] == expected.loc[by_class.index, BY_CLASS]).all(axis=None) and by_class[BY_CLASS].any(
        axis=None
    )
    assert by_class.drop(columns=[*KEYS, *BY_CLASS]).isna().all(axis=None)


def test_classes_keep_their_order_even_if_one_is_never_found(tmp_path):
    tallies = made_up(12)
    tallies.loc[tallies["event_label"] == "footsteps", kinds([0.1, 0.2, 0.5, 1.0])] = 0.0
    found = read_record(written(tmp_path, tallies=tallies)).tallies
    assert found["event_label"].unique().tolist() == [OVERALL, *LABELS]


def test_names_stay_text(tmp_path):
    """Recordings may be named by numbers, and background holds no class."""
    tallies = made_up(12, names="{number:03d}").assign(recording_label="")
    found = read_record(written(tmp_path, tallies=tallies)).tallies
    assert found["recording"].unique().tolist() == [f"{number:03d}" for number in range(12)]
    assert found["recording_label"].unique().tolist() == [""]


def test_large_counts_are_exact(tmp_path):
    tallies = made_up(12)
    tallies.loc[0, ["references", "bins"]] = 123457.0
    assert (
        read_record(written(tmp_path, tallies=tallies)).tallies.loc[0, ["references", "bins"]].tolist() == [123457] * 2
    )


def test_record_of_1800_recordings_is_small(tmp_path):
    assert written(tmp_path, ABOUT, 60, made_up(1800)).stat().st_size < 50_000


def test_same_run_makes_the_same_bytes(tmp_path):
    first, later = (written(tmp_path).read_bytes() for _ in range(2))
    assert first == later
    assert {item.date_time for item in zipfile.ZipFile(written(tmp_path)).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_what_a_record_says_is_read_with_the_standard_library_alone(tmp_path):
    """Snakemake reads it while it parses the rules, and must not wait for pandas."""
    code = (
        "import json, sys; from yoho.scoring.records import read_about; about = read_about(sys.argv[1]);"
        "print(json.dumps([about, [name for name in ('numpy', 'pandas', 'torch') if name in sys.modules]]))"
    )
    command = [sys.executable, "-c", code, written(tmp_path)]
    result = subprocess.run(command, cwd=ROOT / "workflow" / "scripts", capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == [ABOUT, []]


def spoilt(path):
    content = bytearray(path.read_bytes())
    content[60:70] = bytes(10)  # within the first member
    return bytes(content)


def with_part(path, name, text):
    """The record with another text in one of its parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in (parts | {name: text}).items():
            if content is not None:
                archive.writestr(part, content)
    return path.read_bytes()


BROKEN = {
    "no zip file": lambda path: b"run",
    "cut off": lambda path: path.read_bytes()[:-30],
    "changed": spoilt,
    "without tallies": lambda path: with_part(path, "tallies.tsv", None),
    "no JSON": lambda path: with_part(path, "run.json", b"{"),
    "another table": lambda path: with_part(path, "tallies.tsv", b"filename\tonset\na\t1\n"),
    "an empty history": lambda path: with_part(path, "history.csv", b""),
}


@pytest.mark.parametrize("how", BROKEN)
def test_file_that_is_no_record_is_named(tmp_path, how):
    path = written(tmp_path)
    path.write_bytes(BROKEN[how](path))
    with pytest.raises(InputError, match=rf"^{path}: is not the record of a run"):
        read_record(path)


NOT_ABOUT = [[], "run", 1, None, {}, ABOUT | {"settings": None}, ABOUT | {"settings": ["run"]}]
NOT_ABOUT += [{key: value for key, value in ABOUT.items() if key != needed} for needed in ("run", "settings", "test")]


@pytest.mark.parametrize("read", [read_about, read_record])
@pytest.mark.parametrize("about", NOT_ABOUT)
def test_record_that_does_not_say_what_it_rests_on_is_refused(tmp_path, about, read):
    path = written(tmp_path, about)
    with pytest.raises(InputError, match=rf"^{path}: is not the record of a run \(run.json does not give run, set"):
        read(path)


def test_record_may_say_no_more_than_it_needs(tmp_path):
    about = {"run": "a", "settings": {}, "test": "0"}
    assert read_about(written(tmp_path, about)) == about


def test_file_that_is_no_record_is_named_when_snakemake_reads_it(tmp_path):
    path = written(tmp_path)
    path.write_bytes(b"run")
    with pytest.raises(InputError, match=rf"^{path}: is not the record of a run"):
        read_about(path)
