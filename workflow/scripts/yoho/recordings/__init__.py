"""Recordings: their sources, the part of each that is used, and their splits (paper, section 4.1).

The result is a table, `recordings.tsv`, with a row for each recording:

recording    its name, unique in the dataset
path         the audio file
event_label  its one class; empty for background (named background/KIND/...), which holds no class
group        the original field recording; no group is in two splits
split        train, valid or test
duration     of the file, s
onset, offset   the part that is used, without near-silent ends, s
silences     near-silent stretches within that part, "onset-offset onset-offset ...", s
"""
