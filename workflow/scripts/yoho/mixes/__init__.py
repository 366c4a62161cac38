"""Mixes: clips of recordings put one after another, with the true events known (paper, section 4.1)."""
