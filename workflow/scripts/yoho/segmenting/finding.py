"""Find the audio files that the user's paths name or contain.

Snakemake reads this module whenever it parses the rules, so it imports only the standard library.
"""

import os
from collections import Counter
from errno import ENOENT
from pathlib import Path
from typing import NamedTuple

from yoho.folders import remark, walk

# Suffixes of audio files in a folder: of the formats that soundfile reads, except raw PCM, and of those for ffmpeg.
FOR_SOUNDFILE = """
    aif aifc aiff au avr caf flac htk ircam mat4 mat5 mp3 mpc2k nist oga ogg opus paf pvf rf64 sd2 sds snd svx voc w64
    wav wavex wve xi
"""
FOR_FFMPEG = """
    3g2 3gp aac ac3 amr ape asf avi dff dsf dts eac3 flv m2ts m4a m4b m4r m4v mka mkv mov mp2 mp4 mpc mpeg mpg mts mxf
    ogv ra rm spx tak ts tta vob webm wma wmv wv
"""
PAGE_AUDIO = ".page.flac"  # the ending of the audio of a page
SUFFIXES = {f".{name}" for name in (FOR_SOUNDFILE + FOR_FFMPEG).split()}


class Found(NamedTuple):
    """Audio files.

    files: {place: the path by which the user named the file}; a place is an absolute path, which differs from file to
    file. faults: {place: a line about what cannot be read}; notes: lines about what is passed over.
    """

    files: dict
    faults: dict
    notes: list


def find_audio(paths):
    """`Found`: the files among `paths`, and the audio files in its folders.

    A file that occurs several times, by whatever spelling or link, is found once.
    """
    found, first, searched = Found({}, {}, []), {}, set()
    for path, name in ((Path(name), name) for name in paths):
        try:
            if not str(name):
                raise FileNotFoundError(ENOENT, "an empty path names no file")
            inside = audio_below(path, found, searched) if path.is_dir() else {place_of(path): path}
            path.stat()
        except OSError as error:  # for example: no such file, no permission, a name that is too long
            found.faults[place_of(path) if str(name) else name] = f"{name or repr(name)}: {error.strerror}"
            continue
        again = {}
        for place, file in inside.items():
            if first.setdefault(os.path.realpath(file), place) == place:
                found.files.setdefault(place, file)
            else:
                again[file] = found.files[first[os.path.realpath(file)]]
        if again.keys() == {path}:
            found.notes.append(f"{path}: is the same file as {again[path]}, and is segmented once")
        elif again:
            found.notes.append(f"{path}: passed over: files that are found by another path too ({len(again)})")
    return found


def place_of(path):
    """The absolute path of a file or folder, which is the same for every spelling of `path`; a link keeps its name."""
    if path.name in ("", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent), path.name)


def audio_below(folder, found, searched):
    """The visible audio files in a folder and its subfolders, {place: path}; adds faults and notes to a `Found`.

    searched: the real paths of the folders that were searched before, and of this one after.
    """
    root = Path(os.path.realpath(folder))
    if root in searched:
        return {}
    searched.add(root)
    walked = walk(folder)
    kinds, passed_over = Counter(map(kind_of, walked.files)), walked.passed_over
    if kinds["other"]:
        others = sorted({path.suffix or path.name for path in walked.files if kind_of(path) == "other"})
        passed_over[f"not audio by their names, such as {others[0]}"] += kinds["other"]
    if kinds["page"]:
        passed_over["the audio of pages"] += kinds["page"]
    found.notes.extend(remark(folder, passed_over))
    found.faults.update({root / path.relative_to(folder): f"{path}: {why}" for path, why in walked.faults.items()})
    if not kinds["audio"] and not walked.faults:
        found.faults[root] = f"{folder}: this folder contains no audio file"
    return {root / file.relative_to(folder): file for file in walked.files if kind_of(file) == "audio"}


def kind_of(path):
    """The kind of a file by its name: audio, the audio of a page, or another."""
    if path.suffix.lower() not in SUFFIXES:
        return "other"
    return "page" if path.match(f"*{PAGE_AUDIO}") else "audio"
