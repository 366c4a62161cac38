"""Archives planned in shards, segmented file by file, killed, changed and gathered."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import segment_shard
import soundfile
from joblib.externals.loky import get_reusable_executor
from plan_archive import plan_archive
from tabulate_archive import tabulate_archive

from places import ROOT
from untrained import noise, save_untrained
from yoho import InputError
from yoho.archives import plan as planning
from yoho.archives import shards
from yoho.archives.gathering import hours_of
from yoho.archives.journal import Journal
from yoho.archives.plan import Entry, appended, list_archive, planned, read_plan
from yoho.archives.recorded import Recorded
from yoho.events import read_table
from yoho.segmenting import outcomes
from yoho.segmenting.segmenter import Segmenter, cached_segmenter

FOLDER = Path("results/segments/rec")
NAMES = ["20240501_053000.wav", "a/20240501_060000.wav", "a/quiet.wav", "b/20240502_053000.flac", "b/odd{1}.wav"]
SECONDS = [4.0, 6.0, 3.0, 5.0, 4.5]
HOURS = 10.1 / 3600  # of a shard: three shards
RATE = 44100


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_untrained(tmp_path_factory.mktemp("results") / "data" / "runs" / "mobilenet")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A current folder with an archive `rec`, of which one file cannot be read."""
    monkeypatch.chdir(tmp_path)
    cached_segmenter.cache_clear()
    for seed, (name, seconds) in enumerate(zip(NAMES, SECONDS)):
        path = Path("rec", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(seconds, seed=seed) if "quiet" not in name else np.zeros(round(3 * RATE)), RATE)
    Path("rec/broken.wav").write_bytes(b"RIFF")
    return tmp_path


@pytest.fixture
def segmented_files(monkeypatch):
    """The names of files that are segmented from here on."""
    names, whole = [], Segmenter.file
    monkeypatch.setattr(Segmenter, "file", lambda self, path: names.append(Path(path).name) or whole(self, path))
    return names


class Killed(BaseException):
    """In place of a signal that ends the process."""


def plan(run, hours=HOURS, audio="rec", **segmenting):
    FOLDER.mkdir(parents=True, exist_ok=True)
    given = {"queries": [], "referring": None, "code": "1"} | segmenting
    plan_archive(audio, str(FOLDER / "plan.json"), weights=str(run), shard=hours, segmenting=given)
    return json.loads((FOLDER / "plan.json").read_text())


def segment(shard, *, audio="rec", form="text", page="named", writing="1", threads=1):
    (FOLDER / "shards").mkdir(exist_ok=True)
    tables = SimpleNamespace(**tables_of(shard))
    entries, settings = str(FOLDER / "plan" / f"{shard}.jsonl"), str(FOLDER / "settings.json")
    options = {"audio": audio, "form": form, "page": page, "writing": writing}
    segment_shard.segment_shard(entries, settings, tables, threads, **options)


def tables_of(shard):
    return {"events": FOLDER / f"shards/{shard}.parquet", "files": FOLDER / f"shards/{shard}.files.parquet"}


def gather(certain=2):
    paths = [tables_of(shard) for shard in json.loads((FOLDER / "plan.json").read_text())["shards"]]
    events, files = ([each[kind] for each in paths] for kind in ("events", "files"))
    tabulate_archive(FOLDER / "plan.json", events, files, FOLDER / "events.parquet", certain)


def everything(run, **options):
    for shard in plan(run)["shards"]:
        segment(shard, **options)
    gather()


def outputs():
    """{path: bytes} of all that is meant for the user."""
    paths = (path for path in FOLDER.rglob("*") if path.is_file() and not {"work", "plan"} & set(path.parts))
    return {str(path): path.read_bytes() for path in paths}


# ---- the plan --------------------------------------------------------------------------------------------------------


def test_a_shard_holds_so_many_hours_or_one_longer_file():
    new = [Entry(name, 1, 1, hours) for name, hours in zip("abcdef", [2, 3, 9, 1, 4, 1])]
    plan = appended({}, new, 5)
    assert {shard: [entry.name for entry in entries] for shard, entries in plan.items()} == {
        "00000": ["a", "b"],
        "00001": ["c"],
        "00002": ["d", "e"],
        "00003": ["f"],
    }


