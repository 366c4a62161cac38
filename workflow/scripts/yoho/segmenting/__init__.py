"""Segmenting: what sounds when in anyone's audio, by a trained network."""
