"""Background: recordings of silence, noise and room tone, in which no class sounds.

They are made of the same parts as built-in recordings; the user's own lie in a folder.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.audio import write_audio
from yoho.recordings.folder import files_of
from yoho.recordings.listening import listen
from yoho.recordings.splits import BACKGROUND, assign_splits, join_groups
from yoho.recordings.synthesis.signals import Take, band, harmonics, linear, log_uniform, mix

STEP = 2.0**-15  # of 16-bit audio
MIXED, TESTED = 1, 2  # end of a seed: background of mixes, background that false alarms are counted in


def silence(take, level):
    """Digital silence."""
    return np.zeros(take.samples)


def dither(take, level):
    """Silence as a 16-bit file with triangular dither holds it: an eighth of the samples each a step up and down."""
    return STEP * np.rint(take.rng.triangular(-1, 0, 1, take.samples))


def noise(slope_db, take, level):
    """Gaussian noise that falls by `slope_db` per octave from 20 Hz on, at `level` dBFS (RMS)."""
    return linear(level) * take.noise(band(20, np.inf, slope_db))


def room_tone(take, level):
    """A quiet room, at `level` dBFS (RMS): hum of the mains with harmonics, and noise that falls and slowly swells."""
    rng = take.rng
    low, high, turns = log_uniform(rng, [20, 1000, 0.05], [80, 16000, 0.5])
    air = take.noise(band(low, high, rng.uniform(-9, -3))) * linear(take.wander(turns, -6, 0))
    hum = take.tone(np.full(take.samples, rng.choice([50.0, 60.0])), harmonics(rng, 20, rng.uniform(-9, -3)))
    return mix([air, hum], [level, level + rng.uniform(-25, 5)])


KINDS = {
    "silence": silence,
    "dither": dither,
    "white": partial(noise, 0.0),
    "pink": partial(noise, -10 * np.log10(2)),
    "brown": partial(noise, -20 * np.log10(2)),
    "room": room_tone,
}


def make_background(kind, seed, duration, level, sample_rate):
    """One recording of a kind of background, (samples,) float32 in [-1, 1]; equal seeds give equal samples.

    kind: a key of KINDS; seed: of every draw; duration: s; level: [quietest, loudest], dBFS (RMS), of which silence
    takes no notice; sample_rate: Hz.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.uniform(*level)
    return KINDS[kind](Take(rng, duration, sample_rate), chosen).clip(-1, 1).astype(np.float32)


# ---- recordings ------------------------------------------------------------------------------------------------------


def background_recordings(folder, spread, *, per_kind, duration, level, sample_rate, path, listening, splits, seed):
    """Recordings in which no class sounds, with every column of COLUMNS: `per_kind` of each of KINDS,
    written below `folder` as FLAC, and the user's own, the files of the folder `path` (None: none), used whole.

    duration: of each that is made, s; level: [quietest, loudest], dBFS; listening: as of `listen`, without `trim_db`;
    splits: share of each kind's recordings. Each that is made is its own group; groups of the user's are those of
    `folder_recordings`. Raises InputError where the user's own cannot be used or are too few for three splits.
    """
    rows = [
        (kind, f"background/{kind}/{index:03d}", (seed, position, index, MIXED))
        for position, kind in enumerate(KINDS)
        for index in range(per_kind)
    ]
    made = pd.DataFrame(rows, columns=["kind", "recording", "seed"])
    made = made.assign(group=made["recording"], path=[str(Path(folder, f"{name}.flac")) for name in made["recording"]])
    calls = zip(made["kind"], made["seed"], made["path"])
    lengths = list(spread(write_background, [(*call, duration, level, sample_rate) for call in calls]))
    made = made.assign(duration=lengths, onset=0.0, offset=lengths, silences="").drop(columns="seed")
    if path is not None:
        own = pd.DataFrame(files_of(path), columns=["recording", "path", "group"]).assign(kind="own")
        if own.empty:
            raise InputError(f"{path}: holds no recordings of background; put some there or set `path: null`")
        own[["recording", "group"]] = "background/own/" + own[["recording", "group"]]
        # Nothing counts as near-silent: the quiet end of a background is background.
        own = join_groups(listen(own, spread, trim_db=np.inf, **listening), ["sha256"])
        made = pd.concat([made, own], ignore_index=True)
    kinds = made.assign(event_label="background/" + made["kind"])
    return assign_splits(kinds, splits, np.random.default_rng(seed)).assign(event_label=BACKGROUND)


def write_background(kind, seed, path, duration, level, sample_rate):
    """Make one recording of background; returns its length in seconds."""
    samples = make_background(kind, seed, duration, level, sample_rate)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, samples, sample_rate)
    return len(samples) / sample_rate
