"""The command line: its formats and its errors."""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
import segment_audio
import soundfile

from untrained import noise, save_untrained
from yoho.segmenting import command as module
from yoho.segmenting import outcomes
from yoho.segmenting.command import main
from yoho.segmenting.finding import find_audio
from yoho.segmenting.outcomes import Options
from yoho.segmenting.segmenter import Segmenter, cached_segmenter
from yoho.segmenting.writing import FORMS

SCRIPT = Path(segment_audio.__file__)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_untrained(tmp_path_factory.mktemp("results") / "data" / "runs" / "mobilenet")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    cached_segmenter.cache_clear()
    return tmp_path


@pytest.fixture
def song(here):
    soundfile.write("song.wav", pcm(), 44100)
    return "song.wav"


@pytest.fixture(scope="module")
def wanted(run):
    """The events of the song."""
    return Segmenter.load(run)(pcm(), 44100)


def pcm():
    """The song as 16-bit integers."""
    return np.round(noise(6).clip(-1, 1) * (2**15 - 1)).astype("<i2")


def lines(events):
    return [f"{round(e.onset, 3)},{round(e.offset, 3)},{e.event_label}" for e in events.itertuples()]


def test_one_file_to_standard_output(song, run, capsys, wanted):
    assert main([song, "--weights", str(run)]) == 0
    out, err = capsys.readouterr()
    assert len(wanted) > 1
    assert out.splitlines() == lines(wanted)
    assert err == ""


def test_one_class(song, run, capsys, wanted):
    assert main([song, "--weights", str(run), "--class", "car"]) == 0
    assert capsys.readouterr().out.splitlines() == lines(wanted[wanted["event_label"] == "car"])
    assert main([song, "--weights", str(run), "--class", "dog"]) == 2
    assert capsys.readouterr().err == "error: class dog: not known; the network knows rain, car\n"


