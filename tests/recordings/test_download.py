"""Fetching recordings from a server that misbehaves: all that can be had is had, the rest is named, nothing is lost.

Whatever a test does, nothing outside the target folder is written: `folder` sees to it.
"""

import hashlib
import io
import os
import re
import signal
import stat
import threading
import time
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

import servers
from servers import MANNERS, SEARCH, Server, entry
from yoho import InputError, job
from yoho.recordings import download
from yoho.recordings.archives import check_zip, unpack
from yoho.recordings.bbc import size_of
from yoho.recordings.bbc_search import search_library
from yoho.recordings.download import File, check_audio
from yoho.recordings.web import Web

NAME = "00008053.wav"


def audio(seed, seconds=1.0, format="WAV"):
    """A file of noise, in bytes."""
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, round(8000 * seconds))
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format=format)
    return file.getvalue()


SOUND = audio(0)


def tree(root):
    """What is below a folder: {path: bytes}."""
    return {path.relative_to(root): path.read_bytes() if path.is_file() else None for path in Path(root).rglob("*")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The target folder, deep in others that must not change."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for place in (tmp_path, tmp_path / "a", inner):
        (place / "untouched.txt").write_text("as it was")
    monkeypatch.chdir(inner)
    before = tree(tmp_path)
    yield inner / "target"
    outside = {path: content for path, content in tree(tmp_path).items() if path.parts[:3] != ("a", "b", "target")}
    assert outside == before


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def other():
    """Another host: another port of the loopback interface."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def get(folder, monkeypatch):
    """A function that downloads files as a job does; its `bars` are the progress bars there were."""
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())

    def progress(**settings):
        get.bars.append(job.progress(**settings))
        return get.bars[-1]

    def get(*files, check=check_audio, **changes):
        with Web(**MANNERS | changes) as web:
            return download.download(web, files, folder, progress, check)

    get.bars = []
    return get


@pytest.fixture
def search(server, monkeypatch):
    """A function that searches for clocks as a job does."""
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())

    def search(page_size=4, passes=3, category="Clocks", query=None, address=server.address + SEARCH, **changes):
        manners, pages = MANNERS | changes, {"page_size": page_size, "passes": passes}
        with Web(**manners) as web:
            return search_library(web, address, category, query, job.progress, search.told.append, **pages)

    search.told = []
    return search


def assert_fetched(fetched, folder, content=SOUND, name=NAME):
    """The file is there as served, and described."""
    assert fetched.error is None
    assert (folder / name).read_bytes() == content
    assert (fetched.name, fetched.size) == (name, len(content))
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(fetched.retrieved)).total_seconds()) < 60
    assert not list(folder.glob(f"{name}.*"))


def assert_refused(fetched, folder, words, name=NAME):
    """The file is not there, and one line says why, with id and address."""
    assert not (folder / name).exists()
    assert (fetched.size, fetched.sha256, fetched.retrieved, fetched.passing) == (None, None, None, False)
    assert re.search(words, fetched.fault) and "\n" not in fetched.fault
    assert fetched.fault.startswith(f"{name}, {fetched.address}: ")


def assert_out(get, folder, words, *files, **changes):
    """The first file is not there, the server being out, which one line says with id and address; all others are."""
    with pytest.raises(InputError, match=words) as caught:
        get(*files, **changes)
    assert not (folder / files[0].name).exists() and "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"1 of {len(files)} files could not be had just now; what has arrived is kept")
    assert f"run again later. The first: {files[0].name}, {files[0].address}: " in str(caught.value)
    assert all((folder / file.name).exists() for file in files[1:])


# ---- downloading -----------------------------------------------------------------------------------------------------


def test_files_arrive_whole_and_are_described(server, folder, get):
    contents = {f"{number:08d}.wav": audio(number) for number in range(6)}
    contents |= {"a.mp3": audio(7, format="MP3"), "b.flac": audio(8, format="FLAC"), "c.ogg": audio(9, format="OGG")}
    files = [File(server.add(name, content), name, len(content)) for name, content in contents.items()]
    fetched = get(*files)
    assert [file.name for file in fetched] == list(contents)
    for file, content in zip(fetched, contents.values()):
        assert_fetched(file, folder, content, file.name)
    assert len(server.asked) == len(files)


def test_what_is_there_already_is_not_asked_for_again(server, folder, get):
    address = server.add(NAME, SOUND)
    first = get(File(address, NAME, len(SOUND)))
    os.utime(folder / NAME, (0, 0))
    digest = hashlib.sha256(SOUND).hexdigest()
    for file in (File(address, NAME), File(address, NAME, len(SOUND)), File(address, NAME, None, digest)):
        (again,) = get(file)
        assert (again.size, again.sha256) == (first[0].size, first[0].sha256)
        assert again.retrieved == "1970-01-01T00:00:00+00:00"  # when it came, not when it was looked at
    assert len(server.asked) == 1


@pytest.mark.parametrize("how", ["shorter", "another sha256", "no audio"])
def test_what_is_there_but_wrong_is_fetched_again(server, folder, get, how):
    folder.mkdir()
    content = {"shorter": SOUND[:-2], "another sha256": audio(1), "no audio": b"?" * len(SOUND)}[how]
    (folder / NAME).write_bytes(content)
    digest = hashlib.sha256(SOUND).hexdigest() if how == "another sha256" else None
    (fetched,) = get(File(server.add(NAME, SOUND), NAME, len(SOUND), digest))
    assert_fetched(fetched, folder)


def test_what_is_there_but_wrong_stays_until_there_is_better(server, folder, get):
    folder.mkdir()
    (folder / NAME).write_bytes(b"something")
    (fetched,) = get(File(server.add(NAME, SOUND, always=servers.status(404)), NAME, len(SOUND)))
    assert "404" in fetched.error and (folder / NAME).read_bytes() == b"something"


def test_progress_counts_bytes(server, folder, get):
    contents = [audio(seed) for seed in range(3)]
    files = [File(server.add(f"{n}.wav", content), f"{n}.wav", len(content)) for n, content in enumerate(contents)]
    get(files[0])
    get(*files)
    files[2] = files[2]._replace(name="unknown.wav", size=None)
    get(*files)
    sizes = [len(content) for content in contents]
    assert [(bar.total, bar.n, bar.unit) for bar in get.bars] == [
        (sizes[0], sizes[0], "B"),
        (sizes[1] + sizes[2], sizes[1] + sizes[2], "B"),
        (sizes[2], sizes[2], "B"),
    ]


def test_connections_are_bounded(server, folder, get):
    slow = servers.change(None, lambda _: time.sleep(0.05))
    files = [File(server.add(f"{n}.wav", SOUND, always=slow), f"{n}.wav", len(SOUND)) for n in range(9)]
    assert not any(file.error for file in get(*files, connections=3))
    assert server.busiest == 3


def test_rate_is_bounded_over_all_connections_and_tries(server, folder, get):
    files = [File(server.add(f"{n}.wav", SOUND, servers.status(500)), f"{n}.wav") for n in range(4)]
    assert not any(file.error for file in get(*files, connections=4, rate=20))
    times = [asked.time for asked in server.asked]
    assert len(times) == 8 and times[-1] - times[0] > 0.9 * 7 / 20


def test_proxy_of_the_environment_is_used(server, folder, get, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address)
    server.add(NAME, SOUND)
    (fetched,) = get(File(f"http://sounds.invalid/wav/{NAME}", NAME, len(SOUND)))
    assert_fetched(fetched, folder)
    assert server.asked[0].headers["Host"] == "sounds.invalid"


def test_lengths_and_ranges_are_of_the_file_itself(server, folder, get):
    get(File(server.add(NAME, SOUND), NAME))
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


# ---- faults that pass ------------------------------------------------------------------------------------------------

PASSING = {
    "hangs up before the answer": [servers.hang_up],
    "cuts in the middle": [servers.cut(0.5)],
    "cuts before the first byte": [servers.cut(0)],
    "cuts twice": [servers.cut(0.5), servers.cut(0.5)],
    "500": [servers.status(500)],
    "502 then 503": [servers.status(502), servers.status(503)],
    "429 without Retry-After": [servers.status(429)],
    "429 with a Retry-After of nonsense": [servers.status(429, Retry_After="soon")],
    "429 with a Retry-After out of this world": [servers.status(429, Retry_After="Fri, 31 Dec 99999 23:59:59 GMT")],
    "429 with a Retry-After in the past": [servers.retry_after_date(429, -1000)],
    "HTML with a 503": [servers.status(503, b"<html>busy</html>", Content_Type="text/html")],
    "cuts, then sends another range": [servers.cut(0.5), servers.shifted_range],
    "cuts, then 500": [servers.cut(0.5), servers.status(500)],
    "cuts, then 416": [servers.cut(0.5), servers.status(416)],
    "cuts in the middle of chunks": [servers.chunked(0.5)],
    "ends early, no length": [servers.instead(SOUND[:2000], length=False)],
}


@pytest.mark.parametrize("size", [len(SOUND), None])
@pytest.mark.parametrize("name", PASSING)
def test_fault_that_passes_is_overcome(server, folder, get, name, size):
    if name == "ends early, no length" and size is None:
        pytest.skip("then nothing tells that there should be more")
    (fetched,) = get(File(server.add(NAME, SOUND, *PASSING[name]), NAME, size))
    assert_fetched(fetched, folder)
    assert len(server.asked) == 1 + len(PASSING[name])
    if size:
        assert get.bars[0].n == get.bars[0].total == size


def test_server_that_ignores_ranges_sends_the_file_again(server, folder, get):
    (fetched,) = get(File(server.add(NAME, SOUND, servers.cut(0.5), servers.whole), NAME, len(SOUND)))
    assert_fetched(fetched, folder)
    assert len(server.asked) == 2 and "Range" in server.asked[1].headers
    assert get.bars[0].n == get.bars[0].total == len(SOUND)


def test_file_in_chunks_arrives(server, folder, get):
    (fetched,) = get(File(server.add(NAME, SOUND, servers.chunked(1)), NAME))
    assert_fetched(fetched, folder)
    assert len(server.asked) == 1


def test_cut_file_is_gone_on_with(server, folder, get):
    (fetched,) = get(File(server.add(NAME, SOUND, servers.cut(0.25), servers.cut(0.5)), NAME))
    assert_fetched(fetched, folder)
    quarter = int(0.25 * len(SOUND))
    more = quarter + int(0.5 * (len(SOUND) - quarter))
    ranges = [asked.headers.get("Range") for asked in server.asked]
    assert ranges == [None, f"bytes={quarter}-", f"bytes={more}-"]
    assert [asked.headers.get("If-Range") for asked in server.asked] == [None, '"first"', '"first"']


def test_part_of_a_range_is_not_the_rest_of_a_file(server, folder, get):
    """A server may send less than was asked for: it then says so, in Content-Range alone."""
    for fault in (servers.short_range, servers.range_of_unknown_total):
        (fetched,) = get(File(server.add(NAME, SOUND, servers.cut(0.5), fault), NAME))
        assert_fetched(fetched, folder)
        assert "Range" not in server.asked[-1].headers
        (folder / NAME).unlink()


def test_range_that_is_cut_is_gone_on_with(server, folder, get):
    """Its length may be that of what came; Content-Range tells what should have."""
    (fetched,) = get(File(server.add(NAME, SOUND, servers.cut(0.5), servers.cut_range), NAME))
    assert_fetched(fetched, folder)
    assert [asked.headers.get("Range") for asked in server.asked][2] == f"bytes={len(SOUND) // 2 + 1000}-"


def test_what_was_fetched_is_kept_for_the_next_run(server, folder, get):
    address = server.add(NAME, SOUND, servers.cut(0.5), servers.hang_up)
    assert_out(get, folder, "Remote end closed", File(address, NAME, len(SOUND)), attempts=2)
    half = (folder / f"{NAME}.part").read_bytes()
    assert half == SOUND[: len(SOUND) // 2]
    (fetched,) = get(File(address, NAME, len(SOUND)))
    assert_fetched(fetched, folder)
    assert server.asked[-1].headers["Range"] == f"bytes={len(half)}-"
    assert (get.bars[-1].initial, get.bars[-1].n) == (len(half), len(SOUND))


@pytest.mark.parametrize("size", [len(SOUND), None])
def test_file_that_was_whole_but_for_its_name_is_not_sent_again(server, folder, get, size):
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(SOUND)
    (folder / f"{NAME}.part.tag").write_text('"first"')
    (fetched,) = get(File(server.add(NAME, SOUND), NAME, size))
    assert_fetched(fetched, folder)
    assert len(server.asked) == (0 if size else 1)  # one to learn that there is no more


CHANGED = {
    "a new version": [servers.cut(0.5), None],
    "a new version, ignores If-Range": [servers.cut(0.5), servers.blind_range, None],
    "a shorter version": [servers.cut(0.5), None],
    "a shorter version, ignores If-Range": [servers.cut(0.5), servers.blind_range, None],
}


@pytest.mark.parametrize("how", CHANGED)
def test_file_that_changes_between_two_tries_is_never_mixed(server, folder, get, how):
    new = audio(1, 0.3 if "shorter" in how else 1.0)

    def renew(server):
        server.media[f"/wav/{NAME}"], server.marks[f"/wav/{NAME}"] = new, '"second"'

    first, second, *rest = CHANGED[how]
    (fetched,) = get(File(server.add(NAME, SOUND, first, servers.change(second, renew), *rest), NAME))
    assert_fetched(fetched, folder, new)


@pytest.mark.parametrize("mark", [None, 'W/"weak"'])
def test_file_without_a_mark_of_its_version_is_begun_again(server, folder, get, mark):
    server.marks[f"/wav/{NAME}"] = mark
    (fetched,) = get(File(server.add(NAME, SOUND, servers.cut(0.5)), NAME, len(SOUND)))
    assert_fetched(fetched, folder)
    assert "Range" not in server.asked[1].headers


def test_server_that_asks_to_wait_is_left_alone(server, folder, get):
    """By all connections; in seconds or by a date, and no longer than is set."""
    for how, shortest, longest in (
        (servers.status(429, Retry_After="1"), 1.0, 2.0),
        (servers.retry_after_date(503, 2), 0.9, 3.0),
        (servers.status(429, Retry_After="86400"), 1.5, 2.5),
    ):
        server.asked.clear()
        slow = servers.change(None, lambda _: time.sleep(0.1))
        files = [File(server.add("busy.wav", SOUND, how), "busy.wav")]
        files += [File(server.add(f"{n}.wav", SOUND, slow), f"{n}.wav") for n in range(3)]
        assert not any(file.error for file in get(*files, retry_after=1.5))
        busy, again = [asked.time for asked in server.gets("busy.wav")]
        assert shortest <= again - busy < longest
        assert not [asked for asked in server.asked if busy + 0.5 < asked.time < busy + shortest]
        for file in files:
            (folder / file.name).unlink()


# ---- faults that stay ------------------------------------------------------------------------------------------------

HTML = b"<html><body>Please log in</body></html>"


def to_ftp(handler):
    servers.redirect(handler.server.address.replace("http", "ftp"))(handler)


STAYING = {
    "404": (servers.status(404), "answered 404", 1),
    "403": (servers.status(403, HTML, Content_Type="text/html"), "answered 403", 1),
    "204": (servers.status(204), "answered 204", 1),
    "304": (servers.status(304), "answered 304", 1),
    "HTML with a 200": (servers.instead(HTML, "text/html; charset=utf-8"), "is text/html", 1),
    "JSON with a 200": (servers.instead(b'{"error": 1}', "application/json"), "is application/json", 1),
    "XML with a 200": (servers.instead(b"<Error/>", "Application/XML"), "is application/xml", 1),
    "HTML that is called audio": (
        servers.instead(HTML * 9),
        "no audio that can be read.*kept as .*refused|bytes long, not",
        1,
    ),
    "empty": (servers.instead(b""), "is empty|is 0 bytes long", 1),
    "audio of no samples": (servers.instead(audio(0, 0)), "holds no audio|bytes long, not", 1),
    "compressed": (servers.status(200, b"\x1f\x8b", Content_Encoding="gzip"), "is sent compressed", 1),
    "redirects without end": (servers.redirect(f"/wav/{NAME}"), "redirected 5 times", 5),
    "redirects to a file": (servers.redirect("file:///etc/passwd"), "redirected to file:///etc/passwd", 1),
    "redirects to another scheme": (to_ftp, "redirected to ftp://127", 1),
    "redirects to no address": (servers.redirect("http://[nonsense/"), "Invalid IPv6|redirected to", 1),
}


@pytest.mark.parametrize("size", [len(SOUND), None])
@pytest.mark.parametrize("name", STAYING)
def test_fault_that_stays_is_one_line_and_does_not_stop_the_others(server, folder, get, name, size):
    fault, words, tries = STAYING[name]
    bad = File(server.add(NAME, SOUND, always=fault), NAME, size)
    good = File(server.add("good.wav", audio(1)), "good.wav", len(audio(1)))
    fetched = get(bad, good)
    assert_refused(fetched[0], folder, words)
    assert_fetched(fetched[1], folder, audio(1), "good.wav")
    assert len(server.gets(NAME)) == tries


OUT = {
    "206 that was not asked for": (servers.shifted_range, "does not go with"),
    "always 500": (servers.status(500), "answered 500"),
    "always 429": (servers.status(429), "answered 429"),
    "always 408": (servers.status(408), "answered 408"),
    "always hangs up": (servers.hang_up, "Remote end closed"),
    "always hangs up in the head": (servers.half_head, "ended after 0 of"),
    "empty, no length": (servers.instead(b"", length=False), "ended after 0 of"),
}


@pytest.mark.parametrize("size", [len(SOUND), None])
@pytest.mark.parametrize("name", OUT)
def test_server_that_is_out_stops_the_work_once_all_others_are_there(server, folder, get, name, size):
    """It says nothing of the recording, which must not be left out for it."""
    fault, words = OUT[name]
    bad = File(server.add(NAME, SOUND, always=fault), NAME, size)
    good = [File(server.add(f"good{n}.wav", audio(n)), f"good{n}.wav", len(audio(n))) for n in range(4)]
    assert_out(get, folder, words, bad, *good)
    assert len(server.gets(NAME)) == 3


WRONG_LENGTH = {
    "shorter": (servers.instead(SOUND[:-100]), 1, None),
    "longer": (servers.instead(SOUND + b"more"), 1, None),
    "shorter, no length": (servers.instead(SOUND[:-100], length=False), 3, ".part"),
    "longer, no length": (servers.instead(SOUND + b"more", length=False), 1, ".refused"),
    "endless, no length": (servers.endless, 1, ".refused"),
}


@pytest.mark.parametrize("how", WRONG_LENGTH)
def test_wrong_length_is_refused_and_what_came_is_kept(server, folder, get, how):
    fault, tries, suffix = WRONG_LENGTH[how]
    file, words = File(server.add(NAME, SOUND, always=fault), NAME, len(SOUND)), rf"is \d+ bytes long, not {len(SOUND)}"
    if suffix == ".part":
        assert_out(get, folder, rf"ended after \d+ of {len(SOUND)} bytes", file)
    else:
        assert_refused(*get(file), folder, words)
    assert len(server.asked) == tries
    assert [path.name for path in folder.iterdir()] == ([f"{NAME}{suffix}"] if suffix else [])
    if suffix:
        assert 0 < (folder / f"{NAME}{suffix}").stat().st_size < len(SOUND) + 2**17


def test_letters_of_a_sha256_may_be_large(server, folder, get):
    (fetched,) = get(File(server.add(NAME, SOUND), NAME, None, hashlib.sha256(SOUND).hexdigest().upper()))
    assert_fetched(fetched, folder)


def test_another_sha256_than_in_the_manifest_is_refused_and_kept(server, folder, get):
    file = File(server.add(NAME, SOUND), NAME, len(SOUND), "0" * 64)
    (fetched,) = get(file)
    assert_refused(fetched, folder, f"sha256 {hashlib.sha256(SOUND).hexdigest()}, not 000.*kept as {NAME}.refused")
    assert (folder / f"{NAME}.refused").read_bytes() == SOUND
    (fetched,) = get(file._replace(sha256=None))  # and begun afresh
    assert fetched.error is None


def test_redirect_to_another_host_is_refused_unless_it_is_allowed(server, other, folder, get):
    target = other.add(NAME, SOUND)
    file = File(server.add(NAME, SOUND, always=servers.redirect(target)), NAME, len(SOUND))
    (fetched,) = get(file)
    assert_refused(fetched, folder, f"redirected to {target}; `hosts` does not allow it")
    assert not other.asked and not list(folder.iterdir())
    (fetched,) = get(file, hosts=[f"127.0.0.1:{other.server_port}"])
    assert_fetched(fetched, folder)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_within_the_host_is_followed(server, folder, get, code):
    server.add("there.wav", SOUND, servers.cut(0.5))
    (fetched,) = get(File(server.add(NAME, b"", always=servers.redirect("there.wav", code)), NAME, len(SOUND)))
    assert_fetched(fetched, folder)


def test_silence_ends(server, folder, get):
    began = time.monotonic()
    file = File(server.add(NAME, SOUND, always=servers.silence(20)), NAME)
    assert_out(get, folder, "Read timed out", file, timeouts=[0.2, 0.2])
    assert time.monotonic() - began < 5 and len(server.asked) == 3


def test_slow_drip_ends_and_what_came_is_kept(server, folder, get):
    began = time.monotonic()
    file = File(server.add(NAME, SOUND, always=servers.drip(0.01)), NAME, len(SOUND))
    assert_out(get, folder, "bytes per second; at least 5000", file, slowest=[5000, 0.2])
    assert time.monotonic() - began < 5
    came = (folder / f"{NAME}.part").read_bytes()
    assert len(came) > 3 and SOUND.startswith(came)


def test_head_that_drips_ends(server, folder, get):
    """Each of its bytes comes in time."""
    began = time.monotonic()
    file = File(server.add(NAME, SOUND, always=servers.drip_head(0.02)), NAME)
    assert_out(get, folder, "Read timed out", file, timeouts=[0.2, 0.2], attempts=2)
    assert time.monotonic() - began < 5 and len(server.asked) == 2


def test_slow_but_steady_is_not_cut_off(server, folder, get):
    small = audio(0, 0.02)
    (fetched,) = get(File(server.add(NAME, small, servers.drip(0.001)), NAME, len(small)), slowest=[10, 0.1])
    assert_fetched(fetched, folder, small)
    assert len(server.asked) == 1


def test_connection_refused(server, folder, get):
    address = server.add(NAME, SOUND)
    server.close()
    assert_out(get, folder, "Connection refused", File(address, NAME, len(SOUND)))


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/a.wav", "00008053", "", "http://[a/"])
def test_what_is_no_address_of_the_web_is_refused(folder, get, address):
    (fetched,) = get(File(address, NAME))
    assert_refused(fetched, folder, NAME)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("fault", [servers.status(503), servers.hang_up], ids=["503", "broken connections"])
def test_an_outage_ends_the_work_and_keeps_what_has_arrived(server, folder, get, fault):
    """It is no fault of the recordings: none may be left out for it."""
    files = [File(server.add(f"{n}.wav", audio(n), always=fault if n > 3 else None), f"{n}.wav") for n in range(20)]
    with pytest.raises(InputError) as caught:
        get(*files, connections=1, give_up=3, attempts=1)
    assert str(caught.value).startswith("3 files in a row could not be had just now; what has arrived is kept: run")
    assert f"The last: 6.wav, {files[6].address}: " in str(caught.value) and "\n" not in str(caught.value)
    assert all((folder / f"{n}.wav").read_bytes() == audio(n) for n in range(4)) and not (folder / "7.wav").exists()


@pytest.mark.parametrize("answer", [403, 404, 410])
def test_files_that_are_not_there_stop_nothing_however_many(server, folder, get, answer):
    """A tape that was withdrawn, say: a server that says no is there."""
    files = [
        File(server.add(f"{n}.wav", audio(n), always=servers.status(answer) if 3 < n < 18 else None), f"{n}.wav")
        for n in range(20)
    ]
    fetched = get(*files, connections=1, give_up=3)
    assert [bool(file.error) for file in fetched] == [3 < n < 18 for n in range(20)]
    assert len(server.asked) == 20


def test_failures_that_are_not_in_a_row_are_told_once_all_others_are_there(server, folder, get):
    """They are no outage; but a rerun can have them, and until then the data would be cut."""
    files = [
        File(server.add(f"{n}.wav", audio(n), always=servers.status(503) if n % 3 else None), f"{n}.wav")
        for n in range(9)
    ]
    with pytest.raises(InputError, match=r"^6 of 9 files could not be had just now; .* The first: 1\.wav, http"):
        get(*files, connections=1, give_up=3, attempts=1)
    assert [(folder / file.name).exists() for file in files] == [n % 3 == 0 for n in range(9)]


# ---- names and disks -------------------------------------------------------------------------------------------------

OUTSIDE = [
    "../a.wav",
    "..",
    ".",
    "",
    "/tmp/a.wav",
    "a/b.wav",
    "a\\b.wav",
    "C:a.wav",
    "a.wav\n",
    "a\0.wav",
    "-",
    ".a",
    "a.wav.part",
    "a.wav.part.tag",
    "a.refused",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_name_that_could_leave_the_folder_is_refused_before_anything_is_asked(server, folder, get, name):
    address = server.add(NAME, SOUND)
    with pytest.raises(InputError) as caught:
        get(File(address, "fine.wav"), File(address, name))
    assert repr(name) in str(caught.value) and address in str(caught.value)
    assert not server.asked and not folder.exists()


@pytest.mark.parametrize("name", ["a.wav", "A.wav"])
def test_two_files_of_one_name_are_refused(server, folder, get, name):
    address = server.add(NAME, SOUND)
    with pytest.raises(InputError, match=f"{name}.*{address}.*another file"):
        get(File(address, "a.wav"), File(address, name))
    assert not server.asked


def test_disk_is_known_to_be_too_small_before_anything_is_asked(server, folder, get, monkeypatch):
    """What is there, whole or in part, needs no room."""
    folder.mkdir()
    (folder / "there.wav").write_bytes(SOUND)
    (folder / "half.wav.part").write_bytes(SOUND[:8000])
    (folder / "half.wav.part.tag").write_text('"first"')
    names = ["there.wav", "half.wav", "new.wav", "unknown.wav"]
    sizes = [len(SOUND)] * 3 + [None]
    files = [File(server.add(name, SOUND), name, size) for name, size in zip(names, sizes)]
    need = 2 * len(SOUND) - 8000
    before = tree(folder)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Free(need - 1))
    with pytest.raises(InputError, match=r"target: .* GB to fetch, .* GB free"):
        get(*files)
    assert not server.asked and tree(folder) == before
    monkeypatch.setattr("shutil.disk_usage", lambda path: Free(need))
    assert not any(file.error for file in get(*files))


def test_disk_is_known_to_be_too_small_once_a_server_says_how_much_comes(server, folder, get, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Free(len(SOUND) - 1))
    with pytest.raises(InputError, match=rf"{NAME}\.part: cannot be written \(0\.0 GB to come, 0\.0 GB free\)"):
        get(File(server.add(NAME, SOUND), NAME))
    assert not list(folder.iterdir())


class Free:
    """What `shutil.disk_usage` says."""

    def __init__(self, free):
        self.free = free


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_disk_that_fills_is_one_line_and_stops_the_others(server, folder, get):
    folder.mkdir()
    (folder / f"{NAME}.part").symlink_to("/dev/full")
    files = [File(server.add(NAME, SOUND), NAME)]
    slow = servers.change(None, lambda _: time.sleep(0.05))
    files += [File(server.add(f"{n}.wav", SOUND, always=slow), f"{n}.wav") for n in range(20)]
    with pytest.raises(InputError, match=f"{folder}.*No space left on device") as caught:
        get(*files)
    assert "\n" not in str(caught.value)
    assert len(server.asked) < 10


@pytest.fixture
def ctrl_c():
    """Python's answer to it, also where the tests run in the background and the shell has turned it off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_stopping_keeps_what_was_fetched(server, folder, get, ctrl_c):
    """As Ctrl-C does: it comes while the files do."""
    address = server.add(NAME, SOUND, servers.drip(0.01))

    def interrupt():
        deadline = time.monotonic() + 20
        while not (folder / f"{NAME}.part").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    others = [File(server.add(f"{n}.wav", SOUND, always=servers.drip(0.01)), f"{n}.wav") for n in range(5)]
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        get(File(address, NAME, len(SOUND)), *others)
    assert time.monotonic() - began < 5
    came = (folder / f"{NAME}.part").stat().st_size
    (fetched,) = get(File(address, NAME, len(SOUND)))
    assert_fetched(fetched, folder)
    assert came and server.gets(NAME)[-1].headers["Range"] == f"bytes={came}-"


# ---- searching -------------------------------------------------------------------------------------------------------


def names(entries):
    return [entry["id"] for entry in entries]


def test_search_finds_every_entry_once(server, search):
    server.entries = [
        entry(f"{n:08d}", categories=[["Clocks"], ["Birds"], ["Clocks", "Birds"]][n % 3]) for n in range(17)
    ]
    wanted = [f"{n:08d}" for n in range(17) if n % 3 != 1]
    for page_size in (2, 5, 6, 11, 50):
        entries, refused = search(page_size)
        assert names(entries) == wanted and refused == []
    assert search(category="Bells") == ([], [])
    server.entries[3]["description"] = "Cuckoo Clock"
    assert names(search(query="cuckoo")[0]) == ["00000003"]


def test_search_asks_as_the_front_end_does(server, search):
    search(page_size=50)
    (asked,) = server.asked
    assert asked.method == "POST" and asked.path == SEARCH
    nothing = dict.fromkeys(["query", "tags", "durations", "continents", "sortBy", "source", "recordist", "habitat"])
    assert asked.content == {"criteria": {"from": 0, "size": 50, "categories": ["Clocks"], **nothing}}


def test_search_shows_no_more_than_it_can_reach(server, search):
    server.entries = [entry(f"{n:08d}") for n in range(10_000)]
    assert len(search(page_size=3000)[0]) == 10_000  # the server holds that from + size <= 10,000
    server.entries.append(entry("NHU05004058"))
    with pytest.raises(InputError, match=rf"{server.address}.*10001 entries in Clocks"):
        search(page_size=3000)


def came(server):
    """One entry more, at the front: the last of a page comes again on the next."""
    server.entries = [entry("99999999"), *server.entries]


def went(server):
    """One entry less, of those seen: one moves to the page before and is not seen."""
    server.entries = server.entries[1:]


def both(server):
    """One comes and one goes."""
    server.entries = [*server.entries[1:], entry("99999999")]


def back(server):
    """The other way round."""
    server.entries = [entry("88888888"), *server.entries[:-1]]


@pytest.mark.parametrize("how", [[came], [went], [both], [both, back], [came, went]])
def test_page_that_changes_between_calls_loses_and_doubles_nothing(server, search, capsys, how):
    server.entries = [entry(f"{n:08d}") for n in range(10)]
    server.faults[SEARCH] = [None, *(servers.change(None, change) for change in how), None]
    entries, _ = search(page_size=4)
    assert len(names(entries)) == len(set(names(entries)))
    assert set(names(entries)) >= {e["id"] for e in server.entries}
    assert "moved" in capsys.readouterr().out


def test_entry_that_comes_at_the_end_is_found_and_said(server, search, capsys):
    server.entries = [entry(f"{n:08d}") for n in range(10)]
    more = servers.change(None, lambda server: server.entries.append(entry("99999999")))
    server.faults[SEARCH] = [None, more, None]
    assert len(search(page_size=4)[0]) == 11
    assert "11 entries, before 10" in capsys.readouterr().out


def test_entry_that_is_on_two_pages_counts_once(server, search, capsys):
    """Also where the interface itself has it twice, so that its total is never met."""
    server.entries = [entry("00000001"), entry("00000002"), entry("00000003"), entry("00000001")]
    entries, _ = search(page_size=2, passes=2)
    assert names(entries) == ["00000001", "00000002", "00000003"] and len(server.asked) == 2 * 3
    assert "3 entries, by its own count 4" in capsys.readouterr().out
    assert search.told == ["Clocks, query None: entries still moved in pass 2; some may be missing (`passes`)"]


BAD_IDS = [
    "../../etc/passwd",
    "00008053/../../x",
    "000805",
    "000080530",
    "nhu05004058",
    "NHU",
    "٠٠٠٠٨٠٥٣",
    "00008053\n",
]


@pytest.mark.parametrize("name", [*BAD_IDS, ""])
def test_id_of_another_form_is_refused_by_name(server, search, name):
    server.entries = [entry("00008053"), entry(name), entry("NHU05004058")]
    entries, (line,) = search()
    assert names(entries) == ["00008053", "NHU05004058"]
    assert repr(name) in line and server.address in line and "\n" not in line


def test_entry_without_a_size_is_fetched_all_the_same(server, search, folder, get):
    server.entries = [
        entry("00000001", size=None),
        entry("00000002") | {"fileSizes": None},
        entry("00000003", size="9"),
    ]
    server.entries += [{"id": "00000004", "categories": [{"className": "Clocks"}]}, entry("00000005", size=len(SOUND))]
    server.entries.insert(0, entry("00000006") | {"fileSizes": ["wavFileSize"]})
    entries, _ = search()
    sizes = [size_of(entry, "wav") for entry in entries]
    assert sizes == [None, None, None, None, None, len(SOUND)]
    assert size_of(entries[1], "mp3") is None and size_of(entries[-1], "mp3") == len(SOUND)
    files = [File(server.add(f"{n}.wav", SOUND), f"{n}.wav", size) for n, size in zip(names(entries), sizes)]
    for fetched in get(*files):
        assert_fetched(fetched, folder, name=fetched.name)


PAGE = b'{"total": 1, "results": [{"id": "00000001"}]}'
SEARCH_PASSING = {
    "500": servers.status(500),
    "429": servers.status(429, Retry_After="0"),
    "hangs up": servers.hang_up,
    "truncated JSON": servers.status(200, PAGE[:20], Content_Type="application/json"),
    "HTML with a 200": servers.status(200, HTML, Content_Type="text/html"),
    "nothing": servers.status(200, b""),
}
SEARCH_STAYING = {
    "403": (servers.status(403), "answered 403"),
    "another form": (servers.status(200, b'{"hits": {"total": 1}}'), "not of the form"),
    "a list": (servers.status(200, b"[]"), "not of the form"),
    "a number": (servers.status(200, b"7"), "not of the form"),
    "results that are none": (servers.status(200, b'{"total": 1, "results": null}'), "not of the form"),
    "entries without id": (servers.status(200, b'{"total": 1, "results": [{}]}'), "not of the form"),
    "an id that is a number": (servers.status(200, b'{"total": 1, "results": [{"id": 8053}]}'), "not of the form"),
    "a total in words": (servers.status(200, b'{"total": "one", "results": []}'), "not of the form"),
}


@pytest.mark.parametrize("name", SEARCH_PASSING)
def test_search_overcomes_what_passes_and_names_what_stays(server, search, name):
    server.entries = [entry(f"{n:08d}") for n in range(6)]
    server.faults[SEARCH] = [SEARCH_PASSING[name], None, SEARCH_PASSING[name], None]
    assert len(search()[0]) == 6
    server.faults[SEARCH] = [SEARCH_PASSING[name]]
    with pytest.raises(InputError, match=server.address + SEARCH) as caught:
        search()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SEARCH_STAYING)
