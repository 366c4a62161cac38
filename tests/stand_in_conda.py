"""A stand-in for conda, where none can be had: what Snakemake calls of it, on the real solver of py-rattler.

`set_up` makes a folder with `bin/conda`, `bin/activate` and a channel of packages that stand for conda-forge's. Each
holds links to the modules of one package of the running interpreter, under conda's name for it, with its version and
what it depends on: an environment made of them can import what its file asks for, and nothing else.
"""

import asyncio
import io
import json
import os
import re
import sys
import sysconfig
import tarfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Where conda-forge has another name than PyPI.
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "soundfile": "python-soundfile",
    "soxr": "soxr-python",
}
SITE = Path(sysconfig.get_path("purelib"))
OWN = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
ACTIVATE = 'export CONDA_PREFIX="$1"\nexport PATH="$1/bin:$PATH"\n'


def set_up(folder, environment_files):
    """Make the command and a channel of all that some environment files ask for; returns the folder of the command."""
    specs = [spec for file in environment_files for spec in read_specs(file)[1]]
    wanted = {re.split(r"[ <>=]", spec)[0] for spec in specs} - {"python"}
    build_channel(folder / "channel", wanted)
    (folder / "bin").mkdir()
    (folder / "bin" / "activate").write_text(ACTIVATE)
    command = folder / "bin" / "conda"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "{folder}" "$@"\n')
    command.chmod(0o755)
    return folder / "bin"


def read_specs(file):
    """Channels and specs of an environment file; what pip would install is taken from the same channel."""
    content = yaml.safe_load(Path(file).read_text())
    specs = [spec for spec in content["dependencies"] if isinstance(spec, str)]
    for part in content["dependencies"]:
        specs += [canonicalize_name(spec.split()[0]) + spec[len(spec.split()[0]) :] for spec in dict_of(part)]
    return content["channels"], specs


def dict_of(part):
    """The specs of a `pip:` part; none of any other."""
    return part["pip"] if isinstance(part, dict) else []


def build_channel(channel, wanted):
    """A channel of packages that stand for `wanted`, by conda's names, for what they need, and for Python."""
    from rattler import Subdir
    from rattler.index import index_fs

    pip_names = {conda: pip for pip, conda in CONDA_NAMES.items()}
    installed = {canonicalize_name(found.metadata["Name"]): found for found in metadata.distributions()}
    open_names, chosen = {pip_names.get(name, name) for name in wanted}, {}
    while open_names:
        name = open_names.pop()
        chosen[name] = needs(installed[name])
        open_names |= chosen[name] - set(chosen)
    subdir = channel / str(Subdir.current())
    subdir.mkdir(parents=True)
    (channel / "noarch").mkdir()
    links = links_of(installed)
    for name, depends in chosen.items():
        depends = ["python", *(CONDA_NAMES.get(other, other) for other in sorted(depends))]
        files = {f"{OWN}/{place}": SITE / place for place in links[name]}
        write_package(subdir, CONDA_NAMES.get(name, name), installed[name].version, depends, files)
    base = Path(sys.base_prefix, "bin", "python3")
    version = ".".join(map(str, sys.version_info[:3]))
    home = f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    write_package(subdir, "python", version, [], {"bin/python": base, "bin/python3": base, "pyvenv.cfg": home})
    asyncio.run(index_fs(channel))


def needs(distribution):
    """Canonical names of what an installed package requires here."""
    found = map(Requirement, distribution.requires or [])
    return {canonicalize_name(need.name) for need in found if not need.marker or need.marker.evaluate({"extra": ""})}


def links_of(installed):
    """For each package, the shortest paths below site-packages that are its alone."""
    owners, files = defaultdict(set), {}
    for name, distribution in installed.items():
        files[name] = [file for file in distribution.files or [] if file.parts[0] not in ("..", "/", "__pycache__")]
        for file in files[name]:
            for depth in range(len(file.parts)):
                owners[file.parts[: depth + 1]].add(name)
    links = defaultdict(set)
    for name in installed:
        for parts in (file.parts for file in files[name]):
            depths = (depth for depth in range(1, len(parts) + 1) if len(owners[parts[:depth]]) == 1)
            links[name].add("/".join(parts[: next(depths, len(parts))]))
    return links


def write_package(folder, name, version, depends, files):
    """A conda package; files: {path in the environment: a path to link to, or a text}."""
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends}
    paths = []
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2") as package:

        def add(path, content):
            entry = tarfile.TarInfo(path)
            if isinstance(content, Path):
                entry.type, entry.linkname, data = tarfile.SYMTYPE, str(content), b""
            else:
                data = content.encode()
            entry.size = len(data)
            package.addfile(entry, io.BytesIO(data))

        for path, content in sorted(files.items()):
            add(path, content)
            paths.append({"_path": path, "path_type": "softlink" if isinstance(content, Path) else "hardlink"})
        add("info/index.json", json.dumps(index | {"subdir": folder.name}))
        add("info/paths.json", json.dumps({"paths": paths, "paths_version": 1}))


async def create(folder, file, prefix):
    """`conda env create`: solve what an environment file asks for, and install it."""
    from rattler import install, solve

    channels, specs = read_specs(file)
    if channels != ["conda-forge", "nodefaults"]:
        sys.exit(f"{file}: channels {channels}")
    records = await solve([(folder / "channel").as_uri()], specs)
    await install(records, prefix, cache_dir=folder / "cache", show_progress=False)


def main(folder, *arguments):
    """Answer one call of conda."""
    from rattler import Subdir

    if arguments == ("info", "--json"):
        print(json.dumps({"conda_prefix": str(folder), "platform": str(Subdir.current())}))
    elif arguments == ("--version",):
        print("conda 25.1.0")
    elif arguments[:2] == ("config", "--get"):
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif arguments[:2] == ("env", "create"):
        asyncio.run(
            create(folder, arguments[arguments.index("--file") + 1], arguments[arguments.index("--prefix") + 1])
        )
    elif arguments[0] != "clean":
        sys.exit(f"this stand-in knows no conda {' '.join(arguments)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
    # One call in eight was aborted: rattler's threads are still at work when the interpreter ends.
    sys.stdout.flush()
    os._exit(0)
