"""Built-in recordings: six classes of field sound, each built after how it arises.

A recording is a source (one of `GENERATORS`: rain and animals, engines on wheels, talkers, feet, escapements, engines
in the air) as a recorder hears it (`record`: distance, reverberation, background, microphone, automatic gain). Every
parameter of both is drawn per recording. The recorder is drawn alike for all classes and the level is set last, so
that neither loudness, nor length, nor the mean of any one frequency band tells the class.

Audio is mono, `(samples,)`. Times are in seconds, frequencies in Hz, distances in m, gains in dB where a name ends in
`_db` and linear elsewhere. All randomness comes from the numpy Generator that the caller passes.
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
from yoho.recordings.synthesis.signals import Source, Take, log_uniform

GENERATORS: dict[str, Source] = {
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
    duration: tuple[float, float],
    level: tuple[float, float],
    snr: tuple[float, float],
    sample_rate: int,
) -> np.ndarray:
    """One recording of a class, mono float32 in [-1, 1], (samples,).

    event_label: one of `CLASSES`; duration: range of its length, s, 2 or more (drawn log-uniform); level: range of its
    RMS, dBFS (drawn uniform; up to -14 it is reached within 0.5 dB, by limiting peaks and never by clipping); snr:
    range of its power over the background's, dB (drawn uniform); sample_rate: Hz. Equal states of `rng` give equal
    samples. Raises ValueError for an unknown class.
    """
    if event_label not in GENERATORS:
        raise ValueError(f"no built-in sound for {event_label!r}: choose from {', '.join(GENERATORS)}")
    take = Take(rng, log_uniform(rng, *duration), sample_rate)
    return record(take, GENERATORS[event_label](take), rng.uniform(*snr), rng.uniform(*level)).astype(np.float32)
