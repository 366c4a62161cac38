"""Tables of events: merging, writing and reading."""

import numpy as np
import pandas as pd
import pytest

from yoho.events import COLUMNS, merge_events, read_table, write_table
from yoho.figures.tables import write_results


def table(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def merged(*rows, gap=0.0):
    """Rows of the merged table as tuples."""
    return list(merge_events(table(*rows), gap).itertuples(index=False, name=None))


def test_touching_events_become_one():
    assert merged(("a", 0.0, 1.0, "car"), ("a", 1.0, 2.5, "car")) == [("a", 0.0, 2.5, "car")]


def test_events_that_touch_but_for_rounding_to_microseconds_become_one():
    assert merged(("a", 0.0, 1.234567, "car"), ("a", 1.234568, 2.0, "car")) == [("a", 0.0, 2.0, "car")]


def test_overlapping_events_become_one():
    assert merged(("a", 0.0, 1.5, "car"), ("a", 1.0, 2.5, "car")) == [("a", 0.0, 2.5, "car")]


def test_contained_event_neither_shortens_nor_splits_the_longer_one():
    rows = [("a", 0.0, 9.0, "car"), ("a", 1.0, 2.0, "car"), ("a", 8.0, 10.0, "car")]
    assert merged(*rows) == [("a", 0.0, 10.0, "car")]


@pytest.mark.parametrize("gap, count", [(0.0, 2), (0.29, 2), (0.3, 1), (0.31, 1)])
def test_gap_is_joined_up_to_and_including_its_limit(gap, count):
    assert len(merged(("a", 0.0, 1.1, "car"), ("a", 1.4, 2.0, "car"), gap=gap)) == count


def test_chain_of_small_gaps_is_joined_whole():
    rows = [("a", float(onset), onset + 0.8, "car") for onset in range(10)]
    assert merged(*rows, gap=0.3) == [("a", 0.0, 9.8, "car")]


def test_other_class_and_other_file_stay_apart():
    rows = [("a", 0.0, 5.0, "car"), ("a", 1.0, 5.0, "clocks"), ("b", 2.0, 5.0, "car")]
    assert merged(*rows, gap=100.0) == rows


def test_event_of_another_class_in_between_does_not_separate_two_of_one_class():
    rows = [("a", 0.0, 1.0, "car"), ("a", 1.0, 1.2, "clocks"), ("a", 1.2, 2.0, "car")]
    assert merged(*rows, gap=0.3) == [("a", 0.0, 2.0, "car"), ("a", 1.0, 1.2, "clocks")]


def test_order_of_rows_does_not_matter_and_result_is_sorted():
    rng = np.random.default_rng(0)
    onsets = rng.uniform(0, 100, 200)
    rows = list(zip(rng.choice(["a", "b"], 200), onsets, onsets + 0.7, rng.choice(["x", "y", "z"], 200), strict=True))
    expected = merge_events(table(*rows), 0.3)
    shuffled = [rows[index] for index in rng.permutation(200)]
    pd.testing.assert_frame_equal(merge_events(table(*shuffled), 0.3), expected)
    assert list(expected["onset"]) == list(expected.sort_values(["filename", "onset", "event_label"])["onset"])
    assert list(expected.index) == list(range(len(expected)))


def test_merged_events_cover_the_same_time_and_lie_more_than_the_gap_apart():
    rng = np.random.default_rng(1)
    onsets = rng.uniform(0, 60, 90).round(3)
    offsets = onsets + rng.uniform(0, 2, 90).round(3)
    rows = list(zip(rng.choice(["a", "b", "c"], 90), onsets, offsets, ["car"] * 90, strict=True))
    result = merge_events(table(*rows), 0.25)
    for filename, events in result.groupby("filename"):
        assert (events["onset"].to_numpy()[1:] - events["offset"].to_numpy()[:-1] > 0.25).all()
        for _, onset, offset, _ in (row for row in rows if row[0] == filename):
            assert ((events["onset"] <= onset) & (events["offset"] >= offset)).sum() == 1
    assert set(result["onset"]) <= set(onsets)


def test_many_files_and_labels_are_merged_as_if_one_by_one():
    rng = np.random.default_rng(2)
    onsets = rng.uniform(0, 120, 600).round(6)
    names = [f"mix-{number:04d}" for number in rng.integers(0, 20, 600)]
    rows = table(*zip(names, onsets, onsets + 1, rng.choice(list("xyz"), 600), strict=True))
    alone = [merge_events(part, 0.3) for _, part in rows.groupby(["filename", "event_label"])]
    alone = pd.concat(alone).sort_values(["filename", "onset", "event_label"], ignore_index=True)
    pd.testing.assert_frame_equal(merge_events(rows, 0.3), alone)


def test_empty_table_stays_empty_with_its_columns():
    result = merge_events(table())
    assert result.empty and list(result.columns) == COLUMNS


def test_input_is_not_changed():
    events = table(("b", 1.0, 2.0, "car"), ("a", 0.0, 1.0, "car"))
    before = events.copy()
    merge_events(events)
    pd.testing.assert_frame_equal(events, before)


def test_other_columns_are_left_out():
    events = table(("a", 0.0, 1.0, "car")).assign(path="x.wav")
    assert list(merge_events(events).columns) == COLUMNS


NAMES = ["007", "NA", "1e3", "nan", "None", "", "true", "0.10", "Ärger, spät.wav", "with space", " ", "dog ", '"a"\\,']


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_text_through_a_file(tmp_path, name):
    columns = ["filename", "event_label", "recording", "path", "group"]
    write_table(pd.DataFrame({column: [name] for column in columns} | {"onset": [0.0]}), tmp_path / "table.tsv")
    read = read_table(tmp_path / "table.tsv")
    for column in columns:
        assert read[column].to_list() == [name]
    assert read["onset"].dtype == float


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("column", ["event_label", "label", "network", "difference", "dataset", "most_named"])
def test_names_in_results_stay_text_through_a_file(tmp_path, column, name):
    write_results(tmp_path / "table.csv", {column: [name] * 2, "f1": [0.5, np.nan]})
    read = read_table(tmp_path / "table.csv", sep=",")
    assert read[column].to_list() == [name] * 2
    np.testing.assert_array_equal(read["f1"], [0.5, np.nan])


def test_only_an_empty_field_is_no_number(tmp_path):
    (tmp_path / "table.tsv").write_text("onset\tsilences\tmask\tloss\n1\t\tnone\t\n2\t\tNA\t\n")
    read = read_table(tmp_path / "table.tsv")
    assert read["silences"].to_list() == ["", ""] and read["mask"].to_list() == ["none", "NA"]
    assert read["loss"].dtype == float and read["loss"].isna().all() and read["onset"].to_list() == [1, 2]


def test_times_survive_to_the_microsecond(tmp_path):
    times = np.r_[np.random.default_rng(3).uniform(0, 130, 1000), 126.999999, 0.000001]
    write_table(pd.DataFrame({"filename": "a", "onset": times}), tmp_path / "table.tsv")
    read = read_table(tmp_path / "table.tsv")["onset"].to_numpy()
    assert np.abs(read - times).max() <= 0.51e-6
    # Writing and reading again changes nothing.
    write_table(pd.DataFrame({"filename": "a", "onset": read}), tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "table.tsv").read_bytes()


def test_table_is_tab_separated_with_a_header_and_unix_line_ends(tmp_path):
    write_table(table(("a.flac", 0.5, 2.0, "car")), tmp_path / "table.tsv")
    expected = b"filename\tonset\toffset\tevent_label\na.flac\t0.500000\t2.000000\tcar\n"
    assert (tmp_path / "table.tsv").read_bytes() == expected


def test_empty_table_survives_a_file(tmp_path):
    write_table(table(), tmp_path / "table.tsv")
    read = read_table(tmp_path / "table.tsv")
    assert read.empty and list(read.columns) == COLUMNS
    assert merge_events(read).empty
