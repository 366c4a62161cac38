"""Archives: nothing is unpacked outside the folder, nor more than is allowed; bad archives are named."""

import stat
import zipfile
from functools import partial
from pathlib import Path

import pytest
from downloads import SOUND, assert_fetched, assert_refused, audio, tree

import servers
from yoho import InputError
from yoho.downloads.download import File
from yoho.recordings.archives import check_zip, unpack


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
    assert_refused(fetched, folder, "not a complete .zip; kept as esc.zip.refused", "esc.zip")


def special(name, kind):
    """A member that is not a plain file."""
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
    with pytest.raises(InputError, match=r"esc\.zip: member .* (outside the folder|not a plain file)") as caught:
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
