"""The paper's networks, and what can be done with a trained one (paper, section 3.1)."""