def test_search_that_cannot_be_understood_is_an_error(server, search, name):
    fault, words = SEARCH_STAYING[name]
    server.faults[SEARCH] = [fault]
    with pytest.raises(InputError, match=f"{server.address}{SEARCH}: .*{words}"):
        search()
    assert len(server.asked) == 1


def test_search_ends_with_silence_a_drip_and_a_dead_server(server, search):
    for changes, fault in (({"timeouts": [0.2, 0.2]}, servers.silence(20)), ({"slowest": [5000, 0.1]}, drip_json)):
        server.faults[SEARCH] = [fault]
        with pytest.raises(InputError, match=server.address + SEARCH):
            search(attempts=2, **changes)
    server.close()
    with pytest.raises(InputError, match="Connection refused"):
        search()


def drip_json(handler):
    """Blanks before a page that never comes."""
    handler.begin(200, 10_000, Content_Type="application/json")
    while not handler.server.closing.wait(0.01):
        handler.wfile.write(b" ")


def test_search_is_not_redirected_to_another_host(server, other, search):
    server.faults[SEARCH] = [servers.redirect(other.address + SEARCH, 307)]
    with pytest.raises(InputError, match="hosts"):
        search()
    assert not other.asked


# ---- archives --------------------------------------------------------------------------------------------------------


