"""Since when settings have stood, in small repositories with known histories."""

import copy
import subprocess
from datetime import UTC, datetime

import pytest
import yaml

from yoho.claims.history import GRID, stood_since

BASE = {"level": 0.05, "trained": {"gain": 0.02}, "replicates": 100, "seed": 0, "networks": {"baseline": "YOHO"}}
BASE |= {"power": 0.8, "C1": {"claim": "equal", "margin": 0.01}, "C2": {"claim": "less", "statistic": "loss"}}
STUDIES = {"networks": {"seeds": [0, 1]}, "mask": {"seeds": [0]}}
SECTIONS = {"dataset": "builtin", "training": {"epochs": 6, "batch_size": 16}, "studies": STUDIES, "figures": {"a": 1}}
# What a study is made of: not the figures, the study of the mask, or the batch size.
STUDY = {"dataset": "builtin", "training/epochs": 6, "studies/networks": STUDIES["networks"]}
DAY = 86_400  # s


class Repository:
    """A git repository that holds config files."""

    def __init__(self, folder):
        self.folder, self.config, self.overlay = folder, folder / "config.yaml", folder / "study.yaml"
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, day=0):
        time = f"{DAY * (10_000 + day)} +0000"
        who = {f"GIT_{role}_{part}": "x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time, "PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        command = ["git", "-C", self.folder, *arguments]
        done = subprocess.run(command, env=who | dates, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, day, claims, overlay=None, **sections):
        """Commit a config on a day; returns the short name of the commit."""
        self.config.write_text(yaml.safe_dump(SECTIONS | {"claims": claims} | sections))
        if overlay is not None:
            self.overlay.write_text(yaml.safe_dump(overlay))
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", f"day {day}", day=day)
        return self.git("rev-parse", "--short", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def changed(*keys, to):
    """The settings with another value at a path of keys."""
    claims = copy.deepcopy(BASE)
    place = claims
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return claims


def days(found):
    """{claim: day of its commit, None if it has none}, without the grid."""
    start = datetime.fromtimestamp(DAY * 10_000, UTC)
    return {claim: commit and (commit.time - start).days for claim, commit in found.items() if claim != GRID}


def day_of_grid(found):
    return days({"grid": found[GRID]})["grid"]


def test_each_claim_has_stood_since_its_own_last_change(repository):
    repository.commit(1, changed("C1", "margin", to=0.02))
    name = repository.commit(2, BASE)
    repository.commit(3, BASE | {"power": 0.9})  # of no claim
    found = stood_since(BASE, STUDY, [repository.config])
    assert days(found) == {"C1": 2, "C2": 1} and found["C1"].name == name


@pytest.mark.parametrize(
    "key, value",
    [
        ("level", 0.01),
        ("trained", {"gain": 0.03}),
        ("replicates", 50),
        ("seed", 1),
        ("networks", {"baseline": "VGGish"}),
    ],
)
def test_settings_that_all_claims_share_count_for_each(repository, key, value):
    repository.commit(1, changed(key, to=value))
    repository.commit(4, BASE)
    assert days(stood_since(BASE, STUDY, [repository.config])) == {"C1": 4, "C2": 4}


def test_words_of_a_claim_are_part_of_its_settings(repository):
    repository.commit(1, changed("C2", "statistic", to="F1"))
    repository.commit(2, BASE)
    assert days(stood_since(BASE, STUDY, [repository.config])) == {"C1": 1, "C2": 2}


def test_settings_that_were_changed_and_changed_back_stand_since_the_latter(repository):
    repository.commit(1, BASE)
    repository.commit(2, changed("C1", "margin", to=0.02))
    repository.commit(3, BASE)
    assert days(stood_since(BASE, STUDY, [repository.config])) == {"C1": 3, "C2": 1}


def test_settings_that_are_not_committed_have_not_stood(repository):
    repository.commit(1, BASE)
    now = changed("C1", "margin", to=0.02)
    repository.config.write_text(yaml.safe_dump({"claims": now}))
    assert days(stood_since(now, STUDY, [repository.config])) == {"C1": None, "C2": 1}


def test_overlay_is_merged_into_the_config_at_every_commit(repository):
    """The overlay sets a margin since day 2; until day 3, the config had another one, which the overlay hid."""
    repository.commit(1, changed("C1", "margin", to=0.5))
    repository.commit(2, changed("C1", "margin", to=0.5), {"claims": {"C1": {"margin": 0.01}}})
    repository.commit(3, BASE)
    configs = [repository.config, repository.overlay]
    assert days(stood_since(BASE, STUDY, configs)) == {"C1": 2, "C2": 1}
    assert days(stood_since(BASE, STUDY, configs[:1])) == {"C1": 3, "C2": 1}


@pytest.mark.parametrize(
    "before",
    [
        {"dataset": "esc50"},
        {"training": {"epochs": 5, "batch_size": 16}},
        {"training": {"batch_size": 16}},
        {"studies": STUDIES | {"networks": {"seeds": [0]}}},
        {"studies": {"mask": {"seeds": [0]}}},
        {"studies": None},
    ],
)
def test_grid_has_stood_since_the_last_change_of_any_of_its_settings(repository, before):
    repository.commit(1, BASE, **before)
    repository.commit(2, BASE)
    found = stood_since(BASE, STUDY, [repository.config])
    assert day_of_grid(found) == 2 and days(found) == {"C1": 1, "C2": 1}


def test_grid_does_not_hold_other_settings_or_the_claims(repository):
    others = {"figures": {"a": 2}, "studies": STUDIES | {"mask": {"seeds": [5]}}}
    repository.commit(1, BASE | {"level": 0.01}, training={"epochs": 6, "batch_size": 32}, **others)
    repository.commit(2, BASE)
    assert day_of_grid(stood_since(BASE, STUDY, [repository.config])) == 1


def test_grid_may_come_from_an_overlay_and_may_not_be_committed(repository):
    repository.commit(1, BASE)
    repository.commit(2, BASE, {"training": {"epochs": 20}})
    configs = [repository.config, repository.overlay]
    assert day_of_grid(stood_since(BASE, STUDY | {"training/epochs": 20}, configs)) == 2
    assert stood_since(BASE, STUDY, configs)[GRID] is None


def test_merged_branch_counts_from_its_merge(repository):
    repository.commit(1, changed("C1", "margin", to=0.02))
    repository.git("checkout", "-q", "-b", "side")
    repository.commit(2, BASE)
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "side", day=5)
    assert days(stood_since(BASE, STUDY, [repository.config])) == {"C1": 5, "C2": 1}


def test_version_that_is_no_yaml_has_other_settings(repository):
    repository.commit(1, BASE)
    repository.config.write_text("claims: [")
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "broken", day=2)
    repository.commit(3, BASE)
    assert days(stood_since(BASE, STUDY, [repository.config])) == {"C1": 3, "C2": 3}


