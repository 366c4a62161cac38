"""True events in the files that people have: each is read with the right events, or refused in one line."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoho import InputError
from yoho.audio import AudioWarning
from yoho.segmenting.references import read_references, up_to_end
from yoho.segmenting.writing import FORMS

DOG, CAT = (1.5, 2.0, "dog"), (3.0, 4.25, "cat")
EVENTS = pd.DataFrame([(*DOG, 0.9), (*CAT, 0.75)], columns=["onset", "offset", "event_label", "score"])


@pytest.fixture
def read(tmp_path, capsys):
    """Reads a reference of some audio files in a folder of their own: lists of events, and the lines of warnings."""

    def read(content, *names, encoding="utf-8"):
        path = tmp_path / "true.txt"
        path.write_bytes(content.encode(encoding, "surrogateescape"))
        names = [Path(name) for name in names or ["song.wav"]]
        tables = read_references(path, [tmp_path / "sounds" / name for name in names], names)
        read.warnings = capsys.readouterr().err.splitlines()
        return [None if table is None else list(table.itertuples(index=False, name=None)) for table in tables]

    return read


@pytest.fixture
def refused(read):
    """Reads a reference that must be refused; returns the one line that says why, without the file's path."""

    def refused(content, *names, **options):
        with pytest.raises(InputError) as error:
            read(content, *names, **options)
        path, problem = str(error.value).split("true.txt: ")
        assert "\n" not in problem and path
        return problem

    return refused


def written(form, events=EVENTS, name="song.wav"):
    return FORMS[form].header + FORMS[form].write(name, 500.0, events)


def tabs(*rows):
    return "".join("\t".join(row.split("|")) + "\n" for row in rows)


# ---- what the program writes -----------------------------------------------------------------------------------------

AWKWARD = ["a, b", '"quoted"', '"open', 'in "side" it', "a\tb", "a;b", "a\nb", "a\r\nb", "a\n# b.wav", "'", '"', '""']
AWKWARD += ["\\", "#", "007", "NA", "nan", "1,5", "event_label", "é\u2028鳥\x85"]


def kept(form, label):
    """A label as a format can hold it: a label track and a selection table lack line breaks, the latter also quotes."""
    label = label if form in ("text", "dcase") else " ".join(label.split())
    return label.replace('"', "'") if form == "raven" else label


@pytest.mark.parametrize("form", ["text", "dcase", "audacity", "raven"])
@pytest.mark.parametrize("label", AWKWARD)
def test_what_is_written_is_read_again(read, form, label):
    events = EVENTS.assign(event_label=[label, "dog"])
    assert read(written(form, events)) == [[(1.5, 2.0, kept(form, label)), (3.0, 4.25, "dog")]]
    assert read.warnings == []


@pytest.mark.parametrize("form", ["text", "dcase", "audacity", "raven"])
def test_random_labels_are_read_again(read, form):
    rng = np.random.default_rng(0)
    signs = list('",;\t\n #\\a0.') if form in ("text", "dcase") else list('",;#\\a0.')
    labels = ["".join(rng.choice(signs, size)).strip() or "a" for size in rng.integers(1, 9, 500)]
    events = pd.DataFrame(
        {"onset": np.arange(500.0), "offset": np.arange(500) + 0.5, "event_label": labels, "score": 1}
    )
    (found,) = read(written(form, events))
    assert found == [(n, n + 0.5, kept(form, label)) for n, label in enumerate(labels)]


@pytest.mark.parametrize("form", ["text", "audacity"])
def test_events_of_several_files_on_standard_output_are_read_again(read, form):
    content = f"# song.wav\n{written(form)}# more/b.wav\n{written(form, EVENTS[:1])}"
    assert read(content, "song.wav", "more/b.wav") == [[DOG, CAT], [DOG]]
    assert read(content, "b.wav") == [[DOG]]


