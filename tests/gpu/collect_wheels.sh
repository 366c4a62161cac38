#!/usr/bin/env bash
# Collect wheels for a GPU machine (Linux, x86-64) without a package registry, and put them into .whl/:
#   tests/gpu/collect_wheels.sh [PYTHON_VERSION]      # Python of that machine, by default 3.12
# wheels.txt names them, requirements.txt pins their versions, and tests/gpu/run.sh installs them on that machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:-3.12}
source_only='^(connection-pool|dcase-util|sed-eval)$' # pure Python; this version has no published wheel

platforms=(--platform any --platform manylinux1_x86_64 --platform manylinux2014_x86_64)
for glibc in 5 12 17 24 27 28 31 34; do
  platforms+=(--platform "manylinux_2_${glibc}_x86_64")
done
names=$(sed 's/#.*//' tests/gpu/wheels.txt | awk 'NF')
rm -rf .whl
python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version "$version" \
  "${platforms[@]}" --constraint requirements.txt --dest .whl $(grep -Ev "$source_only" <<<"$names")
python3 -m pip wheel --quiet --no-deps --constraint requirements.txt --wheel-dir .whl $(grep -E "$source_only" <<<"$names")
du -sh .whl
