"""Fetching recordings: the search interface of BBC Sound Effects, and any number of files over HTTP.

A file on its way is `NAME.part`, and `NAME.part.tag` holds the server's mark (ETag or Last-Modified) of the version
it is part of: it is gone on with where that version is still the one offered, and begun again otherwise. Once whole
and checked it takes its name. One that is whole but wrong is kept as `NAME.refused`.
"""

import hashlib
import json
import re
import shutil
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
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

BBC_ID = re.compile(r"[0-9]{7,8}|NHU[0-9]+")  # seven: 0009006, of the authors' own pool
BBC_REACH = 10_000  # entries that one search can show: its from + size may not be more
# No separator, no leading dot: it stays in its folder. Nor the ending of a file on its way.
FILE_NAME = re.compile(r"\w[\w.-]*(?<!\.part)(?<!\.tag)(?<!\.refused)", re.ASCII)
HOPS = 5  # redirects in a row
PIECE = 2**16  # bytes


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
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=connections))
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
        if response.status_code == 429 or response.status_code >= 500:
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


def reason(error):
    """What went wrong, in one line; requests and urllib3 wrap it in errors of their own."""
    while error.args and isinstance(inner := getattr(error.args[0], "reason", error.args[0]), Exception):
        error = inner
    return " ".join(str(error).split())


# ---- BBC Sound Effects -----------------------------------------------------------------------------------------------


def search_bbc(web, address, categories, query, progress, *, page_size, passes):
    """Entries of BBC Sound Effects, as the interface at `address` describes them, each id once.

    categories: any of these, or None; query: words that narrow it, or None; progress: `job.progress` or a function
    like it; page_size: entries, two or more; passes: how often, at most, to go through all pages until nothing moved
    meanwhile.
    Returns (entries, refused): a list of dicts, and a line for each entry whose id is none.
    Raises InputError where the interface cannot be reached, answers in another form, or finds more than it can show.
    """
    found = {}
    with progress(desc="search", unit=" entries") as bar:
        for _ in range(passes):
            try:
                entries, moved = search_through(web, address, categories, query, bar, page_size)
            except FAILURES as error:
                raise InputError(f"{address}: {reason(error)}") from error
            found |= entries
            if not moved:
                break
            print(f"{address}: {moved}; entries moved from page to page")
    good = [entry for name, entry in found.items() if BBC_ID.fullmatch(name)]
    bad = [name for name in found if not BBC_ID.fullmatch(name)]
    return good, [f"id {name!r}, {address}: neither 7 or 8 digits nor NHU and digits" for name in bad]


def search_through(web, address, categories, query, bar, page_size):
    """One pass over all pages of a search: {id: entry}, and how it shows that entries moved meanwhile, if they did.

    An entry that comes or goes moves the later ones, and one of them over the edge of a page: it would be missed,
    or seen twice. So each page begins with the last entry of the one before.
    """
    found, moved, total, start, last = {}, "", None, 0, None
    while total is None or start + 1 < total:
        size = min(page_size, BBC_REACH - start)
        count, page = web.insist(search_page, web, address, categories, query, start, size)
        if count > BBC_REACH:
            raise InputError(f"{count} entries in {categories}, query {query}; a search shows {BBC_REACH}: narrow it")
        if total not in (None, count):
            moved = f"{count} entries, before {total}"
        elif start and page and page[0]["id"] != last:
            moved = f"entry {start} is {page[0]['id']!r}, before {last!r}"
        total = count
        found |= {entry["id"]: entry for entry in page}
        bar.update(len(found) - bar.n)
        if len(page) < 2:
            break
        start, last = start + len(page) - 1, page[-1]["id"]
    if not moved and len(found) != total:
        moved = f"{len(found)} entries, by its own count {total}"
    return found, moved


