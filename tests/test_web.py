"""Servers that misbehave: faults that pass are overcome, those that stay are named, and an outage ends the work."""

import hashlib
import threading
import time
from types import SimpleNamespace

import pytest
from downloads import HTML, NAME, SOUND, assert_fetched, assert_out, assert_refused, audio

import servers
from yoho import InputError
from yoho.downloads.download import File, download_files
from yoho.downloads.web import Adapter, Bounded, HTTPAdapter, Web

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
        pytest.skip("then nothing shows that there should be more")
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
    """A server may send less than was requested, and say so only in Content-Range."""
    for fault in (servers.short_range, servers.range_of_unknown_total):
        (fetched,) = get(File(server.add(NAME, SOUND, servers.cut(0.5), fault), NAME))
        assert_fetched(fetched, folder)
        assert "Range" not in server.asked[-1].headers
        (folder / NAME).unlink()


def test_range_that_is_cut_is_gone_on_with(server, folder, get):
    """Its length may be that of the part that came; Content-Range gives the length that was due."""
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
        "cannot be read as audio.*kept as .*refused|bytes long, not",
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
    "206 that was not asked for": (servers.shifted_range, "does not continue the file"),
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
    """A failing server says nothing about a recording, which must not be left out."""
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


def test_text_is_a_file_if_its_sha256_is_known(server, folder, get):
    text = servers.instead(HTML, "text/plain; charset=utf-8")
    address = server.add(NAME, SOUND, always=text)
    (fetched,) = get(File(address, NAME, sha256=hashlib.sha256(HTML).hexdigest()), check=lambda path: None)
    assert_fetched(fetched, folder, HTML)
    (fetched,) = get(File(address, "b.wav", sha256=hashlib.sha256(SOUND).hexdigest()))
    assert_refused(fetched, folder, "has sha256", name="b.wav")


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
    """The recordings are not at fault, so none may be left out."""
    files = [File(server.add(f"{n}.wav", audio(n), always=fault if n > 3 else None), f"{n}.wav") for n in range(20)]
    with pytest.raises(InputError) as caught:
        get(*files, connections=1, give_up=3, attempts=1)
    assert str(caught.value).startswith(
        "3 files in a row could not be fetched at the moment; what has arrived is kept: run"
    )
    assert f"The last: 6.wav, {files[6].address}: " in str(caught.value) and "\n" not in str(caught.value)
    assert all((folder / f"{n}.wav").read_bytes() == audio(n) for n in range(4)) and not (folder / "7.wav").exists()


@pytest.mark.parametrize("answer", [403, 404, 410])
def test_files_that_are_not_there_stop_nothing_however_many(server, folder, get, answer):
    """A tape may have been withdrawn; the server itself works."""
    files = [
        File(server.add(f"{n}.wav", audio(n), always=servers.status(answer) if 3 < n < 18 else None), f"{n}.wav")
        for n in range(20)
    ]
    fetched = get(*files, connections=1, give_up=3)
    assert [bool(file.error) for file in fetched] == [3 < n < 18 for n in range(20)]
    assert len(server.asked) == 20


def test_failures_that_are_not_in_a_row_are_reported_once_all_others_are_there(server, folder, get):
    """They are no outage, but a later run can fetch them; without them the data would be incomplete."""
    files = [
        File(server.add(f"{n}.wav", audio(n), always=servers.status(503) if n % 3 else None), f"{n}.wav")
        for n in range(9)
    ]
    with pytest.raises(
        InputError, match=r"^6 of 9 files could not be fetched at the moment; .* The first: 1\.wav, http"
    ):
        get(*files, connections=1, give_up=3, attempts=1)
    assert [(folder / file.name).exists() for file in files] == [n % 3 == 0 for n in range(9)]


# ---- threads ---------------------------------------------------------------------------------------------------------


def slow(name):
    """An attribute whose value is old when it arrives: other threads may have changed it meanwhile."""

    def read(owner):
        value = vars(owner)[f"own_{name}"]
        time.sleep(0.02)
        return value

    return property(read, lambda owner, value: vars(owner).update({f"own_{name}": value}))


class SlowBar:
    """A progress bar whose counts take long to read."""

    total, n = slow("total"), slow("n")

    def __init__(self, total, initial, **_):
        self.total, self.n = total, initial

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, amount):
        self.n += amount


def test_failures_in_several_threads_all_count(server, folder, get, monkeypatch):
    monkeypatch.setattr(Web, "misses", slow("misses"), raising=False)
    files = [File(server.add(f"{n}.wav", SOUND, always=servers.status(503)), f"{n}.wav") for n in range(8)]
    with pytest.raises(InputError, match="^8 files in a row could not be fetched"):
        get(*files, connections=8, give_up=8, attempts=1)


def test_bytes_that_arrive_in_several_threads_all_count(server, folder):
    files = [File(server.add(f"{n}.wav", SOUND), f"{n}.wav") for n in range(8)]
    bars = []

    def progress(**settings):
        bars.append(SlowBar(**settings))
        return bars[0]

    with Web(**servers.MANNERS | {"connections": 8}) as web:
        download_files(web, files, folder, progress, check=lambda path: None)
    assert bars[0].n == bars[0].total == 8 * len(SOUND)


def test_longest_wait_for_which_servers_ask_counts(monkeypatch):
    monkeypatch.setattr(Web, "quiet", slow("quiet"), raising=False)
    raw = [SimpleNamespace(headers={"Retry-After": str(seconds)}) for seconds in (5, 1)]
    busy = [SimpleNamespace(raw=each, url="here", status_code=503) for each in raw]
    with Web(**servers.MANNERS) as web:
        threads = [threading.Thread(target=web.hold, args=[response]) for response in busy]
        for thread in threads:
            thread.start()
            time.sleep(0.005)  # The shorter wait is written last.
        for thread in threads:
            thread.join()
        assert web.quiet - time.monotonic() > 4


def test_connections_that_two_threads_bound_at_once_are_bounded(monkeypatch):
    class Connection:
        pass

    class Pool:
        """Another thread gives it bounded connections right after it was asked for its kind of connections."""

        kind = Connection

        @property
        def ConnectionCls(self):  # noqa: N802
            kind, self.kind = self.kind, type("Bound", (Bounded, Connection), {})
            return kind

        @ConnectionCls.setter
        def ConnectionCls(self, kind):  # noqa: N802
            self.kind = kind

    monkeypatch.setattr(HTTPAdapter, "get_connection_with_tls_context", lambda *_: Pool())
    kind = Adapter().get_connection_with_tls_context().ConnectionCls
    assert kind.__mro__[1:] == (Bounded, Connection, object)