def flat(path):
    """As the archive of a repository is unpacked: `audio/` and `meta/`, wherever they lie."""
    return Path(*path.parts[-2:]) if path.parts[-2:-1] in (("audio",), ("meta",)) else None


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    """Write a .zip of {name or ZipInfo: bytes}."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


GOOD = {"ESC-50-master/audio/1.wav": SOUND, "ESC-50-master/meta/esc50.csv": b"filename", "ESC-50-master/README": b"?"}
open_archive = partial(unpack, wanted=flat, most=10**7, ratio=50)


def test_archive_is_fetched_and_unpacked(server, folder, get, tmp_path_factory):
    content = zipped(tmp_path_factory.mktemp("served") / "esc.zip", GOOD).read_bytes()
    (fetched,) = get(File(server.add("esc.zip", content, servers.cut(0.5)), "esc.zip"), check=check_zip)
    assert_fetched(fetched, folder, content, "esc.zip")
    written = open_archive(folder / "esc.zip", folder / "esc")
    assert written == [folder / "esc" / "audio" / "1.wav", folder / "esc" / "meta" / "esc50.csv"]
    assert [path.read_bytes() for path in written] == [SOUND, b"filename"]
    assert len(tree(folder / "esc")) == 4
    assert open_archive(folder / "esc.zip", folder / "esc") == written


def test_archive_that_is_none_is_refused_and_kept(server, folder, get):
    (fetched,) = get(File(server.add("esc.zip", b"PK no more", always=None), "esc.zip"), check=check_zip)
    assert_refused(fetched, folder, "no whole .zip; kept as esc.zip.refused", "esc.zip")


def special(name, kind):
    """A member that is no plain file."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


