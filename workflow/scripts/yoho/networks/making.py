"""Make the ear: a network for the 521 sounds of AudioSet, from two published files.

The files are YAMNet's weights and the AudioSet ontology, which says which sounds are kinds of which others. They are
fetched once, into `downloads/` in the ear's folder, or copied from this machine.
"""

import csv
import hashlib
import json
import shutil
from pathlib import Path

from yoho import InputError, job, places
from yoho.files import write_whole
from yoho.networks.run_folder import CARD, NETWORK, WEIGHTS, content_of, write_description, write_weights

# Snakemake reads this module in an environment that may lack the packages of the jobs, so functions import them.

AUDIOSET = places.AUDIOSET  # columns: index, id, event_label and threshold

# The modules that shape the ear.
CODE = [Path(__file__).with_name(f"{name}.py") for name in ("making", "yamnet", "ear_file", "run_folder")]

ABOUT = (
    "The ear: YAMNet, a MobileNet v1 with which Google recognises the 521 sounds of AudioSet (Plakal and Ellis, 2020). "
    "This workflow has trained nothing of it. It takes audio and reports when each of its classes sounds."
)
USE = (
    "segment-audio FILE --ear or, in the workflow, workflow/scripts/segment_audio.py FILE --ear. `descendants` holds, "
    "for each class, the classes that are kinds of it in the AudioSet ontology. A class that is asked for stands for "
    "itself and these. If no class is asked for, a class is hidden where its descendants sound. Words are compared "
    "with the names and `descriptions` of the classes."
)
LICENCE = {
    "code": "MIT",
    "weights": "Apache-2.0, Google",
    "descendants, descriptions": "CC BY-SA 4.0, from the AudioSet Ontology (Gemmeke et al., 2017, "
    "research.google.com/audioset)",
    "data": "CC BY 4.0, AudioSet (Gemmeke et al., 2017), whose clips are videos of YouTube",
}
LIMITS = [
    "It was trained on labels of whole clips of 10 s, so its onsets and offsets are less exact than those of a network "
    "that was trained on events.",
    "It knows the 521 sounds of AudioSet. It takes any other sound for one of these or ignores it.",
    "It depends on the level of the audio: faint sounds are found less often.",
]


LEFT_OUT = ["Silence"]  # These classes are reported only on request: silence is not a sound.


def ear_settings(config):
    """The part of a config that shapes the ear."""
    ear, windows = config["ear"], config["windows"]
    return {
        "published": [ear["weights"], ear["ontology"]],
        "decoding": ear["decoding"],
        "segmenting": {key: config["segmenting"][key] for key in ("decoding", "silence", "high_pass")},
        "windows": {key: windows[key] for key in ("length", "bins", "hop")},
        "front_end": windows["front_ends"]["yamnet"],
    }


def made_of(settings):
    """Digest of all that an ear is made of: the code, the table of classes, and the settings of `ear_settings`."""
    content = b"".join(path.read_bytes() for path in (*CODE, AUDIOSET))
    return hashlib.sha256(content + json.dumps(settings, sort_keys=True).encode()).hexdigest()


def is_made(folder, settings):
    """Whether a folder holds a complete ear with the settings of `ear_settings`."""
    try:
        description = json.loads(Path(folder, CARD).read_text())
        files = {name: digest(Path(folder, name)) for name in (WEIGHTS, NETWORK)}
        return (description["made_of"], description["files"]) == (made_of(settings), files)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def make_ear(folder, path, downloads, say, settings):
    """Write the ear, as `weights.safetensors`, `network.onnx` and `model.json`, to its folder.

    path: the weights on this machine or their folder, None: they are fetched; downloads: the config's
    `recordings.downloads`; say: prints a line; settings: see `ear_settings`.
    Raises InputError if a published file cannot be had or is not what its sha256 says.
    """
    from safetensors.numpy import save

    from yoho.networks.ear_file import ear_model
    from yoho.networks.yamnet import named_weights, published_layers
    from yoho.windows.front_ends import build_front_end

    weights, ontology = published_files(Path(folder, "downloads"), path, downloads, say, settings["published"])
    windows, front_end, decoding = settings["windows"], settings["front_end"], settings["decoding"]
    with AUDIOSET.open(encoding="utf-8", newline="") as table:
        classes = list(csv.DictReader(table))
    labels = {row["id"]: row["event_label"] for row in classes}
    kinds, descriptions = read_ontology(ontology, labels)
    frames = build_front_end(**front_end).frames(windows["length"])
    sizes = {"frames": frames, "n_mels": front_end["n_mels"], "bins": windows["bins"]}
    network = {"thresholds": [float(row["threshold"]) for row in classes], **sizes}
    layers = published_layers(weights)
    model = ear_model(layers, **network)
    description = {
        **{"run": "ear", "kind": "ear", "about": ABOUT, "use": USE, "licence": LICENCE, "limits": LIMITS},
        "data": {"origin": "AudioSet", "published": settings["published"]},
        "network": network,
        "event_labels": list(labels.values()),
        "descendants": kinds,
        "descriptions": descriptions,
        "left_out": LEFT_OUT,
        "windows": windows,
        "front_end": "yamnet",
        "sample_rate": front_end["sample_rate"],
        "features": {key: value for key, value in front_end.items() if key != "sample_rate"},
        "segmenting": settings["segmenting"] | {"averaged": decoding["averaged"]},
        "decoding": {"threshold": decoding["overview"], "merge_gap": decoding["merge_gap"], "end_from": "bin"},
        "asked": {"threshold": decoding["threshold"]},  # for classes that are asked for
        "made_of": made_of(settings),
    }
    write_weights(save(named_weights(layers)), folder)
    write_whole(Path(folder, NETWORK), content_of(model, Path(folder, WEIGHTS)))
    # The description comes last: with it the ear counts as made.
    files = {name: digest(Path(folder, name)) for name in (WEIGHTS, NETWORK)}
    write_description(description | {"files": files}, Path(folder, CARD))


