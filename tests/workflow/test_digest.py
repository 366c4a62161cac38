"""When code counts as changed: for a job, and for the weights of a run."""

import ast
import re
import runpy
import shutil
import sys

import pytest

import digest
from digest import NO_RESULT, WEIGHTS, code_digest, followed
from yoho.recordings.sources import SOURCES

SCRIPT_NAMES = sorted(path.stem for path in digest.SCRIPTS.glob("*.py"))


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A copy of the scripts and the package, of which digests are taken."""
    shutil.copytree(digest.SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path / "scripts")
    return tmp_path / "scripts"


@pytest.fixture
def edit(scripts):
    """A function that replaces a text in a module of the package, once, or in a script."""

    def replace(file, old, new):
        path = scripts / (file if file.endswith("_network.py") else f"yoho/{file}")
        text = path.read_text()
        assert old in text, f"{old!r} is no longer in {file}: choose another line for this test"
        path.write_text(text.replace(old, new, 1))
        digest.read.cache_clear()

    return replace


def test_digest_is_short_and_the_same_for_the_same_code(scripts):
    first = code_digest("make_mixes")
    assert re.fullmatch("[0-9a-f]{12}", first) and first == code_digest("make_mixes") != code_digest("draw_fig4")


def test_comments_docstrings_and_blank_lines_do_not_change_the_digest(scripts, edit):
    before = code_digest("train_network")
    for path in (scripts / "yoho").rglob("*.py"):
        path.write_text("# A comment.\n\n\n" + path.read_text() + "\n\n# Another.\n")
    edit("training/step.py", '"""L2 penalty', '"""The L2 penalty')
    assert code_digest("train_network") == before


def test_changed_formula_changes_the_digest(edit):
    before = code_digest("train_network")
    edit("windows/loss.py", "** 2", "** 3")
    assert code_digest("train_network") != before


def test_changed_formula_of_a_module_that_is_imported_indirectly_changes_the_digest(scripts, edit):
    """train_network imports scoring, which imports targets, which imports events."""
    assert "yoho.events import merge" not in (scripts / "train_network.py").read_text()
    before = code_digest("train_network")
    edit("events.py", "1.5e-6", "2.5e-6")
    assert code_digest("train_network") != before


def test_changed_script_changes_its_own_digest_alone(edit):
    before = code_digest("train_network"), code_digest("make_mixes")
    edit("train_network.py", "patience=10", "patience=20")
    assert code_digest("train_network") != before[0]
    assert code_digest("make_mixes") == before[1]


def test_changed_text_that_is_no_docstring_changes_the_digest(edit):
    before = code_digest("train_network")
    edit("networks/masking.py", '"backbone", "middle"', '"backbone", "centre"')
    assert code_digest("train_network") != before


def test_module_that_a_script_does_not_use_does_not_change_its_digest(scripts):
    before = code_digest("train_network")
    (scripts / "yoho" / "figures" / "plots.py").write_text("COLOURS = ()\n")
    digest.read.cache_clear()
    assert code_digest("train_network") == before


def test_template_beside_a_module_counts(edit):
    before = code_digest("segment_audio")
    edit("segmenting/page.html", "<html", "<html ")
    assert code_digest("segment_audio") != before


def test_the_scripts_and_the_sources_follow_the_whole_package():
    """So the digest of provenance.json, which is taken of them, changes with every edit that reruns a job."""
    package = digest.SCRIPTS / "yoho"
    places = (path.relative_to(package).with_suffix("") for path in package.rglob("*.py"))
    modules = {".".join(["yoho", *place.parts]) for place in places}
    rooms = {name for name in modules if name.endswith("__init__")}
    sources = [f"yoho.recordings.{source}" for source in SOURCES]
    assert modules - rooms - NO_RESULT - {"yoho.recordings.sources"} <= followed(*SCRIPT_NAMES, *sources)


SOURCE_EDITS = [
    ("bbc.py", '"RemArc', '"The RemArc', set()),  # the licence on the model card
    ("bbc.py", "occurs twice", "is there twice", set()),  # a mistake in the config
    ("bbc.py", '"downloads"', '"files"', {"collect"}),
    ("folder.py", "varied", "diverse", set()),  # the model card of another source
    ("source.py", "listens: bool = True", "listens: bool = False", set()),
    ("bbc_search.py", "10_000", "20_000", {"fetch"}),
    ("listening.py", "0.046", "0.023", {"collect"}),
    ("synthesis/signals.py", "1300", "1301", {"collect"}),  # of background, which any dataset may have
]


@pytest.mark.parametrize("file, old, new, changed", SOURCE_EDITS, ids=lambda text: str(text)[:16])
def test_an_edit_of_a_source_reruns_only_what_depends_on_it(edit, file, old, new, changed):
    def digests():
        return {verb: code_digest(f"{verb}_recordings", f"yoho.recordings.bbc:{verb}") for verb in ("fetch", "collect")}

    before = digests()
    edit(f"recordings/{file}", old, new)
    assert {verb for verb, value in digests().items() if value != before[verb]} == changed


IN_BLOCKS = """
from yoho.a import x
class Class:
    async def method(self):
        async with x:
            from yoho.b import x
