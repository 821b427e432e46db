"""Experiments with the real-valued flows: `python -m benchmarks.density` rebuilds every figure and table."""
