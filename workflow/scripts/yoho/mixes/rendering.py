"""Rendering the audio of a mix from its plan."""

import librosa
import numpy as np

from yoho.audio import read_audio, write_audio


def render_mix(plan, path, sample_rate):
    """Write the audio of one mix as 16-bit FLAC, mono, at `sample_rate`; its clips follow one another without gaps."""
    parts = []
    for row in plan.itertuples():
        samples, source_rate = read_audio(row.path, row.source_onset, row.source_offset)
        if source_rate != sample_rate:
            samples = librosa.resample(samples, orig_sr=source_rate, target_sr=sample_rate)
        length = round(row.offset * sample_rate) - round(row.onset * sample_rate)
        parts.append(librosa.util.fix_length(samples, size=length))
    write_audio(path, np.concatenate(parts).clip(-1, 1), sample_rate)
