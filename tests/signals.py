"""Signals and files that several test files use."""

import numpy as np
import soundfile

RATE = 44100


def tone(seconds=1.0, rate=RATE, frequency=440.0):
    """A sine, (samples,) float32."""
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32) / 2


def headless_mp3(path, tag=b""):
    """Write an MP3 (5 s of noise, 20 s of silence) of a variable bit rate, without a frame that gives its length."""
    sound = np.concatenate([0.3 * np.random.default_rng(0).standard_normal(5 * RATE), np.zeros(20 * RATE)])
    soundfile.write(path, sound, RATE, format="MP3", bitrate_mode="VARIABLE")
    content = path.read_bytes()
    assert content.find(b"Xing") < 100
    path.write_bytes(tag + content[content.index(b"\xff\xfb", 4) :])
