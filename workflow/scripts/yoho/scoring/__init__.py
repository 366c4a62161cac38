"""Scores: how well events that were found agree with the true ones (paper, section 3.3)."""
