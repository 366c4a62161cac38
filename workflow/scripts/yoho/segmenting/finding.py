"""Find the audio files that the user's paths name or contain."""

import os
from pathlib import Path

import soundfile

# Suffixes of audio files in a folder.
SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} - {".raw"}
SUFFIXES |= {".aif", ".aifc", ".snd", ".opus", ".oga"}  # other names of the same formats
SUFFIXES |= {".m4a", ".m4b", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".mov"}  # for ffmpeg


def find_audio(paths):
    """Find the files among `paths`, and the audio files in its folders; returns (files, error messages)."""
    files, problems = {}, []
    for path in map(Path, paths):
        try:
            if path.is_dir():
                unreadable = []
                inside = sorted(audio_below(path, unreadable.append))
                problems += [f"{error.filename}: {error.strerror}" for error in unreadable]
                if not inside and not unreadable:
                    problems.append(f"{path}: this folder contains no audio file")
                files |= {file.absolute(): file for file in inside}
            else:
                path.stat()
                files.setdefault(path.absolute(), path)
        except OSError as error:  # for example: no such file, no permission, a name that is too long
            problems.append(f"{path}: {error.strerror}")
    return list(files.values()), problems


def audio_below(folder, on_error):
    """Yield the visible audio files in a folder and its subfolders, except those of pages.

    on_error: called with the OSError of a folder that cannot be read.
    """
    for root, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(root, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in SUFFIXES and not path.match("*.page.flac") and path.is_file():
                yield path
