"""The head that listens for words, on small maps that are made for each test."""

import pytest
import torch
from torch.nn import functional

from yoho.networks.conditioned import Asked, Conditioned
from yoho.windows.loss import data_loss

CHANNELS, NUMBERS, BINS = 8, 16, 3


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def unit(count):
    """Vectors of length 1, (count, NUMBERS)."""
    return functional.normalize(torch.randn(count, NUMBERS), dim=1)


def maps(batch=5, bands=2):
    return torch.rand(batch, CHANNELS, BINS, bands)


def test_outputs_of_each_query_are_fractions():
    outputs = Conditioned(CHANNELS, NUMBERS)(maps().half(), unit(4))
    assert outputs.shape == (5, BINS, 4, 3)
    assert outputs.dtype == torch.float32
    assert ((outputs > 0) & (outputs < 1)).all()


def test_a_query_gets_the_same_outputs_wherever_it_stands():
    head, vectors, sounds = Conditioned(CHANNELS, NUMBERS), unit(4), maps()
    order = [2, 0, 3, 1]
    torch.testing.assert_close(head(sounds, vectors[order]), head(sounds, vectors)[:, :, order])
    torch.testing.assert_close(head(sounds, vectors[2:3]), head(sounds, vectors)[:, :, 2:3])


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_output_learns_from_the_maps_and_from_the_query(part):
    sounds, vectors = maps().requires_grad_(), unit(4).requires_grad_()
    Conditioned(CHANNELS, NUMBERS)(sounds, vectors)[..., part].sum().backward()
    assert (sounds.grad.abs().amax(dim=(1, 2, 3)) > 0).all()
    assert (vectors.grad.abs().amax(dim=1) > 0).all()


def test_head_learns_two_queries_and_answers_a_phrasing_that_it_never_saw():
    """The first two channels are two sounds with three phrasings each. One sound starts early in its bins, one late."""
    centres = unit(2)
    phrasings = functional.normalize(centres[:, None] + 0.05 * torch.randn(2, 3, NUMBERS), dim=2)
    present = torch.rand(32, BINS, 2) < 0.5
    sounds = 0.1 * torch.rand(32, CHANNELS, BINS, 2)
    sounds[:, :2] += present.transpose(1, 2)[..., None]
    sounding = torch.tensor([[1, 0.2, 1], [1, 0.6, 1]])  # targets of the two
    targets = (sounding * present[..., None]).flatten(2)
    head = Conditioned(CHANNELS, NUMBERS)
    learner = Asked(head, list(phrasings[:, :2]))
    optimiser = torch.optim.Adam(learner.parameters(), lr=0.03)
    for _ in range(60):
        optimiser.zero_grad()
        data_loss(learner(sounds), targets).mean().backward()
        optimiser.step()
    with torch.inference_mode():
        outputs = head(sounds, phrasings[:, 2])
    assert ((outputs[..., 0] > 0.5) == present).all()
    early, late = (outputs[:, :, sound, 1][present[:, :, sound]] for sound in (0, 1))
    assert early.max() < 0.4 < late.min()


def test_training_draws_phrasings_from_the_generator_and_scoring_takes_the_first():
    learner, sounds = Asked(Conditioned(CHANNELS, NUMBERS), [unit(20), unit(20)]), maps()
    first, second = learner(sounds), learner(sounds)
    torch.manual_seed(1)
    third = learner(sounds)
    torch.manual_seed(1)
    torch.testing.assert_close(learner(sounds), third, atol=0, rtol=0)
    assert not torch.equal(first, second)
    learner.eval()
    own = torch.stack([each[0] for each in learner.phrasings])
    torch.testing.assert_close(learner(sounds), learner.head(sounds, own).flatten(2), atol=0, rtol=0)


def test_head_starts_with_the_logits_of_a_classifier():
    """As many numbers as classes leave the regression no error, except for what its penalty costs."""
    head, vectors = Conditioned(CHANNELS, NUMBERS), unit(6)
    weights, bias, sounds = torch.randn(6, CHANNELS), torch.randn(6), maps()
    head.start_from(weights, bias, vectors, ridge=1e-6)
    wanted = torch.einsum("kc,bct->btk", weights, sounds.mean(dim=3)) + bias
    torch.testing.assert_close(head(sounds, vectors)[..., 0].logit(), wanted, atol=1e-2, rtol=0)
