"""Colours of figures and pages."""

# Okabe and Ito's colours can be told apart with every common colour blindness. Marks, strokes and fillings tell them
# apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
