"""Mixes: clips of recordings put one after another, whose true events are known (paper, section 4.1)."""
