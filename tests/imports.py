"""The packages that scripts import, and the versions that requirements.txt pins: for the tests of environments."""

import ast
import os
import re
import sys

from packaging.utils import canonicalize_name

from digest import SCRIPTS
from places import ROOT
from yoho.recordings.sources import SOURCES

PINNED = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
}
# Where a package is imported under another name.
NAMES = {
    "PIL": "pillow",
    "markdown_it": "markdown-it-py",
    "pyannote": "pyannote-core",
    "sed_eval": "sed-eval",
    "yaml": "pyyaml",
}


def packages(script, functions=True):
    """Names on PyPI of the packages that a script imports; arguments as of `imports`."""
    return {NAMES.get(name, name) for name in imports(script, functions)}


def imports(script, functions=True):
    """Names of the packages that a script imports, as it names them, followed through the modules of yoho.

    An import within a function counts if `functions` is true and some code that is followed names that function.
    Scripts that import a source of recordings by its name may import each that has their verb as a function.
    """
    files = {SCRIPTS / f"{script}.py"}
    if "import_module(" in (SCRIPTS / f"{script}.py").read_text():
        sources = (SCRIPTS / f"yoho/recordings/{source}.py" for source in SOURCES)
        files |= {file for file in sources if f"def {script.partition('_')[0]}(" in file.read_text()}
    while True:
        trees = [ast.parse(file.read_text()) for file in files]
        named = {getattr(node, "attr", getattr(node, "id", None)) for tree in trees for node in ast.walk(tree)}
        found = set().union(*(reached(tree, named if functions else set()) for tree in trees))
        paths = (SCRIPTS / f"{name.replace('.', '/')}.py" for name in found if name.startswith("yoho."))
        if (more := set(filter(os.path.exists, paths))) <= files:
            break
        files |= more
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"yoho"}


def reached(tree, named):
    """Names of the modules that a tree imports, in a function only if its name is in `named`."""
    names = imported_by(tree)
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef) or node.name in named:
            names |= reached(node, named)
    return names


def imported_by(node):
    """Modules that a node imports: both yoho and yoho.job for `from yoho import job`."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return set()