@pytest.mark.parametrize("name", ["noext", "7", "b.bin", "take.1", "a b", "more/take.1"])
def test_titles_of_files_with_any_suffix_are_read_again(read, name):
    content = f"# sounds/song.wav\n{written('text')}# sounds/{name}\n{written('text', EVENTS[:1])}"
    assert read(content, "song.wav", name) == [[DOG, CAT], [DOG]]
    assert read.warnings == []


def test_a_comment_that_is_no_title_ends_a_title(read, refused):
    content = f"# song.wav\n{written('text')}# noext\n{written('text', EVENTS[:1])}"
    for names in (["song.wav"], ["song.wav", "b.wav"]):
        assert "line 5: names no audio file, but other lines do" in refused(content, *names)
    assert "line 3: names no audio file" in refused("# b.wav\n# noext\n1,2,dog\n")
    assert read("# my other.wav\n1,2,cow\n# song.wav\n1.5,2,dog\n# end\n", "song.wav", "b.wav") == [[DOG], None]


def test_a_title_may_lack_the_suffix(read):
    content = "# song\n1.5,2.0,dog\n# b.flac\n3.0,4.25,cat\n"
    assert read(content, "song.wav", "b.wav") == [[DOG], [CAT]]


def test_a_sentence_about_the_audio_is_no_title(read, refused):
    comment = "# labelled by Ann in song.wav\n"
    assert read(f"{comment}1.5,2.0,dog\n") == [[DOG]]
    assert read(f"{comment}# song.wav\n1.5,2.0,dog\n") == [[DOG]]
    assert read(f"{comment}onset,offset,label\n1.5,2.0,dog\n") == [[DOG]]
    assert "does not name b.wav, but labelled by Ann" in refused(f"{comment}1,2,dog\n", "b.wav")


@pytest.mark.parametrize("name", ["a\nb.wav", "bad\udcff.wav", "#1 song.wav", '"a".wav', "a\\b.wav", " a.wav"])
def test_any_name_is_found_again(read, name):
    other = FORMS["dcase"].write("b.wav", 12.0, EVENTS[1:])
    assert read(written("dcase", EVENTS[:1], name) + other, name) == [[DOG]]


def test_an_event_without_length_is_read(read):
    assert read("1.5\t1.5\tdog\n") == [[(1.5, 1.5, "dog")]]  # a point label; rounded times give them too


@pytest.mark.parametrize("content", ["", "\n", "filename\tonset\toffset\tevent_label\n", "onset,offset,event_label\n"])
def test_an_empty_reference_is_said(read, content):
    assert read(content) == [[]]
    (line,) = read.warnings
    assert line.startswith("warning: ") and "holds no event" in line


# ---- label tracks, lines and tables ----------------------------------------------------------------------------------

DECIMAL = "event_label;offset;onset\ndog;2,0;1,5\ncat;4,25;3\n"

