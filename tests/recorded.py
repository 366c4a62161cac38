"""Recordings that several test files use."""

import numpy as np

from places import SHARED

LISTENING = {"bad": "stop", "trim_db": 40, "shortest": 1, "sample_rate": 44100}
UNPACKED = {"most": 10**8, "ratio": 1000}
ESC10 = SHARED / "data" / "esc10"


def sound(rate, channels):
    """Half a second of noise between two stretches of silence of a quarter, (samples, channels)."""
    noise = 0.2 * np.random.default_rng(rate).standard_normal((rate // 2, channels))
    quiet = np.zeros((rate // 4, channels))
    return np.concatenate([quiet, noise, quiet]).clip(-1, 1)
