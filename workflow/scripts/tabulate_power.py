"""Tabulate the power of every test with a margin, by the config alone, and the deviations between finished seeds."""

from yoho import job
from yoho.claims.measures import Arm, effects_by_seed, read_records
from yoho.claims.power import power_table
from yoho.figures.tables import write_results


def tabulate_power(records, table, *, arms, cells, claims, seeds):
    found, _ = read_records(records)

    arms = {role: Arm.of_runs(found, **entry) for role, entry in arms.items()}
    cells = [[Arm.of_runs(found, **cell[side]) for side in ("masked", "plain")] for cell in cells]
    rows = power_table(claims, seeds, centred_differences(arms, cells))
    write_results(table, rows, "%.4g", title="What the seeds can decide")


def centred_differences(arms, cells):
    """Paired differences of all seeds, {(claim, measure): (seeds,)}, without their mean, which stays unknown.

    C5 and C7 are about several pairs of networks, of which the one with the largest deviation counts.
    """

    def differences(measure, *pairs):
        of_pairs = [effects_by_seed(measure, [pair])[:, 0] for pair in pairs]
        centred = [values - values.mean() if len(values) else values for values in of_pairs]
        return max(centred, key=lambda values: (values**2).sum() / max(len(values) - 1, 1))

    found = {("C5", measure): differences(measure, *cells) for measure in ("f1", "data_loss", "area") if cells}
    if arms:
        baseline, unmasked, proposed = (arms[role] for role in ("baseline", "unmasked", "proposed"))
        found["C1", "f1"] = differences("f1", (proposed, baseline))
        found |= {("C6", measure): differences(measure, (proposed, unmasked)) for measure in ("f1", "data_loss")}
        others = [(proposed, arms[role]) for role in ("baseline", "vggish", "vggish_released")]
        found["C7", "f1"] = differences("f1", *others)
    return found


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_power(snakemake.input, snakemake.output.table, **job.params(snakemake))
