"""What the recordings and mixes of a dataset hold, by split and class."""

from pathlib import Path

import pandas as pd

from yoho import job
from yoho.events import read_table
from yoho.pages import table_page


def tabulate_dataset(files, table, *, event_labels):
    recordings, rows = read_table(files.recordings), []
    for file in files.events:
        split, events = Path(file).parent.name, read_table(file)
        for event_label in event_labels:
            own = recordings[(recordings["split"] == split) & (recordings["event_label"] == event_label)]
            sounding = events[events["event_label"] == event_label]
            rows.append(
                {
                    "split": split,
                    "event_label": event_label,
                    "recordings": len(own),
                    "field_recordings": own["group"].nunique(),
                    "recorded_minutes": own["duration"].sum() / 60,
                    "events_in_mixes": len(sounding),
                    "minutes_in_mixes": (sounding["offset"] - sounding["onset"]).sum() / 60,
                }
            )
    pd.DataFrame(rows).to_csv(table, index=False, float_format="%.3f")


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_dataset(snakemake.input, snakemake.output.table, **job.settings(snakemake))
    Path(snakemake.output.page).write_text(table_page("Recordings and mixes", snakemake.output.table))
