"""Unpacking archives that came from elsewhere: nothing outside the folder is written, and no more than was said."""

import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from yoho import InputError


def check_zip(path):
    """Raise InputError unless a file is a .zip that has its end."""
    if not zipfile.is_zipfile(path):
        raise InputError("is no whole .zip")


def unpack(archive, folder, wanted, *, most, ratio):
    """Unpack members of a .zip, each whole or not at all; returns their paths.

    wanted: function of a member's path in the archive (PurePosixPath) that gives its path in `folder`, None to leave
    it out; most: bytes that the members may hold together; ratio: how many times the archive's size they may be.
    Raises InputError, before anything is written, for a member of any kind that would lie elsewhere, is no plain
    file or is wanted where another is, and for an archive that would grow too large; also where it is damaged.
    """
    written = []
    try:
        with zipfile.ZipFile(archive) as content:
            members = {}
            for member in content.infolist():
                check_member(archive, member)
                target = None if member.is_dir() else wanted(PurePosixPath(member.filename))
                if target is not None and members.setdefault(Path(folder, target), member) is not member:
                    raise InputError(f"{archive}: member {member.filename!r} would overwrite another")
            total = sum(member.file_size for member in members.values())
            limit = min(most, ratio * Path(archive).stat().st_size)
            if total > limit:
                raise InputError(f"{archive}: would unpack to {total} bytes, more than the {limit:.0f} allowed")
            for target, member in members.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f"{target.name}.part")
                # A member that holds more than it said is cut there by zipfile, and fails its checksum.
                try:
                    with content.open(member) as source, open(part, "wb") as out:
                        shutil.copyfileobj(source, out)
                    part.replace(target)
                finally:
                    part.unlink(missing_ok=True)
                written.append(target)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror or error}") from error
    except (RuntimeError, EOFError, ValueError, struct.error, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{archive}: cannot be unpacked ({error}); is it a whole .zip?") from error
    return written


def check_member(archive, member):
    """Raise InputError for a member of an archive that lies outside it, is no plain file or may swell unseen."""
    path = PureWindowsPath(member.filename)  # knows both separators, and drives
    if path.anchor or ".." in path.parts:
        raise InputError(f"{archive}: member {member.filename!r} would lie outside the folder; not unpacked")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{archive}: member {member.filename!r} is a link or no plain file; not unpacked")
    # Other methods unpack a whole block at once, however large.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{archive}: member {member.filename!r} is compressed in an unusual way; not unpacked")
