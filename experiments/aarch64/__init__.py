"""Whether another kind of processor makes the same bytes: see `__main__`."""
