"""Background: recordings of silence, noise and room tone, which hold no class.

They are synthesised from the same parts as built-in recordings, or are the user's own files in a folder.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.audio import write_audio
from yoho.recordings.listening import examine_recordings
from yoho.recordings.splits import BACKGROUND, assign_splits, grouped_files, join_groups
from yoho.recordings.synthesis.signals import Take, band, blend, harmonics, linear, log_uniform

STEP = 2.0**-15  # of 16-bit audio
# Last number of a seed: for the background of mixes, of the test of false alarms, and of the calibration of the ear.
MIXED, TESTED, CALIBRATED = 1, 2, 3


def silence(take, level):
    """Digital silence."""
    return np.zeros(take.samples)


def dither(take, level):
    """Silence in a 16-bit file with triangular dither: an eighth of the samples are one step up, an eighth one down."""
    return STEP * np.rint(take.rng.triangular(-1, 0, 1, take.samples))


def noise(slope_db, take, level):
    """Gaussian noise that falls by `slope_db` per octave from 20 Hz on, at `level` dBFS (RMS)."""
    return linear(level) * take.noise(band(20, np.inf, slope_db))


def room_tone(take, level):
    """A quiet room at `level` dBFS (RMS): mains hum with harmonics, and swelling noise that falls with frequency."""
    rng = take.rng
    low, high, turns = log_uniform(rng, [20, 1000, 0.05], [80, 16000, 0.5])
    air = take.noise(band(low, high, rng.uniform(-9, -3))) * linear(take.wander(turns, -6, 0))
    hum = take.tone(np.full(take.samples, rng.choice([50.0, 60.0])), harmonics(rng, 20, rng.uniform(-9, -3)))
    return blend([air, hum], [level, level + rng.uniform(-25, 5)])


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

    kind: a key of KINDS; duration: s; level: [quietest, loudest], dBFS (RMS), which silence and dither ignore;
    sample_rate: Hz.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.uniform(*level)
    return KINDS[kind](Take(rng, duration, sample_rate), chosen).clip(-1, 1).astype(np.float32)


def background_recordings(folder, spread, *, path, listening, splits, seed, **synthesis):
    """Table of recordings that hold no class: synthesised ones, and the user's own.

    path: folder of the user's own, which are used whole, or None; listening: settings of `examine_recordings` without
    `trim_db`; splits: {split: its share of each kind's recordings}; synthesis: settings of `synthesised_background`.
    Raises InputError if the user's own cannot be used or are too few for three splits.
    """
    recordings = synthesised_background(folder, spread, seed=seed, **synthesis)
    if path is not None:
        recordings = pd.concat([recordings, own_background(path, spread, listening)], ignore_index=True)
    kinds = recordings.assign(event_label="background/" + recordings["kind"])
    return assign_splits(kinds, splits, np.random.default_rng(seed)).assign(event_label=BACKGROUND)


def synthesised_background(folder, spread, *, per_kind, seed, **sound):
    """Synthesise `per_kind` recordings of each kind below `folder`; each is a group. sound: see `make_background`."""
    rows = [
        (kind, f"background/{kind}/{index:03d}", (seed, position, index, MIXED))
        for position, kind in enumerate(KINDS)
        for index in range(per_kind)
    ]
    table = pd.DataFrame(rows, columns=["kind", "recording", "seed"])
    table = table.assign(group=table["recording"], path=[str(Path(folder, f"{name}.flac")) for _, name, _ in rows])
    calls = [(path, kind, own_seed, sound) for path, (kind, _, own_seed) in zip(table["path"], rows)]
    lengths = list(spread(write_background, calls))
    return table.assign(duration=lengths, onset=0.0, offset=lengths, silences="").drop(columns="seed")


def write_background(path, kind, seed, sound):
    """Synthesise one recording of background; returns its length in seconds."""
    samples = make_background(kind, seed, **sound)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_audio(path, samples, sound["sample_rate"])
    return len(samples) / sound["sample_rate"]


def own_background(path, spread, listening):
    """The user's own recordings of background in a folder, grouped as the recordings of a class are."""
    table = pd.DataFrame(grouped_files(path), columns=["recording", "path", "group"]).assign(kind="own")
    if table.empty:
        raise InputError(f"{path}: holds no recordings of background; put some there or set `path: null`")
    table[["recording", "group"]] = "background/own/" + table[["recording", "group"]]
    # Nothing counts as near-silent, because the quiet parts of background are background.
    return join_groups(examine_recordings(table, spread, trim_db=np.inf, **listening), ["sha256"])
