"""Segment audio files: find when classes sound. `segment_audio.py --help` explains the command."""

from yoho.segmenting.start import start

if __name__ == "__main__":
    start()  # ends the process
