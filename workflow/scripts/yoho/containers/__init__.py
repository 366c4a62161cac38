"""The bytes of an audio file: its format, where its sound lies, and whether parts are missing."""