def published_files(folder, path, downloads, say, published):
    """The paths of the published files in a folder, to which they are fetched or copied; arguments as of `make_ear`."""
    from yoho.downloads.download import download_files
    from yoho.downloads.web import Web

    files = files_of(published)
    folder.mkdir(parents=True, exist_ok=True)
    for file, copy in own_copies(path, published) if path is not None else ():
        shutil.copyfile(copy, folder / file.name)

    def lacking():
        return [file for file in files if digest(folder / file.name) != file.sha256.lower()]

    missing = lacking()
    if missing:
        say(f"fetching {' and '.join(file.address for file in missing)}, once")
        try:
            with Web(**{key: value for key, value in downloads.items() if key != "unpacked"}) as web:
                fetched = download_files(web, missing, folder, job.progress, lambda path: None)
            if faults := [file.fault for file in fetched if file.error]:
                raise InputError(faults[0])
        except InputError as error:
            names = [file.name for file in lacking()]
            todo = "copy the file to this machine and name the copy: --ear FILE, or ear.path in the workflow's config"
            if files[0].name not in names:
                todo = f"put {names[0]} beside it: beside the copy of {files[0].name} that --ear or ear.path names"
            raise InputError(f"the ear needs {' and '.join(names)}: {error}; or {todo}") from error
    return [folder / file.name for file in files]


def files_of(published):
    """The published files, as `File`."""
    from yoho.downloads.download import File

    return [File(file["address"], Path(file["address"]).name, sha256=file["sha256"]) for file in published]


def own_copies(path, published):
    """The copies of published files on this machine, pairs (`File`, path): the weights, and what lies beside them.

    path: the file of weights, or its folder. Raises InputError if it is missing, or if a file has another sha256.
    """
    files, path, copies = files_of(published), Path(path), []
    weights = path / files[0].name if path.is_dir() else path
    if not weights.is_file():
        raise InputError(f"{weights}: there is no such file; it should be a copy of {files[0].address}")
    for file, place in zip(files, [weights, *(weights.with_name(file.name) for file in files[1:])]):
        if not place.is_file():
            continue
        if digest(place) != file.sha256.lower():
            raise InputError(f"{place}: is not {file.name} (it has another sha256); fetch it from {file.address}")
        copies.append((file, place))
    return copies


def digest(path):
    """The sha256 of a file, None if there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_ontology(path, labels):
    """What the AudioSet ontology says of the classes: their descendants among them, and their descriptions.

    path: the ontology; labels: {AudioSet id: event_label}. Returns {event_label: [event_label]}, for classes that have
    descendants, and {event_label: text}. Raises InputError if the file lacks a class.
    """
    try:
        sounds = {sound["id"]: sound for sound in json.loads(path.read_text(encoding="utf-8"))}

        def below(sound):
            kinds = sounds[sound]["child_ids"]
            return set(kinds).union(*map(below, kinds))

        found = {label: below(sound) for sound, label in labels.items()}
        descriptions = {label: sounds[sound]["description"] for sound, label in labels.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not the AudioSet ontology ({error!r}); fetch it again") from error
    kinds = {label: [labels[sound] for sound in labels if sound in kinds] for label, kinds in found.items() if kinds}
    return kinds, descriptions
