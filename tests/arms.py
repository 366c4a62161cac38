"""Made-up arms with known scores, losses and learning curves, and the evidence that they make."""

import numpy as np
import pandas as pd

from yoho.claims.measures import Arm
from yoho.claims.verdicts import Evidence
from yoho.scoring.tallies import KINDS

CLASSES = ["rainforest", "car", "clocks"]
PER_CLASS = 8
STRATA = np.repeat(CLASSES, PER_CLASS)
BINS = 9
STUDENT = np.array([0.002, -0.001, 0.001, -0.003, 0.001])  # negligible deviations of five seeds
LOSS, NUMBER_OF_BINS = KINDS.index("data_loss"), KINDS.index("bins")
REFERENCES = 1  # the order of KINDS begins with true positives, references, predictions, errors

SIZES = pd.DataFrame(
    [
        ("mobilenet", "none", "multiply", 3_934_290),
        ("mobilenet", "backbone", "multiply", 1),
        ("vggish", "none", "multiply", 14_000_000),
        ("vggish_linear", "none", "multiply", 15_271_570),
        ("efficientnet", "none", "multiply", 1),
        ("efficientnet", "backbone", "multiply", 4_984_530),
        ("efficientnet", "backbone", "multiply_and_divide", 1),
    ],
    columns=["backbone", "mask", "masking", "parameters"],
)
NETWORKS = {
    "baseline": ["mobilenet", "none", "multiply"],
    "vggish": ["vggish", "none", "multiply"],
    "proposed": ["efficientnet", "backbone", "multiply"],
}


def curve(top=0.8, reached=4, epochs=20, rise=0.0, penalty=10.0):
    """A history that jumps to F1 `top` at epoch `reached` and rises by `rise` over its last quarter.

    `penalty` is that of its best epoch, the first with the highest F1; the other epochs have another penalty.
    """
    f1 = np.where(np.arange(1, epochs + 1) < reached, 0.1 * top, top)
    f1[-epochs // 4 :] += np.linspace(0, rise, epochs // 4)
    penalties = np.full(epochs, 99.0)
    penalties[f1.argmax()] = penalty
    return pd.DataFrame({"f1": f1, "valid_data_loss": 1.0, "valid_penalty": penalties})


TRAINED = curve()


def curves_with_penalties(*penalties):
    return [curve(penalty=penalty) for penalty in penalties]


def make_arm(label="YOHO", f1=0.8, by_seed=STUDENT, by_recording=0.0, draw=0, guessed=1.0, loss=1.0, curves=None):
    """Networks with known scores.

    f1: recall of each class, (classes,), or one number for all; by_seed (seeds,) and by_recording (recordings,) are
    added to it, and so are effects of seeds and recordings that all arms of one `draw` share. guessed: predicted
    seconds of a class as a share of its true ones, (classes,); if it is 1, then F1, precision and recall are equal.
    loss: per bin, a number or (seeds,). curves: a history per seed.
    """
    rng, seeds, recordings = np.random.default_rng(draw), len(by_seed), len(STRATA)
    place = np.array([CLASSES.index(name) for name in STRATA])
    references = rng.integers(20, 60, recordings).astype(float)
    share = np.broadcast_to(f1, 3)[place] + rng.normal(0, 0.03, recordings) + by_recording
    share = share + rng.normal(0, 0.02, (seeds, 1)) + np.asarray(by_seed)[:, None]
    true_positives, predictions = references * share.clip(0, 1), references * np.broadcast_to(guessed, 3)[place]
    errors = np.maximum(references, predictions) - true_positives
    counts = np.zeros((seeds, recordings, 4, len(KINDS)))
    for kind, values in enumerate([true_positives, references, predictions, errors]):
        for column in (0, 1 + place):
            counts[:, np.arange(recordings), column, kind] = values
    counts[..., NUMBER_OF_BINS] = 10 * references[:, None]
    noise = rng.uniform(0.8, 1.2, recordings)
    counts[..., 0, LOSS] = np.broadcast_to(loss, seeds)[:, None] * 10 * references * noise
    return Arm(label, counts, STRATA, CLASSES, [TRAINED] * seeds if curves is None else curves)


def cell(label="lr 0.001", masked=None, plain=None, **settings):
    """A cell of the mask study."""
    return label, make_arm("mask", **settings) if masked is None else masked, plain or make_arm("none")


def given(arms=None, cells=(), sizes=SIZES, networks=NETWORKS, source="bbc"):
    """Evidence, of which a test names what matters to it."""
    return Evidence(arms or {}, list(cells), sizes, networks, source, BINS)


def evidence(seeds=5):
    """Networks as the paper describes them: all claims but C7 hold."""
    settings = {"by_seed": np.zeros(seeds) if seeds == 1 else STUDENT[:seeds]}
    classes = {"f1": [0.85, 0.8, 0.8], "guessed": [1, 1.1, 1]}
    better = {"f1": [0.852, 0.803, 0.803], "guessed": [1, 1.1, 1]}
    loss = np.full(seeds, 0.8) + STUDENT[:seeds]
    high, low = (curves_with_penalties(*np.linspace(*ends, seeds)) for ends in ((70, 72), (21, 22)))
    arms = {
        "baseline": make_arm("YOHO", **classes, **settings),
        "vggish": make_arm("VGGish", f1=[0.65, 0.6, 0.6], guessed=[1, 1.1, 1], **settings),
        "proposed": make_arm("EfficientNet + mask", **better, **settings, loss=loss),
        "unmasked": make_arm("EfficientNet", **better, **settings, loss=loss),
        "penalised_baseline": make_arm("YOHO with L2", **settings, curves=high),
        "penalised_proposed": make_arm("EfficientNet with L2", **settings, curves=low),
    }
    return given(arms, [cell("mask head", make_arm("head", **settings), make_arm("none", **settings))])


def verdict_of_each(table):
    """{claim: the verdict on it}."""
    return table.groupby("claim", sort=False)["claim_verdict"].first().to_dict()
