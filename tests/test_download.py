"""Downloads: all available files are fetched, the others named, and nothing outside the folder is written."""

import hashlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from downloads import NAME, SOUND, assert_fetched, audio, tree

import servers
from yoho import InputError
from yoho.downloads.download import File

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
    """Files that are there, complete or in part, need no further space."""
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
    """Python's own handling of Ctrl-C, which a shell turns off for tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_stopping_keeps_what_was_fetched(server, folder, get, ctrl_c):
    """Ctrl-C comes while the files arrive."""
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
