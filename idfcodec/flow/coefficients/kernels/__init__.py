"""Compiled loops of the coefficients of JPEGs: `rows` codes them, by decisions under contexts."""
