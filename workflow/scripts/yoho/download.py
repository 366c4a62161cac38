"""Fetching any number of files over HTTP, from servers that may be busy, broken or wrong.

A file on its way is `NAME.part`, and `NAME.part.tag` holds the server's mark (ETag or Last-Modified) of the version
it is part of: it is gone on with where that version is still the one offered, and begun again otherwise. Once whole
and checked it takes its name. One that is whole but wrong is kept as `NAME.refused`.
"""

import errno
import hashlib
import re
import shutil
import socket
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import soundfile
from requests.adapters import HTTPAdapter
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from yoho import InputError

FILE_NAME = re.compile(r"\w[\w.-]*", re.ASCII)  # no separator, no leading dot: it stays in its folder
OWN = (".part", ".tag", ".refused")  # endings of names that are taken
HOPS = 5  # redirects in a row
PIECE = 2**16  # bytes
LATER = "just now; what has arrived is kept: run again later"


class Unsteady(InputError):
    """Not to be had just now: worth another try."""


# ValueError: InputError, and an address that cannot be parsed.
FAILURES = (ValueError, requests.RequestException, HTTPError)
PASSING = (Unsteady, requests.ConnectionError, requests.Timeout, HTTPError)


class File(NamedTuple):
    """A file to fetch."""

    address: str
    name: str
    size: int | None = None  # bytes
    sha256: str | None = None


class Fetched(NamedTuple):
    """What became of a file: either what arrived, or why it did not."""

    name: str
    address: str
    size: int | None = None  # bytes
    sha256: str | None = None
    retrieved: str | None = None  # UTC, ISO 8601
    error: str | None = None
    passing: bool = False  # whether the error is of the server or the way to it, not of the file

    @property
    def fault(self):
        """The error, in a line that names the file."""
        return f"{self.name}, {self.address}: {self.error}"


# ---- requests --------------------------------------------------------------------------------------------------------


class Web:
    """Requests with manners, from any number of threads. Proxies are those of the environment.

    connections: at most so many at a time
    rate         requests per second, all connections together
    attempts     how often a file or page is tried
    backoff      [first, longest] wait between two of them, s: it doubles, and has a random part
    retry_after  longest wait that a server can ask for, s; nothing is asked of any server meanwhile
    timeouts     [to connect, between two arrivals], s
    slowest      [bytes per second, span in s]: fewer over a span, and the connection counts as broken
    give_up      so many files in a row that a server does not give just now are an outage, which ends the work
    hosts        where else than to its own host a file may be redirected, as `host` or `host:port`
    """

    def __init__(self, *, connections, rate, attempts, backoff, retry_after, timeouts, slowest, give_up, hosts):
        self.connections, self.timeouts, self.slowest, self.hosts = connections, tuple(timeouts), slowest, hosts
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "identity"  # compressed, lengths and ranges are not the file's
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, Adapter(pool_maxsize=connections))
        self.ending = threading.Event()
        first, longest = backoff
        self.insist = Retrying(
            retry=retry_if_exception_type(PASSING),
            stop=stop_after_attempt(attempts) | stop_when_event_set(self.ending),
            wait=wait_exponential(multiplier=first, max=longest) + wait_random(0, first),
            sleep=sleep_using_event(self.ending),
            reraise=True,
        )
        self.retry_after = retry_after
        self.gap, self.next, self.quiet, self.lock = 1 / rate, 0.0, 0.0, threading.Lock()
        self.give_up, self.misses = give_up, 0

    def __enter__(self):
        """For `with`."""
        return self

    def __exit__(self, *error):
        """Close the connections."""
        self.session.close()

    def turn(self):
        """Wait until the next request may be made."""
        with self.lock:
            while (delay := max(self.next, self.quiet) - time.monotonic()) > 0 and not self.ending.wait(delay):
                pass
            self.next = time.monotonic() + self.gap

    def hold(self, response):
        """Make no request for as long as a busy server asks for."""
        try:
            seconds = min(Retry().get_retry_after(response.raw) or 0, self.retry_after)
        except (InvalidHeader, ValueError, OverflowError):
            return
        self.quiet = max(self.quiet, time.monotonic() + seconds)
        print(f"{response.url}: answered {response.status_code}; no request for {seconds:.0f} s")

    def open(self, method, address, **content):
        """The response to one request, redirects followed, its body still to be read.

        Raises Unsteady where the server is busy or broken, InputError for a redirect to a host that is not allowed.
        """
        for _ in range(HOPS):
            self.turn()
            response = self.session.request(
                method, address, stream=True, timeout=self.timeouts, allow_redirects=False, **content
            )
            if not response.is_redirect:
                break
            response.close()
            here, there = urlsplit(address), urlsplit(address := urljoin(address, response.headers["Location"]))
            if there.netloc not in (here.netloc, *self.hosts) or there.scheme not in (here.scheme, "https"):
                raise InputError(f"redirected to {address}; `hosts` does not allow it")
        else:
            raise InputError(f"redirected {HOPS} times in a row")
        if response.status_code in (408, 429) or response.status_code >= 500:
            self.hold(response)
            response.close()
            raise Unsteady(f"answered {response.status_code} {response.reason}")
        return response

    def pieces(self, response):
        """The body of a response, bytes as they arrive. Raises Unsteady where they arrive too slowly."""
        least, span = self.slowest
        since, amount = time.monotonic(), 0
        while piece := response.raw.read1(PIECE):
            if self.ending.is_set():
                raise InputError("stopped")
            yield piece
            amount += len(piece)
            if (passed := time.monotonic() - since) >= span:
                if amount < least * passed:
                    raise Unsteady(f"{amount / passed:.0f} bytes per second; at least {least} are wanted")
                since, amount = time.monotonic(), 0


