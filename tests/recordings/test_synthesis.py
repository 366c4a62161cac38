"""Built-in recordings: no single number reveals their class, all bands over time do, and the physics is right."""

import librosa
import numpy as np
import pytest
import yaml
from scipy.fft import dct
from scipy.signal import hilbert
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from places import ROOT
from yoho.recordings.synthesis.aircraft import fly_over, helicopter
from yoho.recordings.synthesis.car import engine
from yoho.recordings.synthesis.classes import CLASSES, synthesise
from yoho.recordings.synthesis.clocks import ticking
from yoho.recordings.synthesis.crowds import talkers
from yoho.recordings.synthesis.footsteps import gait, walker
from yoho.recordings.synthesis.rainforest import stridulation
from yoho.recordings.synthesis.signals import SOUND_SPEED, Take, band, pass_by, rms

RATE = 44100
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
RECORDINGS = DEFAULT["datasets"]["builtin"]["recordings"]
SOUND = {key: RECORDINGS[key] for key in ("duration", "level", "snr")} | {"sample_rate": RATE}
LEVEL = SOUND["level"]
EACH = 36  # recordings of a class
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


def mel_power(audio, sample_rate=RATE):
    """The workflow's mel spectrogram. (40, frames)"""
    return librosa.feature.melspectrogram(
        y=audio, sr=sample_rate, n_fft=2048, hop_length=sample_rate // 100, win_length=sample_rate // 25, n_mels=40
    )


def summary(decibels):
    """What all bands do over time: means, spreads and modulation spectra of bands and of their cosine transform."""
    cepstra = dct(decibels, axis=0, norm="ortho")[:16]
    parts = [decibels.mean(axis=1), decibels.std(axis=1), cepstra.std(axis=1), np.diff(cepstra, axis=1).std(axis=1)]
    for courses in (decibels, cepstra):
        swings = np.abs(np.fft.rfft(courses - courses.mean(axis=1, keepdims=True), 1024, axis=1)) + 1e-3
        parts += [np.log(part.mean(axis=1)) for part in np.split(swings, [5, 15, 30, 60, 120, 300], axis=1)[1:-1]]
        parts.append(np.log(swings[:, 10:340].max(axis=1) / swings[:, 10:340].mean(axis=1)))  # rhythm
    return np.concatenate(parts)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads of the linear algebra only get in each other's way on arrays as small as these."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def pool():
    """Numbers that describe `EACH` recordings of every class: name -> (recordings,) or (recordings, numbers)."""
    rows = {name: [] for name in ("label", "rms", "peak", "length", "raw", "normalised", "summary", "mean", "finite")}
    for index, label in enumerate(CLASSES):
        for number in range(EACH):
            audio = synthesise(label, np.random.default_rng([2023, index, number]), **SOUND)
            peak = np.abs(audio).max()
            power = mel_power(audio)
            normalised = librosa.power_to_db(power / peak**2)
            rows["label"].append(index)
            rows["rms"].append(20 * np.log10(np.sqrt(np.mean(audio.astype(float) ** 2))))
            rows["peak"].append(20 * np.log10(peak))
            rows["length"].append(len(audio) / RATE)
            rows["raw"].append(librosa.power_to_db(power).mean(axis=1))
            rows["normalised"].append(normalised.mean(axis=1))
            rows["summary"].append(summary(librosa.power_to_db(power / peak**2, top_db=None)))
            rows["mean"].append(audio.mean(dtype=float))
            rows["finite"].append(np.isfinite(audio).all() and audio.dtype == np.float32 and audio.ndim == 1)
    return {name: np.array(values) for name, values in rows.items()}


def scalar_accuracy(values, labels):
    """Cross-validated accuracy of the best of several classifiers on one number per recording."""
    models = (
        GaussianNB(),
        make_pipeline(StandardScaler(), KNeighborsClassifier(9)),
        DecisionTreeClassifier(max_depth=4, min_samples_leaf=5, random_state=0),
    )
    return max(cross_val_score(model, values[:, None], labels, cv=FOLDS).mean() for model in models)


# ---- what reveals the class, and what does not -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rms", "peak", "length"])
def test_loudness_or_length_does_not_tell_the_class(pool, name):
    assert scalar_accuracy(pool[name], pool["label"]) <= 0.5


@pytest.mark.parametrize("name", ["raw", "normalised"])
def test_no_single_band_reveals_the_class(pool, name):
    accuracies = [scalar_accuracy(band, pool["label"]) for band in pool[name].T]
    assert max(accuracies) <= 0.5, f"band {np.argmax(accuracies)}: {max(accuracies):.2f}"


def test_a_giveaway_would_be_seen(pool):
    """The bound can fail: the number of the class itself, blurred by noise, breaks it."""
    noise = np.random.default_rng(0).normal(0, 0.4, len(pool["label"]))
    assert scalar_accuracy(pool["label"] + noise, pool["label"]) > 0.5


