"""Measures lossless codecs on pictures and shows what came out: `python -m benchmarks run | compare | report`."""