try:
    from yoho.c import x
except ImportError:
    from yoho.d import x
else:
    from yoho.e import x
finally:
    from yoho.f import x
try:
    pass
except* OSError:
    from yoho.g import x
match x:
    case 1:
        from yoho.h import x
for _ in x:
    pass
else:
    while x:
        if x:
            pass
        elif x:
            from yoho.i import x
"""


def test_imports_in_blocks_of_every_kind_are_followed():
    found = set(digest.imported(digest.SCRIPTS, ast.parse(IN_BLOCKS)))
    assert found == {f"yoho.{letter}" for letter in "abcdefghi"}


def test_each_module_is_read_once_for_all_digests():
    digest.read.cache_clear()
    for name in SCRIPT_NAMES:
        code_digest(name)
    assert digest.read.cache_info().misses == len(followed(*SCRIPT_NAMES))


@pytest.fixture
def own_modules():
    """The package's modules are loaded anew within the test, and are as before afterwards."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "yoho"}
    forget_package()
    yield
    forget_package()
    sys.modules.update(before)


def forget_package():
    for name in [name for name in sys.modules if name.split(".")[0] == "yoho"]:
        del sys.modules[name]


@pytest.mark.parametrize("script", SCRIPT_NAMES)
def test_digest_follows_all_modules_that_a_script_loads(own_modules, script):
    runpy.run_path(str(digest.SCRIPTS / f"{script}.py"), run_name="loaded")
    loaded = {name for name in sys.modules if name.split(".")[0] == "yoho"}
    rooms = {name for name in loaded if digest.place(digest.SCRIPTS, name).name == "__init__.py"} - {"yoho"}
    assert loaded - rooms - NO_RESULT <= followed(script)


# ---- the weights of a run --------------------------------------------------------------------------------------------

EDITS = [  # file, old text, new text, whether it shapes weights
    ("networks/card.py", "YOHO network", "network", False),  # the model card
    ("scoring/events.py", "results_overall_metrics", "results_class_wise_average_metrics", False),  # a test score
    ("scoring/tallies.py", "+ 0.5", "+ 0.25", False),
    ("scoring/thresholds.py", "abs(", "float(", False),
    ("training/checkpoint.py", "ThreadPoolExecutor(1)", "ThreadPoolExecutor(2)", False),
    ("job.py", "the disk is full", "no space is left", False),
    ("__init__.py", ".cache", ".kept", False),
    ("train_network.py", "windows, {device.type}", "windows on {device.type}", False),  # a line of the log
    ("training/fit.py", "goes on after epoch", "resumes after epoch", False),
    ("training/fit.py", "F1=f", "f1=f", False),  # of the progress bar
    ("training/fit.py", "holds more than", "has more than", False),  # why a checkpoint is refused
    ("networks/backbones.py", "unknown; choose", "not known; choose", False),  # an error
    ("windows/loss.py", "** 2", "** 3", True),
    ("windows/augment.py", "+ 1,", "+ 2,", True),
    ("networks/masking.py", "(64, 16, 8)", "(64, 16, 4)", True),
    ("networks/backbones.py", "eps=1e-4", "eps=1e-3", True),
    ("networks/network.py", "(512, 256, 128)", "(512, 256, 64)", True),
    ("training/step.py", '"fused": True', '"fused": False', True),
    ("networks/pretrained.py", "parts[:frozen]", "parts[: frozen + 1]", True),
    ("networks/backbones.py", "nn.ReLU6()]", "nn.ReLU()]", True),
    ("networks/ear.py", "sigmoid()", "tanh()", False),  # nothing is trained on it
    ("training/fit.py", "- 1) // settings", "- 2) // settings", True),
    ("training/fit.py", "torch.manual_seed(seed)", "torch.manual_seed(seed + 1)", True),
    ("training/batches.py", "copy=True", "copy=False", True),  # of the best weights
    ("scoring/segments.py", '"f1": 2 *', '"f1": 3 *', True),  # it chooses the best epoch
]


@pytest.mark.parametrize("file, old, new, shapes", EDITS, ids=lambda text: str(text)[:24])
def test_a_checkpoint_is_refused_only_after_an_edit_that_shapes_weights(edit, file, old, new, shapes):
    before = code_digest(*WEIGHTS)
    edit(file, old, new)
    assert (code_digest(*WEIGHTS) != before) == shapes