def test_files_keep_their_shards_while_the_archive_changes(run):
    plan(run)
    before = read_plan(FOLDER)
    assert [len(entries) for entries in before.values()] == [2, 2, 2]
    soundfile.write("rec/0_first.wav", noise(9), RATE)
    Path("rec/a/quiet.wav").unlink()
    soundfile.write(f"rec/{NAMES[0]}", noise(60), RATE)
    plan(run, hours=2 * HOURS)
    after = read_plan(FOLDER)
    assert [[entry.name for entry in entries] for entries in list(after.values())[:2]] == [
        [entry.name for entry in entries] for entries in list(before.values())[:2]
    ]
    assert [entry.name for entry in after["00002"]] == [*(entry.name for entry in before["00002"]), "0_first.wav"]
    entries = {entry.name: entry for entries in after.values() for entry in entries}
    assert entries["a/quiet.wav"].size is None
    assert entries[NAMES[0]].hours == round(60 / 3600, 6)


def test_a_list_that_does_not_change_keeps_its_time(run):
    plan(run)
    for path in [*(FOLDER / "plan").iterdir(), FOLDER / "settings.json"]:
        os.utime(path, (1, 1))
    Path("rec/broken.wav").write_bytes(b"RIFFWAVE")
    plan(run)
    unchanged = sorted(path.name for path in FOLDER.rglob("*") if path.is_file() and path.stat().st_mtime == 1)
    assert unchanged == ["00000.jsonl", "00001.jsonl", "settings.json"]


def test_duration_of_a_file_without_a_header_follows_from_its_size():
    Path("rec/broken.wav").unlink()
    Path("rec/odd.m4a").write_bytes(bytes(32_000))
    plan = planned({}, "rec", list_archive("rec"), 1)
    hours = {entry.name: entry.hours for entry in plan["00000"]}
    assert hours["odd.m4a"] == pytest.approx(2 / 3600, abs=1e-6)
    assert hours[NAMES[1]] == pytest.approx(6 / 3600, abs=1e-6)


def test_many_threads_read_the_headers_of_a_slow_disk(monkeypatch):
    monkeypatch.setattr(planning, "BATCH", 2)
    monkeypatch.setattr(planning, "SLOW", -1)
    threads = []
    monkeypatch.setattr(planning.job, "apart", lambda function, *call: threads.append(call[2]) or function(*call))
    sizes = dict.fromkeys(NAMES, 0)
    assert planning.durations("rec", sizes) == dict(zip(NAMES, (round(each / 3600, 6) for each in SECONDS)))
    assert threads == [1, 16, 16]


def test_links_hidden_files_and_what_is_no_audio_are_counted(run):
    Path("rec/.hidden.wav").touch()
    Path("rec/Thumbs.db").touch()
    Path("rec/notes.txt").touch()
    Path("rec/again").symlink_to("a")
    Path("rec/lost.wav").symlink_to("nowhere.wav")
    content = plan(run)
    assert len(content["notes"]) == 1
    for part in ("hidden (1)", "Thumbs.db (1)", "such as .txt (1)", "links to folders that are searched already"):
        assert part in content["notes"][0]
    (fault,) = content["faults"].values()
    assert fault == "rec/lost.wav: is a broken link"
    assert list(content["faults"]) == ["lost.wav"]


def test_an_archive_without_audio_is_refused(run):
    shutil.rmtree("rec")
    Path("rec").mkdir()
    with pytest.raises(InputError, match="rec: holds no audio file"):
        plan(run)


# ---- shards ----------------------------------------------------------------------------------------------------------


