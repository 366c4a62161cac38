# `make` installs the environment and makes Figures 4-6 of the default config. `make test` runs the tests.
# `make CONFIG=config/esc10.yaml` uses another config, and `make TARGET=claims` makes another target.
# `make PROFILE=workflow/profiles/slurm` runs the jobs on a Slurm cluster. `make MINUTES=60` starts no job after an hour.
PYTHON ?= python3
CONFIG ?=
PROFILE :=
TARGET :=
MINUTES :=
BIN := .venv/bin
READY := .venv/installed.txt
# The cores that this process may use. Snakemake's `all` and pytest's `auto` do not know the limit of a container.
CORES := $$($(BIN)/python -c 'import joblib; print(joblib.cpu_count())')
# A SIGTERM to Snakemake alone makes it wait for the running jobs and start no others.
SNAKEMAKE := $(if $(MINUTES),timeout --foreground $(MINUTES)m) $(BIN)/snakemake $(TARGET) \
  $(if $(PROFILE),--profile $(PROFILE),--cores $(CORES)) --rerun-incomplete $(if $(CONFIG),--configfile $(CONFIG))
# uv installs packages faster than pip.
UV := uv==0.13.9
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Lists the jobs that Snakemake submitted to Slurm from this folder. Their comments begin with rule_.
SUBMITTED = squeue --me --noheader --format='%A|%k|%Z' | awk -F'|' '$$2 ~ /^rule_/ && $$3 == "$(CURDIR)" {print $$1}'

.PHONY: figures environment test slow slurm lint
# A killed run leaves Snakemake's lock behind and, on a cluster, jobs that nobody waits for. `make` removes both, while it
# holds a lock against other makes and one against any Snakemake at work: see workflow/rules/locking.py. The system
# releases these locks when their holders end. Without the program flock (exit code 127) it cannot find out who is alive.
figures: $(READY)
	@exec 9>.snakemake.lock; flock -n 9 2>/dev/null; case $$? in \
	  0|127) ;; \
	  1) echo "make is already at work in this folder"; exit 1;; \
	  *) echo "This file system does not support locks: make sure that only one make runs here at a time";; \
	esac; \
	if ls .snakemake/locks/* >/dev/null 2>&1; then \
	  exec 8>>.snakemake/at_work.lock; flock -n 8 2>/dev/null; case $$? in \
	    0) if command -v squeue >/dev/null; then $(SUBMITTED) | xargs --no-run-if-empty scancel; fi; \
	      $(SNAKEMAKE) --quiet all --unlock;; \
	    1) echo "snakemake is already at work in this folder"; exit 1;; \
	    *) echo "This folder is locked, and it is unknown who holds the lock: if no snakemake is at work here, run $(BIN)/snakemake --unlock"; exit 1;; \
	  esac; \
	  exec 8>&-; \
	fi; \
	$(SNAKEMAKE) --quiet rules $(if $(MINUTES),|| { test $$? = 124 && echo "No job was started after $(MINUTES) minutes. A job that failed is named above"; })
	@$(if $(TARGET),,echo "Figures: results/figures/fig4.pdf, fig5.pdf, fig6.pdf (and .png). Scores: results/tables/scores.csv")

environment: $(READY)
$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python has no venv module: install it (Debian: python3-venv)"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@index=$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}; \
	export UV_DEFAULT_INDEX=$${UV_DEFAULT_INDEX:-$${index:-https://pypi.org/simple}}; \
	if $(PIP) $(UV) && $(BIN)/uv pip install --quiet --no-deps --compile-bytecode --python $(BIN)/python -r $<; then :; else \
	  echo "uv cannot install the packages here; pip installs them, which takes longer"; $(PIP) --no-deps -r $<; \
	fi
	cp $< $@

test: $(READY)
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile -m "not slow and not slurm"

slow: $(READY)
	$(BIN)/python -m pytest -m slow

slurm: $(READY)
	$(BIN)/python -m pytest -m slurm tests/slurm

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint
