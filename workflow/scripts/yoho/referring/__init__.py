"""From words to sounds and times."""
