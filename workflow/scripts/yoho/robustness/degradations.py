"""Degradations: what recorders, rooms, telephones and file formats do to a sound before a user's file holds it.

A function of KINDS takes samples (samples,) at a rate (Hz), a generator of random numbers and its settings. Its result
has the same onsets and offsets as the samples, multiplied by `time_factor`: no degradation delays the sound.
"""

from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from scipy import fft, signal

from yoho import InputError

LOWEST_NOISE = 20  # Hz
TELEPHONE_RATE, TELEPHONE_BAND = 8000, (300, 3400)  # Hz: ITU-T G.711 and G.712
TELEPHONE_TAPS = 401  # 50 dB are reached 35 Hz outside of the band

# The lowest and highest bit rate (kbit/s) of an MP3 by its sample rate (Hz): MPEG-1, MPEG-2 and MPEG-2.5. For
# libsndfile, the compression level 1 means the lowest bit rate, 0 the highest, and the levels between them are linear.
BIT_RATES = {(32000, 44100, 48000): (32, 320), (16000, 22050, 24000): (8, 160), (8000, 11025, 12000): (8, 64)}

FLAC = {"format": "FLAC", "subtype": "PCM_16"}
MU_LAW = {"format": "WAV", "subtype": "ULAW"}


class Degraded(NamedTuple):
    """Samples (samples,), their rate (Hz), the factor of all times, and the format in which a file holds them."""

    samples: np.ndarray
    rate: int
    time_factor: float = 1.0
    format: dict = FLAC


def unchanged(samples, rate, rng):
    """The samples as they are."""
    return Degraded(samples, rate)


def mp3(samples, rate, rng, *, bit_rate):
    """Coded as MP3 with a constant bit rate (kbit/s); raises InputError for rates that MP3 does not have."""
    lowest, highest = next((limits for rates, limits in BIT_RATES.items() if rate in rates), (0, 0))
    if not highest:
        raise InputError(f"robustness.conditions: MP3 has no sample rate of {rate} Hz; remove the conditions with mp3")
    if not lowest <= bit_rate <= highest:
        raise InputError(f"bit_rate: {bit_rate}: choose {lowest} to {highest} kbit/s for an MP3 with {rate} Hz")
    level = (highest - bit_rate) / (highest - lowest)
    return Degraded(samples, rate, format={"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": level})


def telephone(samples, rate, rng):
    """Heard over a telephone: 8 kHz, 300 to 3400 Hz (ITU-T G.712), coded with the mu-law (ITU-T G.711)."""
    taps = signal.firwin(TELEPHONE_TAPS, TELEPHONE_BAND, pass_zero=False, fs=TELEPHONE_RATE)
    narrow = signal.fftconvolve(soxr.resample(samples, rate, TELEPHONE_RATE), taps)
    delay = TELEPHONE_TAPS // 2
    return Degraded(narrow[delay : len(narrow) - delay], TELEPHONE_RATE, format=MU_LAW)


def level(samples, rate, rng, *, gain):
    """Louder by `gain` dB, which is negative for a lower level."""
    return Degraded(samples * 10 ** (gain / 20), rate)


def noise(samples, rate, rng, *, snr):
    """With pink noise added; snr: mean power of the samples relative to that of the noise, dB."""
    added = pink_noise(len(samples), rate, rng)
    return Degraded(samples + added * np.sqrt(np.mean(np.square(samples, dtype=float)) / 10 ** (snr / 10)), rate)


def pink_noise(length, rate, rng):
    """Gaussian noise, (length,), whose power falls by 3 dB per octave from 20 Hz on; its mean power is 1."""
    longer = fft.next_fast_len(length)  # an FFT takes longer for a length with large prime factors
    frequencies = fft.rfftfreq(longer, 1 / rate)
    shape = np.where(frequencies < LOWEST_NOISE, 0, np.maximum(frequencies, LOWEST_NOISE) ** -0.5)
    coloured = fft.irfft(shape * fft.rfft(rng.standard_normal(longer)), longer)[:length]
    return coloured / np.sqrt(np.mean(coloured**2))


def reverberation(samples, rate, rng, *, rt60, direct):
    """In a room, without the time that the direct sound needs to arrive; arguments: see `impulse_response`."""
    return Degraded(signal.fftconvolve(samples, impulse_response(rate, rng, rt60, direct))[: len(samples)], rate)


def impulse_response(rate, rng, rt60, direct):
    """The response of a room, (rt60 * rate,), with energy 1: the direct sound, and then noise that decays.

    It is Polack's model of diffuse reverberation (J.-D. Polack, La transmission de l'énergie sonore dans les salles,
    thesis, Université du Maine, 1988): Gaussian noise with an exponential envelope. rt60: time in which it decays by
    60 dB, s; direct: energy of the direct sound relative to that of the reverberation, dB.
    """
    times = np.arange(1, round(rt60 * rate)) / rate
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / rt60)
    tail /= np.sqrt(np.sum(tail**2) * 10 ** (direct / 10))
    response = np.concatenate([[1.0], tail])
    return response / np.sqrt(np.sum(response**2))


def speed(samples, rate, rng, *, factor):
    """Played faster by a factor, so that all frequencies are multiplied by it, and all times divided by it."""
    return Degraded(soxr.resample(samples, rate * factor, rate), rate, time_factor=1 / factor)


KINDS = {
    "none": unchanged,
    "mp3": mp3,
    "telephone": telephone,
    "level": level,
    "noise": noise,
    "reverberation": reverberation,
    "speed": speed,
}


def degrade(samples, rate, rng, *, kind, **settings):
    """`Degraded` samples; kind: a key of KINDS, and the settings of that function."""
    return KINDS[kind](np.asarray(samples, np.float32), rate, rng, **settings)


def write_degraded(place, degraded):
    """Write `Degraded` samples to a file as a user's file would hold them; returns its path.

    place: path without a suffix, to which that of the format is appended. Samples whose peak exceeds 1 are divided by
    it, so that none is clipped. Raises InputError if the file cannot be written.
    """
    path = place.with_name(f"{place.name}.{degraded.format['format'].lower()}")
    samples = degraded.samples / max(1.0, np.abs(degraded.samples).max())
    try:
        soundfile.write(path, samples, degraded.rate, **degraded.format)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: cannot be written ({error}); is the disk full?") from error
    return path
