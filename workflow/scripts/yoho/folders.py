"""Walk a folder: the files below it, the entries that cannot be read, and those that are passed over.

Snakemake reads this module whenever it parses the rules, so it imports only the standard library.
"""

import os
import stat
from collections import Counter
from errno import ELOOP, ENOENT
from pathlib import Path
from typing import NamedTuple

# Files and folders that systems put beside the user's, in lower case.
OF_THE_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
OF_THE_SYSTEM |= {"__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"}


class Walked(NamedTuple):
    """What a folder contains.

    files: paths of its visible files, sorted, each below the folder's own path; faults: {path: why it cannot be read};
    passed_over: why entries were passed over, with the number of such entries.
    """

    files: list
    faults: dict
    passed_over: Counter


def walk(folder):
    """`Walked` of a folder and its subfolders. Links to folders are followed, but each folder is searched only once.

    A real subfolder is searched before any link. A link to a folder that contains `folder` leads in a circle.
    """
    found, searched = Walked([], {}, Counter()), set(map(str, Path(os.path.realpath(folder)).parents))
    waiting = [Path(folder)]
    for top in waiting:  # grows while links are found
        below = os.walk(top, onerror=lambda error: found.faults.update({Path(error.filename): error.strerror}))
        for root, folders, names in below:
            if (real := os.path.realpath(root)) in searched:
                found.passed_over["links to folders that are searched already or contain this one"] += 1
                folders.clear()
                continue
            searched.add(real)
            folders[:] = [name for name in sorted(folders) if is_users(name, found.passed_over)]
            links = (Path(root, name) for name in folders)
            waiting += [link for link in links if os.path.islink(link)]
            for name in sorted(names):
                if is_users(name, found.passed_over):
                    add_file(Path(root, name), found)
    found.files.sort()
    return found


def add_file(path, found):
    """Add a path to the files or faults of a `Walked`."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        found.faults[path] = "is a broken link" if error.errno in (ENOENT, ELOOP) else error.strerror
    else:
        if stat.S_ISREG(mode):
            found.files.append(path)
        else:
            found.passed_over["pipes, sockets and devices"] += 1


def is_users(name, passed_over=None):
    """Whether an entry of a folder is the user's and visible; counts any other in `passed_over`."""
    why = "hidden" if name.startswith(".") else ""
    if name.lower() in OF_THE_SYSTEM:
        why = "put there by the operating system, such as Thumbs.db"
    if why and passed_over is not None:
        passed_over[why] += 1
    return not why


def remark(folder, passed_over):
    """A list with a line that says what was passed over in a folder; empty if nothing was."""
    counts = ", ".join(f"{what} ({count})" for what, count in passed_over.items())
    return [f"{folder}: passed over: {counts}"] if counts else []
