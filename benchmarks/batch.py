"""Many small pictures in one file by our own models: the only place that knows how the codec does that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import Pixels

__all__ = ["LARGEST", "costs_all", "decode_all", "encode_all", "payload_lengths", "shares"]

LARGEST = 512
"""Pixels on a side of a picture, more than which no such file holds."""


def encode_all(pictures: Sequence[Pixels], *, model: Path, threads: int, device: str) -> bytes:
    """All pictures as one file."""
    from idfcodec import encode_batch

    return bytes(encode_batch(list(pictures), model=model, threads=threads, device=device))


def decode_all(data: bytes, *, model: Path, threads: int, device: str) -> list[Pixels]:
    """All pictures of a file, in order."""
    from idfcodec import decode_batch

    return list(decode_batch(data, model=model, threads=threads, device=device))


def costs_all(pictures: Sequence[Pixels], *, model: Path, threads: int, device: str, fitted: bool) -> list[float]:
    """What the model says in bits that each picture costs, with or without what all have in common."""
    from idfcodec.code_length import batch_code_lengths

    return batch_code_lengths(list(pictures), model=model, threads=threads, device=device, fitted=fitted)


def payload_lengths(data: bytes) -> list[int]:
    """The bytes of each picture of a file without the container: its own, and its share of what all have in common."""
    from idfcodec.format.batch import unpack_batch

    batch = unpack_batch(data)
    lengths = [len(payload) for payload in batch.payloads]
    return shares(sum(lengths) + len(batch.common), lengths)


def shares(total: int, parts: Sequence[int]) -> list[int]:
    """The parts, each with as much of the rest of `total` as another, to a byte; they add up to `total`."""
    over, left = divmod(total - sum(parts), len(parts))
    return [part + over + (index < left) for index, part in enumerate(parts)]
