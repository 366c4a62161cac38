"""Figures: they show all values of their tables, and the same figure gives the same bytes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from draw_fig6 import draw_fig6
from matplotlib.colors import to_hex

from yoho import InputError
from yoho.events import read_table
from yoho.figures.plots import (
    draw_cells,
    draw_classwise,
    draw_contents,
    draw_effects,
    draw_lines,
    draw_mask,
    draw_training,
    read_runs,
    save_figure,
)

NETWORKS = ["YOHO", "VGGish", "EfficientNet + mask"]
CLASSES = ["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def history(labels=NETWORKS, epochs=12, seeds=1):
    """Made-up curves: a row for each epoch and run."""
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
    """Whether a line shows the score of the rows over their epochs."""
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


def test_several_seeds_give_one_line_and_one_band_a_network():
    curves = history(seeds=3)
    left, right = draw_training(curves).axes
    assert len(left.lines) == len(left.collections) == 3 and len(right.lines) == len(right.collections) == 6
    assert legend_texts(left.get_legend()) == NETWORKS
    for line, label in zip(left.lines, NETWORKS, strict=True):
        rows = curves[curves["label"] == label].pivot(index="epoch", columns="run", values="f1")
        np.testing.assert_allclose(line.get_ydata(), rows.mean(axis=1))


def band_of(collection):
    """(epochs, lowest, highest) of a band."""
    vertices = pd.DataFrame(collection.get_paths()[0].vertices, columns=["epoch", "value"])
    reach = vertices.groupby("epoch")["value"].agg(["min", "max"])
    return reach.index.to_list(), reach["min"].to_list(), reach["max"].to_list()


def test_band_reaches_from_the_lowest_to_the_highest_seed_around_their_mean():
    values = {"a": [0.1, 0.4, 0.8], "b": [0.3, 0.3, 0.7], "c": [0.2, 0.8, 0.0]}
    curves = pd.concat(
        [pd.DataFrame({"epoch": [1, 2, 3], "f1": f1, "label": "YOHO", "run": run}) for run, f1 in values.items()]
    )
    _, axis = plt.subplots()
    draw_lines(axis, curves, "f1")
    (line,), (band,) = axis.lines, axis.collections
    np.testing.assert_allclose(line.get_ydata(), [0.2, 0.5, 0.5])
    assert band_of(band) == ([1, 2, 3], [0.1, 0.3, 0.0], [0.3, 0.8, 0.8])
    assert to_hex(band.get_facecolor()[0]) == to_hex(line.get_color()) and band.get_alpha() < 0.5


def test_one_seed_has_no_band():
    left, right = draw_training(history()).axes
    assert not left.collections and not right.collections


def test_band_is_of_the_labels_with_several_seeds_alone():
    several, one = history(["YOHO"], seeds=2), history(["VGGish"])
    left, _ = draw_training(pd.concat([one, several])).axes
    assert len(left.lines) == 2
    (band,) = left.collections
    assert to_hex(band.get_facecolor()[0]) == to_hex(left.lines[1].get_color())
    runs = several.pivot(index="epoch", columns="run", values="f1")
    np.testing.assert_allclose(band_of(band)[1:], [runs.min(axis=1), runs.max(axis=1)])


def test_seeds_of_different_length_are_drawn_as_far_as_each_goes():
    long, short = history(["YOHO"], epochs=6), history(["YOHO"], epochs=4).assign(run="short")
    _, axis = plt.subplots()
    draw_lines(axis, pd.concat([long, short]), "f1")
    assert list(axis.lines[0].get_xdata()) == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(axis.lines[0].get_ydata()[4:], long["f1"][4:])


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
    """Ten classes, as in esc10, need ten different lines."""
    classes = [f"class {number}" for number in range(count)]
    figure = draw_classwise(classwise(classes=classes, epochs=3), 3)
    for axis in figure.axes:
        assert len({style_of(line) for line in axis.lines}) == count
    assert legend_texts(figure.legends[0]) == classes


def test_figure_5_draws_the_mean_and_band_of_the_seeds_of_each_class():
    curves = classwise(epochs=4, seeds=2)
    figure = draw_classwise(curves, 20)
    assert all(len(axis.lines) == len(axis.collections) == 6 for axis in figure.axes)
    assert legend_texts(figure.legends[0]) == CLASSES
    rows = curves[(curves["label"] == "YOHO") & (curves["event_label"] == "car")]
    runs = rows.pivot(index="epoch", columns="run", values="precision")
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), runs.mean(axis=1))
    np.testing.assert_allclose(
        band_of(figure.axes[0].collections[1])[1:], [runs.min(axis=1), runs.max(axis=1)], atol=1e-12
    )


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


# ---- the mask study --------------------------------------------------------------------------------------------------


def cells(*names, seeds=1):
    """Made-up curves of a mask study: every position of the mask in each cell."""
    return history([f"{name}, mask {mask}" for name in names for mask in ("none", "head")], seeds=seeds)


@pytest.mark.parametrize("names", [["lr 0.001, schedule step"], ["a", "b"], ["a", "b", "c, mask or none"]])
def test_mask_study_has_a_panel_per_cell_and_a_line_per_position(names):
    curves = cells(*names)
    axes = [axis for axis in draw_cells(curves).axes if axis.get_visible()]
    assert [axis.get_title() for axis in axes] == names
    for axis, name in zip(axes, names, strict=True):
        assert [line.get_label() for line in axis.lines] == ["none", "head"]
        for line in axis.lines:
            rows = curves[curves["label"] == f"{name}, mask {line.get_label()}"]
            assert is_drawn(line, rows, "f1")
        assert axis.get_ylim() == (0, 1) and axis.get_xlabel() == "epoch"
    assert legend_texts(axes[0].get_legend()) == ["none", "head"]
    assert axes[0].get_ylabel() == "validation F1"


def test_position_of_the_mask_has_one_look_in_every_cell():
    first, second = draw_cells(cells("a", "b", seeds=2)).axes
    assert [style_of(line) for line in first.lines] == [style_of(line) for line in second.lines]
    assert len(first.collections) == len(second.collections) == 2


# ---- the audit -------------------------------------------------------------------------------------------------------


def effects(differences=("pool", "hop", "L2"), seeds=3):
    """Made-up effects: a row for each difference."""
    rng, columns = np.random.default_rng(2), {"difference": list(differences)}
    columns |= {"n_seeds": seeds, "interval_over": "seeds and recordings"}
    for score in ("f1", "error_rate"):
        effect = rng.normal(0, 0.1, len(differences))
        low, high = effect - rng.uniform(0.01, 0.1, len(effect)), effect + rng.uniform(0.01, 0.1, len(effect))
        columns |= {f"{score}_effect": effect, f"{score}_low": low, f"{score}_high": high}
    return pd.DataFrame(columns)


def drawn_effects(axis):
    """(effects, lowest, highest) of the points and bars of one side."""
    ((points, _, (bars,)),) = axis.containers
    ends = np.array([segment[:, 0] for segment in bars.get_segments()], float)
    return np.asarray(points.get_xdata(), float), ends[:, 0], ends[:, 1]


def test_audit_draws_effects_and_intervals_as_the_table_says():
    table = effects()
    for axis, score in zip(draw_effects(table, 0.05).axes, ("f1", "error_rate"), strict=True):
        expected = [table[f"{score}_{part}"] for part in ("effect", "low", "high")]
        np.testing.assert_allclose(drawn_effects(axis), expected)
        points = axis.containers[0][0]
        np.testing.assert_array_equal(points.get_ydata(), [0, 1, 2])
        assert any(np.all(np.asarray(line.get_xdata()) == 0) for line in axis.lines)  # no effect


def test_audit_names_differences_from_above_and_both_scores():
    left, right = draw_effects(effects(), 0.05).axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["pool", "hop", "L2"]
    assert list(left.get_yticks()) == [0, 1, 2] and left.yaxis_inverted()
    assert left.get_ylim() == right.get_ylim()
    assert "F1" in left.get_xlabel() and "error rate" in right.get_xlabel()
    for axis in (left, right):
        assert axis.get_xlabel().endswith("released minus described")


@pytest.mark.parametrize("seeds, words", [(1, "1 seed;"), (3, "3 seeds;")])
def test_audit_says_what_its_intervals_are_over(seeds, words):
    title = draw_effects(effects(seeds=seeds), 0.1).get_suptitle()
    assert title == f"{words} 90 % intervals over seeds and recordings"


def test_effect_without_an_interval_is_a_point_alone():
    table = effects()
    table.loc[1, ["f1_low", "f1_high"]] = np.nan
    left, right = draw_effects(table, 0.05).axes
    effect, low, high = drawn_effects(left)
    assert effect[1] == low[1] == high[1] == table["f1_effect"][1]
    assert (low < high).tolist() == [True, False, True]
    assert (drawn_effects(right)[1] < drawn_effects(right)[2]).all()


def test_audit_of_one_difference_and_of_many_can_be_drawn():
    assert len(draw_effects(effects(["hop"]), 0.05).axes) == 2
    many = draw_effects(effects([f"difference {number}" for number in range(20)]), 0.05)
    assert many.get_size_inches()[1] > 2 * draw_effects(effects(), 0.05).get_size_inches()[1]


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
    "fig6": lambda: draw_mask(history(["with mask", "without mask"], seeds=2)),
    "mask_study": lambda: draw_cells(cells("a", "b", "c")),
    "audit": lambda: draw_effects(effects(), 0.05),
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


ODD = ["$x", r"$\foo$", "_hidden", "{x}", "100 %", r"\alpha^2"]


@pytest.mark.filterwarnings("error")
def test_a_label_is_shown_as_it_is(tmp_path):
    figures = {
        "fig4": draw_training(history(ODD)),
        "fig5": draw_classwise(classwise(ODD[:2], ODD, epochs=2), 2),
        "fig6": draw_mask(history(ODD)),
        "audit": draw_effects(effects(ODD), 0.05),
        "dataset": draw_contents(contents("car", *ODD)),
    }
    for name, figure in figures.items():
        save_figure(figure, [tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"])
    assert legend_texts(figures["fig4"].axes[0].get_legend()) == ODD
    assert legend_texts(figures["fig5"].legends[0]) == ODD
    assert legend_texts(figures["fig6"].axes[0].get_legend()) == ODD
    assert [text.get_text() for text in figures["audit"].axes[0].get_yticklabels()] == ODD


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("length", [10, 20, 30, 79])
def test_long_names_have_room(length):
    names = [f"{letter} " + "name " * length for letter in "abcdefgh"]
    names = [name[:length] for name in names[:7]] + [length * "x"]
    for figure in (draw_classwise(classwise(names[:3], names, epochs=2), 2), draw_contents(contents(*names))):
        figure.draw_without_rendering()
        first = figure.axes[0]
        texts = [*figure.legends[0].get_texts(), first.yaxis.label, *first.get_yticklabels()]
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        assert all(figure.bbox.contains(*corner) for box in boxes for corner in box.get_points())
        assert first.bbox.width > 75 and first.bbox.height > 140
        assert set(names) <= {text.get_text().replace("\n", "") for text in texts}


def test_a_class_may_be_called_what_stands_for_no_number(tmp_path):
    (tmp_path / "mobilenet-seed_0").mkdir()
    file = tmp_path / "mobilenet-seed_0" / "classwise.csv"
    pd.DataFrame({"event_label": ["NA", "null", "1"], "epoch": 1, "f1": [0.5, np.nan, 1.0]}).to_csv(file, index=False)
    table = read_runs([file], [("YOHO", "mobilenet-seed_0")])
    assert table["event_label"].tolist() == ["NA", "null", "1"]
    np.testing.assert_equal(table["f1"].to_numpy(), [0.5, np.nan, 1.0])
    pd.DataFrame({"difference": ["nan", "2"]}).to_csv(file, index=False)
    assert read_table(file, sep=",")["difference"].tolist() == ["nan", "2"]


def test_drawing_leaves_the_style_of_others_alone():
    before = dict(plt.rcParams)
    draw_training(history())
    assert dict(plt.rcParams) == before


def test_table_is_left_alone():
    curves = classwise(epochs=3)
    before = curves.copy()
    draw_classwise(curves, 2)
    pd.testing.assert_frame_equal(curves, before)


# ---- the dataset -----------------------------------------------------------------------------------------------------


def contents(*event_labels):
    """A made-up table of the dataset's contents."""
    rng = np.random.default_rng(0)
    rows = [(label, split, *rng.integers(1, 50, 4)) for label in event_labels for split in ("train", "valid", "test")]
    columns = ["event_label", "split", "recordings", "groups", "clips", "hours"]
    table = pd.DataFrame(rows, columns=columns)
    whole = table[columns[2:]].sum()
    sums = [pd.DataFrame([["car", "all", *whole], ["overall", "train", *whole]], columns=columns)]
    return pd.concat([table, *sums, pd.DataFrame([["overall", "all", *whole]], columns=columns)])


