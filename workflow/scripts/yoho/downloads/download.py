"""Downloads of any number of files over HTTP, from servers that may be busy, broken or wrong.

An incomplete file is `NAME.part`, and `NAME.part.tag` holds the server's mark (ETag or Last-Modified) of its version.
The download continues if the server still offers that version, and starts again otherwise. A complete file gets its
name once it has been checked; if it is wrong, it is kept as `NAME.refused`.
"""

import errno
import hashlib
import re
import shutil
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import soundfile

from yoho import InputError
from yoho.downloads.web import FAILURES, PASSING, Unsteady, reason

FILE_NAME = re.compile(r"\w[\w.-]*", re.ASCII)  # no separator, no leading dot: the file stays in its folder
OWN = (".part", ".tag", ".refused")  # suffixes of this module's own files
LATER = "at the moment; what has arrived is kept: run again later"


class File(NamedTuple):
    """A file to fetch."""

    address: str
    name: str
    size: int | None = None  # bytes
    sha256: str | None = None


class Fetched(NamedTuple):
    """The result for a file: what arrived, or why nothing did."""

    name: str
    address: str
    size: int | None = None  # bytes
    sha256: str | None = None
    retrieved: str | None = None  # UTC, ISO 8601
    error: str | None = None
    passing: bool = False  # whether the server or the connection failed, so that another attempt may succeed

    @property
    def fault(self):
        """The error in a line that names the file."""
        return f"{self.name}, {self.address}: {self.error}"


def download_files(web, files, folder, progress, check):
    """Download files to a folder. Files, and parts of files, that are there already are kept.

    web: a `Web`; files: list of File; progress: `job.progress` or a function like it; check: function of a path that
    raises InputError if the file is not what it should be, for example `check_audio`.
    Returns a list of Fetched, in the order of the files: a file that cannot be fetched does not stop the others.
    Raises InputError for an invalid name, for two files with the same name, and for a disk that is too small; and,
    after all other downloads, for files that failed because of the server or the connection.
    """
    folder = Path(folder)
    check_names(files)
    folder.mkdir(parents=True, exist_ok=True)
    held = total = 0  # bytes; a file of unknown size counts with what is there already
    for file in files:
        if file_size(folder / file.name) != file.size:
            part = file_size(folder / f"{file.name}.part")
            held, total = held + part, total + (file.size or part)
    if (free := shutil.disk_usage(folder).free) < total - held:
        raise InputError(
            f"{folder}: {(total - held) / 1e9:.1f} GB to fetch, {free / 1e9:.1f} GB free; "
            "free some space, or fetch fewer or smaller files"
        )
    with (
        progress(total=total, initial=held, desc="download", unit="B", unit_scale=True) as bar,
        ThreadPoolExecutor(web.connections) as pool,
    ):
        try:
            futures = [pool.submit(fetch_file, web, file, folder, check, bar) for file in files]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in filter(done.__contains__, futures):  # of several failures, the first file's is raised
                future.result()
        except BaseException as error:  # includes KeyboardInterrupt
            web.ending.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, OSError):
                raise InputError(f"{error.filename or folder}: cannot be written ({error.strerror})") from error
            raise
    fetched = [future.result() for future in futures]
    if lost := [file.fault for file in fetched if file.passing]:
        print(*lost, sep="\n")
        raise InputError(f"{len(lost)} of {len(fetched)} files could not be fetched {LATER}. The first: {lost[0]}")
    return fetched


def check_names(files):
    """Raise InputError unless the files have plain names, all different."""
    names = set()
    for file in files:
        if not FILE_NAME.fullmatch(file.name) or file.name.lower().endswith(OWN):
            raise InputError(f"{file.name!r}, {file.address}: not a plain file name")
        if file.name.lower() in names:  # some file systems do not distinguish A from a
            raise InputError(f"{file.name}, {file.address}: another file has that name")
        names.add(file.name.lower())


def check_audio(path):
    """Raise InputError unless a file begins like audio."""
    try:
        if not soundfile.info(path).frames:
            raise InputError("holds no audio")
    except soundfile.LibsndfileError as error:
        raise InputError(f"cannot be read as audio ({error.error_string})") from error