def search_page(web, address, categories, query, start, size):
    """Entries start ... start + size - 1 of a search: (how many there are in all, these)."""
    criteria = dict.fromkeys(["tags", "durations", "continents", "sortBy", "source", "recordist", "habitat"])
    criteria |= {"from": start, "size": size, "query": query, "categories": categories}
    with web.open("POST", address, json={"criteria": criteria}) as response:
        if response.status_code != 200:
            raise InputError(f"answered {response.status_code} {response.reason}")
        body = b"".join(web.pieces(response))
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise Unsteady(f"the answer is no whole JSON ({error}); it begins with {body[:40]!r}") from error
    try:
        total, entries = answer["total"], answer["results"]
        if isinstance(total, int) and all(isinstance(entry["id"], str) for entry in entries):
            return total, entries
    except (TypeError, LookupError):
        pass
    raise InputError(f"the answer is not of the form that is known: total, results, each with an id: {body[:40]!r}")


def bbc_size(entry, form):
    """Bytes of an entry's "wav" or "mp3"; None where it does not say so."""
    sizes = entry.get("fileSizes")
    size = sizes.get(f"{form}FileSize") if isinstance(sizes, dict) else None
    return size if isinstance(size, int) and size > 0 else None


# ---- files -----------------------------------------------------------------------------------------------------------


def download(web, files, folder, progress, check):
    """Fetch files into a folder; those there already, or in part, are not fetched again.

    files: list of File; progress: `job.progress` or a function like it; check: function of a path that raises
    InputError where the file there is not what it should be, such as `check_audio`.
    Returns a list of Fetched, in that order: one file that cannot be had does not stop the others.
    Raises InputError for a name that is none, two of one name, a disk that is full or would be, or an outage.
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
            for future in done:
                future.result()
        except BaseException as error:  # also where the user stops it
            web.ending.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, OSError):
                raise InputError(f"{error.filename or folder}: cannot be written ({error.strerror})") from error
            raise
    return [future.result() for future in futures]


def check_names(files):
    """Raise InputError unless each file has a name that stays in its folder and is no other's."""
    names = set()
    for file in files:
        if not FILE_NAME.fullmatch(file.name):
            raise InputError(f"{file.name!r}, {file.address}: not a plain file name")
        if file.name.lower() in names:  # some file systems do not tell A from a
            raise InputError(f"{file.name}, {file.address}: another file has that name")
        names.add(file.name.lower())


def check_fetched(fetched):
    """Raise InputError that names every file that could not be had."""
    if failed := [file for file in fetched if file.error]:
        lines = [f"{file.name}, {file.address}: {file.error}" for file in failed]
        raise InputError(f"{len(failed)} of {len(fetched)} files could not be had. " + "\n".join(lines))


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
        web.misses = 0
        return fetched
    except FAILURES as error:
        # A server that says no is there all the same.
        web.misses = web.misses + 1 if isinstance(error, PASSING) else 0
        if web.misses >= web.give_up:
            raise InputError(
                f"{web.misses} files in a row could not be had, the last {file.name}, {file.address}: {reason(error)}; "
                "what has arrived is kept: run again later"
            ) from error
        return Fetched(file.name, file.address, error=reason(error))


def inspect(path, file, check):
    """Describe a file that has arrived whole. Raises InputError where it is not what was announced."""
    stat = path.stat()
    if not stat.st_size:
        raise InputError("is empty")
    if file.size not in (None, stat.st_size):
        raise InputError(f"is {stat.st_size} bytes long, not {file.size}")
    with open(path, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if file.sha256 not in (None, digest):
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
        whole = file.size if remaining is None else have + remaining
        if response.status_code == 206 and (total := content_range(response)[2]) != "*":
            whole = int(total)
        if file.size not in (None, whole):
            raise InputError(f"is {whole} bytes long, not {file.size}")
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
    if whole is not None and have < whole:
        raise Unsteady(f"ended after {have} of {whole} bytes")


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
    """Whether a partial response goes on after byte `have`, to the end, of the version `mark`."""
    first, last, total = content_range(response)
    ends = total == "*" or int(last) + 1 == int(total)
    return have > 0 and first == str(have) and ends and version(response) in (None, mark)


def content_range(response):
    """First byte, last byte and length of the whole file ("*": not said) of a partial response, as text."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
    return found.groups() if found else ("", "-1", "*")
