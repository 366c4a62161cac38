"""Export: one ONNX file from waveform to outputs, so that other programs need not compute log-mel features."""

import json
import warnings

import torch
from torch import nn
from torch.nn import functional

from yoho.networks.folding import folded
from yoho.networks.saving import load_network
from yoho.windows.front_ends import SILENCE, LogMel, build_front_end

OPSET = 18  # the oldest that PyTorch's exporter writes without conversion


class FrontEndLayer(nn.Module):
    """A front end as a layer: separate windows (windows, samples) to images (windows, frames, n_mels), float32.

    It repeats `LogMel` or `YamnetLogMel` with operations of ONNX, in double precision up to the sums of mel bands.
    Single precision takes as long, and its error in a band far below a loud tone is 0.002 dB instead of 0.0001 dB.
    """

    def __init__(self, front_end):
        super().__init__()
        self.front_end, self.n_fft = front_end, front_end.n_fft
        self.register_buffer("taper", torch.tensor(front_end.taper))
        self.register_buffer("mel", torch.tensor(front_end.mel).double())

    def forward(self, waveform):
        return (self.decibels if isinstance(self.front_end, LogMel) else self.logarithms)(waveform)

    def decibels(self, waveform):
        """The images of `LogMel`."""
        peak = waveform.abs().amax(dim=1, keepdim=True)
        power = self.spectral_power(waveform / torch.where(peak < SILENCE, 1.0, peak)) @ self.mel
        # As in librosa, no level is below -100 dB.
        decibels = 10 * torch.log10(power.float().clamp(min=1e-10))
        return torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - self.front_end.top_db)

    def logarithms(self, waveform):
        """The images of `YamnetLogMel`."""
        return torch.log((self.spectral_power(waveform).sqrt() @ self.mel).float() + self.front_end.offset)

    def spectral_power(self, waveform):
        """Power of every frame and frequency, (windows, frames, frequencies)."""
        # The frame centred on sample n of the window begins at position n of the padded window.
        padded = functional.pad(waveform.double(), (self.n_fft // 2, self.n_fft - self.n_fft // 2))
        spectra = torch.stft(
            padded, self.n_fft, self.front_end.hop_length, window=self.taper, center=False, return_complex=True
        ).transpose(1, 2)
        return torch.view_as_real(spectra).square().sum(dim=-1)


def export(folder, target):
    """Write the network in a run's folder as an ONNX file.

    Input `waveform`: (windows, samples) float32, mono windows at the run's sample rate, cut as for its scores, with
    zeros past a file's end; any number of windows. Output `outputs`: (windows, bins, 3 * classes), as for `Decoder`.
    The file's metadata hold the settings for cutting and decoding, each value as JSON.
    Raises InputError if the folder contains no network.
    """
    network, description = load_network(folder)
    windows, decoding = description["windows"], description["decoding"]
    averaged = (description["segmenting"] if description.get("kind") == "ear" else decoding).get("averaged")
    front_end = build_front_end(description["sample_rate"], **description["features"])
    features = FrontEndLayer(front_end)
    # Two windows, because the exporter takes a dimension of 1 for a constant.
    waveform = torch.zeros(2, front_end.size(windows["length"]))
    whole = nn.Sequential(features, folded(network, features(waveform))).eval()
    with warnings.catch_warnings(action="ignore"):  # The exporter warns about its own code.
        program = torch.onnx.export(
            whole,
            (waveform,),
            input_names=["waveform"],
            output_names=["outputs"],
            dynamic_shapes=({0: torch.export.Dim("windows")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    for node in program.model.graph:
        node.metadata_props.clear()  # They name source files of this machine.
    metadata = {
        **{key: description[key] for key in ("event_labels", "sample_rate", "licence")},
        **{key: description[key] for key in ("thresholds",) if key in description},
        **{"window_length": windows["length"], "bins": windows["bins"]},
        "hop": windows["hop"]["averaged" if averaged else "score"],
        **{key: decoding[key] for key in ("threshold", "merge_gap", "end_from")},
        **({"averaged": averaged} if averaged else {}),
    }
    program.model.metadata_props.update({key: json.dumps(value) for key, value in metadata.items()})
    program.save(target, external_data=False)