def file_size(path):
    """Bytes of a file, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def fetch_file(web, file, folder, check, bar):
    """Download one file, if necessary, and give it its name once it is complete and checked; returns Fetched.

    Raises OSError if it cannot be written, InputError if too many files in a row fail because of the server.
    """
    target, part = folder / file.name, folder / f"{file.name}.part"
    tag = folder / f"{file.name}.part.tag"
    try:
        return describe_file(target, file, check)
    except (InputError, FileNotFoundError):
        pass
    try:
        web.insist(receive, web, file, part, tag, bar)
        try:
            fetched = describe_file(part, file, check)
            part.replace(target)
        except InputError as error:
            part.replace(folder / f"{file.name}.refused")
            raise InputError(f"{error}; kept as {file.name}.refused") from error
        finally:
            tag.unlink(missing_ok=True)
    except FAILURES as error:
        passing = isinstance(error, PASSING)
        fetched = Fetched(file.name, file.address, error=reason(error), passing=passing)
    if web.missed(fetched.passing) >= web.give_up:
        raise InputError(f"{web.give_up} files in a row could not be fetched {LATER}. The last: {fetched.fault}")
    return fetched


def describe_file(path, file, check):
    """The `Fetched` of a complete file. Raises InputError if it is not what was announced."""
    stat = path.stat()
    if not stat.st_size:
        raise InputError("is empty")
    if file.size not in (None, stat.st_size):
        raise InputError(f"is {stat.st_size} bytes long, not {file.size}")
    with open(path, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if file.sha256 and file.sha256.lower() != digest:
        raise InputError(f"has sha256 {digest}, not {file.sha256}")
    check(path)
    retrieved = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds")
    return Fetched(file.name, file.address, stat.st_size, digest, retrieved)


def receive(web, file, part, tag, bar):
    """Download, in one request, what is missing of a file.

    Raises Unsteady if the file is still incomplete or is another version, InputError if the server refuses it, OSError
    if it cannot be written, and the errors of the connection.
    """
    mark = tag.read_text() if tag.exists() else None
    have = file_size(part) if mark else 0
    if have and have == file.size:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
    with web.open("GET", file.address, headers=headers) as response:
        if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
            return
        if response.status_code == 416 or (response.status_code == 206 and not fits(response, have, mark)):
            tag.unlink(missing_ok=True)
            raise Unsteady(f"the answer does not continue the file from byte {have}")
        check_head(response, file)
        if response.status_code == 200:
            have = 0
        remaining = response.raw.length_remaining
        whole = file.size if remaining is None else remaining
        if have:
            whole = int(response.headers["Content-Range"].rpartition("/")[2])
        if file.size not in (None, whole):
            raise InputError(f"is {whole} bytes long, not {file.size}")
        if (free := shutil.disk_usage(part.parent).free) < (remaining or 0):
            raise OSError(errno.ENOSPC, f"{remaining / 1e9:.1f} GB to come, {free / 1e9:.1f} GB free", str(part))
        if not have:
            advance(web, bar, file, -file_size(part))
            tag.unlink(missing_ok=True)
        with open(part, "ab" if have else "wb") as out:
            if not have and version(response):
                tag.write_text(version(response))
            for piece in web.pieces(response):
                out.write(piece)
                have += len(piece)
                advance(web, bar, file, len(piece))
                if file.size and have > file.size:
                    return  # the body may never end
    if not have if whole is None else have != whole:
        raise Unsteady(f"ended after {have} of {whole or 'some'} bytes")


def check_head(response, file):
    """Raise InputError unless a response delivers a file, uncompressed. Text is a file only if its sha256 is known."""
    if response.status_code not in (200, 206):
        raise InputError(f"answered {response.status_code} {response.reason}")
    kind = response.headers.get("Content-Type", "").lower()
    if not file.sha256 and re.match(r"text/|.*(json|xml)", kind):
        raise InputError(f"is {kind}, not the requested file")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise InputError(f"is sent compressed ({response.headers['Content-Encoding']}), which was not requested")


def advance(web, bar, file, amount):
    """Show that `amount` more bytes of a file are there, and count them in the total if its size is unknown."""
    with web.counting:
        if not file.size:
            bar.total += amount
        bar.update(amount)


def version(response):
    """The server's mark of this version of a file; None if no mark distinguishes versions."""
    etag = response.headers.get("ETag", "W/")
    return response.headers.get("Last-Modified") if etag.startswith("W/") else etag


def fits(response, have, mark):
    """Whether a partial response holds the version `mark` from byte `have` to the end."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    first, last, total = map(int, match.groups()) if match else (0, 0, 0)
    return first == have > 0 and last + 1 == total and version(response) in (None, mark)
