"""Events as text: an independent reader reads every format; test_references.py has our own."""

import csv
import io
import json

import jams
import pandas as pd
import pytest

from yoho.segmenting.writing import FORMS

EVENTS = pd.DataFrame(
    [(0.0, 10.0, "aircraft", 0.9), (1.5, 3.25, "clock tick", 0.75)], columns=["onset", "offset", "event_label", "score"]
)


def written(form, events=EVENTS, path="a song.wav", duration=12.0):
    return FORMS[form].header + FORMS[form].write(path, duration, events)


def test_text_is_the_papers():
    assert written("text", EVENTS.iloc[:1]) == "0.0,10.0,aircraft\n"


def test_text_quotes_what_csv_must():
    label = 'dog, "big"\nbark'
    (row,) = csv.reader(io.StringIO(written("text", EVENTS.iloc[:1].assign(event_label=label))))
    assert row[2] == label


def test_audacity_keeps_a_label_on_its_line():
    assert written("audacity", EVENTS.iloc[:1].assign(event_label="a\tb\nc")) == "0.000000\t10.000000\ta b c\n"


def test_json_holds_scores():
    found = json.loads(written("json"))
    assert (found["file"], found["duration"]) == ("a song.wav", 12.0)
    pd.testing.assert_frame_equal(pd.DataFrame(found["events"]), EVENTS)


def test_jams_is_valid_and_read_by_its_library(tmp_path):
    path = tmp_path / "a.jams"
    path.write_text(written("jams"))
    found = jams.load(str(path), validate=True, strict=True)
    rows = [(o.time, o.time + o.duration, o.value, o.confidence) for o in found.annotations[0].data]
    assert rows == list(EVENTS.itertuples(index=False, name=None))
    assert found.file_metadata.duration == 12.0


def test_rttm_has_ten_fields():
    lines = [line.split() for line in written("rttm").splitlines()]
    assert [len(line) for line in lines] == [10, 10]
    assert [(line[1], float(line[3]), float(line[4]), line[7]) for line in lines] == [
        ("a_song.wav", 0.0, 10.0, "aircraft"),
        ("a_song.wav", 1.5, 1.75, "clock_tick"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_no_events_are_no_lines(form):
    text = FORMS[form].write("a.wav", 1.0, EVENTS.iloc[:0])
    assert text == "" if form not in ("json", "jams") else text.count("\n") == 1


@pytest.mark.parametrize("form", FORMS)
def test_texts_follow_each_other_line_by_line(form):
    text = FORMS[form].write("a.wav", 12.0, EVENTS)
    assert text.endswith("\n")
    assert text.count("\n") == (1 if form in ("json", "jams") else 2)
