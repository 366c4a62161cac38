"""Recordings: where they come from, what is used of each, and how they are dealt to the splits (paper, section 4.1)."""
