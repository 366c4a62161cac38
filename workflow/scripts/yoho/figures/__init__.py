"""Figures and tables as pages, made from the tables of results alone."""