class Adapter(HTTPAdapter):
    """Connections that are `Bounded`."""

    def get_connection_with_tls_context(self, *args, **settings):
        """The connections to a host."""
        pool = super().get_connection_with_tls_context(*args, **settings)
        if not issubclass(pool.ConnectionCls, Bounded):
            pool.ConnectionCls = type("Connection", (Bounded, pool.ConnectionCls), {})
        return pool


class Bounded:
    """A connection that ends where the head of an answer, however it drips, takes twice the timeout of an arrival."""

    def getresponse(self):
        """The head of an answer. Raises TimeoutError."""
        began, patience = time.monotonic(), 2 * self.timeout
        timer = threading.Timer(patience, hang_up, [self.sock])
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if time.monotonic() - began >= patience:  # cut off, it can look whole
                raise TimeoutError


def hang_up(connection):
    """End a connection, also while it is read from."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def reason(error):
    """What went wrong, in one line; requests and urllib3 wrap it in errors of their own."""
    while error.args and isinstance(inner := getattr(error.args[0], "reason", error.args[0]), Exception):
        error = inner
    return " ".join(str(error).split())


# ---- files -----------------------------------------------------------------------------------------------------------


def download(web, files, folder, progress, check):
    """Fetch files into a folder; those there already, or in part, are not fetched again.

    files: list of File; progress: `job.progress` or a function like it; check: function of a path that raises
    InputError where the file there is not what it should be, such as `check_audio`.
    Returns a list of Fetched, in that order: one file that cannot be had does not stop the others.
    Raises InputError for a name that is none, two of one name, a disk that is full or would be; and, once all others
    are there, for one that a server did not give just now.
    """
    folder = Path(folder)
    check_names(files)
    folder.mkdir(parents=True, exist_ok=True)
    held = total = 0  # bytes; of unknown sizes no more than is there
    for file in files:
        if size_of(folder / file.name) != file.size:
            part = size_of(folder / f"{file.name}.part")
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
            futures = [pool.submit(fetch, web, file, folder, check, bar) for file in files]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in filter(done.__contains__, futures):  # of several failures the first file's
                future.result()
        except BaseException as error:  # also where the user stops it
            web.ending.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, OSError):
                raise InputError(f"{error.filename or folder}: cannot be written ({error.strerror})") from error
            raise
    fetched = [future.result() for future in futures]
    if lost := [file.fault for file in fetched if file.passing]:
        print(*lost, sep="\n")
        raise InputError(f"{len(lost)} of {len(fetched)} files could not be had {LATER}. The first: {lost[0]}")
    return fetched


def check_names(files):
    """Raise InputError unless each file has a name that stays in its folder and is no other's."""
    names = set()
    for file in files:
        if not FILE_NAME.fullmatch(file.name) or file.name.lower().endswith(OWN):
            raise InputError(f"{file.name!r}, {file.address}: not a plain file name")
        if file.name.lower() in names:  # some file systems do not tell A from a
            raise InputError(f"{file.name}, {file.address}: another file has that name")
        names.add(file.name.lower())


