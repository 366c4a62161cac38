"""Find the audio files that the user's paths name or contain."""

import os
from functools import partial
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
                inside = sorted(filter(partial(is_audio, path), files_below(path, unreadable.append)))
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


def files_below(folder, on_error):
    """Yield the files in a folder and its subfolders, except hidden ones; on_error: called with a folder's OSError."""
    for root, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names)


def is_audio(folder, path):
    """Whether a path below a folder is a visible file with an audio suffix, except the audio of a page."""
    excluded = any(part.startswith(".") for part in path.relative_to(folder).parts) or path.match("*.page.flac")
    return not excluded and path.suffix.lower() in SUFFIXES and path.is_file()
