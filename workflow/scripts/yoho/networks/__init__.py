"""The paper's networks: building, saving, prediction, acceleration and export (paper, section 3.1)."""