def test_all_bands_over_time_tell_the_class_but_not_always(pool):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=500))
    accuracy = cross_val_score(model, pool["summary"], pool["label"], cv=FOLDS).mean()
    assert 0.7 <= accuracy <= 0.97


def test_recordings_of_one_class_differ_as_field_recordings_do(pool):
    for index in range(len(CLASSES)):
        spectra = pool["normalised"][pool["label"] == index]
        distance = np.abs(spectra[:, None] - spectra).mean(axis=2)[np.triu_indices(EACH, 1)]
        assert np.median(distance) > 5  # dB, mean over bands
        assert distance.min() > 1


# ---- what every recording is -----------------------------------------------------------------------------------------


def test_recordings_are_whole(pool):
    assert pool["finite"].all()
    assert pool["peak"].max() < 0  # dBFS: nothing clips
    assert pool["length"].min() >= SOUND["duration"][0] - 1 / RATE and pool["length"].max() <= SOUND["duration"][1]
    assert pool["rms"].min() >= LEVEL[0] - 0.5 and pool["rms"].max() <= LEVEL[1] + 0.5
    assert (np.abs(pool["mean"]) < 0.02 * 10 ** (pool["rms"] / 20)).all()  # no DC


@pytest.mark.parametrize("level", [-32.0, -14.0])
@pytest.mark.parametrize("label", CLASSES)
def test_level_is_reached_even_by_impulses(label, level):
    audio = synthesise(label, np.random.default_rng(1), **SOUND | {"duration": (3, 3), "level": (level, level)})
    assert 20 * np.log10(rms(audio)) == pytest.approx(level, abs=0.5)
    assert np.abs(audio).max() < 1


@pytest.mark.parametrize("label", CLASSES)
def test_same_state_same_bytes_other_seed_other_audio(label):
    first, again, other = (
        synthesise(label, np.random.default_rng(seed), **SOUND | {"duration": (2, 3)}) for seed in (5, 5, 6)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("sample_rate", [16000, 48000])
@pytest.mark.parametrize("label", CLASSES)
def test_other_sample_rates(label, sample_rate):
    for seed in range(3):
        audio = synthesise(
            label, np.random.default_rng(seed), **SOUND | {"duration": (2, 4), "sample_rate": sample_rate}
        )
        assert np.isfinite(audio).all() and np.abs(audio).max() < 1
        assert 2 * sample_rate - 1 <= len(audio) <= 4 * sample_rate
        assert LEVEL[0] - 0.5 <= 20 * np.log10(rms(audio)) <= LEVEL[1] + 0.5


def test_nothing_above_half_the_sample_rate_folds_down():
    take = Take(np.random.default_rng(0), 1.0, 16000)
    spectrum = np.abs(np.fft.rfft(take.tone(np.full(16000, 3000.0), np.ones(10)) * np.hanning(16000)))
    assert spectrum[[3000, 6000]].min() > 1000 * spectrum[[1000, 2000, 4000, 5000, 7000]].max()  # 9 kHz would be at 7
    modes = np.array([[9000.0, 12000.0]])
    assert not take.ring(modes, 0.1, np.ones((1, 2)), 0.5).any()


def test_unknown_class_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="'dog'.*rainforest.*aircraft"):
        synthesise("dog", np.random.default_rng(0), **SOUND)


# ---- physics ---------------------------------------------------------------------------------------------------------


def envelope_lines(audio, sample_rate):
    """Frequencies (Hz) and magnitudes of the modulation of a sound's envelope, without its mean."""
    envelope = np.abs(hilbert(audio))
    swings = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope))))
    return np.fft.rfftfreq(len(envelope), 1 / sample_rate), swings


