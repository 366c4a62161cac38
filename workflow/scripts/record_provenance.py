"""Record the provenance of the results: the commit of the code, the merged config, the versions of all packages."""

import json
from pathlib import Path

from yoho import job
from yoho.figures.tables import text_page
from yoho.provenance import commit, versions


def record_provenance(made, *, config):
    found = {"commit": commit(), "config": config, "versions": versions()}
    text = json.dumps(found, indent=2) + "\n"
    Path(made.file).write_text(text)
    Path(made.page).write_text(text_page("Where these results come from", text))


if __name__ == "__main__":
    job.start(snakemake)
    record_provenance(snakemake.output, **job.params(snakemake))