def test_every_file_has_its_events_as_alone(run):
    everything(run)
    segmenter = Segmenter.load(run)
    table = pd.read_parquet(FOLDER / "events.parquet")
    assert list(table) == ["filename", "onset", "offset", "event_label", "score", "time", "utc_offset"]
    for name in NAMES:
        events = segmenter.file(Path("rec", name)).events
        own = table[table["filename"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(own[list(events)], events)
        written = (FOLDER / "files" / f"{name}.csv").read_text().splitlines()
        assert written == [f"{round(e.onset, 3)},{round(e.offset, 3)},{e.event_label}" for e in events.itertuples()]
    assert len(table) > 5
    dawn = table[table["filename"] == NAMES[0]].iloc[0]
    assert dawn["time"] == pd.Timestamp("2024-05-01 05:30:00") + pd.Timedelta(seconds=round(dawn["onset"], 6))
    assert table.loc[table["filename"] == "b/odd{1}.wav", "time"].isna().all()


def test_a_failure_is_a_row_and_lets_the_others_go_on(run):
    everything(run)
    failed = read_table(FOLDER / "failed.csv", sep=",")
    assert failed["filename"].tolist() == ["broken.wav"]
    assert failed["error"].iloc[0].startswith("rec/broken.wav: cannot be read as audio")
    files = pd.read_parquet(FOLDER / "files.parquet")
    assert len(files) == 6 and (files["error"] != "").sum() == 1
    assert files.set_index("filename").loc["a/quiet.wav", ["duration", "events"]].tolist() == [3.0, 0]


def test_nothing_but_failures_is_an_error_that_names_the_first(run):
    for name in NAMES:
        Path("rec", name).write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"rec: no file could be segmented; the first error: rec/\S+: cannot be read"):
        everything(run)


@pytest.mark.parametrize("moment", ["before a file", "before its line", "within its line"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_killed_shard_goes_on_and_ends_with_the_same_bytes(run, monkeypatch, segmented_files, moment, number):
    hours = 1.0  # one shard
    plan(run, hours)
    segment("00000")
    whole = outputs()
    shutil.rmtree(FOLDER)
    plan(run, hours)
    done = []
    with monkeypatch.context() as patched:
        finish, add = shards.finish, Journal.add

        def killed_finish(*call):
            if moment == "before a file" and len(done) == number:
                raise Killed
            done.append(call)
            return finish(*call)

        def killed_add(self, entry):
            if moment != "before a file" and len(done) == number + 1:
                if moment == "within its line":
                    add(self, entry)
                    os.truncate(self.path, self.path.stat().st_size - 9)
                raise Killed
            add(self, entry)

        patched.setattr(shards, "finish", killed_finish)
        patched.setattr(Journal, "add", killed_add)
        with pytest.raises(Killed):
            segment("00000")
    segmented_files.clear()
    segment("00000")
    assert len(segmented_files) == 6 - number  # the broken file is the last
    assert outputs() == whole


def test_only_what_changed_is_segmented_again(run, segmented_files):
    everything(run)
    segmented_files.clear()
    everything(run)
    assert segmented_files == ["broken.wav"]
    segmented_files.clear()
    soundfile.write("rec/b/new.wav", noise(2), RATE)
    soundfile.write(f"rec/{NAMES[0]}", noise(7, seed=9), RATE)
    Path("rec/broken.wav").unlink()
    Path(f"rec/{NAMES[1]}").unlink()
    everything(run)
    assert sorted(segmented_files) == [Path(NAMES[0]).name, "new.wav"]
    assert not (FOLDER / "files" / f"{NAMES[1]}.csv").exists()
    after = {path: content for path, content in outputs().items() if "/shards/" not in path}
    files = pd.read_parquet(FOLDER / "files.parquet")
    assert set(files["filename"]) == {*NAMES, "b/new.wav"} - {NAMES[1]}
    assert read_table(FOLDER / "failed.csv", sep=",").empty
    # An archive that is segmented at once has the same files.
    shutil.rmtree(FOLDER)
    everything(run)
    again = outputs()
    assert {path for path in after if "/files/" in path} == {path for path in again if "/files/" in path}
    assert all(again[path] == content for path, content in after.items() if "/files/" in path)


def test_files_of_a_lost_plan_are_segmented_anew_and_keep_their_events(run, capsys):
    everything(run)
    before = outputs()
    shutil.rmtree(FOLDER / "plan")
    capsys.readouterr()
    shards = plan(run, hours=1)["shards"]
    assert "rec: ANEW: the plan is lost; all files are segmented again: 6 files" in capsys.readouterr().out
    for shard in shards:
        segment(shard)
    files = {path: content for path, content in before.items() if "/files/" in path}
    assert {path: content for path, content in outputs().items() if "/files/" in path} == files


def test_a_changed_file_that_can_no_longer_be_read_loses_its_events(run):
    everything(run)
    Path("rec", NAMES[0]).write_bytes(b"RIFF")
    everything(run)
    assert not (FOLDER / "files" / f"{NAMES[0]}.csv").exists()
    assert NAMES[0] not in set(pd.read_parquet(FOLDER / "events.parquet")["filename"])


def test_another_form_is_written_without_segmenting(run, segmented_files, capsys):
    everything(run)
    Path("rec/broken.wav").unlink()
    segmented_files.clear()
    events = (FOLDER / "events.parquet").read_bytes()
    capsys.readouterr()
    everything(run, form="audacity", page=True)
    assert segmented_files == []
    assert "rec 00000: 0 of 2 files to segment, 2 to write again" in capsys.readouterr().out
    written = sorted(str(path.relative_to(FOLDER / "files")) for path in (FOLDER / "files").rglob("*.*"))
    assert written == sorted(f"{name}{ending}" for name in NAMES for ending in (".html", ".txt"))
    assert (FOLDER / "events.parquet").read_bytes() == events
    (FOLDER / "files" / f"{NAMES[0]}.txt").unlink()
    everything(run, form="audacity", page=True)
    assert segmented_files == [] and (FOLDER / "files" / f"{NAMES[0]}.txt").exists()


def test_times_that_are_read_otherwise_are_taken_without_segmenting(run, monkeypatch, segmented_files):
    everything(run)
    segmented_files.clear()
    monkeypatch.setattr(shards, "recorded", lambda path: Recorded(pd.Timestamp("2020-02-03 04:05"), 60, "guano"))
    everything(run, writing="2")
    assert segmented_files == ["broken.wav"]
    table = pd.read_parquet(FOLDER / "files.parquet").query("error == ''")
    assert set(table["time"]) == {pd.Timestamp("2020-02-03 04:05")} and set(table["utc_offset"]) == {60}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "the network"),  # with another threshold
        ({"code": "2"}, "the code that segments"),
        ({"queries": ["rain"]}, "the queries"),
    ],
)
def test_another_network_or_other_settings_begin_anew_and_say_so_before(run, tmp_path, capsys, change, said):
    plan(run)
    segment("00000")
    other = run if change else other_network(run, tmp_path)
    capsys.readouterr()
    plan(other, **change)
    assert f"rec: ANEW: {said} changed; all files are segmented again: 6 files" in capsys.readouterr().out
    assert not list((FOLDER / "work").glob("*.json"))
    plan(other, **change)
    assert "ANEW" not in capsys.readouterr().out


