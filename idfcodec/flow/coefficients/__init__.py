"""The quantised coefficients of a JPEG as a causal flow over blocks, coded without a model that was trained."""

from idfcodec.flow.coefficients.coder import decode_blocks, encode_blocks

__all__ = ["decode_blocks", "encode_blocks"]
