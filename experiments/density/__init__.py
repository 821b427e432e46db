"""Experiments with the real-valued flows: `python -m experiments.density` rebuilds every figure and table."""