def other_network(run, folder):
    """A network with another threshold."""
    other = shutil.copytree(run, folder / "other")
    description = json.loads((other / "model.json").read_text())
    description["decoding"]["threshold"] = 0.25
    (other / "model.json").write_text(json.dumps(description))
    return other


def test_the_same_network_elsewhere_changes_nothing(run, tmp_path, capsys, segmented_files):
    everything(run)
    segmented_files.clear()
    everything(shutil.copytree(run, tmp_path / "copy"))
    assert "ANEW" not in capsys.readouterr().out and segmented_files == ["broken.wav"]


def test_what_another_network_found_is_not_used(run, tmp_path, segmented_files):
    plan(run)
    segment("00000")
    segmented_files.clear()
    plan(other_network(run, tmp_path))
    segment("00000")
    assert segmented_files == [Path(name).name for name in NAMES[:2]]


def test_several_processes_write_what_one_writes(run):
    get_reusable_executor().shutdown(wait=True)  # Its processes may have begun in another folder.
    everything(run)
    one = outputs()
    shutil.rmtree(FOLDER)
    everything(str(Path(run).absolute()), audio="rec", threads=2)
    assert outputs() == one


def test_a_file_is_an_archive_with_a_page(run):
    audio = f"rec/{NAMES[1]}"
    (shard,) = plan(run, audio=audio)["shards"]
    segment(shard, audio=audio)
    names = sorted(path.name for path in (FOLDER / "files").iterdir())
    assert names == ["20240501_060000.wav.csv", "20240501_060000.wav.html"]


