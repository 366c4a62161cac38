"""Export of a network to ONNX: a file that segmenting computes, and one with the front end for other programs."""

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from yoho import InputError
from yoho.files import write_whole
from yoho.networks.backbones import BACKBONES
from yoho.networks.run_folder import OPSET, WEIGHTS, content_of
from yoho.networks.runtime import OnnxEngine
from yoho.networks.saving import load_network
from yoho.windows.front_end import SILENCE
from yoho.windows.front_ends import LogMel, MelFrontEnd, Pcen, YamnetLogMel, build_front_end

# Largest allowed error of the outputs, in [0, 1], of a network's ONNX file: 0.001 of a bin is 0.3 ms.
TOLERANCE = 0.001


class FrontEndLayer(nn.Module):
    """A front end as a layer: separate windows (windows, samples) to images (windows, frames, n_mels), float32.

    It repeats a `MelFrontEnd` with operations of ONNX, in double precision up to the sums of mel bands. Single
    precision takes as long, and its error in a band far below a loud tone is 0.002 dB instead of 0.0001 dB.
    """

    def __init__(self, front_end):
        super().__init__()
        self.front_end, self.n_fft = front_end, front_end.n_fft
        self.register_buffer("taper", torch.tensor(front_end.taper))
        self.register_buffer("mel", torch.tensor(front_end.mel).double())

    def forward(self, waveform):
        return {LogMel: self.decibels, YamnetLogMel: self.logarithms, Pcen: self.pcen}[type(self.front_end)](waveform)

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

    def pcen(self, waveform):
        """The images of `Pcen`."""
        own = self.front_end
        energies = own.scale((self.spectral_power(waveform) @ self.mel).float())
        # The recent means of a band are a linear map of its energies: a matrix, which the energies of 1 show.
        one_by_one = np.eye(waveform.shape[1] // own.hop_length + 1, dtype=np.float32)
        return own.compressed(energies, torch.tensor(own.recent_means(one_by_one[None])[0]) @ energies)

    def spectral_power(self, waveform):
        """Power of every frame and frequency, (windows, frames, frequencies)."""
        # The frame centred on sample n of the window begins at position n of the padded window.
        padded = functional.pad(waveform.double(), (self.n_fft // 2, self.n_fft - self.n_fft // 2))
        spectra = torch.stft(
            padded, self.n_fft, self.front_end.hop_length, window=self.taper, center=False, return_complex=True
        ).transpose(1, 2)
        return torch.view_as_real(spectra).square().sum(dim=-1)


def exported(folder, checked=False):
    """The ONNX file of the network in a run's folder, bytes.

    Input `features`: (windows, frames, n_mels) float32; output `outputs`: (windows, bins, 3 * classes) float32.
    checked: whether `check_export` has passed before the training.
    Raises InputError if the folder holds no network, or as `check_export`.
    """
    network, description = load_network(folder)
    arguments = description["network"]
    if not checked:
        check_export(network, arguments)
    return content_of(onnx_model(network, example(network, arguments), "features"), Path(folder, WEIGHTS))


def check_export(network, arguments):
    """Raise InputError if a network cannot be exported, or if ONNX Runtime computes other outputs than PyTorch.

    arguments: with which the network was built. The backbones of BACKBONES are known to pass. Others are checked with
    batch norms that fit the windows of the check: otherwise windows may amplify rounding errors without limit.
    """
    name = arguments.get("backbone", "yamnet")
    if name in BACKBONES:
        return
    network, windows = copy.deepcopy(network).cpu().train(), example(network, arguments)
    for norm in (module for module in network.modules() if getattr(module, "momentum", None)):
        norm.momentum = 1.0
    with torch.no_grad(), torch.random.fork_rng(devices=[]):  # A training draws the same with and without this check.
        network(windows)
        expected = network.eval()(windows).numpy()
    try:
        found = OnnxEngine(onnx_model(network, windows, "features").SerializeToString())(windows.numpy())
    except Exception as error:  # Exporter and runtime raise errors of many types.
        line = str(error).strip().partition("\n")[0]
        raise InputError(f"backbone {name}: cannot be exported to ONNX ({line}); choose another one") from error
    if np.abs(found - expected).max() > TOLERANCE:
        raise InputError(f"backbone {name}: ONNX Runtime computes other outputs than PyTorch; choose another one")


def example(network, arguments):
    """Windows of noise, (4, frames, n_mels), with the mean and deviation that a network expects; always the same."""
    noise = torch.randn((4, arguments["frames"], arguments["n_mels"]), generator=torch.Generator().manual_seed(0))
    return network.mean.cpu() + network.deviation.cpu() * noise


def export_from_waveform(folder, target):
    """Write the network in a run's folder, with its front end, as an ONNX file for other programs.

    Input `waveform`: (windows, samples) float32, mono windows at the run's sample rate, cut as for its scores, with
    zeros past a file's end; any number of windows. Output `outputs`: (windows, bins, 3 * classes), as for `Decoder`.
    The file's metadata hold the settings for cutting and decoding, each value as JSON.
    Raises InputError if the folder contains no network, or one whose front end is no `MelFrontEnd`.
    """
    from onnx import helper

    network, description = load_network(folder)
    windows, decoding = description["windows"], description["decoding"]
    averaged = (description["segmenting"] if description.get("kind") == "ear" else decoding).get("averaged")
    front_end = build_front_end(description["sample_rate"], **description["features"])
    if not isinstance(front_end, MelFrontEnd):
        kind = description["features"]["kind"]
        raise InputError(f"{folder}: the front end {kind} has no form in ONNX; give its images to network.onnx instead")
    whole = nn.Sequential(FrontEndLayer(front_end), network).eval()
    model = onnx_model(whole, torch.zeros(2, front_end.size(windows["length"])), "waveform")
    metadata = {
        **{key: description[key] for key in ("event_labels", "sample_rate", "licence")},
        **{key: description[key] for key in ("thresholds",) if key in description},
        **{"window_length": windows["length"], "bins": windows["bins"]},
        "hop": windows["hop"]["averaged" if averaged else "score"],
        **{key: decoding[key] for key in ("threshold", "merge_gap", "end_from")},
        **({"averaged": averaged} if averaged else {}),
    }
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    write_whole(target, model.SerializeToString(deterministic=True))


def onnx_model(module, example, name):
    """The ONNX model of a module, whose input gets a name; example: an input of several windows."""
    with warnings.catch_warnings(action="ignore"):  # The exporter warns about its own code.
        program = torch.onnx.export(
            module,
            (example,),
            input_names=[name],
            output_names=["outputs"],
            # The exporter takes a dimension of 1 for a constant, so an example has several windows.
            dynamic_shapes=({0: torch.export.Dim("windows")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    for node in program.model.graph:
        node.metadata_props.clear()  # They name source files of this machine.
    return program.model_proto