def test_threshold(song, run, capsys):
    def seconds(threshold, run=run):
        assert main([song, "--weights", str(run), "--threshold", threshold, "--format", "json"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        return sum(event["offset"] - event["onset"] for event in json.loads(line)["events"])

    assert seconds("0") > seconds("0.5") > seconds("1") == 0
    description = json.loads((run / "model.json").read_text())
    own = Path("own")
    shutil.copytree(run, own)
    description["thresholds"] = {"rain": 1, "car": 0}
    (own / "model.json").write_text(json.dumps(description))
    assert seconds("0.5", own) == seconds("0.5") > 0
    assert main([song, "--weights", str(own), "--threshold", "tuned"]) == 0
    assert {line.split(",")[2] for line in capsys.readouterr().out.splitlines()} == {"car"}
    assert main([song, "--weights", str(run), "--threshold", "tuned"]) == 2
    assert "no tuned thresholds" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main([song, "--threshold", "1.5"])
    assert stop.value.code == 2


def test_decoding(song, run, capsys):
    found = {}
    for decoding in ("bins", "averaged"):
        assert main([song, "--weights", str(run), "--decoding", decoding]) == 0
        found[decoding] = capsys.readouterr().out.splitlines()
        assert found[decoding] == lines(Segmenter.load(run, decoding=decoding)(pcm(), 44100))
    assert found["bins"] != found["averaged"]
    with pytest.raises(SystemExit):
        main([song, "--weights", str(run), "--decoding", "median"])


def test_the_best_run_is_the_default(song, run, capsys, monkeypatch, here):
    own = Path(shutil.copytree(run, here / "results" / "mine" / "runs" / "mobilenet"))
    description = json.loads((own / "model.json").read_text())
    (own / "model.json").write_text(json.dumps(description | {"data": {"origin": "your own recordings"}}))
    monkeypatch.setattr(module, "RESULTS", here / "results")
    assert main([song]) == 0
    reason = "the best of dataset mine by validation F1, 0.50; it comes before the ear"
    assert capsys.readouterr().err == f"network: {own} ({reason})\n"


def test_several_files_and_folders_name_each(song, run, capsys, here, wanted):
    (here / "more" / "deep").mkdir(parents=True)
    (here / "more" / "notes.txt").write_text("no audio")
    (here / "more" / ".hidden.wav").write_text("no audio")
    soundfile.write(here / "more" / "deep" / "b.FLAC", noise(1), 44100)
    assert main([song, "more", song, "--weights", str(run)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "# song.wav"
    assert out.splitlines()[1 : 1 + len(wanted)] == lines(wanted)
    assert out.splitlines()[1 + len(wanted)] == "# more/deep/b.FLAC"
    note = "note: more: passed over: hidden (1), not audio by their names, such as .txt (1)\n"
    assert err == note + "2 segmented, 0 failed\n"
    assert main([song, "more", "--weights", str(run), "--format", "dcase"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out), sep="\t")
    assert set(table["filename"]) <= {"song.wav", "more/deep/b.FLAC"}
    assert (table["filename"] == "song.wav").sum() == len(wanted)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_folder_of_results(song, run, capsys, here, wanted, jobs):
    (here / "more").mkdir()
    soundfile.write(here / "more" / "song.wav", noise(1), 44100)
    # Absolute paths, because processes that an earlier test started may have another working folder.
    options = ["--weights", str(run), "--output", str(here / "out/of"), "--format", "dcase", "--jobs", jobs]
    assert main([str(here / song), str(here / "more"), *options]) == 0
    assert capsys.readouterr().out == ""
    assert len(pd.read_csv("out/of/song.wav.tsv", sep="\t")) == len(wanted)
    assert Path("out/of/more/song.wav.tsv").exists()


def test_nothing_is_written_outside_the_output(song, run, here):
    """Not even for a file above the working directory, nor for one whose path leads through a link."""
    (here / "in/work").mkdir(parents=True)
    (here / "x/deep").mkdir(parents=True)
    for name in ("in/work/song.wav", "x/song.wav", "x/deep/song.wav"):
        shutil.copy(song, name)
    Path("in/work/link").symlink_to(here / "x/deep")
    os.chdir("in/work")
    paths = ["../../x/song.wav", "song.wav", "link/../song.wav", "link/song.wav", "./song.wav"]
    before = set(here.rglob("*"))
    assert main([*paths, "--weights", str(run), "--output", "out", "--page"]) == 0
    made = {str(path.relative_to(here / "in/work/out")) for path in set(here.rglob("*")) - before if path.is_file()}
    names = {"x/song.wav", "x/deep/song.wav", "in/work/song.wav"}
    assert made == {f"{name}.{ending}" for name in names for ending in ("csv", "html")}


def test_a_link_in_the_output_leads_nothing_out_of_it(song, run, here, capsys):
    """Neither a folder, as where the output is the folder of the audio, nor a file."""
    (here / "in").mkdir()
    (here / "elsewhere").mkdir()
    for name in ("in/a.wav", "elsewhere/b.wav"):
        shutil.copy(song, name)
    Path("in/link").symlink_to(here / "elsewhere")
    Path("in/a.wav.csv").symlink_to(here / song)
    before = Path(song).read_bytes()
    assert main(["in", "--weights", str(run), "--output", "in"]) == 2
    assert Path(song).read_bytes() == before and not Path("in/a.wav.csv").is_symlink()
    assert sorted(path.name for path in Path("elsewhere").iterdir()) == ["b.wav"]
    assert (
        "error: in/link: is a link that leads out of in; name another folder with --output" in capsys.readouterr().err
    )


def test_a_page_that_cannot_take_its_place_is_named(song, run, here, capsys):
    Path("song.wav.html").mkdir()
    assert main([song, "--page", "--weights", str(run)]) == 2
    assert capsys.readouterr().err == "error: song.wav.html: Is a directory\n"


def test_pages_of_files_with_one_name_are_as_many(song, run, here, capsys):
    for name in ("a/song.wav", "b/song.wav"):
        Path(name).parent.mkdir()
        shutil.copy(song, name)
    assert main(["a/song.wav", "b/song.wav", "--page", "--weights", str(run)]) == 0
    assert sorted(map(str, Path().rglob("*.html"))) == ["a/song.wav.html", "b/song.wav.html"]
    assert capsys.readouterr().err == "2 segmented, 0 failed\n"


def test_pages(song, run, here):
    Path("true.csv").write_text("0.5,2.0,rain\n")
    assert main([song, "--weights", str(run), "--page", "--reference", "true.csv"]) == 0
    assert "song.wav" in Path("song.wav.html").read_text()
    assert "1 true" in Path("song.wav.html").read_text()
    assert main([song, "--weights", str(run), "--page", "--reference", "true.csv", "--class", "car"]) == 0
    assert "0 true" in Path("song.wav.html").read_text()
    assert main([song, "--weights", str(run), "--page", "--output", "out"]) == 0
    assert Path("out/song.wav.html").exists()


def test_true_events_of_several_files_need_their_names(song, run, here, capsys):
    Path("true.csv").write_text("0.5,2.0,rain\n")
    soundfile.write("b.wav", noise(1), 44100)
    assert main([song, "b.wav", "--weights", str(run), "--page", "--reference", "true.csv"]) == 2
    assert "column filename" in capsys.readouterr().err


def test_true_events_fit_the_audio(song, run, here, capsys):
    options = ["--weights", str(run), "--page", "--reference", "true.tsv"]
    other = "filename\tonset\toffset\tevent_label\nb.wav\t1\t2\train\n"
    Path("true.tsv").write_text(other)
    assert main([song, *options]) == 2
    assert capsys.readouterr().err == "error: true.tsv: does not name song.wav, but b.wav; write the audio's names\n"
    Path("true.tsv").write_text(f"{other}song.wav\t5\t7\train\nsong.wav\t8\t9\tcar\n")
    assert main([song, *options]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "warning: true.tsv: line 3: the event from 5.0 to 7.0 s reaches past the end of song.wav (6.0"
    )
    assert "1 true" in Path("song.wav.html").read_text()
    Path("true.tsv").write_text(f"{other}song.wav\t\t\t\n")
    assert main([song, *options]) == 0
    assert capsys.readouterr().err == ""
    assert "0 true" in Path("song.wav.html").read_text()


@pytest.mark.parametrize("content", ["2,1,car\n", "nan,3,car\n", "-5,99,car\n", "hello\n", None])
def test_true_events_that_are_none_are_said_first(song, run, here, capsys, content):
    if content:
        Path("true.csv").write_text(content)
    assert main([song, "--weights", str(run), "--page", "--reference", "true.csv", "--output", "out"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: true.csv: ")
    assert err.count("\n") == 1
    assert not Path("out").exists()
    with pytest.raises(SystemExit):
        main([song, "--weights", str(run), "--reference", "true.csv"])


@pytest.mark.parametrize("name", ["a\nb.wav", "bad\udcff.wav", "-song.wav", "'<b>#%20,.wav"])
def test_any_name(run, here, capfd, name):
    soundfile.write(os.fsencode(name), pcm(), 44100)
    for form in ("text", "json", "dcase"):
        assert (
            main(["--weights", str(run), "--page", "--output", "out", "--format", form, "--", name, str(here / name)])
            == 0
        )
        assert Path("out", f"{name}.{FORMS[form].suffix}").stat().st_size
    assert Path("out", f"{name}.html").stat().st_size
    assert main(["--weights", str(run), "--", name, "gone\n.wav"]) == 2
    out, err = capfd.readouterr()
    assert err == "error: gone\\n.wav: No such file or directory\n1 segmented, 1 failed\n"


LONG = ["x" * 251 + ".wav", "鳥" * 83 + ".wav", "x" + "鳥" * 83 + ".wav", "\udcff" * 251 + ".wav"]


@pytest.mark.parametrize("name", LONG, ids=["letters", "threes of bytes", "threes and one", "no text"])
def test_a_name_of_full_length_has_room_for_what_is_written_beside_it(run, here, name, monkeypatch):
    twin = name[:-5] + ("y" if name[0] == "x" else "\udcfe" if name[0] > "鳥" else "島") + ".wav"
    for file in (name, twin):
        soundfile.write(os.fsencode(file), pcm(), 44100)
    monkeypatch.setattr(outcomes, "write_page", partial(outcomes.write_page, self_contained=100))
    forms = list(FORMS)
    for form in forms:
        assert main(["--weights", str(run), "--output", "out", "--format", form, "--", name, twin]) == 0
    assert main(["--weights", str(run), "--page", name, twin, "--format", "json"]) == 0
    endings = [f".{FORMS[form].suffix}" for form in forms]
    made = [path.name for path in (*Path("out").iterdir(), *here.glob("*.html"), *here.glob("*.page.flac"))]
    for ending in (*endings, ".html", ".page.flac"):
        pair = [found for found in made if re.search(rf"~\w{{8}}{re.escape(ending)}$", found)]
        assert len(pair) == 2
        for found in pair:
            assert 240 < len(os.fsencode(found)) <= 255
            start, _, code = found.removesuffix(ending).rpartition("~")
            assert name.startswith(start) and len(code) == 8
            assert name[0] > "鳥" or found.encode()  # no character is cut in two
    page = next(here.glob("*.html"))
    assert sum(quote(os.fsencode(found.name)) in page.read_text() for found in here.glob("*.page.flac")) == 1
    assert list(find_audio([here]).files) == sorted(here / file for file in (name, twin))


class Terminal(io.TextIOWrapper):
    """A stream to a terminal whose encoding has few characters."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)

    def lines(self):
        return self.buffer.getvalue().splitlines()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("form", FORMS)
def test_a_terminal_that_lacks_signs(run, here, monkeypatch, form, encoding):
    """Both in the name of a file and in that of a class."""
    folder = Path(shutil.copytree(run, here / "run"))
    kept = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(kept | {"event_labels": ["鳥", "car"]}))
    names = ["鳥.wav", "\udcff.wav"]
    for name in names:
        soundfile.write(os.fsencode(name), pcm(), 44100)
    out, err = Terminal(encoding), Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    given = names if FORMS[form].joined else names[:1]
    assert main([*given, "島.wav", "--weights", str(folder), "--format", form]) == 2
    assert err.lines()[0] == rb"error: \u5cf6.wav: No such file or directory"
    assert main([names[0], "--weights", str(folder), "--class", "猫"]) == 2
    assert err.lines()[-1] == rb"error: class \u732b: not known; the network knows \u9ce5, car"
    said = out.buffer.getvalue()
    assert rb"\u9ce5" in said
    if form in ("dcase", "rttm", "text"):
        assert rb"\u9ce5.wav" in said and b"\xff.wav" in said


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if not form.joined])
def test_a_form_of_one_file_is_refused_for_several_before_a_network_is_sought(here, capsys, form):
    for name in ("a.wav", "b.wav"):
        soundfile.write(name, pcm(), 44100)
    assert main(["a.wav", "b.wav", "--weights", "nowhere", "--format", form]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: format {form}: holds one audio file, not 2; name a folder with --output\n")


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if not form.joined])
def test_a_form_of_one_file_has_a_file_for_each(run, song, here, form):
    shutil.copy(song, "b.wav")
    assert main(["b.wav", "--weights", str(run), "--format", form]) == 0
    assert main([song, "b.wav", "--weights", str(run), "--format", form, "--output", "out"]) == 0
    names = {f"{Path(name).name}.{FORMS[form].suffix}" for name in (song, "b.wav")}
    assert {path.name for path in here.rglob(f"*.{FORMS[form].suffix}")} == names


def test_a_closed_standard_output_is_a_line(run, song, capsys, monkeypatch, here):
    monkeypatch.setattr(sys, "stdout", None)
    assert main([song, "--weights", str(run)]) == 2
    monkeypatch.setattr(sys, "stdout", None)
    assert main([song, "--weights", str(run), "--output", "out"]) == 0
    assert Path("out/song.wav.csv").stat().st_size
    assert capsys.readouterr().err == "error: standard output: is closed; name a folder with --output\n"


def test_a_closed_standard_input_is_a_line(run, song, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["-", "--weights", str(run)]) == 2
    monkeypatch.setattr(sys, "stdin", None)
    assert main([song, "--weights", str(run)]) == 0
    assert capsys.readouterr().err == "error: standard input: is closed\n"


def test_a_closed_standard_error_loses_nothing_else(run, song, capsys, monkeypatch, wanted):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["gone.wav", song, "--weights", str(run)]) == 2
    assert capsys.readouterr().out.splitlines() == lines(wanted)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_full_disk_is_a_line_and_is_not_written_again(run, song, capsys, monkeypatch, name):
    stream = open("/dev/full", "w", buffering=1)  # noqa: SIM115
    monkeypatch.setattr(sys, name, stream)
    assert main([song, "gone.wav", "--weights", str(run)]) == 2
    stream.close()  # as Python does when it ends
    out, err = capsys.readouterr()
    gone = "error: gone.wav: No such file or directory\n"
    assert err == (gone + "error: standard output: No space left on device\n" if name == "stdout" else "")


REDIRECTED = ["{0} >&-", "{0} --output out >&- 2>&- <&-", "{0} gone.wav --jobs 2 --output out >&- 2>&- <&-"]
REDIRECTED += ["{0} gone.wav 2>&-", "- <&-", "{0} >/dev/full", "gone.wav 2>/dev/full"]


@pytest.mark.slow
@pytest.mark.parametrize("words, code", list(zip(REDIRECTED, [2, 0, 2, 2, 2, 2, 2])))
def test_streams_of_a_shell(run, song, words, code):
    command = f"{sys.executable} {SCRIPT} --weights {run} {words.format(song)}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == code
    assert "Traceback" not in done.stderr and done.stderr.count("\n") <= 2


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.5, 3])
def test_an_interrupt_while_packages_are_loaded_or_later_is_no_traceback(run, wait):
    command = [sys.executable, SCRIPT, "-", "--weights", run]  # It waits for sound.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode in (-signal.SIGINT, 130)


def test_a_folder_that_cannot_be_read_is_named(run, song, here, capsys, monkeypatch, wanted):
    """The same holds for its subfolders, whose files would be missing without a message."""
    (here / "all" / "locked").mkdir(parents=True)
    (here / "all" / ".hidden").mkdir()
    Path(song).rename(here / "all" / song)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name in ("locked", ".hidden"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as only_here:
        only_here.setattr(os, "scandir", refuse)
        assert main(["all", "all/locked", "--weights", str(run)]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == lines(wanted)
    note = "note: all: passed over: hidden (1)\n"
    assert err == "error: all/locked: Permission denied\n" + note + "1 segmented, 1 failed\n"


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.mark.slow
def test_without_a_home_and_where_nothing_can_be_written(run, song, here):
    """Numba caches the compiled functions of librosa beside librosa or in the home folder."""
    if os.getuid() or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to become nobody")
    where = Path("/tmp", f"nobody-{here.name}")
    shutil.copytree(run, where / "run")
    shutil.copy(song, where)
    try:
        where.chmod(0o777)
        environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        probe = [*NOBODY, sys.executable, "-c", f"import torch; open({str(SCRIPT)!r})"]
        if subprocess.run(probe, env=environment, cwd=where, capture_output=True).returncode:
            pytest.skip("nobody may not read this installation")
        command = [*NOBODY, sys.executable, str(SCRIPT), song, "--weights", "run", "--page"]
        done = subprocess.run(command, env=environment, cwd=where, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout and (where / "song.wav.html").exists()
    finally:
        shutil.rmtree(where)


def test_a_pipe_and_a_name_too_long_are_lines(song, run, here, capsys, wanted):
    os.mkfifo("pipe.wav")

    def write():
        with contextlib.suppress(BrokenPipeError):
            Path("pipe.wav").write_bytes(Path(song).read_bytes())

    threading.Thread(target=write, daemon=True).start()
    assert main(["x" * 300 + ".wav", "pipe.wav", song, "--weights", str(run)]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[-len(wanted) :] == lines(wanted)
    assert "too long" in err.splitlines()[0]
    assert err.splitlines()[1].startswith("error: pipe.wav: ")


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "OGG", "MP3"])
def test_a_file_that_was_cut_short_is_segmented_with_a_warning(run, here, capsys, kind):
    name = f"short.{kind.lower()}"
    soundfile.write(name, noise(20), 44100, format=kind)
    assert main([name, "--weights", str(run)]) == 0
    assert capsys.readouterr().err == ""
    Path(name).write_bytes(Path(name).read_bytes()[: Path(name).stat().st_size * 2 // 3])
    assert main([name, "--weights", str(run), "--page"]) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == f"warning: {name}: is cut off; the sound before the cut is used\n"


def test_a_damaged_file_is_segmented_with_one_warning_and_its_page_too(run, here, capsys):
    soundfile.write("a.flac", noise(20), 44100)
    content = bytearray(Path("a.flac").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(50)
    Path("a.flac").write_bytes(content)
    assert main(["a.flac", "--weights", str(run), "--page"]) == 0
    out, err = capsys.readouterr()
    assert out and (here / "a.flac.html").exists()
    assert err.startswith("warning: a.flac: is damaged") and err.count("\n") == 1


def test_a_file_that_is_read_again_for_a_page_is_said_to_be_cut_once(run, here):
    file = here / "\udcff.wav"  # a name that is not valid UTF-8
    soundfile.write(os.fsencode(file), noise(3), 44100)
    file.write_bytes(file.read_bytes()[:-2000])
    options = Options(str(run), "text", page=True, classes=["car", "rain"], jobs=1)
    outcome = outcomes.tried(file, outcomes.segment_file, Path(file.name), None, options)
    assert outcome.result and outcome.error is None
    assert outcome.warnings == [f"{file}: is cut off; the sound before the cut is used"]


def test_other_warnings_are_left_as_they_are(run, song, monkeypatch, capsys):
    segmenter = Options(str(run), "text", jobs=1).segmenter()
    decoded = segmenter.decoded

    def warn(windows):
        warnings.warn("numbers", RuntimeWarning, stacklevel=1)
        return decoded(windows)

    monkeypatch.setattr(segmenter, "decoded", warn)
    with pytest.warns(RuntimeWarning, match="numbers"):
        assert main([song, "--weights", str(run)]) == 0
    assert "warning: numbers" not in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["nan", "inf", "0", "-1"])
def test_a_rate_that_is_none(run, capsys, monkeypatch, rate):
    monkeypatch.setattr(sys, "stdin", Pipe(pcm().tobytes()))
    assert main(["-", "--weights", str(run), "--rate", rate]) == 2
    assert "not a sample rate" in capsys.readouterr().err


def test_bad_files_are_a_line_each_and_the_others_are_done(song, run, capsys, here, wanted):
    Path("empty.wav").touch()
    Path("text.wav").write_text("no audio " * 99)
    (here / "nothing").mkdir()
    soundfile.write("nan.wav", np.array([np.nan]), 44100, subtype="FLOAT")
    assert main(["empty.wav", "text.wav", "gone.wav", "nothing", "nan.wav", song, "--weights", str(run)]) == 2
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if not line.startswith("#")] == lines(wanted)
    errors = err.splitlines()
    assert errors[-1] == "1 segmented, 5 failed"
    assert len(errors) == 6
    for name in ("empty.wav", "text.wav", "gone.wav", "nothing", "nan.wav"):
        assert sum(line.startswith(f"error: {name}: ") for line in errors) == 1


@pytest.mark.parametrize("damage", ["gone", "cut", "other classes", "no json", "other key"])
def test_bad_weights_are_a_line(song, run, capsys, here, damage):
    folder = here / "run"
    folder.mkdir()
    weights, description = (run / name for name in ("weights.safetensors", "model.json"))
    kept = json.loads(description.read_text())
    if damage == "other classes":
        kept["event_labels"] = ["rain", "car", "dog"]
    if damage == "other key":
        del kept["features"]
    (folder / "model.json").write_text(json.dumps(kept) if damage != "no json" else "{")
    if damage != "gone":
        data = weights.read_bytes()
        (folder / "weights.safetensors").write_bytes(data[:-100] if damage == "cut" else data)
    assert main([song, "--weights", str(folder)]) == 2
    *said, error = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {folder}")
    written = [f"{folder}/network.onnx: is missing; it is written now"]
    assert said == (written if damage in ("cut", "other classes") else [])


def test_an_output_that_cannot_be_written(song, run, capsys, here):
    Path("file").touch()
    assert main([song, "--weights", str(run), "--output", "file/out"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "file" in err


class Pipe:
    """Standard input with raw PCM."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


def test_a_stream(run, capsys, monkeypatch, wanted):
    monkeypatch.setattr(sys, "stdin", Pipe(pcm().tobytes()))
    assert main(["-", "--weights", str(run)]) == 0
    rows = sorted((float(on), float(off), label) for on, off, label in csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [label for *_, label in rows] == list(wanted["event_label"])
    np.testing.assert_allclose([times for *times, _ in rows], wanted[["onset", "offset"]], atol=2e-3)
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    assert main(["-", "--weights", str(run)]) == 2
    assert "standard input: holds no audio" in capsys.readouterr().err
    for wrong in (["--page"], ["--output", "x"], ["--format", "json"], ["a.wav"]):
        with pytest.raises(SystemExit):
            main(["-", "--weights", str(run), *wrong])


def test_channels_of_a_stream_that_cancel_are_a_line(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Pipe(np.stack([pcm(), -pcm()], axis=1).tobytes()))
    assert main(["-", "--weights", str(run), "--channels", "2"]) == 0
    out, err = capsys.readouterr()
    assert out
    assert err.startswith("warning: standard input: its channels cancel each other") and err.count("\n") == 1


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_file_on_standard_input_is_named_and_not_taken_for_samples(run, capsys, monkeypatch, kind):
    content = io.BytesIO()
    soundfile.write(content, noise(3), 44100, format=kind)
    monkeypatch.setattr(sys, "stdin", Pipe(content.getvalue()))
    assert main(["-", "--weights", str(run)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: standard input: is a file ({kind}), not raw PCM")


@pytest.mark.slow
def test_events_of_a_stream_come_while_it_runs(run):
    command = [sys.executable, SCRIPT, "-", "--weights", run, "--encoding", "f32le", "--threshold", "0.5"]
    data = np.tile(noise(6.2), 2).astype("<f4").tobytes()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(data)
        process.stdin.flush()
        first = process.stdout.readline()  # standard input is still open
        process.stdin.close()
        rest = process.stdout.read()
    assert process.returncode == 0
    assert first.count(b",") == 2
    assert rest


COUNTING = """
import runpy, sys
sys.path.insert(0, {folder!r})
from yoho.segmenting import command, outcomes
from yoho.segmenting.segmenter import Segmenter

def main(arguments):
    segmenters = outcomes.Options({run!r}, "text", jobs=1).segmenter(), Segmenter.load({run!r})
    print(*(segmenter.threads for segmenter in segmenters))

command.main = main
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [["taskset", "-c", "0"], ["env", "LOKY_MAX_CPU_COUNT=1"]], ids=" ".join)
def test_the_command_uses_the_cores_that_it_may_use(run, limit):
    """As the system allows its process, or as a container does, for which a variable of joblib stands in."""
    if not shutil.which(limit[0]):
        pytest.skip(f"no {limit[0]} here")
    code = COUNTING.format(folder=str(SCRIPT.parent), run=str(run), script=str(SCRIPT))
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([*limit, sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout == "1 1\n", done.stderr


@pytest.mark.slow
def test_processes_of_a_script(run, song, here):
    Path("text.wav").write_text("no audio")
    (here / "more").mkdir()
    (here / "more" / "song.wav").write_bytes(Path(song).read_bytes())
    Path("cut.wav").write_bytes(Path(song).read_bytes()[:-2000])
    command = [
        sys.executable,
        SCRIPT,
        song,
        "text.wav",
        "cut.wav",
        "more",
        "--weights",
        run,
        "--jobs",
        "2",
        "--format",
        "dcase",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    table = pd.read_csv(io.StringIO(done.stdout), sep="\t")
    assert set(table["filename"]) >= {"song.wav", "more/song.wav"}
    assert "error: text.wav: " in done.stderr
    assert done.stderr.count("warning: cut.wav: is cut off; the sound before the cut is used\n") == 1
    assert done.stderr.endswith("3 segmented, 1 failed\n")


MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_length(run, here):
    """Peak memory of the whole process for two minutes and for two hours.

    A small process starts it: the system counts what a process uses before it becomes another program.
    """

    def peak(seconds):
        soundfile.write("long.wav", np.tile(np.round(noise(60, 8000) * 20000).astype(np.int16), seconds // 60), 8000)
        command = [sys.executable, str(SCRIPT), "long.wav", "--weights", str(run), "--output", "out", "--page"]
        done = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert peak(7200) < 1.2 * peak(120)


@pytest.mark.slow
def test_a_reader_that_has_had_enough(run, song):
    command = f"{sys.executable} {SCRIPT} {song} {song} --weights {run} | head -n 0"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
