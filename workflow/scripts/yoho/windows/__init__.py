"""Windows: 2.56 s of a mix as an image and as a target, and from outputs back to events (paper, section 4.2)."""
