"""Figures: in each module ``table()`` computes, ``draw()`` only draws."""
