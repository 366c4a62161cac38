"""The paper's networks: building, saving, prediction, engines and export (paper, section 3.1)."""
