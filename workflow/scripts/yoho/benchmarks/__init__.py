"""Benchmarks: how fast training and segmenting are."""
