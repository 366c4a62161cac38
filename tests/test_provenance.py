"""The provenance of results: commit, versions, digests of files."""

import re

import numpy as np
from record_provenance import record_provenance

from yoho.provenance import commit, digest, versions


def test_provenance_is_the_same_again_and_names_no_place(tmp_path):
    texts = []
    for name in ("one", "other"):
        made = type("Made", (), {"file": tmp_path / f"{name}.json", "page": tmp_path / f"{name}.html"})
        record_provenance(made, config={"dataset": "x"})
        texts.append(made.file.read_text())
    assert texts[0] == texts[1] and '"torch": ' in texts[0] and '"dataset": "x"' in texts[0]
    assert not re.search(r'"/|[0-9]{2}:[0-9]{2}:', texts[0])


def test_commit_is_unknown_without_git(monkeypatch):
    assert re.fullmatch(r"[\w.-]+", commit())
    monkeypatch.setenv("PATH", "")
    assert commit() == "unknown"


def test_versions_are_those_that_are_imported():
    assert versions()["numpy"] == np.__version__


def test_digest_changes_with_any_byte_and_with_the_order(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1" * 100)
    other.write_bytes(b"2" * 100)
    first = digest([one, other])
    assert first == digest([one, other]) != digest([other, one])
    one.write_bytes(b"1" * 99 + b"0")
    assert digest([one, other]) != first
    one.write_bytes(b"1" * 99)
    other.write_bytes(b"1" + b"2" * 100)  # the same bytes, divided differently
    assert digest([one, other]) != first
