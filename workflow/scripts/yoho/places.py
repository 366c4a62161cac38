"""Where the package finds and keeps files: in a checkout of the repository, or installed by itself.

Snakemake reads this module whenever it parses the rules, so it imports only the standard library.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parents[2]
INSTALLED = not (CHECKOUT / "Snakefile").is_file()

# pyproject.toml puts copies of these files into the installed package.
CONFIG = PACKAGE / "config.yaml" if INSTALLED else CHECKOUT / "config" / "config.yaml"
AUDIOSET = (PACKAGE if INSTALLED else CHECKOUT / "workflow" / "resources") / "audioset.csv"


def results_folder():
    """The folder of trained networks and of the ear: `results` in a checkout, otherwise a cache folder of the user.

    Without a home folder, the path of the cache folder is relative.
    """
    if not INSTALLED:
        return CHECKOUT / "results"
    from platformdirs import user_cache_path

    return user_cache_path("segment-audio")
