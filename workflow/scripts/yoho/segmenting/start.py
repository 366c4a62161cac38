"""Start the command that segments audio, `segment-audio` or `segment_audio.py`."""

import signal
import sys


def start():
    """Run the command with the arguments of this process, and end the process.

    Until the packages are loaded, Ctrl-C ends the process without a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from yoho.segmenting.command import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
