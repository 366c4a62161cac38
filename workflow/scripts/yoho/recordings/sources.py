"""The sources of recordings by their names in the config."""

from yoho.recordings.bbc import bbc_recordings
from yoho.recordings.esc50 import esc50_recordings
from yoho.recordings.folder import folder_recordings
from yoho.recordings.synthetic import synthetic_recordings

SOURCES = {
    "synthetic": synthetic_recordings,
    "bbc": bbc_recordings,
    "esc50": esc50_recordings,
    "folder": folder_recordings,
}
