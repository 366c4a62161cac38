"""Figures: what is drawn is what the tables hold, nothing is lost, and the same figure gives the same bytes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from yoho.plotting import draw_classwise, draw_mask, draw_training, read_runs, save_figure

NETWORKS = ["YOHO", "VGGish", "EfficientNet + mask"]
CLASSES = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def history(labels=NETWORKS, epochs=12, seeds=1):
    """Made-up curves: a row per epoch and run."""
    rng, tables = np.random.default_rng(0), []
    for label in labels:
        for seed in range(seeds):
            columns = {name: rng.random(epochs) for name in ("f1", "precision", "recall", "error_rate")}
            columns |= {name: rng.uniform(1, 20, epochs) for name in ("train_loss", "valid_loss")}
            columns["learning_rate"] = 0.0001
            run = f"{label.lower()}-seed_{seed}"
            tables.append(pd.DataFrame(columns | {"epoch": np.arange(1, epochs + 1), "label": label, "run": run}))
    return pd.concat(tables, ignore_index=True)


def classwise(labels=NETWORKS, classes=CLASSES, epochs=30, seeds=1):
    rng, rows = np.random.default_rng(1), []
    for label in labels:
        for seed in range(seeds):
            for epoch in range(1, epochs + 1):
                for event_label in classes:
                    scores = dict(zip(("precision", "recall", "f1"), rng.random(3), strict=True))
                    rows.append({"label": label, "run": f"{label.lower()}-seed_{seed}", "epoch": epoch} | scores)
                    rows[-1]["event_label"] = event_label
    return pd.DataFrame(rows)


def legend_texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def style_of(line):
    return to_hex(line.get_color()), line.get_marker(), line.get_linestyle()


def is_drawn(line, rows, score):
    """Whether a line shows the score of some rows over their epochs."""
    return np.array_equal(line.get_xdata(), rows["epoch"]) and np.array_equal(line.get_ydata(), rows[score])


# ---- Figure 4 --------------------------------------------------------------------------------------------------------


def test_figure_4_draws_f1_and_both_losses_of_every_network_as_the_table_says():
    curves = history()
    left, right = draw_training(curves).axes
    assert len(left.lines) == 3 and len(right.lines) == 6
    for number, label in enumerate(NETWORKS):
        rows = curves[curves["label"] == label]
        assert left.lines[number].get_label() == label
        assert is_drawn(left.lines[number], rows, "f1")
        solid = [line for line in right.lines if line.get_linestyle() == "-" and is_drawn(line, rows, "valid_loss")]
        dashed = [line for line in right.lines if line.get_linestyle() == "--" and is_drawn(line, rows, "train_loss")]
        assert len(solid) == len(dashed) == 1
        colours = {to_hex(line.get_color()) for line in (left.lines[number], *solid, *dashed)}
        assert len(colours) == 1  # one network, one colour


def test_figure_4_names_axes_networks_and_losses():
    left, right = draw_training(history()).axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("epoch", "validation F1")
    assert right.get_xlabel() == "epoch" and "loss" in right.get_ylabel()
    assert legend_texts(left.get_legend()) == NETWORKS
    assert legend_texts(right.get_legend()) == ["validation", "training"]
    assert left.get_ylim() == (0, 1) and right.get_ylim()[0] == 0


def test_networks_are_told_apart_by_colour_and_by_mark():
    left, _ = draw_training(history([f"network {number}" for number in range(8)])).axes
    assert len({to_hex(line.get_color()) for line in left.lines}) == 8
    assert len({line.get_marker() for line in left.lines}) == 8


def test_several_seeds_give_a_line_each_and_one_entry_in_the_legend():
    curves = history(seeds=3)
    left, right = draw_training(curves).axes
    assert len(left.lines) == 9 and len(right.lines) == 18
    assert legend_texts(left.get_legend()) == NETWORKS
    for label in NETWORKS:
        own = curves[curves["label"] == label]
        drawn = [line for line in left.lines for _, rows in own.groupby("run") if is_drawn(line, rows, "f1")]
        assert len(drawn) == 3 and len({style_of(line) for line in drawn}) == 1


def test_one_epoch_can_be_drawn():
    left, _ = draw_training(history(epochs=1)).axes
    assert all(line.get_marker() != "None" for line in left.lines)


# ---- Figure 5 --------------------------------------------------------------------------------------------------------


def test_figure_5_has_a_row_per_network_a_column_per_score_and_a_line_per_class():
    curves = classwise()
    axes = draw_classwise(curves, 20).axes
    assert len(axes) == 9
    for place, axis in enumerate(axes):
        label, score = NETWORKS[place // 3], ("precision", "recall", "f1")[place % 3]
        assert [line.get_label() for line in axis.lines] == CLASSES
        for line, event_label in zip(axis.lines, CLASSES, strict=True):
            rows = curves[(curves["label"] == label) & (curves["event_label"] == event_label) & (curves["epoch"] <= 20)]
            assert is_drawn(line, rows, score)


@pytest.mark.parametrize("epochs, last", [(20, 20), (5, 5), (100, 30)])
def test_figure_5_shows_the_first_epochs_alone(epochs, last):
    for axis in draw_classwise(classwise(), epochs).axes:
        for line in axis.lines:
            assert list(line.get_xdata()) == list(range(1, last + 1))


def test_figure_5_names_scores_networks_and_classes():
    figure = draw_classwise(classwise(), 20)
    axes = np.array(figure.axes).reshape(3, 3)
    assert [axis.get_title() for axis in axes[0]] == ["precision", "recall", "F1"]
    assert [axis.get_ylabel() for axis in axes[:, 0]] == NETWORKS
    assert [axis.get_xlabel() for axis in axes[2]] == ["epoch"] * 3
    assert legend_texts(figure.legends[0]) == CLASSES
    assert all(axis.get_ylim() == (0, 1) for axis in figure.axes)


@pytest.mark.parametrize("count", [2, 6, 10, 12])
def test_no_two_classes_look_alike(count):
    """Ten classes, as esc10 has, need ten looks."""
    classes = [f"class {number}" for number in range(count)]
    figure = draw_classwise(classwise(classes=classes, epochs=3), 3)
    for axis in figure.axes:
        assert len({style_of(line) for line in axis.lines}) == count
    assert legend_texts(figure.legends[0]) == classes


def test_figure_5_draws_each_seed():
    curves = classwise(epochs=4, seeds=2)
    figure = draw_classwise(curves, 20)
    assert all(len(axis.lines) == 12 for axis in figure.axes)
    assert legend_texts(figure.legends[0]) == CLASSES
    rows = curves[(curves["run"] == "yoho-seed_1") & (curves["event_label"] == "car")]
    assert any(is_drawn(line, rows, "precision") for line in figure.axes[0].lines)


def test_figure_5_of_one_network_can_be_drawn():
    assert len(draw_classwise(classwise(labels=["YOHO"], epochs=3), 20).axes) == 3


# ---- Figure 6 --------------------------------------------------------------------------------------------------------


def test_figure_6_draws_f1_with_and_without_the_mask():
    curves = history(["with mask", "without mask"])
    (axis,) = draw_mask(curves).axes
    assert len(axis.lines) == 2
    for line, label in zip(axis.lines, ["with mask", "without mask"], strict=True):
        assert line.get_label() == label and is_drawn(line, curves[curves["label"] == label], "f1")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "validation F1")
    assert legend_texts(axis.get_legend()) == ["with mask", "without mask"]
    assert axis.get_ylim() == (0, 1)
    assert axis.get_title() == "learning rate 0.0001"


# ---- tables in, files out --------------------------------------------------------------------------------------------


def test_runs_are_read_with_their_labels_in_the_order_given(tmp_path):
    files = []
    for run, value in (("vggish-seed_0", 0.2), ("mobilenet-seed_0", 0.7)):
        (tmp_path / run).mkdir()
        files.append(tmp_path / run / "history.csv")
        pd.DataFrame({"epoch": [1, 2], "f1": [value, value + 0.1]}).to_csv(files[-1], index=False)
    curves = read_runs(files, [("YOHO", "mobilenet-seed_0"), ("VGGish", "vggish-seed_0")])
    assert curves["label"].to_list() == ["VGGish", "VGGish", "YOHO", "YOHO"]
    assert curves["run"].to_list() == ["vggish-seed_0"] * 2 + ["mobilenet-seed_0"] * 2
    np.testing.assert_allclose(curves["f1"], [0.2, 0.3, 0.7, 0.8])


DRAW = {
    "fig4": lambda: draw_training(history()),
    "fig5": lambda: draw_classwise(classwise(epochs=5), 5),
    "fig6": lambda: draw_mask(history(["with mask", "without mask"])),
}


@pytest.mark.parametrize("name", DRAW)
def test_same_figure_gives_the_same_bytes_and_a_png_that_is_sharp_and_not_blank(tmp_path, name):
    for attempt in ("a", "b"):
        save_figure(DRAW[name](), [str(tmp_path / f"{attempt}.pdf"), tmp_path / f"{attempt}.png"])
    assert plt.get_fignums() == []
    for ending in ("pdf", "png"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    pixels = plt.imread(tmp_path / "a.png")[..., :3]
    assert pixels.shape[1] >= 600
    assert 0.005 < (pixels.min(axis=2) < 0.7).mean() < 0.5
    assert len(np.unique((pixels * 255).astype(int).reshape(-1, 3), axis=0)) > 50


def test_drawing_leaves_the_style_of_others_alone():
    before = dict(plt.rcParams)
    draw_training(history())
    assert dict(plt.rcParams) == before


def test_table_is_left_alone():
    curves = classwise(epochs=3)
    before = curves.copy()
    draw_classwise(curves, 2)
    pd.testing.assert_frame_equal(curves, before)
