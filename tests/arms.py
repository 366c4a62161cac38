"""Made-up arms with known scores, losses and learning curves, and the evidence and the records that they make."""

import numpy as np
import pandas as pd

from yoho.claims.measures import Arm
from yoho.claims.verdicts import Evidence
from yoho.scoring.records import KEYS, Record
from yoho.scoring.tallies import OVERALL, kinds

CLASSES = ["rainforest", "car", "clocks"]
PER_CLASS = 8
STRATA = np.repeat(CLASSES, PER_CLASS)
BINS = 9
STUDENT = np.array([0.002, -0.001, 0.001, -0.003, 0.001])  # negligible deviations of five seeds
COLLARS = [0.1, 0.2, 0.5, 1.0]
KINDS = kinds(COLLARS)
REFERENCES = KINDS.index("references")
EXPOSURE = {"windows_seen": 60_000, "mixes": 680, "recordings": 600}

SIZES = pd.DataFrame(
    [
        ("mobilenet", "none", "multiply", 3_934_290, 83_286_272, 60.0),
        ("mobilenet", "backbone", "multiply", 1, 1, 1.0),
        ("vggish", "none", "multiply", 14_000_000, 860_000_000, 1.0),
        ("vggish_linear", "none", "multiply", 15_271_570, 870_000_000, 1.0),
        ("efficientnet", "none", "multiply", 1, 1, 1.0),
        ("efficientnet", "backbone", "multiply", 4_984_530, 80_000_000, 22.5),
        ("efficientnet", "backbone", "multiply_and_divide", 1, 1, 1.0),
    ],
    columns=["backbone", "mask", "masking", "parameters", "multiply_accumulates", "released_penalty"],
)
NETWORKS = {
    "baseline": ["mobilenet", "none", "multiply"],
    "vggish": ["vggish", "none", "multiply"],
    "vggish_released": ["vggish_linear", "none", "multiply"],
    "proposed": ["efficientnet", "backbone", "multiply"],
    "unmasked": ["efficientnet", "none", "multiply"],
}


def curve(top=0.8, gain=0.0, epochs=20):
    """A history whose F1 ends at `top` and gains `gain` with every doubling of the windows seen.

    Its area is `top` if it gains nothing. The learning rate falls after three quarters of the epochs.
    """
    epoch = np.arange(1, epochs + 1)
    f1 = top + gain * np.log2(epoch / epochs)
    rates = np.where(epoch <= 0.75 * epochs, 0.001, 0.0001)
    return pd.DataFrame({"epoch": epoch, "windows_seen": 3000 * epoch, "learning_rate": rates, "f1": f1})


TRAINED = curve()


def make_arm(label="YOHO", f1=0.8, by_seed=STUDENT, by_recording=0.0, draw=0, **others):
    """Networks with known scores.

    f1: recall of each class, (classes,), or one number for all; by_seed (seeds,) and by_recording (recordings,) are
    added to it, and so are effects of seeds and recordings that all arms of one `draw` share. others: guessed, the
    predicted seconds of a class as a share of its true ones, (classes,); if it is 1, then F1, precision and recall are
    equal. loss and regression: data loss per bin and the part of it due to starts and ends; onset and offset: mean
    errors of matched events in ms; matched: share of events that are matched; each a number or (seeds,). curves: a
    history per seed.
    """
    rng, seeds, recordings = np.random.default_rng(draw), len(by_seed), len(STRATA)
    place, guessed = np.array([CLASSES.index(name) for name in STRATA]), others.get("guessed", 1.0)
    references = rng.integers(20, 60, recordings).astype(float)
    share = np.broadcast_to(f1, 3)[place] + rng.normal(0, 0.03, recordings) + by_recording
    share = share + rng.normal(0, 0.02, (seeds, 1)) + np.asarray(by_seed)[:, None]
    true_positives, predictions = references * share.clip(0, 1), references * np.broadcast_to(guessed, 3)[place]
    counts = np.zeros((seeds, recordings, 4, len(KINDS)))

    def put(kind, values, columns=(0,)):
        for column in columns:
            counts[:, np.arange(recordings), column, KINDS.index(kind)] = values

    def of_seeds(key, usual):
        return np.broadcast_to(others.get(key, usual), seeds)[:, None]

    for kind, values in [("true_positives", true_positives), ("references", references), ("predictions", predictions)]:
        put(kind, values, (0, 1 + place))
    put("errors", np.maximum(references, predictions) - true_positives)
    noise, bins, loss = rng.uniform(0.8, 1.2, recordings), 10 * references, of_seeds("loss", 1.0)
    regression = of_seeds("regression", 0.25 * loss[:, 0])
    put("bins", bins)
    put("regression_loss", regression * bins * noise)
    put("presence_loss", (loss - regression) * bins * noise)
    matches = of_seeds("matched", 1.0) * references / 10
    for kind in ("event_references", "event_predictions"):
        put(kind, references / 10)
    put("matches", matches)
    put("onset_error", of_seeds("onset", 100.0) / 1000 * matches * noise)
    put("offset_error", of_seeds("offset", 200.0) / 1000 * matches * noise)
    for collar in COLLARS:
        put(f"hits_{collar:g}", matches * collar * noise / 2)
    curves = others.get("curves", [TRAINED] * seeds)
    numbers = list(range(seeds))
    return Arm(label, numbers, counts, STRATA, CLASSES, curves, KINDS, EXPOSURE, numbers)


