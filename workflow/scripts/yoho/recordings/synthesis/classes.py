"""Built-in recordings of six classes of field sound, each synthesised by a model of how it arises.

A recording is a sound (one of `GENERATORS`) as a field recorder captures it (`record`: distance, reverberation,
surroundings, microphone, automatic gain). Every parameter of both is drawn for each recording. The recorder is drawn in
the same way for all classes and the level is set last, so that neither the loudness, nor the length, nor the mean of
any one frequency band reveals the class.

In this package audio is mono, `(samples,)`. Times are in seconds, frequencies in Hz, distances in m, and gains in dB if
a name ends in `_db` and linear otherwise. All randomness comes from the numpy Generator that the caller passes.
"""

import numpy as np
from numpy.random import Generator

from yoho.recordings.synthesis.aircraft import aircraft
from yoho.recordings.synthesis.car import car
from yoho.recordings.synthesis.clocks import clocks
from yoho.recordings.synthesis.crowds import crowds
from yoho.recordings.synthesis.footsteps import footsteps
from yoho.recordings.synthesis.rainforest import rainforest
from yoho.recordings.synthesis.recorder import record
from yoho.recordings.synthesis.signals import Sound, Take, log_uniform

GENERATORS: dict[str, Sound] = {
    "rainforest": rainforest,
    "car": car,
    "crowds": crowds,
    "footsteps": footsteps,
    "clocks": clocks,
    "aircraft": aircraft,
}
CLASSES = tuple(GENERATORS)


def synthesise(
    event_label: str,
    rng: Generator,
    *,
    duration: tuple[float, float],
    level: tuple[float, float],
    snr: tuple[float, float],
    sample_rate: int,
) -> np.ndarray:
    """One recording of a class, mono float32 in [-1, 1], (samples,).

    event_label: one of `CLASSES`; duration: range of its length, s, 2 or more (drawn log-uniformly); level: range of
    its RMS, dBFS (drawn uniformly); snr: range of its power over that of its surroundings, dB (drawn uniformly).
    Levels up to -14 are reached within 0.5 dB by limiting peaks, without clipping. Equal states of `rng` give equal
    samples. Raises ValueError for an unknown class.
    """
    if event_label not in GENERATORS:
        raise ValueError(f"no built-in sound for {event_label!r}: choose from {', '.join(GENERATORS)}")
    take = Take(rng, log_uniform(rng, *duration), sample_rate)
    return record(take, GENERATORS[event_label](take), rng.uniform(*snr), rng.uniform(*level)).astype(np.float32)
