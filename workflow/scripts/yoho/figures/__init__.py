"""Figures, and tables as pages, made only from the tables of results."""
