"""Digests of the code that a job's result, or a run's weights, depend on."""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"

# Modules that change no result: a log, and how the state of a training is kept.
NO_RESULT = {"yoho.job", "yoho.training.checkpoint"}

# Modules that shape a run's weights: the training, and the score by which its best epoch is chosen.
WEIGHTS = ("yoho.training.fit", "yoho.scoring.segments")


def code_digest(*names):
    """Digest of scripts or modules, by their names below `SCRIPTS`, and of all that they import of the package.

    It is taken from the syntax trees without docstrings and prints: a changed formula runs the script's jobs anew, and
    a changed comment or line of a log does not. A template that lies beside its module counts as it is.
    """
    texts, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in texts and name not in NO_RESULT:
            texts[name], imports = module(name)
            waiting += imports
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:12]


@cache
def module(name):
    """What a module says, docstrings and prints aside, and the names of the package's modules that it imports."""
    path = place(name)
    tree = ast.parse(path.read_text())
    imports = sorted(set(imported(tree)))
    template = path.with_suffix(".html")
    said = [template.read_text()] if template.exists() else []
    return (ast.dump(Silent().visit(tree)), *said), imports


def place(name):
    """The file of a module."""
    path = SCRIPTS / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(tree):
    """Names of the package's modules that a syntax tree imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "yoho":
            yield node.module
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in inside if place(name).exists())


class Silent(ast.NodeTransformer):
    """Removes docstrings and prints from a syntax tree."""

    def visit_Expr(self, node):  # noqa: N802
        """Leave out a text, and a call of print."""
        value = node.value
        text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        printed = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
        return ast.copy_location(ast.Pass(), node) if text or printed else node
