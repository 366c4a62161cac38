"""Digests of the code on which the result of a job or the weights of a run depend."""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"

# Modules that do not change results: the log, and the file that keeps the state of a training.
NO_RESULT = {"yoho.job", "yoho.training.checkpoint"}

# Modules that shape a run's weights: the network, its training, and the score that chooses its best epoch.
WEIGHTS = ("yoho.networks.network", "yoho.training.fit", "yoho.scoring.segments")


def code_digest(*names):
    """Digest of scripts or modules, by their names below `SCRIPTS`, and of all modules of the package that they import.

    The digest is computed from the syntax trees without docstrings and prints. Jobs therefore run again after a change
    to a formula, but not after a change to a comment or a log line. A template beside its module is included in full.
    """
    texts = [(name, read(SCRIPTS, name)[0]) for name in sorted(followed(*names))]
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:12]


def followed(*names):
    """The names of scripts or modules, and of the package's modules that they import, directly or indirectly."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found | NO_RESULT:
            found.add(name)
            waiting += read(SCRIPTS, name)[1]
    return found


@cache
def read(scripts, name):
    """The content of a module without docstrings and prints, and the names of the package's modules that it imports."""
    path = place(scripts, name)
    tree = ast.parse(path.read_text())
    imports = set(imported(scripts, tree))
    template = path.with_suffix(".html")
    return (ast.dump(Silent().visit(tree)), template.read_text() if template.exists() else ""), imports


def place(scripts, name):
    """The file of a module."""
    path = scripts / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(scripts, tree):
    """Yield the names of the package's modules that a syntax tree imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "yoho":
            yield node.module
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in inside if place(scripts, name).exists())


class Silent(ast.NodeTransformer):
    """Removes docstrings and prints from a syntax tree."""

    def visit_Expr(self, node):  # noqa: N802
        """Replace a string or a call of print by `pass`."""
        value = node.value
        text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        printed = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
        return ast.copy_location(ast.Pass(), node) if text or printed else node
