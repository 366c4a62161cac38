"""The captions of the report: every result has one, each belongs to a result, and their lines fit into an editor."""

import re

import pytest

from places import ROOT

FOLDER = ROOT / "workflow" / "report"
CAPTIONS = sorted(FOLDER.glob("*.rst"))
RULES = {path: path.read_text() for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]}
LONGEST = 120  # characters of a line


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_result_of_the_report_has_a_caption(path):
    results = re.findall(r"\breport\((.*?)^ {8}\),?$", RULES[path], re.DOTALL | re.MULTILINE)
    captions = [re.search(r'caption="\.\./report/(\w+\.rst)"', result) for result in results]
    assert len(results) == RULES[path].count("report(") and all(captions)
    assert not [caption[1] for caption in captions if not (FOLDER / caption[1]).exists()]


@pytest.mark.parametrize("path", CAPTIONS, ids=lambda path: path.stem)
def test_a_caption_is_used_and_its_lines_are_not_long(path):
    assert any(f"report/{path.name}" in text for text in RULES.values())
    assert not [line for line in path.read_text().splitlines() if len(line) > LONGEST]
