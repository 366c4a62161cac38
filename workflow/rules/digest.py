"""Digests of the code on which the result of a job or the weights of a run depend."""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"

# Modules that are not followed: errors and the cache, the log and parallel work, and the file of a training's state.
# They are meant to change no result. If a change in them does, run the jobs again with `snakemake --forcerun`.
NO_RESULT = {"yoho", "yoho.job", "yoho.training.checkpoint"}

# Modules that shape a run's weights: its training, which builds the network, and the score that chooses its best epoch.
WEIGHTS = ("yoho.training.fit", "yoho.scoring.segments")

# Functions and methods that only report, and those of whose arguments only texts are reports.
REPORTS, REPORT_TEXTS = {"print", "say", "set_postfix"}, {"refuse", "warn"}


def code_digest(*names):
    """Digest of scripts or modules, by their names below `SCRIPTS`, and of all modules of the package that they import.

    `module:function` stands for one function and everything in its module that it names. The digest is taken from the
    syntax trees without docstrings, reports and the texts of errors: a changed formula reruns the script's jobs, and a
    changed comment or message does not. A template beside its module counts as it is.
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
    """What counts of a module, or of one function in it, and the names of the package's modules that it imports."""
    module, _, function = name.partition(":")
    path = place(scripts, module)
    tree = Silent().visit(ast.parse(path.read_text()))
    if function:
        tree = ast.Module(named_by(tree, function), [])
    template = path.with_suffix(".html")
    return (ast.dump(tree), template.read_text() if template.exists() else ""), set(imported(scripts, tree))


def named_by(tree, function):
    """The statements of a module that a function needs: those that bind names which it uses, directly or indirectly."""
    names, found = {function}, []
    while more := [part for part in tree.body if part not in found and names & bound(part)]:
        found += more
        names |= {node.id for part in more for node in ast.walk(part) if isinstance(node, ast.Name)}
    return found


def bound(statement):
    """The names that a statement of a module binds."""
    if hasattr(statement, "name"):  # a function or a class
        return {statement.name}
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and (isinstance(node.ctx, ast.Store) or isinstance(statement, ast.Expr)):
            names.add(node.id)  # A call such as X.update(...) counts as binding X.
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            names |= {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
    return names


def place(scripts, name):
    """The file of a module."""
    path = scripts / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(scripts, tree):
    """Yield the names of the package's modules that a syntax tree imports, also inside functions."""
    for node in statements(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "yoho":
            yield node.module
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in inside if place(scripts, name).exists())


def statements(node):
    """Yield every statement within a module or a statement, but no expressions, which are most of a syntax tree."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for part in getattr(node, block, []):
            yield part
            yield from statements(part)


class Silent(ast.NodeTransformer):
    """Removes docstrings, reports and the texts of errors from a syntax tree."""

    def visit_Expr(self, node):  # noqa: N802
        """Replace a text or a report by `pass`."""
        value = node.value
        text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        silent = text or called(value) in REPORTS
        return ast.copy_location(ast.Pass(), node) if silent else self.generic_visit(node)

    def visit_Call(self, node):  # noqa: N802
        """Leave out texts that are reported."""
        self.generic_visit(node)
        if called(node) in REPORT_TEXTS:
            node.args = [part for part in node.args if not isinstance(part, ast.JoinedStr | ast.Constant)]
        return node

    def visit_Raise(self, node):  # noqa: N802
        """Keep the kind of an error alone."""
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.copy_location(ast.Raise(error, None), node)


def called(node):
    """The name of the function or method that a node calls; None if it calls none."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", None))
