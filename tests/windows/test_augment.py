"""SpecAugment: the width, number, place and fill of stripes, and which windows share a draw."""

import pytest
import torch

from yoho.windows.augment import spec_augment, stripes

FRAMES, BANDS, FILL = 257, 40, -33.25
PAPER = {"draw": "window", "frequency_stripes": 1, "frequency_width": 8, "time_stripes": 2, "time_width": 25}
NONE = {"frequency_stripes": 0, "frequency_width": 8, "time_stripes": 0, "time_width": 25}


def random_windows(batch, frames=FRAMES, bands=BANDS):
    return torch.rand((batch, frames, bands), generator=torch.Generator().manual_seed(99)) * 60 - 30


def augmented(batch=64, seed=0, **changes):
    """(windows, their augmented copies, which values are hidden)."""
    windows = random_windows(batch)
    copies = spec_augment(windows, generator=torch.Generator().manual_seed(seed), **{"fill": FILL} | PAPER | changes)
    return windows, copies, copies != windows


def widths(hidden):
    """Widths of the runs of True in a vector."""
    edges = torch.diff(torch.nn.functional.pad(hidden.int(), (1, 1)))
    return (torch.nonzero(edges == -1) - torch.nonzero(edges == 1)).flatten().tolist()


@pytest.mark.parametrize("draw", ["window", "batch"])
@pytest.mark.parametrize("fill", [FILL, 0])
def test_hidden_values_are_the_fill_and_all_others_are_untouched(draw, fill):
    windows, copies, hidden = augmented(draw=draw, fill=fill)
    assert copies.shape == windows.shape and copies.dtype == windows.dtype
    assert (copies[hidden] == fill).all() and torch.equal(copies[~hidden], windows[~hidden])
    assert hidden.any() and not hidden.all()


def test_stripes_are_whole_bands_and_whole_frames():
    _, _, hidden = augmented()
    frames, bands = hidden.all(dim=2), hidden.all(dim=1)
    assert torch.equal(hidden, frames[:, :, None] | bands[:, None, :])


@pytest.mark.parametrize("frequency_stripes, time_stripes", [(1, 2), (1, 0), (0, 1), (3, 3)])
def test_count_and_width_of_stripes_stay_within_bounds_and_use_them(frequency_stripes, time_stripes):
    _, _, hidden = augmented(400, frequency_stripes=frequency_stripes, time_stripes=time_stripes)
    for axis, count, widest in ((1, frequency_stripes, 8), (2, time_stripes, 25)):
        runs = [widths(example) for example in hidden.all(dim=axis)]
        assert max(len(own) for own in runs) == count
        assert max((sum(own) for own in runs), default=0) <= count * widest
        if count == 1:
            found = {width for own in runs for width in own}
            assert found == set(range(1, widest + 1))
            assert any(not own for own in runs)  # A stripe may be 0 wide.


def test_stripes_lie_anywhere_within_the_window_including_its_edges():
    hidden = stripes(4000, 1, 8, BANDS, torch.Generator().manual_seed(0), device="cpu")
    shares = hidden.float().mean(dim=0)
    assert shares.min() > 0 and hidden[:, 0].any() and hidden[:, -1].any()
    middle = shares[8:-8]
    assert middle.max() < 1.6 * middle.min()
    assert max(width for own in hidden for width in widths(own)) == 8


def test_each_example_has_draws_of_its_own():
    _, _, hidden = augmented(64)
    patterns = {tuple(example.flatten().tolist()) for example in hidden}
    assert len(patterns) > 55


def test_examples_of_a_batch_share_one_draw_as_released():
    _, _, hidden = augmented(64, draw="batch")
    assert hidden.any() and torch.equal(hidden, hidden[:1].expand_as(hidden))
    assert not torch.equal(augmented(1, seed=1, draw="batch")[2], augmented(1, seed=2, draw="batch")[2])


def test_shared_draw_does_not_depend_on_the_size_of_the_batch():
    assert torch.equal(augmented(1, draw="batch")[2], augmented(64, draw="batch")[2][:1])
    assert torch.equal(augmented(1, draw="batch")[2], augmented(1, draw="window")[2])


def test_shared_stripes_use_their_bounds_batch_by_batch():
    """Over many batches, one stripe is 0 to 8 bands wide and two are 0 to 25 frames wide."""
    generator, windows = torch.Generator().manual_seed(0), random_windows(2)
    hidden = [spec_augment(windows, FILL, generator, **PAPER | {"draw": "batch"})[0] == FILL for _ in range(300)]
    bands = [widths(own.all(dim=0)) for own in hidden]
    stretches = [widths(own.all(dim=1)) for own in hidden]
    assert {sum(own) for own in bands} == set(range(9)) and max(len(own) for own in bands) == 1
    assert max(len(own) for own in stretches) == 2 and 40 < max(sum(own) for own in stretches) <= 50


def test_stripes_of_one_example_are_drawn_separately():
    """Two stripes of frames are often apart, which one draw could not give."""
    _, _, hidden = augmented(200, frequency_stripes=0)
    assert sum(len(widths(example)) == 2 for example in hidden.all(dim=2)) > 100


def test_same_state_gives_the_same_stripes_and_the_next_batch_gets_others():
    assert torch.equal(augmented(seed=5)[1], augmented(seed=5)[1])
    assert not torch.equal(augmented(seed=5)[1], augmented(seed=6)[1])
    windows, generator = random_windows(8), torch.Generator().manual_seed(5)
    first, second = (spec_augment(windows, FILL, generator, **PAPER) for _ in range(2))
    assert not torch.equal(first, second)


def test_stripes_are_not_drawn_from_the_global_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    augmented()
    assert torch.equal(torch.get_rng_state(), before)


def test_input_is_not_changed():
    windows = random_windows(8)
    before = windows.clone()
    spec_augment(windows, FILL, torch.Generator().manual_seed(0), **PAPER)
    assert torch.equal(windows, before)


@pytest.mark.parametrize("changes", [NONE, {"frequency_width": 0, "time_width": 0}])
def test_no_stripes_and_stripes_of_no_width_change_nothing(changes):
    windows, copies, _ = augmented(**changes)
    assert torch.equal(copies, windows)


def test_stripes_wider_than_the_window_hide_all_of_it_at_most():
    windows = random_windows(50, 20, 10)
    settings = {"draw": "window", "frequency_stripes": 1, "frequency_width": 30, "time_stripes": 1, "time_width": 60}
    copies = spec_augment(windows, FILL, torch.Generator().manual_seed(0), **settings)
    assert copies.shape == windows.shape and ((copies == windows) | (copies == FILL)).all()


def test_fill_may_be_a_tensor_and_the_type_is_kept():
    windows = random_windows(4)
    found = spec_augment(windows, torch.tensor(FILL), torch.Generator().manual_seed(0), **PAPER)
    assert found.dtype == torch.float32
    assert torch.equal(found, spec_augment(windows, FILL, torch.Generator().manual_seed(0), **PAPER))