def nobody(label="VGGish"):
    """An arm of which no network has been trained yet."""
    return Arm.from_records(label, {})


def cell(label="lr 0.001", masked=None, plain=None, **settings):
    """A cell of the mask study."""
    return label, make_arm("mask", **settings) if masked is None else masked, plain or make_arm("none")


def given(arms=None, cells=(), sizes=SIZES, networks=NETWORKS, source="bbc", speeds=None):
    """Evidence, of which a test names what matters to it."""
    return Evidence(arms or {}, list(cells), sizes, networks, source, BINS, speeds)


def evidence(seeds=5):
    """Networks as the paper describes them: all claims but C7 hold."""
    settings = {"by_seed": np.zeros(seeds) if seeds == 1 else STUDENT[:seeds]}
    classes = {"f1": [0.85, 0.8, 0.8], "guessed": [1, 1.1, 1]}
    better = {"f1": [0.852, 0.803, 0.803], "guessed": [1, 1.1, 1], "loss": np.full(seeds, 0.8) + STUDENT[:seeds]}
    better |= {"onset": np.full(seeds, 80) + 100 * STUDENT[:seeds], "offset": np.full(seeds, 150.0)}
    worse = {"f1": [0.65, 0.6, 0.6], "guessed": [1, 1.1, 1]}
    # Better by an amount that differs from seed to seed, so that no interval is a point.
    unmasked = better | {"f1": [0.853, 0.803, 0.803]}
    arms = {
        "baseline": make_arm("YOHO", **classes, by_seed=np.zeros(seeds), loss=np.full(seeds, 1.0)),
        "vggish": make_arm("VGGish", **worse, **settings),
        "vggish_released": make_arm("VGGish as released", **worse, **settings),
        "proposed": make_arm("EfficientNet + mask", **better, **settings),
        "unmasked": make_arm("EfficientNet", **unmasked, **settings),
    }
    cells = [
        cell(f"mask {place}", make_arm(place, **settings), make_arm("none", by_seed=np.zeros(seeds)))
        for place in ("middle", "head")
    ]
    return given(arms, cells)


def verdict_of_each(table):
    """{claim: the verdict on it}."""
    return table.groupby("claim", sort=False)["claim_verdict"].first().to_dict()


# ---- records ---------------------------------------------------------------------------------------------------------


def tables_of(arm, rng=None):
    """The tables of an arm's tallies, one for each seed; with their rows in random order if `rng` is given."""
    names = [f"{label}-{number}" for number, label in enumerate(arm.strata)]
    for counts in arm.tallies:
        index = pd.MultiIndex.from_product([names, [OVERALL, *CLASSES]], names=["recording", "event_label"])
        table = pd.DataFrame(counts.reshape(-1, len(KINDS)), index, KINDS).reset_index()
        table.insert(1, "recording_label", table["recording"].str.partition("-")[0])
        table = table[[*KEYS, *KINDS]]
        yield table if rng is None else table.iloc[rng.permutation(len(table))].reset_index(drop=True)


def about(test="test", seed=0, **others):
    """What a record says about its run."""
    exposure = EXPOSURE | {"anew": True}
    settings = {"run": {"training": {"tested_epoch": "last"}, "seed": seed}}
    run = {"run": "run", "settings": settings, "exposure": exposure, "commit": "e66c201", "processor": "AMD EPYC"}
    times = {"started": "2030-01-01T20:00Z", "finished": "2030-01-02T03:04Z"}
    return run | {"epoch": 20, "precision": "float32", "test": test} | times | others


def records_of(arm, **others):
    """The records of an arm, {seed: Record}."""
    tables = zip(arm.seeds, arm.histories, tables_of(arm))
    return {seed: Record(about(seed=seed, **others), history, table) for seed, history, table in tables}
