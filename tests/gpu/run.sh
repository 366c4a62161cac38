#!/usr/bin/env bash
# Tests and measures a machine with a GPU within a few minutes:
#   tests/gpu/run.sh MINUTES [STEP...]        # without a STEP: all of them except the last two, in this order
#
#   ceilings     describes the machine, and measures the most operations and bytes per second that it reaches
#   tests        runs pytest -m gpu tests/gpu
#   data         makes the recordings, mixes and windows of config/gpu-minutes.yaml
#   throughput   makes results/tables/throughput.csv
#   train        makes Figures 4-6, with as many epochs for all networks as fit until MINUTES after the start
#   compiled     makes throughput.csv with torch.compile, which takes minutes, and saves it as compiled.csv
#   study        trains runs that config/study.yaml lacks, many in one process, until MINUTES after the start
#
# Options are environment variables, here with their defaults in brackets:
#   OUT      folder of the results; files from an earlier run are replaced (results/gpu)
#   CONFIG   overlays after config/gpu-minutes.yaml, such as tests/config/rehearsal.yaml for a machine without a GPU ()
#   WHEELS   folder of wheels from tests/gpu/collect_wheels.sh, which are installed if Snakemake is missing (.whl)
#   PYTHON   a Python with PyTorch (python3)
#   TMPDIR   folder for temporary audio and windows (/tmp): 4 GB, and for the step study 40 GB
#
# OUT then holds steps.tsv (exit code and seconds of each step), run.log, ceilings.json, tests.xml, throughput.csv,
# compiled.csv, curves.csv (each epoch of each training), study/ (a record of each run, for results/reference/study/runs)
# and results.tar.gz (tables, figures, curves, scores and logs at
# the end of each step). If the script is killed, OUT holds the results of finished steps and every finished epoch
# of a training. Weights and audio are made in a temporary folder, which is removed. A step that fails or exceeds its
# limit does not stop the next one. The exit code is 0 if every step succeeded, and 1 otherwise.
set -uo pipefail
all=(ceilings tests data throughput train compiled study)
steps=("${all[@]::5}")
declare -A limit=([ceilings]=60 [tests]=180 [data]=120 [throughput]=220 [compiled]=400) # seconds; train and study get the rest
first_round=4 # epochs

