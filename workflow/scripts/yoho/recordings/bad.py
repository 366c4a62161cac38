"""Bad recordings either stop the run or are left out, each with a line in the log."""

from yoho import InputError

SHOWN = 20  # bad recordings that an error lists; the log has all


def stop_or_leave_out(faults, bad):
    """Raise InputError with the faults of recordings, or print which are left out; bad: "stop" or "leave_out"."""
    if bad != "stop":
        for fault in faults:
            print(f"left out: {fault}")
    elif len(faults) == 1:
        raise InputError(faults[0])
    elif faults:
        print(*faults, sep="\n")
        more = [f"and {len(faults) - SHOWN} more, in the log"] if len(faults) > SHOWN else []
        raise InputError("\n".join([f"{len(faults)} recordings cannot be used:", *faults[:SHOWN], *more]))
