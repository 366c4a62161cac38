"""Segmenting: a trained network finds which classes sound when in any audio."""
