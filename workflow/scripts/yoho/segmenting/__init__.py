"""Segmenting: a trained network finds when each of its classes sounds in any audio."""
