"""The model card: the description of a network in `model.json`, in words and scores."""

from yoho.provenance import commit, device_name

ABOUT = (
    "A YOHO network of the paper Referring Audio Segmentation (Shetty et al., 2023), rebuilt and trained by this "
    "workflow. It takes audio and reports when each of its classes sounds."
)
USE = (
    "For audio files: workflow/scripts/segment_audio.py FILE --weights FOLDER, where FOLDER contains this file. "
    "For other programs: waveform.onnx in the same folder, which `snakemake --cores all PATH/waveform.onnx` makes. "
    "A class sounds when its presence reaches the threshold. `decoding` holds one threshold for all classes, with "
    "which all scores here were computed. `thresholds` holds one for each class, tuned on the validation mixes; use "
    "them only if there were many such mixes."
)
# For a network that starts from the ear.
PRETRAINED = " Its backbone began with the weights of YAMNet, which Google trained on AudioSet."
WEIGHTS = "Apache-2.0, Google"  # the licence of these weights


def model_card(event_labels, data, windows, front_end, pretrained=False):
    """The model card: {"about", "use", "data", "licence", "limits"}.

    data: a description of the training data, with the texts `licence` and `limit` of its source; windows: the
    config's; front_end: a `FrontEnd`; pretrained: whether the network starts from the weights of YAMNet.
    """
    return {
        "about": ABOUT + (PRETRAINED if pretrained else ""),
        "use": USE,
        "data": {key: value for key, value in data.items() if key not in ("licence", "limit")},
        "licence": {"code": "MIT", "data": data["licence"]} | ({"weights": WEIGHTS} if pretrained else {}),
        "limits": [
            f"It knows only {', '.join(event_labels)}. It takes any other sound for one of these or ignores it.",
            overlapping(data.get("overlap")),
            f"It reads mono audio at {front_end.sample_rate} Hz in windows of {windows['length']} s, {front_end.level}",
            data["limit"],
        ],
    }


def overlapping(overlap):
    """A sentence about the sounds that the training mixes hold at once; overlap: that of the dataset, or None."""
    if not overlap or overlap["sounds"] == 1:
        return "It was trained on mixes of one class at a time, never on two classes at once."
    low, high = overlap["level"]
    return (
        f"It was trained on mixes in which at most {overlap['sounds']} sounds of different classes overlap. A sound is "
        f"{low:g} to {high:g} dB over those that began before it."
    )


def made_with(device, *packages):
    """The workflow's commit, the device's name and the versions of some imported packages."""
    versions = {package.__name__: str(package.__version__) for package in packages}
    return {"commit": commit(), "device": device_name(device), "versions": versions}
