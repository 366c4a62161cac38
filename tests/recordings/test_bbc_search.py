"""The search of BBC Sound Effects: every entry once, whatever moves meanwhile, and clear errors."""

import pytest
from downloads import HTML, SOUND, assert_fetched

import servers
from servers import SEARCH, entry
from yoho import InputError
from yoho.downloads.download import File
from yoho.recordings.bbc_library import announced_size


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
    assert "11 entries instead of 10" in capsys.readouterr().out


def test_entry_that_is_on_two_pages_counts_once(server, search, capsys):
    """This holds even if the interface itself lists it twice, so that its total is never reached."""
    server.entries = [entry("00000001"), entry("00000002"), entry("00000003"), entry("00000001")]
    entries, _ = search(page_size=2, passes=2)
    assert names(entries) == ["00000001", "00000002", "00000003"] and len(server.asked) == 2 * 3
    assert "3 entries instead of 4" in capsys.readouterr().out
    assert search.said == ["Clocks, query None: entries still moved in pass 2; some may be missing: raise `passes`"]


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
    sizes = [announced_size(entry, "wav") for entry in entries]
    assert sizes == [None, None, None, None, None, len(SOUND)]
    assert announced_size(entries[1], "mp3") is None and announced_size(entries[-1], "mp3") == len(SOUND)
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