READ = {
    "audacity with frequencies": tabs("1.5|2.0|dog", "\\|100.0|-1.0", "3.0|4.25|cat", "\\|5.5|6.5"),
    "audacity with scores": tabs("1.5|2.0|dog|0.87", "3.0|4.25|cat|1.0"),
    "lines with scores": "1.5,2.0,dog,0.87\n3.0,4.25,cat,1\n",
    "lines with spaces": "1.5, 2.0, dog\n3.0, 4.25, cat\n",
    "comments": "# made by hand\n1.5,2.0,dog\n# checked\n3.0,4.25,cat\n",
    "decimal commas and tabs": tabs("1,5|2,0|dog", "3|4,25|cat"),
    "decimal commas and semicolons": "1,5;2,0;dog\n3;4,25;cat\n",
    "decimal commas in quotation marks": '"1,5","2,0",dog\n3,"4,25",cat\n',
    "semicolons and points": "1.5;2.0;dog\n3;4.25;cat\n",
    "columns in another order": DECIMAL,
    "carriage returns": DECIMAL.replace("\n", "\r"),
    "both": DECIMAL.replace("\n", "\r\n"),
    "blank lines": "\n\n" + DECIMAL.replace("\n", "\n\n") + ";;\n",
    "start,end,class": "start,end,class\n1.5,2.0,dog\n3.0,4.25,cat\n",
    "start_time": tabs("start_time|end_time|label", "1.5|2.0|dog", "3.0|4.25|cat"),
    "units": "Start (s),End (s),Scientific name,Common name,Confidence\n1.5,2.0,x,dog,1\n3.0,4.25,y,cat,1\n",
    "more units": 'onset_s,offset_s,"Class"\n1.5,2.0,dog\n3.0,4.25,cat\n',
    "further columns": "class;onset;offset;comment\ndog;1.5;2;a\ncat;3;4.25;\n",
    "a file's name": "song.wav,1.5,2.0,dog\nother.wav,1,2,cow\nsong.wav,3.0,4.25,cat\n",
    "a file's name and tabs": tabs("song.wav|1.5|2.0|dog", "other.wav|1|2|cow", "song.wav|3.0|4.25|cat"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_other_programs_files_are_read(read, content, encoding):
    assert read(content, encoding=encoding) == [[DOG, CAT]]
    assert read.warnings == []


def test_a_mark_of_the_order_of_bytes_belongs_to_no_column(read):
    assert read("\ufeff" + DECIMAL, encoding="utf-16-be") == read("\ufeff" + DECIMAL, encoding="utf-16-le")


def test_quotation_marks_of_a_label_track_are_its_own(read):
    content = tabs('1|2|"open', "3|4|b", '5|6|"all"', '7|8|"one" two', '9|10|end"')
    assert [label for *_, label in read(content)[0]] == ['"open', "b", '"all"', '"one" two', 'end"']


STRAY = [
    ("onset|offset|label", ['0|1|"start', "1|2|cat", '2|3|end"'], ['"start', "cat", 'end"']),
    ("onset|offset|label", ['0|1|"start', '2|3|end"'], ['"start', 'end"']),
    ("onset|label|offset", ['0|"start|1', '2|end"|3'], ['"start', 'end"']),
    ("label|onset|offset", ['"start|0|1', "cat|1|2", 'end"|2|3'], ['"start', "cat", 'end"']),
    ('onset|offset|label|"note', ["0|1|a|", '1|2|b|x"'], ["a", "b"]),
]


@pytest.mark.parametrize("header, rows, labels", STRAY)
def test_stray_quotation_marks_join_no_rows(read, refused, header, rows, labels):
    assert [label for *_, label in read(tabs(header, *rows))[0]] == labels
    for separator in ",;":
        content = tabs(header, *rows).replace("\t", separator)
        assert re.search("line [34]: quotation marks join it with line [12]; .* must be doubled", refused(content))


def test_stray_quotation_marks_of_lines_join_none(refused):
    assert "line 3: quotation marks join it with line 1" in refused('0,1,"start\n1,2,cat\n2,3,end"\n')
    assert "line 2: quotation marks join it with line 1" in refused('"0,5","1,5","start\n2,3,end"\n')


def test_texts_of_several_lines_are_read(read):
    assert read('label,onset,offset\n"a, b\nc",1,2\n') == [[(1, 2, "a, b\nc")]]
    assert read('onset\tlabel\toffset\tnote\n1\t"a\nb"\t2\t"1\n2"\n') == [[(1, 2, "a\nb")]]


@pytest.mark.parametrize("line", ["0,5,1,75", "0,5,1,5,3", "1,1,5,3", "0,5,1,75,0.9", "song.wav,0,5,1,75"])
def test_decimal_commas_between_commas_are_refused(refused, line):
    assert re.search(
        r"line 1: \d columns instead of [34]; text and decimals with a comma must be", refused(f"{line}\n")
    )
    first = "song.wav,1.5,2.0,dog" if line.startswith("song") else "1.5,2.0,dog"
    assert "line 2: " in refused(f"{first}\n{line}\n")


def test_a_class_may_be_a_number(read):
    for content in ("0,5,1\n", "0,5,1,\n", "0,5,1,0.9\n", "0.0,5,1,1\n", "0;5;1;1\n", tabs("0|5|1|1")):
        assert read(content) == [[(0, 5, "1")]]
    assert read("onset,offset,label,score\n0,5,1,1\n") == [[(0, 5, "1")]]


def test_the_first_line_of_a_label_track_may_open_a_quotation(read):
    assert read(tabs('1|2|"open', '3|4|"open')) == [[(1, 2, '"open'), (3, 4, '"open')]]


@pytest.mark.parametrize(
    "content, problem",
    [
        ("hello\n", r"the first line \('hello'\) is no event; expected lines of start,end,class"),
        ("1.0,b,car\n", "is no event"),
        ("0:01\t0:02\tdog\n", "is no event"),
        ('{"file": "song.wav"}\n', "is no event"),
        ("onset\toffset\n1\t2\n", "names no column event_label; expected lines of start,end,class"),
        ("filename\tevent_labels\nsong.wav\tdog\n", "the first line"),
        ("onset,duration,label\n1,2,dog\n", "names no column offset"),
        ("onset_ms,offset_ms,label\n1,2,dog\n", "names no column onset and no column offset"),
        ("1,2,dog\n2,1,car\n", "line 2: an event from 2.0 to 1.0 s"),
        ("nan,3,car\n", "line 1: an event from nan to 3.0 s"),
        ("1,2,dog\n\n3,inf,car\n", "line 3: an event from 3.0 to inf s"),
        ("onset,offset,label\n1,2,dog\n-5,99,car\n", "line 3: an event from -5.0 to 99.0 s"),
        ("onset,offset,label\n1,2,dog\n,3,car\n", "line 3: '' is not a number of seconds"),
        ("onset,offset,label\n1,2,dog\n0:03,4,car\n", "line 3: '0:03' is not a number of seconds"),
        ("1,2,dog\n3,4\n", "line 2: the event from 3.0 to 4.0 s has no label"),
        ("1\t2\n", "line 1: the event from 1.0 to 2.0 s has no label"),
        ("1,2,dog, big\n", "line 1: 4 columns instead of 3"),
        ("1,5,2,0,dog\n", "line 1: 5 columns instead of 3; text and decimals with a comma"),
        ("onset,offset,label\n1,5,2,0,dog\n", "line 2: 5 columns instead of 3"),
        ('1,2,"dog\n3,4,cat\n', "line 2: unexpected end of data"),
        ('1,2,"dog" x\n', "line 1: .*quotation mark"),
        ("1,2,caf\udce9\n", "line 1: the label is not in UTF-8; save the file"),
        ("onset,offset,label\n1_0,20,dog\n", "line 2: '1_0' is not a number of seconds"),
        ("1_0,20,dog\n", "is no event"),
        ("1\t2\tdog\tbig\n", "line 1: 4 columns instead of 3$"),
        ("RIFF\0\0\0", "is not text in UTF-8 or UTF-16; "),
    ],
)
def test_what_holds_no_events_is_refused(refused, content, problem):
    assert re.search(problem, refused(content))


@pytest.mark.parametrize("problem", ["gone", "folder"])
def test_what_cannot_be_opened_is_named(tmp_path, problem):
    path = tmp_path / problem
    if problem == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=rf"{problem}: cannot be read \((No such file|Is a directory)"):
        read_references(path, [tmp_path / "song.wav"], [Path("song.wav")])


# ---- selection tables of Raven ---------------------------------------------------------------------------------------

RAVEN = "Selection|View|Channel|Begin Time (s)|End Time (s)|Low Freq (Hz)|High Freq (Hz)"


def test_a_selection_counts_once_however_many_views_it_has(read):
    rows = [f"{n}|{view} 1|1|{t}|{t + 0.5}|1.0|2.0|dog" for n, t in ((1, 1.5), (2, 3.0)) for view in ("Waveform", "Sp")]
    wanted = [[(1.5, 2.0, "dog"), (3.0, 3.5, "dog")]]
    assert read(tabs(f"{RAVEN}|Annotation", *rows)) == wanted
    assert read(tabs(f"{RAVEN}|Species", *rows), encoding="utf-16") == wanted


def test_quotation_marks_in_an_annotation_are_its_own(read):
    rows = ['1|Sp|1|1|2|0|9|"a" song', "2|Sp|1|3|4|0|9|b", '3|Sp|1|5|6|0|9|"open']
    assert [label for *_, label in read(tabs(f"{RAVEN}|Label", *rows))[0]] == ['"a" song', "b", '"open']


@pytest.mark.parametrize("column, folder", [("Begin File", ""), ("Begin Path", "D:\\sounds\\")])
def test_selections_of_several_files_count_from_the_start_of_their_own(read, column, folder):
    header = f"{RAVEN}|{column}|File Offset (s)|Annotation"
    rows = [f"1|Sp|1|1.5|2.0|0|9|{folder}song.wav|1.5|dog", f"2|Sp|1|63.0|64.25|0|9|{folder}b.wav|3.0|cat"]
    assert read(tabs(header, *rows), "song.wav", "b.wav") == [[DOG], [CAT]]
    assert read(tabs(header, *rows), "b.wav") == [[CAT]]


def test_selections_of_several_files_need_their_times_within_them(read, refused):
    header, rows = f"{RAVEN}|Begin File|Annotation", ["1|Sp|1|1.5|2.0|0|9|song.wav|dog", "2|Sp|1|63|64|0|9|b.wav|cat"]
    assert "times count from the start of the first" in refused(tabs(header, *rows))
    assert read(tabs(header, *rows[:1])) == [[DOG]]
    assert read(tabs(header.replace("Begin File", "filename"), *rows)) == [[DOG]]


def test_selections_of_another_file_need_its_name(read, refused):
    header, row = f"{RAVEN}|File Offset (s)|Annotation", "1|Sp|1|1.5|2.0|0|9|1.5|dog"
    assert read(tabs(header, row)) == [[DOG]]
    assert "add the column Begin File" in refused(tabs(header, row, "2|Sp|1|63|64|0|9|3|cat"))


def test_a_table_without_labels_says_so(refused):
    assert "names no column event_label" in refused(tabs(RAVEN, "1|Sp|1|1|2|0|9"))
    assert "line 2: the event from 1.0 to 2.0 s has no label" in refused(tabs(f"{RAVEN}|Annotation", "1|Sp|1|1|2|0|9|"))


# ---- tables that name audio files ------------------------------------------------------------------------------------


def dcase(*rows):
    return tabs("filename|onset|offset|event_label", *rows)


def test_several_files_each_get_their_own(read):
    content = dcase("song.wav|1.5|2.0|dog", "b.wav|3.0|4.25|cat", "other.wav|1|2|cow")
    assert read(content, "song.wav", "b.wav") == [[DOG], [CAT]]
    assert read.warnings == []


@pytest.mark.parametrize("empty", ["b.wav|||", "b.wav", "b.wav| ||"])
def test_a_file_without_events_is_named_without_an_event(read, empty):
    content = dcase("song.wav|1.5|2.0|dog", empty)
    assert read(content, "b.wav") == [[]]
    assert read(content, "song.wav", "b.wav") == [[DOG], []]
    assert read.warnings == []


def test_events_of_several_files_need_their_names(refused):
    assert "column filename" in refused("0.5,2.0,rain\n", "song.wav", "b.wav")
    assert "column filename" in refused("onset,offset,label\n0.5,2.0,rain\n", "song.wav", "b.wav")
    assert "line 3: names no audio file" in refused(dcase("song.wav|1|2|dog", "|3|4|dog"))
    assert "line 1: names no audio file" in refused("1,2,dog\n# song.wav\n3,4,dog\n")


def test_events_of_other_files_are_refused(refused):
    names = [f"{n}.wav" for n in range(1, 6)]
    problem = refused(dcase(*(f"{name}|1|2|dog" for name in names)))
    assert problem.startswith("does not name song.wav, but 1.wav, 2.wav, 3.wav and 2 more; ")
    assert problem == refused(dcase(*(f"{name}|||" for name in names)))
    assert "does not name song.wav, but b.wav; " in refused("# b.wav\n1,2,dog\n")


def test_a_file_that_is_not_named_is_warned_of(read):
    assert read(dcase("song.wav|1.5|2.0|dog"), "song.wav", "b.wav") == [[DOG], None]
    (line,) = read.warnings
    assert line.startswith("warning: ") and "true.txt: does not name b.wav" in line


OTHER_PATHS = ["audio/song", "/data/song.ogg", "C:\\my data\\song.wav", "./song.wav", "song", "song.WAV", "song.flac"]


@pytest.mark.parametrize("name", OTHER_PATHS)
def test_a_name_may_have_other_folders_and_another_suffix(read, name):
    assert read(dcase(f"{name}|1.5|2.0|dog")) == [[DOG]]


OTHER_NAMES = ["song.1", "song.1.wav", "song", "asong.2.wav", "song.2.txt", "song.2.wav/b.wav", "2.wav"]


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_another_name_is_another_file(refused, name):
    assert "does not name song.2.wav" in refused(dcase(f"{name}|1|2|dog"), "song.2.wav")


def test_the_name_that_is_most_alike_is_a_files_own(read):
    content = dcase("a/song.wav|1.5|2.0|dog", "b/song.wav|3.0|4.25|cat")
    assert read(content, "a/song.wav", "b/song.wav") == [[DOG], [CAT]]
    assert read(content, "b/song.wav") == [[CAT]]
    content = dcase("song.flac|1.5|2.0|dog", "song.wav|3.0|4.25|cat")
    assert read(content, "song.wav") == [[CAT]]
    assert read(dcase("song.wav|1.5|2.0|dog"), "song.wav", "a/song.wav") == [[DOG], None]


@pytest.mark.parametrize("other", ["./b.wav", ".//b.wav", "more/../b.wav"])
def test_two_spellings_of_a_name_are_one(read, other):
    for first, second in (("b.wav", other), (other, "b.wav")):
        assert read(dcase(f"{first}|1.5|2.0|dog", f"{second}|3.0|4.25|cat"), "b.wav") == [[DOG, CAT]]
        assert read.warnings == []


@pytest.mark.parametrize("other", ["b", "b.flac", "b.WAV", "old/b.wav", ".\\b.wav"])
def test_names_that_are_passed_over_are_warned_of(read, other):
    content = dcase("b.wav|1.5|2.0|dog", f"{other}|3.0|4.25|cat", "c.wav|1|2|cow")
    assert read(content, "b.wav") == [[DOG]]
    (line,) = read.warnings
    assert line.startswith("warning: ") and f"true.txt: passes over {other}: other names" in line


def test_a_name_that_may_be_each_of_several_files_is_refused(refused):
    content = dcase("a/song.wav|1.5|2.0|dog", "b/song.wav|3.0|4.25|cat")
    assert "song.wav could be each of a/song.wav, b/song.wav" in refused(content)
    assert "song.wav could be each of a/song.wav, b/song.wav" in refused(
        dcase("song.wav|1|2|dog"), "a/song.wav", "b/song.wav"
    )


# ---- the audio's end -------------------------------------------------------------------------------------------------


def test_an_event_past_the_end_is_warned_of_and_cut():
    events = EVENTS.drop(columns="score").set_index(pd.Index([4, 7], name="line"))
    with pytest.warns(AudioWarning) as caught:
        found = up_to_end(events, 3.5, "true.txt", "song.wav")
    assert list(found.itertuples(name=None)) == [(4, *DOG), (7, 3.0, 3.5, "cat")]
    (message,) = [str(warning.message) for warning in caught]
    assert message.startswith(
        "true.txt: line 7: the event from 3.0 to 4.25 s reaches past the end of song.wav (3.500 s)"
    )
    with pytest.warns(AudioWarning, match="line 4: .*, as do 1 more"):
        assert up_to_end(events, 1.0, "true.txt", "song.wav").empty


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("duration", [4.25, 4.2, 100])
def test_a_rounded_end_is_not_warned_of(duration):
    found = up_to_end(EVENTS, duration, "true.txt", "song.wav")
    assert found["offset"].to_list() == [2.0, min(duration, 4.25)]
