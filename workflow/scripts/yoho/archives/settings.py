"""What shapes the events of an archive, beside its files: the network, the queries, and the code that segments."""

import hashlib
import json
from pathlib import Path

from yoho.files import write_whole
from yoho.networks.run_folder import CARD, NETWORK, WEIGHTS, read_description
from yoho.provenance import digest
from yoho.segmenting.queries import Queries

SETTINGS = "settings.json"
NAMES = {
    "weights": "the network",
    "queries": "the queries",
    "referring": "the settings of queries",
    "code": "the code that segments",
}


def network_settings(run):
    """The settings that concern the network: its folder, and a digest of its weights and description.

    Raises InputError if the folder holds no network.
    """
    read_description(run)
    files = [path for name in (CARD, WEIGHTS, NETWORK) if (path := Path(run, name)).exists()]
    # A network.onnx is made of the weights, if these are there.
    return {"network": str(Path(run)), "weights": digest(files[:2])}


def read_settings(path):
    """The settings in a file."""
    return json.loads(Path(path).read_text())


def write_settings(folder, settings):
    """Write the settings, unless they are there: a file that has not changed keeps its time."""
    path, text = Path(folder, SETTINGS), json.dumps(settings, indent=2) + "\n"
    if not path.exists() or path.read_text() != text:
        write_whole(path, text.encode())


def changes(folder, settings):
    """What differs from the settings with which an archive was segmented before, in words; [] if nothing does."""
    try:
        earlier = read_settings(Path(folder, SETTINGS))
    except (OSError, ValueError):  # It was removed or damaged.
        earlier = {}
    return [words for name, words in NAMES.items() if earlier.get(name) != settings.get(name)]


def queries_of(settings):
    """The `Queries` of the settings, or None."""
    return Queries.of(settings["queries"], settings["referring"]) if settings["queries"] else None


def digest_of(settings):
    """A digest of the settings that shape events; the place of the network does not."""
    settings = {name: settings[name] for name in NAMES}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
