"""What the bytes of an audio file say: its format, where its sound lies, and what of it is missing."""
