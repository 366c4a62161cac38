"""Since when the settings of the claims and of the study have stood in the config, by the repository's history."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import yaml

# The settings that all claims share.
SHARED = ("level", "trained", "replicates", "networks", "seed")

GRID = "the grid of the study"


class Commit(NamedTuple):
    """A commit: its short name and the time at which it was made."""

    name: str
    time: datetime


def stood_since(claims, grid, configs):
    """The oldest commit since which the settings of each claim have been as they are: {claim or GRID: `Commit`}.

    claims: the config's section; grid: other settings of the config, {keys joined by slashes: value}, which together
    are one entry of the result, GRID; configs: paths of the config files, of which each overrides those before it.
    Settings that the last commit does not have get None. Without a repository that holds the whole history, the result
    is None. Merges count as commits of their own time, and files outside the repository as empty.
    """
    folder = Path(configs[0]).resolve().parent
    try:
        root = Path(git(folder, "rev-parse", "--show-toplevel"))
        if git(root, "rev-parse", "--is-shallow-repository") == "true":
            return None
        paths = [Path(path).resolve() for path in configs]
        paths = [str(path.relative_to(root)) for path in paths if path.is_relative_to(root)]
        commits = git(root, "log", "--first-parent", "--format=%h %ct", "--", *paths).splitlines()
    except (OSError, subprocess.SubprocessError):  # no git, no repository, or no commit
        return None
    now = settings_of({"claims": claims}, claims, grid) | {GRID: grid}
    found, waiting = dict.fromkeys(now), list(now)
    for commit in commits:  # newest first
        name, time = commit.split()
        past = settings_of(config_at(root, name, paths), claims, grid)
        waiting = [entry for entry in waiting if past[entry] == now[entry]]
        if not waiting:
            break
        found |= dict.fromkeys(waiting, Commit(name, datetime.fromtimestamp(int(time), UTC)))
    return found


def settings_of(config, claims, grid):
    """The settings in a config by which each of the claims is decided, and the grid: {claim or GRID: settings}."""
    names = [name for name, entry in claims.items() if isinstance(entry, dict) and "claim" in entry]
    own = {name: {key: value_at(config, f"claims/{key}") for key in (name, *SHARED)} for name in names}
    return own | {GRID: {path: value_at(config, path) for path in grid}}


def value_at(config, path):
    """The value in a config at keys that are joined by slashes; None if there is none."""
    for key in path.split("/"):
        config = config.get(key) if isinstance(config, dict) else None
    return config


def config_at(root, commit, paths):
    """The config at a commit, merged as Snakemake merges config files."""
    config = {}
    for path in paths:
        try:
            merge(config, yaml.safe_load(git(root, "show", f"{commit}:{path}")) or {})
        except (subprocess.CalledProcessError, yaml.YAMLError):  # the file was not there yet, or is no YAML
            continue
    return config


def merge(config, overlay):
    """Merge an overlay into a config: mappings key by key, everything else whole."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            merge(config[key], value)
        else:
            config[key] = value


def git(folder, *arguments):
    """What a git command prints; raises OSError without git, and CalledProcessError if the command fails."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