def check_audio(path):
    """Raise InputError unless a file begins as audio does."""
    try:
        if not soundfile.info(path).frames:
            raise InputError("holds no audio")
    except soundfile.LibsndfileError as error:
        raise InputError(f"is no audio that can be read ({error.error_string})") from error


def size_of(path):
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def fetch(web, file, folder, check, bar):
    """Fetch one file, if need be, and give it its name once it is whole and checked; returns Fetched.

    Raises OSError where it cannot be written, InputError where too many in a row fail for now.
    """
    target, part = folder / file.name, folder / f"{file.name}.part"
    tag = folder / f"{file.name}.part.tag"
    try:
        return inspect(target, file, check)
    except (InputError, FileNotFoundError):
        pass
    try:
        web.insist(receive, web, file, part, tag, bar)
        try:
            fetched = inspect(part, file, check)
            part.replace(target)
        except InputError as error:
            part.replace(folder / f"{file.name}.refused")
            raise InputError(f"{error}; kept as {file.name}.refused") from error
        finally:
            tag.unlink(missing_ok=True)
    except FAILURES as error:
        passing = isinstance(error, PASSING)
        fetched = Fetched(file.name, file.address, error=reason(error), passing=passing)
    web.misses = web.misses + 1 if fetched.passing else 0
    if web.misses >= web.give_up:
        raise InputError(f"{web.give_up} files in a row could not be had {LATER}. The last: {fetched.fault}")
    return fetched


def inspect(path, file, check):
    """Describe a file that has arrived whole. Raises InputError where it is not what was announced."""
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
    """Fetch, in one request, what is missing of a file.

    Raises Unsteady where not all of it came, or where it is another file than it was; a failure of the connection;
    InputError where it is not to be had; OSError where it cannot be written.
    """
    mark = tag.read_text() if tag.exists() else None
    have = size_of(part) if mark else 0
    if have and have == file.size:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
    with web.open("GET", file.address, headers=headers) as response:
        if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
            return
        if response.status_code == 416 or (response.status_code == 206 and not fits(response, have, mark)):
            tag.unlink(missing_ok=True)
            raise Unsteady(f"what is there after byte {have} does not go with what came before")
        check_head(response)
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
            advance(bar, file, -size_of(part))
            tag.unlink(missing_ok=True)
        with open(part, "ab" if have else "wb") as out:
            if not have and version(response):
                tag.write_text(version(response))
            for piece in web.pieces(response):
                out.write(piece)
                have += len(piece)
                advance(bar, file, len(piece))
                if file.size and have > file.size:
                    return  # a body that may never end
    if not have if whole is None else have != whole:
        raise Unsteady(f"ended after {have} of {whole or 'some'} bytes")


def check_head(response):
    """Raise InputError unless a response brings a file, as it is."""
    if response.status_code not in (200, 206):
        raise InputError(f"answered {response.status_code} {response.reason}")
    kind = response.headers.get("Content-Type", "").lower()
    if re.match(r"text/|.*(json|xml)", kind):
        raise InputError(f"is {kind}, not the file asked for")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise InputError(f"is sent compressed ({response.headers['Content-Encoding']}), which was not asked for")


def advance(bar, file, amount):
    """Show that so many more bytes of a file are there; of one of unknown size, no others are expected."""
    if not file.size:
        bar.total += amount
    bar.update(amount)


def version(response):
    """The server's mark of this version of a file; None where it has none that tells versions apart."""
    etag = response.headers.get("ETag", "W/")
    return response.headers.get("Last-Modified") if etag.startswith("W/") else etag


def fits(response, have, mark):
    """Whether a partial response holds all after byte `have` of the version `mark`."""
    said = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    first, last, total = map(int, said.groups()) if said else (0, 0, 0)
    return first == have > 0 and last + 1 == total and version(response) in (None, mark)
