"""Segment the files of a shard that are not segmented yet, and write the tables of its events and files."""

from pathlib import Path

from yoho import job
from yoho.archives import shards
from yoho.archives.plan import read_list
from yoho.archives.settings import digest_of, queries_of, read_settings
from yoho.archives.tables import events_table, files_table, write_table
from yoho.segmenting.outcomes import Options
from yoho.segmenting.writing import check_writer


def segment_shard(entries, settings, tables, threads, *, audio, form, page, writing):
    check_writer(form)
    entries, folder, chosen = Path(entries), Path(settings).parent, read_settings(settings)
    page = page is True or (page == "named" and Path(audio).is_file())
    own = {"queries": queries_of(chosen), "jobs": threads, "cores": threads}
    options = Options(chosen["network"], form, page=page, **own)
    shard = shards.Shard(folder, entries.stem, audio, digest_of(chosen), writing, options)
    with shards.alone(shard):
        finished = shards.segment_shard(shard, read_list(entries))
        write_table(events_table(finished), tables.events)
        write_table(files_table(finished), tables.files)
    failed = sum(entry.error is not None for entry in finished)
    print(f"{len(finished) - failed} segmented, {failed} failed")


if __name__ == "__main__":
    job.start(snakemake)
    given, params = snakemake.input, job.params(snakemake)
    segment_shard(given.entries, given.settings, snakemake.output, snakemake.threads, **params)
