"""Unpacking foreign archives: nothing is written outside the folder, and no more than the archive announces."""

import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from yoho import InputError


def check_zip(path):
    """Raise InputError unless a file is a complete .zip."""
    if not zipfile.is_zipfile(path):
        raise InputError("is not a complete .zip")


def unpack(archive, folder, wanted, *, most, ratio):
    """Unpack members of a .zip, each completely or not at all; returns their paths.

    wanted: function that takes a member's path in the archive (PurePosixPath) and returns its path in `folder`, or
    None to leave it out; most, ratio: limits of the members' bytes in all, absolute and relative to the archive's.
    Raises InputError, before anything is written, if a member would lie outside the folder or is not a plain file, if
    two members would have the same path, or if the members are too large; and later if the archive is damaged.
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
                write_member(content, member, target)
                written.append(target)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror or error}") from error
    except (RuntimeError, EOFError, ValueError, struct.error, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{archive}: cannot be unpacked ({error}); is it a complete .zip?") from error
    return written


def write_member(content, member, target):
    """Unpack a member to a path, completely or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        # zipfile cuts a member that holds more than it announced, which then fails its checksum.
        with content.open(member) as packed, open(part, "wb") as out:
            shutil.copyfileobj(packed, out)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def check_member(archive, member):
    """Raise InputError if a member would lie outside the folder, is not a plain file, or has an unusual compression."""
    path = PureWindowsPath(member.filename)  # knows both separators, and drives
    if path.anchor or ".." in path.parts:
        raise InputError(f"{archive}: member {member.filename!r} would lie outside the folder; not unpacked")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{archive}: member {member.filename!r} is not a plain file; not unpacked")
    # Other methods unpack a whole block at once, however large.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{archive}: member {member.filename!r} is compressed in an unusual way; not unpacked")
