"""Find the files of an archive, split them into shards, and choose the network; say whether all begins anew."""

import json
import shutil
from pathlib import Path

from yoho import InputError, job
from yoho.archives.plan import difference, list_archive, planned, present, read_plan, write_plan
from yoho.archives.settings import changes, network_settings, queries_of, write_settings
from yoho.archives.shards import FILES, WORK
from yoho.segmenting.choice import choose_network
from yoho.segmenting.segmenter import Segmenter


def plan_archive(audio, output, *, weights, shard, segmenting):
    folder = Path(output).parent
    listing = list_archive(audio)
    for line in [*listing.faults.values(), *listing.notes]:
        job.say(line)
    if not listing.states:
        raise InputError(f"{audio}: holds no audio file that can be segmented")
    run, reason = (weights, "as the config says") if weights else choose_network("results")
    job.say(f"network: {run} ({reason})")
    settings = network_settings(run) | segmenting
    if queries := queries_of(settings):
        Segmenter.load(run, queries=queries)  # raises InputError before any shard begins
    before = read_plan(folder)
    plan = planned(before, audio, listing, shard)
    hours = {number: sum(entry.hours for entry in present(entries)) for number, entries in plan.items()}
    what = f"{len(listing.states):,} files, {sum(hours.values()):,.1f} h; shards: {len(plan):,}"
    if reason := anew(folder, before, settings):
        job.say(f"{audio}: ANEW: {reason}; all files are segmented again: {what}")
        for path in [*(folder / WORK).glob("*.json"), *(folder / "shards").glob("*.parquet")]:
            path.unlink()  # These shards have done nothing yet.
    else:
        job.say(f"{audio}: {what}; {difference(before, plan)}")
    if not before:
        for name in (WORK, FILES, "shards"):  # of a plan that is lost
            shutil.rmtree(folder / name, ignore_errors=True)
    write_settings(folder, settings)  # first, because a plan without settings counts as one of other settings
    write_plan(folder, plan)
    content = {"audio": audio, "shards": hours, "faults": listing.faults, "notes": listing.notes}
    Path(output).write_text(json.dumps(content, indent=1) + "\n")


def anew(folder, plan, settings):
    """Why the files of an archive are segmented again, None if they are not; plan: the earlier plan."""
    if not plan:
        return "the plan is lost" if (folder / WORK).exists() else None
    changed = changes(folder, settings)
    return f"{', '.join(changed)} changed" if changed else None


if __name__ == "__main__":
    job.start(snakemake)
    params = {name: snakemake.params[name] for name in ("audio", "weights", "shard", "segmenting")}
    plan_archive(output=snakemake.output[0], **params)
