"""What users' files bring: each degradation does what its settings say, and delays no sound."""

import numpy as np
import pytest
import soundfile
import yaml
from scipy import signal

from places import ROOT
from signals import RATE, tone
from yoho import InputError
from yoho.robustness.degradations import KINDS, degrade, impulse_response, pink_noise, write_degraded
from yoho.segmenting.reading import resampled_audio

CONDITIONS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["robustness"]["conditions"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def swelling(seconds, seed=1):
    """Noise below 3 kHz that swells and fades three times a second, (samples,) float32."""
    noise = np.random.default_rng(seed).normal(0, 0.2, round(seconds * RATE))
    low = signal.sosfilt(signal.butter(4, 3000, fs=RATE, output="sos"), noise)
    return (low * np.sin(3 * np.pi * np.arange(len(low)) / RATE) ** 2).astype(np.float32)


def power_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=float)))


def band_db(samples, rate, low, high):
    """Mean power density between two frequencies (Hz), dB."""
    frequencies, density = signal.welch(samples, rate, nperseg=2048)
    return 10 * np.log10(density[(frequencies >= low) & (frequencies <= high)].mean())


def test_every_kind_is_a_condition_of_the_config():
    assert {settings["kind"] for settings in CONDITIONS.values()} == set(KINDS)


@pytest.mark.parametrize("name", CONDITIONS)
def test_no_sound_is_delayed_in_a_file_that_the_segmenter_reads(name, tmp_path, rng):
    samples = swelling(3)
    degraded = degrade(samples, RATE, rng, **CONDITIONS[name])
    path = write_degraded(tmp_path / "mix", degraded)
    read = np.concatenate(list(resampled_audio(path, RATE).blocks))
    # The FFT of the whole signal resamples independently of soxr.
    expected = signal.resample(samples, round(len(samples) * degraded.time_factor))
    assert abs(len(read) - len(expected)) <= 8  # a sample at 8 kHz is 5.5 samples long
    common = min(len(read), len(expected))
    match = signal.correlate(read[:common], expected[:common], method="fft")
    assert abs(int(np.argmax(match)) - (common - 1)) <= 1


@pytest.mark.parametrize("snr", [20, 0, -5])
def test_noise_has_the_snr_that_is_asked_for(snr, rng):
    samples = swelling(2)
    noisy = degrade(samples, RATE, rng, kind="noise", snr=snr).samples
    assert power_db(samples) - power_db(noisy - samples) == pytest.approx(snr, abs=0.1)


def test_noise_is_pink(rng):
    noise = pink_noise(10 * RATE, RATE, rng)
    octaves = [band_db(noise, RATE, low, 2 * low) for low in (200, 1600, 8000)]
    assert np.diff(octaves) == pytest.approx([-10 * np.log10(8), -10 * np.log10(5)], abs=0.5)
    assert power_db(noise) == pytest.approx(0, abs=1e-9)


def test_draws_depend_on_the_generator_alone():
    settings = CONDITIONS["noise_10_dB"], CONDITIONS["small_room"]
    for own in settings:
        one, same, other = (degrade(tone(), RATE, np.random.default_rng(seed), **own).samples for seed in (3, 3, 4))
        assert np.array_equal(one, same) and not np.allclose(one, other)


def test_telephone_passes_its_band_alone(rng):
    white = rng.normal(0, 0.1, 10 * RATE).astype(np.float32)
    heard = degrade(white, RATE, rng, kind="telephone")
    assert heard.rate == 8000
    inside = band_db(heard.samples, 8000, 350, 3350)
    assert inside == pytest.approx(band_db(white, RATE, 350, 3350), abs=0.3)
    for low, high in ((10, 250), (3450, 3990)):
        assert band_db(heard.samples, 8000, low, high) < inside - 50


def test_telephone_is_a_mu_law_file(tmp_path, rng):
    path = write_degraded(tmp_path / "call", degrade(tone(), RATE, rng, kind="telephone"))
    found = soundfile.info(path)
    assert (path.name, found.samplerate, found.subtype) == ("call.wav", 8000, "ULAW")


@pytest.mark.parametrize("rate, bit_rate", [(44100, 64), (44100, 160), (16000, 64), (8000, 32)])
def test_mp3_has_its_bit_rate_and_length(tmp_path, rng, rate, bit_rate):
    samples = rng.normal(0, 0.1, 10 * rate).astype(np.float32)
    path = write_degraded(tmp_path / "song", degrade(samples, rate, rng, kind="mp3", bit_rate=bit_rate))
    assert path.name == "song.mp3"
    assert path.stat().st_size * 8 / 10 == pytest.approx(1000 * bit_rate, rel=0.03)
    assert soundfile.info(path).frames == len(samples)


@pytest.mark.parametrize(
    "rate, bit_rate, line",
    [
        (8000, 96, "bit_rate: 96: choose 8 to 64 kbit/s for an MP3 with 8000 Hz"),
        (44100, 16, "bit_rate: 16: choose 32 to 320 kbit/s for an MP3 with 44100 Hz"),
        (6000, 32, "MP3 has no sample rate of 6000 Hz"),
        (96000, 64, "MP3 has no sample rate of 96000 Hz"),
    ],
)
def test_rates_that_mp3_does_not_have_are_one_line(rng, rate, bit_rate, line):
    with pytest.raises(InputError, match=f"^[^\\n]*{line}[^\\n]*$"):
        degrade(np.zeros(rate), rate, rng, kind="mp3", bit_rate=bit_rate)


def test_level(rng):
    quiet = degrade(tone(), RATE, rng, kind="level", gain=-20).samples
    assert power_db(quiet) == pytest.approx(power_db(tone()) - 20, abs=1e-4)


@pytest.mark.parametrize("rt60", [0.4, 1.2])
def test_reverberation_decays_by_60_db_in_its_time(rt60, rng):
    response = impulse_response(RATE, rng, rt60, direct=0)
    decay = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1])  # Schroeder's backward integration
    chosen = (decay < -5) & (decay > -35)
    slope, _ = np.polyfit(np.flatnonzero(chosen) / RATE, decay[chosen], 1)
    assert -60 / slope == pytest.approx(rt60, rel=0.05)


def test_reverberation_has_its_share_of_direct_sound_and_the_level_of_the_input(rng):
    response = impulse_response(RATE, rng, 0.4, direct=6)
    assert 10 * np.log10(response[0] ** 2 / np.sum(response[1:] ** 2)) == pytest.approx(6)
    assert np.sum(response**2) == pytest.approx(1)


def test_speed_changes_length_and_pitch(rng):
    fast = degrade(tone(2, frequency=1000), RATE, rng, kind="speed", factor=1.03)
    assert len(fast.samples) == pytest.approx(2 * RATE / 1.03, abs=1) and fast.time_factor == 1 / 1.03
    spectrum = np.abs(np.fft.rfft(fast.samples * np.hanning(len(fast.samples))))
    assert np.argmax(spectrum) * RATE / len(fast.samples) == pytest.approx(1030, abs=1)


def test_nothing_is_clipped(tmp_path, rng):
    path = write_degraded(tmp_path / "loud", degrade(tone(), RATE, rng, kind="level", gain=20))
    samples, _ = soundfile.read(path)
    assert samples == pytest.approx(2 * tone(), abs=1e-4)


def test_a_folder_that_is_missing_is_one_line(tmp_path, rng):
    with pytest.raises(InputError, match=r"/mix\.flac: cannot be written"):
        write_degraded(tmp_path / "missing" / "mix", degrade(tone(), RATE, rng, kind="none"))
