"""Where the tests find things."""

from pathlib import Path

ROOT = Path(__file__).parents[1]  # of the repository
SHARED = ROOT.parent / "shared"  # recordings and recorded outputs, where they lie beside the repository
