"""Events as text: an independent reader reads every format; test_references.py has our own."""

import csv
import io
import json

import jams
import pandas as pd
import pytest
from praatio import textgrid

from yoho.segmenting.writing import FORMS

EVENTS = pd.DataFrame(
    [(0.0, 10.0, "aircraft", 0.9), (1.5, 3.25, "clock tick", 0.75)], columns=["onset", "offset", "event_label", "score"]
)

# What a selection table that Raven saves begins with.
RAVEN_COLUMNS = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"]


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


def test_raven_marks_times():
    header, first, second = csv.reader(io.StringIO(written("raven", path="a/song.wav")), delimiter="\t")
    assert header[:7] == RAVEN_COLUMNS
    assert first[:3] == ["1", "Spectrogram 1", "1"] and second[:3] == ["2", "Spectrogram 1", "1"]
    assert list(map(float, second[3:7])) == [1.5, 3.25, 0, 1000]
    row = dict(zip(header, second))
    assert (row["Annotation"], float(row["Score"])) == ("clock tick", 0.75)
    assert (row["Begin File"], float(row["File Offset (s)"])) == ("song.wav", 1.5)


def test_raven_has_a_row_without_quotation_for_each_event():
    label = '"a"\tb\r\nc 鳥'
    text = written("raven", EVENTS.assign(event_label=label), path="a\tb\n\udcff.wav")
    assert [len(line.split("\t")) for line in text.splitlines()] == [11, 11, 11]
    assert text.count("'a' b c 鳥") == 2 and '"' not in text
    assert text.encode("utf-8", "surrogateescape").count(b"a b \xff.wav") == 2


@pytest.fixture
def tiers(tmp_path):
    """Writes events as a TextGrid and reads them with praatio: {tier: its intervals}, also the empty ones."""

    def tiers(events, duration=10.0):
        rows = [(*event, 0.5) for event in events]
        path = tmp_path / "a.TextGrid"
        path.write_text(written("textgrid", pd.DataFrame(rows, columns=EVENTS.columns), duration=duration), "utf-8")
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
        assert grid.validate("error")
        return {tier.name: list(map(tuple, tier.entries)) for tier in grid.tiers}

    return tiers


def test_a_textgrid_has_a_tier_for_each_label(tiers):
    assert tiers([(0.0, 4.0, "car"), (1.5, 3.25, "a tick"), (4.0, 5.0, "car")]) == {
        "a tick": [(0, 1.5, ""), (1.5, 3.25, "a tick"), (3.25, 10, "")],
        "car": [(0, 4, "car"), (4, 5, "car"), (5, 10, "")],
    }


def test_a_textgrid_without_events_has_an_empty_tier(tiers):
    assert tiers([]) == {"events": [(0, 10, "")]}
    assert tiers([], duration=0.0) == {"events": []}


def test_events_that_overlap_have_tiers_of_their_own(tiers):
    found = tiers([(2, 3, "a"), (0, 5, "a"), (6, 7, "a"), (5, 6, "a (2)"), (1, 6, "a")])
    assert {name: [entry for entry in entries if entry[2]] for name, entries in found.items()} == {
        "a": [(0, 5, "a"), (6, 7, "a")],
        "a (2)": [(1, 6, "a")],
        "a (2) (2)": [(5, 6, "a (2)")],
        "a (3)": [(2, 3, "a")],
    }


@pytest.mark.parametrize("duration", [10.0000625, 9.9999994, 10.0])
def test_an_interval_ends_with_the_audio(tiers, duration):
    end = round(duration, 6)
    for offset in (duration, duration + 0.0004):
        assert tiers([(3.0, offset, "a")], duration) == {"a": [(0, 3, ""), (3, end, "a")]}


def test_times_that_round_to_each_other_are_adjacent(tiers):
    assert tiers([(0.0, 1.2000000000000002, "a"), (1.2, 10, "a")]) == {"a": [(0, 1.2, "a"), (1.2, 10, "a")]}


def test_an_event_without_a_length_is_no_interval(tiers):
    assert tiers([(2, 2, "a"), (2, 3, "b"), (10, 10.0004, "b")]) == {"b": [(0, 2, ""), (2, 3, "b"), (3, 10, "")]}


@pytest.mark.parametrize("label, held", [('"a" b', None), ("鳥 é", None), ("a\tb\r\nc", "a b c"), ("NA", None)])
def test_a_textgrid_holds_any_label(tiers, label, held):
    assert tiers([(0, 10, label)]) == {held or label: [(0, 10, held or label)]}


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.joined])
def test_no_events_are_no_lines(form):
    text = FORMS[form].write("a.wav", 1.0, EVENTS.iloc[:0])
    assert text == "" if form not in ("json", "jams") else text.count("\n") == 1


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.joined])
def test_texts_follow_each_other_line_by_line(form):
    text = FORMS[form].write("a.wav", 12.0, EVENTS)
    assert text.endswith("\n")
    assert text.count("\n") == (1 if form in ("json", "jams") else 2)
