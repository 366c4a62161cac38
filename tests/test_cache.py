"""The cache folder of libraries if the user's own cannot be written."""

import os
from pathlib import Path

import pytest

import yoho


@pytest.mark.parametrize("where", ["/proc/none", "file"])
def test_what_libraries_keep_goes_to_a_temporary_folder_where_there_is_no_cache(monkeypatch, tmp_path, where):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / where))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", "chosen")
    folder = yoho.cache_elsewhere()
    assert os.environ["NUMBA_CACHE_DIR"] == folder.name and os.environ["MPLCONFIGDIR"] == "chosen"
    assert Path(folder.name).is_dir()
    folder.cleanup()


def test_what_libraries_keep_stays_where_it_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert yoho.cache_elsewhere() is None and "NUMBA_CACHE_DIR" not in os.environ


def test_neither_a_home_nor_a_temporary_folder_is_no_error_yet(monkeypatch):
    def none(*_, **__):
        raise FileNotFoundError("no usable temporary directory")

    def no_home(path):
        raise RuntimeError("could not determine home directory")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(yoho, "TemporaryDirectory", none)
    monkeypatch.setattr(Path, "expanduser", no_home)
    assert yoho.cache_elsewhere() is None
