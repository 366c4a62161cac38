"""The files that paths and folders name: spellings, links, folders that cannot be read, and what is passed over."""

import os
from pathlib import Path

import pytest

from yoho.segmenting.command import main
from yoho.segmenting.finding import SUFFIXES, find_audio


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Path.cwd()


def touch(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def names(*paths):
    return [str(path) for path in find_audio(paths).files.values()]


def test_a_place_is_the_same_for_every_spelling(here):
    touch("song.wav", "more/other.wav", "../x/song.wav")
    Path("linked").symlink_to("more")
    paths = ["song.wav", "./song.wav", "more/../song.wav", here / "song.wav", "more/other.wav", "linked/other.wav"]
    found = find_audio([*paths, "linked/../song.wav", "../x/song.wav", "../here"])
    assert list(found.files) == [here / "song.wav", here / "more/other.wav", here.parent / "x/song.wav"]
    assert list(map(str, found.files.values())) == ["song.wav", "more/other.wav", "../x/song.wav"]
    assert not found.faults


def test_a_link_to_a_file_that_is_found_already_is_said(here):
    touch("song.wav")
    Path("link.wav").symlink_to("song.wav")
    found = find_audio(["song.wav", "link.wav"])
    assert list(map(str, found.files.values())) == ["song.wav"]
    assert found.notes == ["link.wav: is the same file as song.wav, and is segmented once"]
    assert names("link.wav") == ["link.wav"]


def test_linked_folders_are_followed_and_circles_end(here):
    touch("rec/a.wav", "rec/inner/b.wav", "else/c.wav", "else/deep/d.wav")
    Path("rec/again").symlink_to("inner")  # before the real folder in the alphabet
    Path("rec/circle").symlink_to(".")
    Path("rec/up").symlink_to("..")
    Path("rec/out").symlink_to(here / "else")
    Path("else/back").symlink_to(here / "rec/inner")
    found = find_audio(["rec"])
    assert list(map(str, found.files.values())) == [
        "rec/a.wav",
        "rec/inner/b.wav",
        "rec/out/c.wav",
        "rec/out/deep/d.wav",
    ]
    assert found.notes == ["rec: passed over: links to folders that are searched already or contain this one (4)"]
    assert list(found.files)[2] == here / "rec/out/c.wav"


def test_a_folder_that_two_links_reach_is_searched_once(here):
    touch("x/y/a.wav", "x/b.wav")
    Path("rec").mkdir()
    Path("rec/first").symlink_to(here / "x/y")
    Path("rec/second").symlink_to(here / "x")
    assert names("rec") == ["rec/first/a.wav", "rec/second/b.wav"]


def test_broken_links_are_faults(here):
    touch("rec/a.wav")
    for name in ("gone.wav", "folder", "v1.0", "notes.txt"):
        Path("rec", name).symlink_to("nowhere")
    Path("rec/self.flac").symlink_to("self.flac")
    names = ("folder", "gone.wav", "notes.txt", "self.flac", "v1.0")
    assert sorted(find_audio(["rec"]).faults.values()) == [f"rec/{name}: is a broken link" for name in names]
    assert list(find_audio(["rec/gone.wav"]).faults.values()) == ["rec/gone.wav: No such file or directory"]


def test_faults_and_notes_of_a_folder_that_is_named_twice_are_said_once(here):
    touch("rec/a.wav", "rec/.hidden", "rec/inner/b.wav")
    Path("rec/gone.wav").symlink_to("nowhere")
    Path("link").symlink_to("rec")
    found = find_audio(["rec", "rec/", here / "rec", "link", "rec/inner"])
    assert list(map(str, found.files.values())) == ["rec/a.wav", "rec/inner/b.wav"]
    assert list(found.faults.values()) == ["rec/gone.wav: is a broken link"]
    assert found.notes == ["rec: passed over: hidden (1)"]


def test_a_file_that_a_folder_names_again_by_a_link_is_counted(here):
    touch("song.wav", "rec/a.wav")
    Path("rec/b.wav").symlink_to(here / "song.wav")
    found = find_audio(["song.wav", "rec"])
    assert list(map(str, found.files.values())) == ["song.wav", "rec/a.wav"]
    assert found.notes == ["rec: passed over: files that are found by another path too (1)"]


def test_an_empty_path_is_a_fault(here):
    """Otherwise a script with an empty variable would segment the whole current folder."""
    touch("song.wav")
    found = find_audio(["", "song.wav"])
    assert list(found.faults.values()) == ["'': an empty path names no file"]
    assert list(map(str, found.files.values())) == ["song.wav"]


def test_folders_and_files_that_cannot_be_read_are_faults(here, monkeypatch):
    touch("rec/a.wav", "rec/locked.2024/b.wav", "rec/half/c.wav")
    scandir, stat = os.scandir, Path.stat

    def refuse(path="."):
        if Path(path).name == "locked.2024":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    def no_stat(path, **options):
        if path.parent.name == "half":
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    with monkeypatch.context() as here_only:
        here_only.setattr(os, "scandir", refuse)
        here_only.setattr(Path, "stat", no_stat)
        found = find_audio(["rec"])
    assert list(map(str, found.files.values())) == ["rec/a.wav"]
    faults = ["rec/half/c.wav: Permission denied", "rec/locked.2024: Permission denied"]
    assert sorted(found.faults.values()) == faults


def test_what_is_passed_over_is_counted(here):
    touch("rec/a.wav", "rec/.DS_Store", "rec/Thumbs.db", "rec/desktop.ini", "rec/deep/notes.txt", "rec/cover.JPG")
    touch("rec/a.wav.page.flac", "rec/__MACOSX/a.wav", "rec/.git/b.wav")
    os.mkfifo("rec/pipe.wav")
    found = find_audio(["rec"])
    assert list(map(str, found.files.values())) == ["rec/a.wav"]
    (note,) = found.notes
    assert note.startswith("rec: passed over: ")
    assert sorted(note.removeprefix("rec: passed over: ").split(", ")) == [
        "hidden (2)",
        "not audio by their names",
        "pipes",
        "put there by the operating system",
        "sockets and devices (1)",
        "such as .JPG (2)",
        "such as Thumbs.db (3)",
        "the audio of pages (1)",
    ]


def test_a_folder_without_audio_is_a_fault(here):
    touch("rec/notes.txt")
    found = find_audio(["rec"])
    assert list(found.faults.values()) == ["rec: this folder contains no audio file"]
    assert main(["rec"]) == 2


@pytest.mark.parametrize("name", ["x" * 300, "locked/a.wav"])
def test_a_path_that_cannot_be_reached_is_a_fault(here, monkeypatch, name):
    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as here_only:
        if "locked" in name:
            here_only.setattr(Path, "stat", refuse)
        (fault,) = find_audio([name]).faults.values()
    assert fault == f"{name}: {'Permission denied' if 'locked' in name else 'File name too long'}"


OTHERS = ".3gp .ac3 .avi .flv .m4r .mp2 .spx .ts .tta .wv .wma .3g2 .amr .ape .mpg .m4v .ogv .mts .wmv .caf .opus .WMA"


@pytest.mark.parametrize("suffix", OTHERS.split())
def test_formats_that_are_read_alone_are_found_in_a_folder(here, suffix):
    touch(f"rec/a{suffix}")
    assert names("rec") == [f"rec/a{suffix}"]


def test_formats_of_soundfile_are_found():
    soundfile = pytest.importorskip("soundfile")
    assert {f".{name.lower()}" for name in soundfile.available_formats()} - SUFFIXES == {".raw"}