UNSAFE = {
    "..": ("../audio/x.wav", SOUND),
    ".. further in": ("a/../../../audio/x.wav", SOUND),
    ".. that would be left out": ("../../x.txt", b"x"),
    "absolute": ("/audio/x.wav", SOUND),
    "drive": ("C:/audio/x.wav", SOUND),
    "drive, no separator": ("C:audio", b"x"),
    "backslashes": ("..\\..\\audio\\x.wav", SOUND),
    "absolute with a backslash": ("\\audio\\x.wav", SOUND),
    "network": ("//host/share/audio/x.wav", SOUND),
    "a folder": ("../audio/", b""),
    "symlink": (special("a/audio/x.wav", stat.S_IFLNK), b"../../../untouched.txt"),
    "symlink for a folder": (special("a/audio", stat.S_IFLNK), b"/tmp"),
    "device": (special("a/audio/x.wav", stat.S_IFCHR), b""),
}


@pytest.mark.parametrize("how", UNSAFE)
def test_member_that_would_lie_elsewhere_is_refused_before_anything_is_unpacked(folder, how):
    folder.mkdir()
    member, content = UNSAFE[how]
    path = zipped(folder / "esc.zip", GOOD | {member: content})
    with pytest.raises(InputError, match=r"esc\.zip: member .* (outside the folder|no plain file)") as caught:
        open_archive(path, folder / "esc")
    assert repr(getattr(member, "filename", member)) in str(caught.value) and "\n" not in str(caught.value)
    assert not (folder / "esc").exists() and path.exists()


