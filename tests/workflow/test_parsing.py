"""What a user waits for whenever Snakemake parses the rules."""

import re
import resource
import subprocess
import sys

from digest import SCRIPTS
from places import ROOT

RULES = ROOT / "workflow" / "rules"

# Packages of the jobs, which take longer to import than the rules take to parse.
HEAVY = {"librosa", "matplotlib", "numpy", "pandas", "scipy", "sed_eval", "sklearn", "soundfile", "timm", "torch"}


def test_the_rules_import_no_package_of_the_jobs():
    files = [ROOT / "Snakefile", *RULES.glob("*.smk"), *RULES.glob("*.py")]
    text = "\n".join(path.read_text() for path in files)
    modules = set(re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE))
    assert {"validate", "studies", "yoho.provenance"} <= modules
    code = f"import sys; sys.path[:0] = sys.argv[1:]; import {', '.join(sorted(modules))}; print(*sys.modules)"
    command = [sys.executable, "-c", code, RULES, SCRIPTS]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert modules <= set(loaded)
    assert not HEAVY & set(loaded)


def dry_run(folder, snakefile, *arguments):
    """The CPU time of a dry run in s, to which other programs on the machine add little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--directory", folder, "--snakefile", snakefile]
    subprocess.run([*command, *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_dry_run_at_the_papers_scale_takes_less_than_5_s_where_snakemake_alone_takes_2(tmp_path):
    """The ratio of CPU times is the same on slow machines. A busy machine disturbs it, and gets three attempts."""
    (tmp_path / "Empty").touch()

    def share():
        paper = dry_run(tmp_path, ROOT / "Snakefile", "--configfile", ROOT / "config" / "paper.yaml")
        return paper / dry_run(tmp_path, tmp_path / "Empty")

    assert any(share() < 5 / 2 for _ in range(3))
