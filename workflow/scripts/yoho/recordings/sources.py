"""The sources of recordings, each under its name in the config, which is also the name of its module."""

from yoho.recordings import bbc, esc50, folder, synthetic

SOURCES = {"synthetic": synthetic.SOURCE, "bbc": bbc.SOURCE, "esc50": esc50.SOURCE, "folder": folder.SOURCE}
