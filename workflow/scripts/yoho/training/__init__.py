"""Training: from windows to weights (paper, section 3.2)."""
