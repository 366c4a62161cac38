"""A lock that a Snakemake at work holds. It lets `make` find out whether the holder of Snakemake's own lock lives."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

AT_WORK = Path(".snakemake/at_work.lock")  # The Makefile names it too.


def lock_at_work(workflow):
    """Let the main Snakemake hold a shared lock on AT_WORK for as long as it executes jobs.

    Snakemake's own lock consists of files, which stay if Snakemake is killed. The system releases this one in any
    case. It is taken before Snakemake's own, and waits if `make` is just lifting that. Snakemakes of single jobs do not
    hold it, nor do dry runs, reports and the like. If the file system has no locks, `make` finds that out by itself. On
    one whose locks hold on a single machine, `make` does not see a Snakemake on another machine.
    """
    execute = workflow.execute

    def locked(*, executor_plugin, **settings):
        if not workflow.is_main_process or executor_plugin.common_settings.dryrun_exec:
            return execute(executor_plugin=executor_plugin, **settings)
        AT_WORK.parent.mkdir(exist_ok=True)
        # The programs of jobs do not inherit files that Python opens.
        with open(os.open(AT_WORK, os.O_RDONLY | os.O_CREAT, 0o666)) as file:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_SH)
            return execute(executor_plugin=executor_plugin, **settings)

    workflow.execute = locked
