"""Tabulate the mask study (paper, section 4.3.3): scores on the test mixes and learning curve of every run."""

from yoho import job
from yoho.claims.curves import area_under_curve, gain_per_doubling
from yoho.claims.measures import Arm, overall_score, read_records
from yoho.figures.tables import write_results

SCORES = ("f1", "error_rate", "data_loss")


def tabulate_mask_study(records, table, *, runs, bins):
    found, _ = read_records(records)
    rows = [run | (scores(found[run["run"]], bins) if run["run"] in found else {}) for run in runs]
    write_results(table, rows, "%.6f", title="The mask study, run by run")


def scores(record, bins):
    """Scores on the test mixes, and what the curve of validation F1 shows: a dictionary."""
    arm = Arm.from_records("", {0: record})
    f1, windows_seen, learning_rate = (record.history[key] for key in ("f1", "windows_seen", "learning_rate"))
    return {
        **{name: overall_score(name, arm.kinds, bins)(arm.tallies[0].sum(axis=0)) for name in SCORES},
        "last_validation_f1": f1.iloc[-1],
        "area": area_under_curve(f1, windows_seen),
        "gain_per_doubling": gain_per_doubling(f1, windows_seen, learning_rate),
        "windows_seen": record.about["exposure"]["windows_seen"],
    }


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_mask_study(snakemake.input, snakemake.output.table, **job.params(snakemake))
