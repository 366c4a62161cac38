"""Since when the settings of the claims have stood in the config, by the history of the repository."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import yaml

# The settings that all claims share.
SHARED = ("level", "trained", "replicates")


class Commit(NamedTuple):
    """A commit: its short name and the time at which it was made."""

    name: str
    time: datetime


def stood_since(claims, configs):
    """The oldest commit since which the settings of each claim have been as they are: {claim: `Commit`}.

    claims: the config's section; configs: paths of the config files, of which each overrides those before it. A claim
    whose settings the last commit does not have gets None. Without a repository that holds the whole history, the
    result is None. Merges count as commits of their own time, and files outside the repository as empty.
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
    names = [name for name, entry in claims.items() if isinstance(entry, dict) and "claim" in entry]
    now = {name: settings_of(claims, name) for name in names}
    found, waiting = dict.fromkeys(now), list(now)
    for commit in commits:  # newest first
        name, time = commit.split()
        past = claims_at(root, name, paths)
        waiting = [claim for claim in waiting if settings_of(past, claim) == now[claim]]
        if not waiting:
            break
        found |= dict.fromkeys(waiting, Commit(name, datetime.fromtimestamp(int(time), UTC)))
    return found


def settings_of(claims, name):
    """The settings by which a claim is decided."""
    return {key: claims.get(key) for key in (name, *SHARED)}


def claims_at(root, commit, paths):
    """The section `claims` of the config at a commit, merged as Snakemake merges config files."""
    config = {}
    for path in paths:
        try:
            merge(config, yaml.safe_load(git(root, "show", f"{commit}:{path}")) or {})
        except (subprocess.CalledProcessError, yaml.YAMLError):  # the file was not there yet, or is no YAML
            continue
    return config.get("claims") or {}


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