def test_names_with_any_bytes_are_kept_apart(run):
    shutil.rmtree("rec")
    Path("rec").mkdir()
    names = ["tab\there.wav", "line\nbreak.wav", os.fsdecode(b"\xff.wav"), "x" * 251 + ".wav", "{shard}.wav"]
    for seed, name in enumerate(names):
        soundfile.write(os.fsencode(f"rec/{name}"), noise(3, seed=seed), RATE)
    everything(run)
    table = pd.read_parquet(FOLDER / "files.parquet")
    assert set(table["filename"]) == {"tab\\there.wav", "line\\nbreak.wav", "\\udcff.wav", names[3], "{shard}.wav"}
    assert (table["error"] == "").all()
    assert len(list((FOLDER / "files").iterdir())) == 5


# ---- faults of the surroundings --------------------------------------------------------------------------------------


def test_an_archive_that_vanishes_stops_the_shard_and_is_no_failure_of_its_files(run, monkeypatch, segmented_files):
    plan(run, hours=1)
    finish = shards.finish

    def vanishing(shard, entry, known):
        if entry.name == NAMES[2]:
            Path("rec").rename("away")
        return finish(shard, entry, known)

    with monkeypatch.context() as patched:
        patched.setattr(shards, "finish", vanishing)
        with pytest.raises(InputError, match="rec/a/quiet.wav: is gone with all that was beside it"):
            segment("00000")
    Path("away").rename("rec")
    segmented_files.clear()
    segment("00000")
    gather()
    assert len(segmented_files) == 4
    assert read_table(FOLDER / "failed.csv", sep=",")["filename"].tolist() == ["broken.wav"]


@pytest.mark.parametrize("place, name", [(outcomes, "write_whole"), (Segmenter, "file")])
def test_a_full_disk_stops_the_shard(run, monkeypatch, place, name):
    """Also while files are read, because a program that reads them needs space too."""
    plan(run, hours=1)
    with monkeypatch.context() as patched:
        full = OSError(errno.ENOSPC, "No space left on device", "events")
        patched.setattr(place, name, Mock(side_effect=full))
        with pytest.raises(OSError, match="No space left"):
            segment("00000")
    segment("00000")
    gather()
    assert read_table(FOLDER / "failed.csv", sep=",")["filename"].tolist() == ["broken.wav"]


def test_files_in_a_folder_that_cannot_be_read_keep_their_events(run, tmp_path, segmented_files, capsys):
    (tmp_path / "disk").mkdir()
    soundfile.write(tmp_path / "disk" / "far.wav", noise(3), RATE)
    Path("rec/disk").symlink_to(tmp_path / "disk")
    everything(run)
    before = outputs()
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    segmented_files.clear()
    capsys.readouterr()
    everything(run)
    assert "; 0 new, 0 changed, 0 gone" in capsys.readouterr().out
    assert segmented_files == ["broken.wav"]
    assert "disk/far.wav" in set(pd.read_parquet(FOLDER / "files.parquet")["filename"])
    assert read_table(FOLDER / "failed.csv", sep=",")["filename"].tolist() == ["broken.wav", "disk"]
    (tmp_path / "unplugged").rename(tmp_path / "disk")
    everything(run)
    assert outputs() == before


def test_files_that_come_back_are_not_segmented_again(run, segmented_files):
    everything(run)
    before = outputs()
    Path("rec/a").rename("away")
    everything(run)
    assert not (FOLDER / "files" / f"{NAMES[1]}.csv").exists()
    Path("away").rename("rec/a")
    segmented_files.clear()
    everything(run)
    assert segmented_files == ["broken.wav"]
    assert outputs() == before


def test_a_file_that_is_deleted_meanwhile_is_a_failure_until_the_next_call(run):
    plan(run, hours=1)
    Path("rec", NAMES[1]).unlink()
    segment("00000")
    gather()
    failed = read_table(FOLDER / "failed.csv", sep=",").set_index("filename")["error"]
    assert set(failed.index) == {NAMES[1], "broken.wav"} and "no such file" in failed[NAMES[1]]
    everything(run)
    assert read_table(FOLDER / "failed.csv", sep=",")["filename"].tolist() == ["broken.wav"]


def test_the_only_file_of_an_archive_that_vanishes_is_named(run):
    audio = Path("alone", "song.wav")
    audio.parent.mkdir()
    soundfile.write(audio, noise(2), RATE)
    plan(run, audio=str(audio))
    audio.unlink()
    with pytest.raises(InputError, match="^alone/song.wav: is gone with all"):
        segment("00000", audio=str(audio))


