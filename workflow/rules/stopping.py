"""The end of a time box: after a SIGTERM, Snakemake starts no more jobs, and waits for the running ones."""

import signal
from threading import Thread


def stop_at_sigterm(scheduler):
    """Replace the signal handler of Snakemake's scheduler, which can wait for ever.

    Snakemake's handler waits for a lock. If the interrupted code holds this lock, it cannot go on to release it. Here a
    thread waits instead. `_user_kill` is set at once, because the interrupted code may read it before the thread gets
    the lock.
    """

    def stop(*_):
        scheduler._user_kill = "graceful"
        Thread(target=scheduler.exit_gracefully, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
