"""The house as CONTRIBUTING.md draws it: which room knows which, how large its parts are, and where configs point."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from places import ROOT

PACKAGE = ROOT / "workflow" / "scripts" / "yoho"

# The rooms, and the rooms that each of them knows; what the package has at its root may be known by all.
KNOWS = {
    "recordings": set(),
    "mixes": {"recordings"},
    "windows": set(),
    "networks": {"windows"},
    "training": {"networks", "windows"},
    "scoring": {"windows"},
    "claims": {"scoring"},
    "figures": set(),
    "referring": set(),
    "robustness": set(),
    "segmenting": {"networks", "referring", "windows"},
    "archives": {"networks", "segmenting"},
    "benchmarks": {
        "recordings",
        "mixes",
        "windows",
        "networks",
        "training",
        "scoring",
        "claims",
        "figures",
        "referring",
        "robustness",
        "segmenting",
        "archives",
    },
}
SHARED = {"audio", "containers", "downloads", "events", "files", "folders", "job", "palette", "places", "provenance"}

MOST_LINES = 350  # of a module
MOST_LINES_OF_A_FUNCTION = 60
MOST_POSITIONAL = 5  # parameters of a function

MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
CODE = [path for folder in ("scripts", "rules") for path in sorted((ROOT / "workflow" / folder).rglob("*.py"))]


def imports(path):
    """Names, without "yoho.", of the package's modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        assert getattr(node, "level", 0) in (0, None), f"{path}: a relative import"
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("yoho."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "yoho":
            own = node.module.partition(".")[2]
            for alias in node.names:
                name = f"{own}.{alias.name}".lstrip(".")
                yield name if name in MODULES or name in KNOWS else own


def room_of(name):
    """The room of a module, or the name of what lies at the package's root."""
    return name.partition(".")[0]


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_rooms_below_its_own(name):
    room = room_of(name)
    allowed = {room, ""} | SHARED | KNOWS.get(room, set())
    assert {room_of(other) for other in imports(MODULES[name])} <= allowed


def test_every_folder_and_module_of_the_package_is_a_room_or_shared():
    assert {room_of(name) for name in MODULES} == {"__init__"} | set(KNOWS) | SHARED


def test_no_module_is_part_of_a_circle():
    graph = {name: {other for other in imports(path) if other in MODULES} for name, path in MODULES.items()}
    order = list(TopologicalSorter(graph).static_order())  # CycleError where there is one
    assert set(MODULES) <= set(order)


# The modules that read tables: those of the workflow, and those from outside. What pandas takes for a number or for a
# missing value may be the name of a class.
READERS = {"yoho/events.py", "yoho/recordings/manifest.py"}


def test_tables_are_read_in_one_way():
    scripts = ROOT / "workflow" / "scripts"
    reading = [path for path in scripts.rglob("*.py") if re.search(r"\bpd\.read_", path.read_text())]
    assert {str(path.relative_to(scripts)) for path in reading} == READERS


@pytest.mark.parametrize("room", KNOWS)
def test_every_room_has_rules_and_tests_of_its_name(room):
    assert (ROOT / "workflow" / "rules" / f"{room}.smk").exists()
    assert list((ROOT / "tests" / room).glob("test_*.py"))


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    large = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            positional = [
                part.arg for part in node.args.posonlyargs + node.args.args if part.arg not in ("self", "cls")
            ]
            lines = node.end_lineno - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION or len(positional) > MOST_POSITIONAL:
                large[node.name] = lines, positional
    assert not large


# ---- configs ---------------------------------------------------------------------------------------------------------

CONFIGS = sorted((ROOT / "config").glob("*.yaml"))
PUBLIC = {"github.com", "codeload.github.com", "raw.githubusercontent.com"}
PUBLIC |= {f"sound-effects{part}.bbcrewind.co.uk" for part in ("", "-api", "-media")}
ESC_50 = r"https://github\.com/karolpiczak/ESC-50/archive/[0-9a-f]{40}\.zip"


def texts(entry):
    """Yield every text in a config."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict | list):
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from texts(part)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configs_point_to_public_addresses_and_to_the_users_own_folder_alone(path):
    config = yaml.safe_load(path.read_text())
    addresses = re.findall(r"(\w*)://([^/\s)]*)", path.read_text())  # those in comments too
    assert {kind for kind, _ in addresses} <= {"https"} and {host for _, host in addresses} <= PUBLIC
    assert set(config.get("recordings", {}).get("downloads", {}).get("hosts", [])) <= PUBLIC
    places = [Path(text) for text in texts(config) if "://" not in text]
    assert not [place for place in places if place.is_absolute() or {"~", ".."} & set(place.parts)]


@pytest.mark.parametrize("name", ["esc10", "esc50"])
def test_esc_50_comes_from_its_public_address(name):
    recordings = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())["datasets"][name]["recordings"]
    assert "path" not in recordings and re.fullmatch(ESC_50, recordings["address"])