@pytest.mark.parametrize("folder_first", [True, False])
def test_a_file_whose_events_need_the_name_of_a_folder_fails_at_every_call(run, folder_first):
    paths = ["rec/song.wav", "rec/song.wav.csv/b.wav"]
    Path(paths[1]).parent.mkdir()
    for path in paths[::-1] if folder_first else paths:
        soundfile.write(path, noise(2), RATE)
        everything(run)
    first = read_table(FOLDER / "failed.csv", sep=",")["filename"].tolist()
    assert len(first) == 2 and "broken.wav" in first
    everything(run)
    assert read_table(FOLDER / "failed.csv", sep=",")["filename"].tolist() == first


def test_nothing_is_removed_through_a_link(run, tmp_path):
    everything(run)
    written = FOLDER / "files/a"
    written.rename(tmp_path / "moved")
    written.symlink_to(tmp_path / "moved")
    Path(f"rec/{NAMES[1]}").unlink()
    everything(run)
    assert (tmp_path / "moved" / Path(NAMES[1] + ".csv").name).exists()


@pytest.mark.parametrize("change", ["another form", "a deleted file"])
def test_what_a_killed_job_wrote_without_noting_it_is_removed(run, monkeypatch, change):
    plan(run, hours=1)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "add", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            segment("00000")
    stray = FOLDER / "files" / f"{NAMES[0]}.csv"
    assert stray.exists()
    if change == "another form":
        segment("00000", form="audacity")
    else:
        Path("rec", NAMES[0]).unlink()
        everything(run)
    assert not stray.exists()


# ---- files that end the process --------------------------------------------------------------------------------------


def poisoned(*calls):
    """The exit code of a process that makes calls of this module, in which one file ends each of its readers."""
    code = f"""
import sys
sys.path[:0] = {[str(ROOT / "tests"), str(ROOT / "tests/archives"), str(ROOT / "workflow/scripts")]}
import poison
from test_shards import plan, segment
{"; ".join(calls)}
"""
    return subprocess.run([sys.executable, "-c", code]).returncode


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_that_ends_the_process_becomes_a_failure(run, threads):
    """Headers are read in a process of their own. Its first reading ends the job; later jobs read the file apart."""
    call = f'segment("00000", threads={threads})'
    assert poisoned(f"plan({str(run)!r}, hours=1)", call) == (-signal.SIGSEGV if threads == 1 else 1)
    (entries,) = read_plan(FOLDER).values()
    hours = {entry.name: entry.hours for entry in entries}
    assert hours["a/quiet.wav"] == pytest.approx((3 * RATE * 2 + 44) / 16_000 / 3600, abs=1e-6)  # of 16,000 bytes/s
    assert poisoned(call, call) == 0
    gather()
    failed = read_table(FOLDER / "failed.csv", sep=",").set_index("filename")["error"]
    assert failed["a/quiet.wav"] == "rec/a/quiet.wav: ends the process that reads it"
    assert set(failed.index) == {"a/quiet.wav", "broken.wav"}


def test_only_files_that_were_begun_are_segmented_apart(run, monkeypatch):
    plan(run, hours=1)
    scratch = FOLDER / "files/.00000"
    scratch.mkdir(parents=True)
    for number, mark in enumerate([json.dumps(NAMES[3]), "", "\0\0", '"bro']):  # the last three after a power cut
        (scratch / f"{number}.begun").write_text(mark)
    apart = []
    monkeypatch.setattr(shards.job, "apart", lambda function, *call: apart.append(call[1].name) or function(*call))
    segment("00000")
    assert apart == [NAMES[3]]


# ---- two jobs --------------------------------------------------------------------------------------------------------


