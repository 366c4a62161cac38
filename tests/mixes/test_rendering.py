"""Rendering: the audio of a mix is what its plan says."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from drawn import RATE, clips_of, plan

from yoho import InputError
from yoho.mixes.rendering import render_mix


def write_tone(path, frequency, rate, channels=1, seconds=3.0, level=0.4):
    time = np.arange(round(seconds * rate)) / rate
    tone = level * np.sin(2 * np.pi * frequency * time)
    # Channels that differ in level, mean 1.
    gains = np.linspace(0.5, 1.5, channels) if channels > 1 else np.ones(1)
    soundfile.write(path, tone[:, None] * gains, rate)


def pitch(samples, rate):
    """Frequency of the strongest line of a sound, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * rate / (8 * len(samples))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_rate_and_channel_count_in_44100_Hz_mono_out(tmp_path, rate, channels):
    write_tone(tmp_path / "tone.wav", 440, rate, channels)
    clips = clips_of({"car": [0]}).assign(path=str(tmp_path / "tone.wav"), source_onset=0.5, source_offset=2.75)
    rows = plan(clips, 0, (6, 16.5))
    render_mix(rows, tmp_path / "mix.flac", RATE)
    info = soundfile.info(tmp_path / "mix.flac")
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
    assert info.frames == round(rows["offset"].max() * RATE) == len(rows) * round(2.25 * RATE)
    samples, _ = soundfile.read(tmp_path / "mix.flac")
    for part in np.split(samples, len(rows)):
        assert pitch(part, RATE) == pytest.approx(440, abs=0.5)
        assert np.sqrt(2 * np.mean(part**2)) == pytest.approx(0.4, rel=0.02)
        assert np.abs(part[-30:]).max() > 0.1  # the clip fills its place


def test_each_clip_is_heard_in_its_place(tmp_path):
    frequencies = {"car": 300, "clocks": 900, "crowds": 2700}
    rows = []
    for label, frequency in frequencies.items():
        write_tone(tmp_path / f"{label}.wav", frequency, 16000)
        rows.append((label, label, str(tmp_path / f"{label}.wav"), 0.25, 2.0))
    clips = pd.DataFrame(rows, columns=["event_label", "recording", "path", "source_onset", "source_offset"])
    drawn = plan(clips, 1, (20, 40))
    render_mix(drawn, tmp_path / "mix.flac", RATE)
    samples, _ = soundfile.read(tmp_path / "mix.flac")
    assert drawn["event_label"].nunique() == 3
    for row in drawn.itertuples():
        part = samples[round(row.onset * RATE) : round(row.offset * RATE)]
        assert pitch(part, RATE) == pytest.approx(frequencies[row.event_label], abs=1)


def test_part_of_the_recording_that_the_plan_names_is_taken_sample_by_sample(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE)
    soundfile.write(tmp_path / "noise.wav", samples, RATE, subtype="PCM_16")
    stored, _ = soundfile.read(tmp_path / "noise.wav")
    clips = clips_of({"car": [0]}).assign(
        path=str(tmp_path / "noise.wav"), source_onset=12345 / RATE, source_offset=100000 / RATE
    )
    rows = plan(clips, 0, (0.5, 1))
    render_mix(rows, tmp_path / "mix.flac", RATE)
    np.testing.assert_allclose(soundfile.read(tmp_path / "mix.flac")[0], stored[12345:100000], atol=1 / 32768)


def test_samples_beyond_full_scale_do_not_wrap(tmp_path):
    write_tone(tmp_path / "loud.wav", 440, RATE, level=0.9)
    samples, _ = soundfile.read(tmp_path / "loud.wav")
    soundfile.write(tmp_path / "loud.wav", 2 * samples, RATE, subtype="FLOAT")
    clips = clips_of({"car": [3.0]}).assign(path=str(tmp_path / "loud.wav"))
    render_mix(plan(clips, 0, (1, 13)), tmp_path / "mix.flac", RATE)
    mixed = soundfile.read(tmp_path / "mix.flac")[0][: 3 * RATE]
    np.testing.assert_allclose(mixed, (2 * samples).clip(-1, 1), atol=1e-4)


def test_recording_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"car-0\.wav"):
        render_mix(plan(clips_of({"car": [3.0]}), 0), tmp_path / "mix.flac", RATE)
