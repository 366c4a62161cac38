"""The sources of recordings by their names in the config, which are also those of their modules."""

from yoho.recordings import bbc, esc50, folder, synthetic

SOURCES = {"synthetic": synthetic.SOURCE, "bbc": bbc.SOURCE, "esc50": esc50.SOURCE, "folder": folder.SOURCE}
