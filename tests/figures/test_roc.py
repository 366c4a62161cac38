"""The figure of PSD-ROCs: what its lines and markers show."""

import numpy as np
import pandas as pd
import pytest

from yoho.figures.roc import draw_psd_roc, mean_curve

COLUMNS = ["decoding", "scenario", "event_label", "false_positives_per_hour", "true_positive_rate"]


def table(label, run, shift, decoding="averaged", scenario=1, event_label="effective"):
    """A curve with a step up at 10 per hour, and one down at 60."""
    rows = [(decoding, scenario, event_label, *corner) for corner in ((0, 0), (10 + shift, 0.6), (60, 0.4), (100, 0.4))]
    return pd.DataFrame(rows, columns=COLUMNS).assign(label=label, run=run)


@pytest.fixture
def curves():
    names = [("YOHO", "a-seed_0", 0), ("YOHO", "a-seed_1", 10), ("another", "b-seed_0", 0)]
    return pd.concat(
        [
            table(label, run, shift, decoding, scenario, event_label)
            for label, run, shift in names
            for decoding in ("averaged", "bins")
            for scenario in (1, 2)
            for event_label in ("effective", "dog")
        ]
    )


def test_a_line_is_the_mean_of_the_step_curves_of_a_networks_runs(curves):
    figure = draw_psd_roc(curves)
    assert [axis.get_title() for axis in figure.axes] == ["scenario 1", "scenario 2"]
    for axis in figure.axes:
        line, marks, *others = axis.get_lines()
        assert line.get_drawstyle() == "steps-post" and len(others) == 2
        np.testing.assert_allclose(line.get_xydata(), [[0, 0], [10, 0.3], [20, 0.6], [60, 0.4], [100, 0.4]])
        np.testing.assert_allclose(marks.get_xydata(), [[10, 0.3], [20, 0.6], [60, 0.4]])
        assert marks.get_linestyle() == "None" and marks.get_color() == line.get_color() != others[0].get_color()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:2] == ["YOHO", "another"] and len(texts) == 4


@pytest.mark.filterwarnings("error")
def test_a_network_that_finds_nothing_is_a_line_at_0(curves):
    curves.loc[curves["label"] == "another", "true_positive_rate"] = 0.0
    _, _, line, marks = draw_psd_roc(curves).axes[0].get_lines()
    assert not line.get_ydata().any() and not len(marks.get_xdata())


def test_mean_of_one_run_is_its_curve():
    rows = table("YOHO", "a", 5)
    np.testing.assert_array_equal(np.transpose(mean_curve(rows)), rows[COLUMNS[3:]])