BOMBS = {
    "ratio": ({"a/audio/x.wav": bytes(5_000_000)}, zipfile.ZIP_DEFLATED, r"would unpack to \d+ bytes"),
    "many": ({f"{n}/audio/{n}.wav": bytes(50_000) for n in range(100)}, zipfile.ZIP_DEFLATED, "would unpack to"),
    "total": ({"a/audio/x.wav": bytes(10**7 + 1)}, zipfile.ZIP_STORED, "would unpack to 10000001"),
    "bzip2": ({"a/audio/x.wav": bytes(5_000_000)}, zipfile.ZIP_BZIP2, "compressed in an unusual way"),
    "lzma": ({"a/audio/x.wav": bytes(5_000_000)}, zipfile.ZIP_LZMA, "compressed in an unusual way"),
}


@pytest.mark.parametrize("how", BOMBS)
def test_bomb_is_refused_before_anything_is_unpacked(folder, how):
    folder.mkdir()
    members, method, words = BOMBS[how]
    path = zipped(folder / "esc.zip", members, method)
    with pytest.raises(InputError, match=rf"esc\.zip: .*{words}"):
        open_archive(path, folder / "esc")
    assert not (folder / "esc").exists()


def test_silence_compresses_well_and_is_no_bomb(folder):
    """One member may be of any ratio: the archive as a whole counts."""
    folder.mkdir()
    path = zipped(folder / "esc.zip", GOOD | {"a/audio/silent.wav": bytes(400_000)})
    assert len(open_archive(path, folder / "esc")) == 3


