"""Colours of figures and pages."""

# Okabe and Ito's colours remain distinct under every common colour blindness. In grey, marks, strokes and fillings
# distinguish them.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
