"""Sounds that move past a microphone."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import map_coordinates

from yoho.recordings.synthesis.filters import air, filtered
from yoho.recordings.synthesis.signals import Sound, Take

SOUND_SPEED = 343.0  # m/s, in air of 20 °C


def delayed(source: np.ndarray, emitted: np.ndarray, sample_rate: float) -> np.ndarray:
    """A sound as it is heard if each sample was emitted at the time `emitted`, (samples,). Returns (samples,)."""
    return map_coordinates(source, emitted[None] * sample_rate, np.float32, order=3)


def course(time: np.ndarray, distance: float, speed: float, closest: float) -> tuple[np.ndarray, np.ndarray]:
    """When the sound that arrives at each `time` left a source on a straight line, and how far it went; (samples,).

    Solves c (time - emitted) = way(emitted), with way**2 = distance**2 + (speed (emitted - closest))**2. Ahead of the
    source, this raises the pitch by the factor 1 / (1 - speed / c).
    """
    since = time - closest
    spread = SOUND_SPEED**2 - speed**2
    root = np.sqrt((SOUND_SPEED * speed * since) ** 2 + spread * distance**2)
    emitted = (SOUND_SPEED**2 * since - root) / spread
    return emitted + closest, np.hypot(distance, speed * emitted)


def pass_by(take: Take, build: Sound, distance: float, speed: float, closest: float) -> np.ndarray:
    """A source that drives or flies past: Doppler shift, 1/r gain, and the absorption of highs by the air. (samples,)

    build: makes the source's own sound; distance: of the closest point, at which the gain is 1; speed: below that of
    sound, m/s; closest: the time at that point, which may be outside the recording.
    """
    emitted, way = course(take.time, distance, speed, closest)
    emitted -= emitted[0]
    near = delayed(build(replace(take, duration=emitted[-1] + 0.01)), emitted, take.sample_rate)
    far = filtered(near, take.sample_rate, air(way.max() - distance))
    share = (way - distance) / (way.max() - distance)
    return ((1 - share) * near + share * far) * (distance / way)
