"""Tabulate the power of every test with a margin, by the config alone, and the deviations that the pilot found."""

from yoho import job
from yoho.claims.measures import Arm, effects_by_seed, read_records
from yoho.claims.power import power_table
from yoho.figures.tables import write_results


def tabulate_power(records, table, *, arms, cells, claims, seeds):
    found, _ = read_records(records)

    def pilot_of(entry):
        return Arm.of_runs(found, entry["label"], dict(list(entry["runs"].items())[: claims["pilot"]]))

    arms = {role: pilot_of(entry) for role, entry in arms.items()}
    cells = [(pilot_of(cell["masked"]), pilot_of(cell["plain"])) for cell in cells]
    rows = power_table(claims, seeds, pilot_differences(arms, cells))
    write_results(table, rows, "%.4g", title="What the seeds can decide")


def pilot_differences(arms, cells):
    """Paired differences of the pilot's seeds, {(claim, measure): (seeds,)}, without their mean, which stays unknown.

    C5 is about the mean effect over the cells. C7 has several pairs, of which that with the largest deviation counts.
    """

    def differences(measure, *pairs):
        by_seed = effects_by_seed(measure, pairs).mean(axis=1)
        return by_seed - by_seed.mean() if len(by_seed) else by_seed

    found = {("C5", measure): differences(measure, *cells) for measure in ("f1", "data_loss", "area") if cells}
    if arms:
        baseline, unmasked, proposed = (arms[role] for role in ("baseline", "unmasked", "proposed"))
        found["C1", "f1"] = differences("f1", (proposed, baseline))
        found |= {("C6", measure): differences(measure, (proposed, unmasked)) for measure in ("f1", "data_loss")}
        others = [differences("f1", (proposed, arms[role])) for role in ("baseline", "vggish", "vggish_released")]
        found["C7", "f1"] = max(others, key=lambda values: (values**2).sum() / max(len(values) - 1, 1))
    return found


if __name__ == "__main__":
    job.start(snakemake)
    tabulate_power(snakemake.input, snakemake.output.table, **job.params(snakemake))
