"""Windows: 2.56 s of a mix as an image and as a target, and back (paper, section 4.2)."""