def test_dataset_has_a_panel_per_count_and_a_bar_per_class_of_its_splits():
    table = contents("rain", "car", "dog")
    figure = draw_contents(table)
    parts = table[(table["event_label"] != "overall") & (table["split"] != "all")]
    for axis, count in zip(figure.axes, ("recordings", "groups", "clips", "hours"), strict=True):
        for bars, split in zip(axis.containers, ("train", "valid", "test"), strict=True):
            assert [bar.get_width() for bar in bars] == parts.loc[parts["split"] == split, count].to_list()
        ends = [bar.get_x() + bar.get_width() for bar in axis.containers[-1]]
        assert ends == parts.groupby("event_label", sort=False)[count].sum().to_list()
        total = table.loc[(table["event_label"] == "overall") & (table["split"] == "all"), count].item()
        assert axis.get_xlabel().startswith(count) and f"{total:g}" in axis.get_xlabel()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["rain", "car", "dog"]
    assert figure.axes[0].yaxis_inverted()
    assert legend_texts(figure.legends[0]) == ["train", "valid", "test"]


def test_figure_6_of_a_config_without_its_runs_says_which_key_is_empty(tmp_path):
    with pytest.raises(InputError, match="^studies.mask.runs: names no run"):
        draw_fig6([], [tmp_path / "fig6.png"], runs=[])
