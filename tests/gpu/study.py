"""Train the missing runs of a study on a GPU, all in one process, so that PyTorch is imported once. For run.sh:

    python tests/gpu/study.py SECONDS WORK RECORDS CONFIG...

The runs are those that `snakemake study` would train in the folder WORK with these configs. They are trained seed by
seed. While one seed's networks are trained, Snakemake makes the data of the next seed. Records that the checkout
keeps already count there too. Each finished run's record is copied to RECORDS. No training starts later than SECONDS
after the start.
"""

import os
import shutil
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import yaml
from joblib import cpu_count

ROOT = Path(__file__).parents[2]
OF_SEED = ("collect_recordings_of_seed", "make_mixes_of_seed", "make_features_of_seed")  # rules that take one thread


def missing_runs(work, configs):
    """Snakemake's jobs of the trainings that the study lacks, in the order of the study."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    config = ConfigSettings(configfiles=[Path(path).resolve() for path in configs])
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(ResourceSettings(cores=1), config, snakefile=ROOT / "Snakefile", workdir=Path(work))
        workflow.dag(DAGSettings(targets={"study"})).execute_workflow(executor="dryrun")
        jobs = workflow._workflow.dag.needrun_jobs(exclude_finished=False)
        return sorted((job for job in jobs if job.rule.name == "train_network"), key=lambda job: -job.priority)


def by_seed(jobs):
    """Lists of the jobs that share a seed, and so the data that it draws."""
    return [list(group) for _, group in groupby(jobs, key=lambda job: job.params["settings"]["seed"])]


def making(jobs, work, configs):
    """Start Snakemake on the inputs of some trainings."""
    files = sorted({str(file) for job in jobs for file in job.input})
    command = [sys.executable, "-m", "snakemake", *files, "--snakefile", ROOT / "Snakefile", "--directory", work]
    command += ["--cores", "all", "--nolock", "--quiet", "all", "--rerun-incomplete"]
    command += ["--set-threads", *(f"{rule}={cpu_count()}" for rule in OF_SEED), "--configfile", *configs]
    return subprocess.Popen([str(part) for part in command], cwd=ROOT)


def main(seconds, work, records, *configs):
    """Train until the time is up or no run is missing; returns the number of runs that failed."""
    end, failed = time.monotonic() + float(seconds), 0
    configs = [Path(path).resolve() for path in configs]
    records = Path(records).resolve()
    records.mkdir(parents=True, exist_ok=True)
    copy_kept(work, configs)
    seeds = by_seed(missing_runs(work, configs))
    data = [making(seeds[0], work, configs)] if seeds else []
    sys.path.append(str(ROOT / "workflow" / "scripts"))
    from train_network import train_and_evaluate

    os.chdir(work)
    for number, jobs in enumerate(seeds):
        while data[-1].poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        if time.monotonic() >= end:
            break
        if number + 1 < len(seeds):
            data.append(making(seeds[number + 1], work, configs))
        for job in jobs:
            if time.monotonic() < end:
                failed += not trained(job, train_and_evaluate)
                if Path(job.output.record).exists():
                    shutil.copy(job.output.record, records / f"{job.wildcards.run}.zip")
        shutil.rmtree(Path(jobs[0].input.train_features).parent)  # gigabytes, which no other seed needs
    for made in data:
        made.terminate()
    return failed


def copy_kept(work, configs):
    """Copy the records that the checkout keeps to the folder WORK, where Snakemake looks for them."""
    sections = [yaml.safe_load(path.read_text()).get("claims") or {} for path in configs]
    kept = [section["records"] for section in sections if section.get("records")][-1]
    if (ROOT / kept).is_dir() and not Path(kept).is_absolute():
        shutil.copytree(ROOT / kept, Path(work, kept), dirs_exist_ok=True)


def trained(job, train_and_evaluate):
    """Train and score one run; returns whether this worked, and prints how long it took."""
    start, run = time.monotonic(), job.wildcards.run
    params = {name: value for name, value in job.params.items() if name != "code"}
    Path(job.output.record).parent.mkdir(parents=True, exist_ok=True)
    try:
        train_and_evaluate(job.input, job.output, run, params)
    except Exception as error:  # The next run may work.
        print(f"{run}: {error!r}", flush=True)
        return False
    print(f"{run}: {time.monotonic() - start:.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
