"""Mistakes in one run of a study: in its front end, windows, loss and pretrained weights."""

from datasets import window_frames, window_settings
from runs import EAR_BACKBONES, FRAME_BACKBONES, UNTRAINED_BACKBONES


def check_front_end(config, key, run):
    """A line if a run's front end is not in the config, or if its backbone needs another one."""
    front_ends, name = config["windows"]["front_ends"], run.get("front_end", config["windows"]["front_end"])
    if name not in front_ends:
        if "front_end" in run:
            yield f"{key}.front_end: {name!r} is not in windows.front_ends"
    elif run["backbone"] in EAR_BACKBONES and front_ends[name]["kind"] != run["backbone"]:
        yield f"{key}: the backbone {run['backbone']} needs a front end of its own kind; add front_end: yamnet"


def check_bins(config, key, run):
    """A line if the backbone of a run divides its own windows, or any windows into frames, into other bins."""
    name, backbone = run.get("windows"), run["backbone"]
    front_end = run.get("front_end", config["windows"]["front_end"])
    known = front_end in config["windows"]["front_ends"] and name in (None, *config["windows"]["others"])
    if known and (name is not None or backbone in FRAME_BACKBONES):
        own, where = window_settings(config, name), f"windows.others.{name}" if name else "windows"
        frames = window_frames(config, front_end, own["length"])
        bins = frames // 4 if backbone in FRAME_BACKBONES else -(-frames // 32)
        if bins != own["bins"]:
            why = f"{backbone} divides the {frames} frames of a window into {bins} bins"
            yield f"{key}: {why}, but {where}.bins is {own['bins']}; name other windows, or change its bins"


def check_named_windows(config, key, run):
    """A line if a run's own windows are not in the config, or if it cannot have windows of its own."""
    others, name = config["windows"]["others"], run.get("windows")
    if name is not None and name not in others:
        yield f"{key}.windows: {name!r} is not in windows.others; choose one of {', '.join(others)}"
    elif name is not None and key.startswith("studies.audit"):
        yield f"{key}.windows: the audit decodes all runs from the usual windows; remove it"


def check_loss(config, key, run):
    """A line if a run would learn no starts and ends, although its network states them."""
    loss = run.get("loss", config["training"]["loss"])
    if loss == "cross_entropy" and run["backbone"] not in FRAME_BACKBONES:
        known = ", ".join(FRAME_BACKBONES)
        yield f"{key}: loss: cross_entropy is about presence alone, which only {known} can do with; set it to yoho"


def check_frozen(key, made):
    """A line if a run would freeze weights that are not pretrained."""
    backbone, training = made.settings["network"]["backbone"], made.settings["training"]
    if training["frozen"] != "none" and (backbone in UNTRAINED_BACKBONES or not training["pretrained"]):
        why = f"{backbone} starts from random weights, which frozen: {training['frozen']} would freeze"
        yield f"{key}: {why}; add frozen: none"
    if training["frozen"] != "none" and training["ema_decay"]:
        yield f"{key}: ema_decay needs batch norms with statistics of its own; add ema_decay: 0 or frozen: none"


def check_effect(key, run, made):
    """A line for a released key of a run that changes nothing in it."""
    backbone = made.settings["network"]["backbone"]
    if run.get("input") == "released" and backbone in EAR_BACKBONES:
        why = f"{backbone} takes its features as they are"
        yield f"{key}: input: released has no effect, because {why}; remove it"
    if run.get("augmentation") == "released" and made.images != "features":
        why = f"the maps of a frozen {backbone} are computed once"
        yield f"{key}: augmentation: released has no effect, because {why}; remove it"