def test_doppler_of_a_car_that_passes():
    speed, pitch, closest = 60.0, 1000.0, 3.0

    def whistle(take):
        return np.sin(2 * np.pi * pitch * take.time)

    heard = pass_by(Take(np.random.default_rng(0), 6.0, RATE), whistle, 4.0, speed, closest)
    early, late = heard[: RATE // 2], heard[-RATE // 2 :]
    for part, sign in ((early, -1), (late, 1)):
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * RATE))
        assert np.argmax(spectrum) / 8 == pytest.approx(pitch / (1 + sign * speed / SOUND_SPEED), rel=0.002)
    loudness = np.convolve(heard**2, np.ones(RATE // 20), "same")
    assert np.argmax(loudness) / RATE == pytest.approx(closest + 4 / SOUND_SPEED, abs=0.03)
    # heard at 0.25 s is what left 2.75 / (1 - v / c) s before the closest point: 200 m away against 4 m; the air takes
    # another 1 dB of 1 kHz
    assert np.sqrt(loudness.max() / loudness[RATE // 4]) == pytest.approx(200 / 4 * 10 ** (1 / 20), rel=0.1)


def test_engine_sounds_at_multiples_of_its_firing_and_half_orders():
    take = Take(np.random.default_rng(3), 4.0, RATE)
    cycle = 1800 / 120  # Hz: two revolutions
    sound = engine(take, np.full(take.samples, 1800.0))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(take.samples))) ** 2
    orders = (np.arange(2, 40) * cycle * take.duration).astype(int)
    between = orders + int(cycle * take.duration / 2)
    assert spectrum[orders].sum() > 30 * spectrum[between].sum()


@pytest.mark.parametrize("rate", [1.0, 2.0, 5.0])
def test_tick_rate_shows_in_the_envelope(rate):
    sound = ticking(Take(np.random.default_rng(4), 12.0, 16000), rate)
    frames = np.sqrt((sound[: len(sound) // 80 * 80].reshape(-1, 80) ** 2).mean(axis=1))  # 5 ms
    frames = np.convolve(frames, np.hanning(9), "same") - frames.mean()
    likeness = np.correlate(frames, frames, "full")[len(frames) - 1 :]
    lags = np.arange(len(likeness)) / 200
    period = (lags > 1.5 / rate) & (lags < 2.5 / rate)  # tick to tick: tock may come a little early or late
    assert lags[period][np.argmax(likeness[period])] == pytest.approx(2 / rate, rel=0.02)
    assert likeness[period].max() > 0.5 * likeness[0]


def test_people_walk_and_run_at_human_cadence():
    cadences = []
    for seed in range(100):
        times, roll = gait(Take(np.random.default_rng(seed), 10.0, RATE))
        cadences.append(1 / np.median(np.diff(times)))
        assert 0.01 < roll < 0.15 and (np.diff(times) > 0.15).all()
    assert 1.2 < min(cadences) < 1.9 and 2.4 < max(cadences) < 3.5


def test_footfalls_are_heard_when_they_fall():
    take = Take(np.random.default_rng(2), 8.0, RATE)
    times, _ = gait(Take(np.random.default_rng(2), 8.0, RATE))  # the walker's first draws are the gait's
    power = walker(take, "concrete") ** 2
    near = np.concatenate([power[int(t * RATE) : int((t + 0.3) * RATE)] for t in times])
    assert near.sum() > 0.9 * power.sum()
    first = int(times[0] * RATE)
    assert power[:first].sum() < 1e-6 * power.sum()


def test_talkers_have_syllables_pitch_and_formants():
    take = Take(np.random.default_rng(6), 8.0, 16000)
    voice = talkers(take, [(1, (120.0, 121.0), 4.0, 0.2, 0.0)])
    frequency, swings = envelope_lines(voice, 16000)
    strong = (frequency > 0.5) & (frequency < 20)
    syllables = (frequency > 1.5) & (frequency < 9)
    assert (swings[syllables] ** 2).sum() > 0.5 * (swings[strong] ** 2).sum()
    power = np.abs(np.fft.rfft(voice)) ** 2
    hertz = np.fft.rfftfreq(len(voice), 1 / 16000)
    assert power[(hertz > 200) & (hertz < 4000)].sum() > 0.8 * power.sum()
    glottis = (frequency > 70) & (frequency < 220)  # pulses of the glottis beat in the envelope, too
    strongest = frequency[glottis][np.argsort(swings[glottis])[-20:]]
    assert np.median(strongest) == pytest.approx(120, rel=0.25)


def test_insect_sings_on_its_carrier_in_pulses():
    take = Take(np.random.default_rng(8), 4.0, RATE)
    song = stridulation(take, 4000.0, 60.0)
    spectrum = np.abs(np.fft.rfft(song))
    assert np.argmax(spectrum) / 4 == pytest.approx(4000, rel=0.04)
    frequency, swings = envelope_lines(song, RATE)
    pulses = (frequency > 30) & (frequency < 100)
    assert frequency[pulses][np.argmax(swings[pulses])] == pytest.approx(60, rel=0.08)


def test_rotor_blades_pass_ten_to_twenty_eight_times_a_second():
    for seed in range(6):
        envelope = np.abs(hilbert(helicopter(Take(np.random.default_rng(seed), 4.0, RATE))))
        frames = envelope[: len(envelope) // 44 * 44].reshape(-1, 44).mean(axis=1)  # 1 ms
        frames -= frames.mean()
        likeness = np.correlate(frames, frames, "full")[len(frames) - 1 :]
        lag = 8 + np.argmax(likeness[8:105])  # ms
        assert 1000 / 28.5 < lag < 1000 / 9.5
        assert likeness[lag] > 0.1 * likeness[0]


def test_ground_echo_of_an_aircraft_combs_its_noise():
    """At the closest point the echo lags 2 h / c: the autocorrelation of white noise peaks at a lag of 1.7 to 18 ms."""

    def hiss(take):
        return take.noise(band(100, 8000))

    heard = fly_over(Take(np.random.default_rng(1), 4.0, RATE), hiss, 300.0, 10.0)
    likeness = np.fft.irfft(np.abs(np.fft.rfft(heard)) ** 2)
    lags = slice(int(0.0015 * RATE), int(0.02 * RATE))
    assert likeness[lags].max() > 0.2 * likeness[0]
