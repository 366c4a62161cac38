"""Events as text: an independent reader, or our own, reads every format."""

import csv
import io
import json

import jams
import pandas as pd
import pytest

from yoho import InputError
from yoho.segmenting.writing import FORMS, names_files, read_events

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


@pytest.mark.parametrize("form", ["text", "dcase", "audacity"])
def test_what_is_written_is_read_again(tmp_path, form):
    path = tmp_path / "events"
    path.write_text("\n" * (form == "text") + written(form))
    found = read_events(path, {"a song.wav"})
    pd.testing.assert_frame_equal(found, EVENTS.drop(columns="score"))
    assert names_files(path) is (form == "dcase")


NAMES = [
    "NA",
    "nan",
    "1",
    "007",
    "true",
    "dog ",
    " dog",
    "a  b",
    "a,b",
    'a"b',
    '"dog"',
    "#dog",
    "=1+1",
    "a\\b",
    "'",
    "-",
    "鳥",
]


@pytest.mark.parametrize("form", ["text", "dcase", "audacity"])
@pytest.mark.parametrize("name", NAMES)
def test_class_of_any_name_is_read_as_it_was_written(tmp_path, form, name):
    path, events = tmp_path / "events", EVENTS.assign(event_label=name)
    path.write_text(written(form, events), encoding="utf-8")
    pd.testing.assert_frame_equal(read_events(path, {"a song.wav"}), events.drop(columns="score"))


def test_a_table_of_several_files_gives_each_its_own(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_text(written("dcase") + FORMS["dcase"].write("b.wav", 9.0, EVENTS.iloc[:1]))
    assert len(read_events(path, {"a song.wav"})) == 2
    assert len(read_events(path, {"b.wav"})) == 1
    assert len(read_events(path, {"c.wav"})) == 0


@pytest.mark.parametrize("content", ["hello\n", "1.0,b,car\n", "onset\toffset\n1\t2\n", "\ud800"])
def test_what_holds_no_events_is_refused(tmp_path, content):
    path = tmp_path / "events"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="start,end,class"):
        read_events(path, {"a.wav"})


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
