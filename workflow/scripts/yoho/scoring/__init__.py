"""Scoring: how well the events that a network finds agree with the true ones (paper, section 3.3)."""
