"""Windows, 2.56 s of audio: their images, their targets, and events from outputs (paper, section 4.2)."""