usage() {
  echo "$1; usage: tests/gpu/run.sh MINUTES [${all[*]}]" >&2
  exit 2
}
[[ ${1:-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || usage "MINUTES must be a number: '${1:-}'"
deadline=$(awk "BEGIN {print int(60 * $1)}") # seconds after the start; SECONDS counts them
shift
for name in "$@"; do
  [[ " ${all[*]} " == *" $name "* ]] || usage "there is no step '$name'"
done
(($#)) && steps=("$@")

cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
wheels=${WHEELS:-.whl}
mkdir -p "${OUT:=results/gpu}" && out=$(realpath "$OUT") && work=$(mktemp -d) || exit 2
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
rm -f "$out"/{steps.tsv,run.log,ceilings.json,tests.xml,throughput.csv,compiled.csv,curves.csv,results.tar.gz}
mkdir "$work/kept"
failed=0

# ---- packages and settings -------------------------------------------------------------------------------------------

if ! "$python" -c 'import snakemake' 2>/dev/null; then
  compgen -G "$wheels/*.whl" >/dev/null || usage "$python has no Snakemake, and there are no wheels in $wheels"
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$work/site" \
    "$wheels"/*.whl || usage "the wheels in $wheels cannot be installed"
  export PYTHONPATH=$work/site${PYTHONPATH:+:$PYTHONPATH} PATH=$work/site/bin:$PATH
fi
read -ra more <<<"${CONFIG:-}"
overlays=(config/gpu-minutes.yaml "${more[@]}")
setting() { "$python" tests/gpu/epochs.py setting "$1" config/config.yaml "${overlays[@]}"; }
most=$(setting training.epochs) && device=$(setting training.device) || exit 2
on=() pace=1
[[ $device == cpu ]] && on=(--device cpu) pace=3 # a rehearsal may take three times as long
workflow=(--directory "$work" --profile workflow/profiles/gpu --keep-going --keep-incomplete --nolock)
workflow+=(--set-threads collect_recordings="$(nproc)" --resources gpu=5 --configfile "${overlays[@]}")

# Record the GPU's load every second.
if command -v nvidia-smi >/dev/null; then
  timeout "$deadline" nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw --format=csv --loop=1 \
    >"$work/kept/gpu.csv" 2>&1 &
fi

# ---- steps -----------------------------------------------------------------------------------------------------------

left() { echo $((deadline - SECONDS - 10)); } # 10 s are reserved for ending a command and saving its results

# step NAME LIMIT COMMAND...: run a command for at most LIMIT seconds, then save its results.
step() {
  local name=$1 seconds=$(($2 * pace)) begun=$SECONDS code=0 signal=TERM
  shift 2
  [[ $name == tests ]] && signal=INT # pytest then still reports its results
  rm -f "$work/results/tables/throughput.csv" # from an earlier step
  ((seconds > $(left))) && seconds=$(left)
  printf '\n==== %s, at most %s s: %s\n' "$name" "$seconds" "$*" >>"$out/run.log"
  if ((seconds > 0)); then
    timeout --signal=$signal --kill-after=5 "$seconds" "$@" >>"$out/run.log" 2>&1 || code=$?
  else
    code=124 # no time is left, which counts as reaching the limit
  fi
  ((code == 0)) || failed=1
  printf '%s\t%s\t%s\n' "$name" "$code" $((SECONDS - begun)) | tee -a "$out/steps.tsv"
  keep "$name"
  return "$code"
}

# keep NAME: put all small files of the results into results.tar.gz, as NAME/. Each round of training has its own
# folder, so that an interrupted round does not overwrite the previous one.
keep() {
  mkdir -p "$work/kept/$1" "$work/results"
  (cd "$work/results" &&
    find . -type d -regex '.*/\(recordings\|mixes\|windows\|examples\)' -prune -o \
      -type f -regex '.*\.\(csv\|tsv\|json\|log\|pdf\|png\)' -exec cp --parents -t "$work/kept/$1" {} +)
  cp -f "$work/results/tables/throughput.csv" "$out/$1.csv" 2>/dev/null
  cp -f "$out"/{ceilings.json,tests.xml,run.log,steps.tsv,curves.csv} "$work/kept" 2>/dev/null
  tar -czf "$out/results.tar.gz.part" -C "$work/kept" . && mv "$out/results.tar.gz.part" "$out/results.tar.gz"
}

# Train in rounds. In each, all networks reach the same number of epochs, so that their curves are equally long whenever
# the time ends. The first round is short, so that it ends in any case. The times of rounds show how many epochs fit.
train() {
  local epochs=$((first_round < most ? first_round : most)) begun
  while ((epochs > 0)); do
    begun=$SECONDS
    echo "training: {epochs: $epochs}" >"$work/epochs.yaml"
    step "train-$epochs" "$(left)" "$python" tests/gpu/curves.py "$work/results" "$out/curves.csv" \
      "$python" -m snakemake all "${workflow[@]}" "$work/epochs.yaml"
    # If no network has reached them, something is broken or the time is up.
    grep -qs "^$epochs," "$work"/results/*/runs/*/history.csv || return
    echo "$epochs $((SECONDS - begun))" >>"$work/rounds.txt"
    epochs=$("$python" tests/gpu/epochs.py next "$work/rounds.txt" "$(left)" "$most")
  done
}

printf 'step\texit\tseconds\n' | tee "$out/steps.tsv"
for name in "${steps[@]}"; do
  case $name in
    ceilings)
      step ceilings ${limit[ceilings]} env PYTHONPATH="workflow/scripts${PYTHONPATH:+:$PYTHONPATH}" \
        "$python" tests/gpu/ceilings.py "$out/ceilings.json" "${on[@]}"
      ;;
    tests)
      step tests ${limit[tests]} "$python" -m pytest -m gpu tests/gpu -v -n "$(($(nproc) < 4 ? $(nproc) : 4))" \
        --junitxml="$out/tests.xml" "${on[@]}"
      ;;
    data)
      step data ${limit[data]} "$python" -m snakemake all --until make_features draw_dataset count_networks \
        "${workflow[@]}"
      ;;
    throughput)
      step throughput ${limit[throughput]} "$python" -m snakemake results/tables/throughput.csv "${workflow[@]}"
      ;;
    train) train ;;
    compiled)
      echo "benchmarks: {at_once: [], variants: [{compile: true}]}" >"$work/compiled.yaml"
      step compiled ${limit[compiled]} "$python" -m snakemake results/tables/throughput.csv "${workflow[@]}" \
        "$work/compiled.yaml"
      ;;
    study)
      step study "$(left)" "$python" tests/gpu/study.py "$(left)" "$work" "$out/study" config/study.yaml "${more[@]}"
      ;;
  esac
done
exit $failed