def test_config_outside_the_repository_is_as_if_empty(repository, tmp_path_factory):
    repository.commit(1, BASE)
    outside = tmp_path_factory.mktemp("outside") / "mine.yaml"
    outside.write_text(yaml.safe_dump({"claims": {"C1": {"margin": 0.02}}}))
    now = changed("C1", "margin", to=0.02)
    assert days(stood_since(now, STUDY, [repository.config, outside])) == {"C1": None, "C2": 1}


@pytest.mark.parametrize("kind", ["no repository", "no commit", "no git", "part of the history"])
def test_without_the_whole_history_nothing_is_known(repository, tmp_path_factory, monkeypatch, kind):
    config = repository.config
    if kind == "no commit":
        config.write_text(yaml.safe_dump({"claims": BASE}))
    else:
        repository.commit(1, BASE)
        repository.commit(2, changed("C1", "margin", to=0.02))
        repository.commit(3, BASE)
    if kind == "no repository":
        (repository.folder / ".git").rename(repository.folder / "git")
    if kind == "no git":
        monkeypatch.setenv("PATH", str(repository.folder))
    if kind == "part of the history":
        copied = tmp_path_factory.mktemp("copy")
        repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", str(copied / "copy"))
        config = copied / "copy" / "config.yaml"
    assert stood_since(BASE, STUDY, [config]) is None
