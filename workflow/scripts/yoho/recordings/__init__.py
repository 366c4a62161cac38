"""Recordings: where they come from, what is used of each, and how they are dealt to the splits (paper, section 4.1).

The result is a table, `recordings.tsv`, with a row for each recording:

recording    its name, unique in the dataset
path         the audio file
event_label  the one class that it holds; empty for background (named background/KIND/...), which holds no class
group        the original field recording; no group is in two splits
split        train, valid or test
duration     of the file, s
onset, offset   the part that is used, without near-silent ends, s
silences     near-silent stretches within that part, "onset-offset onset-offset ...", s
"""