def test_bomb_that_lies_about_its_size_is_cut_there(folder):
    folder.mkdir()
    path = zipped(folder / "esc.zip", {"a/audio/0.wav": SOUND, "a/audio/x.wav": bytes(5_000_000)})
    content = path.read_bytes()
    path.write_bytes(content.replace((5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(InputError, match=r"esc\.zip: cannot be unpacked .*x\.wav"):
        open_archive(path, folder / "esc")
    assert {path.name for path in (folder / "esc" / "audio").iterdir()} == {"0.wav"}  # what was whole is kept


def test_two_members_for_one_place_are_refused(folder):
    folder.mkdir()
    path = zipped(folder / "esc.zip", {"a/audio/x.wav": SOUND, "b/audio/x.wav": audio(1)})
    with pytest.raises(InputError, match="member 'b/audio/x.wav' would overwrite another"):
        open_archive(path, folder / "esc")
    assert not (folder / "esc").exists()


@pytest.mark.parametrize("how", ["no archive", "empty", "truncated", "damaged", "missing", "a folder"])
def test_archive_that_is_damaged_is_one_line(folder, how):
    folder.mkdir()
    path = zipped(folder / "esc.zip", GOOD)
    content = bytearray(path.read_bytes())
    content[200:300] = b"\xff" * 100
    whole = path.read_bytes()
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how != "missing":
        damaged = {"no archive": b"not a zip", "empty": b"", "truncated": whole[: len(whole) // 2], "damaged": content}
        path.write_bytes(damaged[how])
    with pytest.raises(InputError, match=r"esc\.zip") as caught:
        open_archive(path, folder / "esc")
    assert "\n" not in str(caught.value)
    assert not [path for path in tree(folder) if path.suffix == ".part"]