def test_a_second_job_of_a_shard_waits_for_the_first(run, capsys):
    plan(run, hours=1)
    (FOLDER / "work").mkdir()
    with open(FOLDER / "work/00000.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=segment, args=("00000",))
        other.start()
        time.sleep(0.5)
        assert not list((FOLDER / "work").glob("*.jsonl"))
        fcntl.flock(lock, fcntl.LOCK_UN)
        other.join(30)
    assert (FOLDER / "shards/00000.parquet").exists()
    assert "rec 00000: waits for another job of this shard" in capsys.readouterr().out


def test_a_job_writes_its_tables_before_the_second_begins(run, monkeypatch):
    plan(run, hours=1)
    write, held = segment_shard.write_table, []

    def guarded(table, path):
        with open(FOLDER / "work/00000.lock", "w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(Path(path).name)
        write(table, path)

    monkeypatch.setattr(segment_shard, "write_table", guarded)
    segment("00000")
    assert held == ["00000.parquet", "00000.files.parquet"]


def test_a_damaged_plan_is_named(run):
    plan(run)
    Path(FOLDER, "plan/00001.jsonl").write_text("[1,")
    with pytest.raises(
        InputError,
        match=r"plan/00001.jsonl: is damaged \(.*\); remove (\S+)/plan and \1/plan.json, and the archive begins",
    ):
        plan(run)


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_classes_and_totals_are_those_of_all_events(run):
    everything(run)
    events, classes = pd.read_parquet(FOLDER / "events.parquet"), read_table(FOLDER / "classes.csv", sep=",")
    for row in classes.itertuples():
        own = events[events["event_label"] == row.event_label]
        assert (row.events, row.files) == (len(own), own["filename"].nunique())
        assert row.minutes == pytest.approx((own["offset"] - own["onset"]).sum() / 60, abs=1e-6)
    assert classes["minutes"].is_monotonic_decreasing and classes["events"].sum() == len(events)
    totals = json.loads((FOLDER / "totals.json").read_text())
    assert totals == {
        "hours": pytest.approx(sum(SECONDS) / 3600),
        "files": 5,
        "failed": 1,
        "events": len(events),
        "without_time": 2,
        "first": "2024-05-01T05:30:00",
        "last": "2024-05-02T05:30:05",
    }
    certain = read_table(FOLDER / "certain.csv", sep=",")
    for label, own in certain.groupby("event_label"):
        best = events[events["event_label"] == label].sort_values("score", ascending=False).head(2)
        assert own["score"].tolist() == pytest.approx(best["score"].tolist(), abs=1e-6)
        assert own["rank"].tolist() == [1, 2]


def test_minutes_fall_into_the_hours_of_the_calendar():
    day = pd.Timestamp("2024-05-01")
    spans = pd.DataFrame(
        {
            "onset": [0.0, 0.0, 10.0, 5.0, 0.0],
            "offset": [60.0, 7200.0, 40.0, 5.0, 9.0],
            "event_label": ["dog", "rain", "dog", "cat", "dog"],
            "time": [day + pd.Timedelta(time) for time in ("05:59:30", "22:30:00", "06:00:00", "06:00:00")] + [pd.NaT],
        }
    )
    found = hours_of(spans).groupby(["event_label", "hour"])["minutes"].sum()
    hour = day + pd.Timedelta(hours=5)
    assert found.to_dict() == {
        ("dog", hour): 0.5,
        ("dog", hour + pd.Timedelta(hours=1)): 1.0,
        ("cat", hour + pd.Timedelta(hours=1)): 0.0,
        ("rain", hour + pd.Timedelta(hours=17)): 30.0,
        ("rain", hour + pd.Timedelta(hours=18)): 60.0,
        ("rain", hour + pd.Timedelta(hours=19)): 30.0,
    }


def test_the_calendar_has_what_was_recorded_and_what_sounded(run):
    everything(run)
    calendar = read_table(FOLDER / "calendar.csv", sep=",")
    whole = calendar[calendar["event_label"] == ""]
    assert whole[["date", "hour"]].to_numpy().tolist() == [["2024-05-01", 5], ["2024-05-01", 6], ["2024-05-02", 5]]
    assert whole["recorded"].tolist() == pytest.approx([4 / 60, 6 / 60, 5 / 60], abs=1e-6)
    events = pd.read_parquet(FOLDER / "events.parquet").query("filename == @NAMES[1]")
    sums = (events["offset"] - events["onset"]).groupby(events["event_label"]).sum() / 60
    own = calendar[(calendar["hour"] == 6) & (calendar["event_label"] != "")].set_index("event_label")
    assert own["minutes"].to_dict() == pytest.approx(sums.to_dict(), abs=1e-6)
    assert own["recorded"].tolist() == pytest.approx([0.1, 0.1])
