"""Pictures past one machine: functions for Dask's bags and arrays, and jobs on a cluster. Needs `idfcodec[dask]`.

What runs on a worker is a function of this package, so workers need it installed. A model is loaded once a worker, with
its first picture. Tasks may be repeated where a worker is lost: results are the same bytes, are written to a temporary
file that then takes their name, and one that is there already is left as it is.

Example:
    >>> import dask
    >>> import dask.bag as db
    >>> from idfcodec.demo import draw
    >>> from idfcodec.pipelines import decode_bag, encode_bag
    >>> pictures = [draw(32, 24, seed=i) for i in range(4)]
    >>> files = encode_bag(db.from_sequence(pictures, npartitions=2), effort="fast")
    >>> back = decode_bag(files).compute(scheduler="threads")
    >>> assert all((a == b).all() for a, b in zip(back, pictures, strict=True))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from idfcodec.errors import IDFError
from idfcodec.jobs import Done, Job, Settings, compress, decompress, guarded
from idfcodec.types import Pixels

if TYPE_CHECKING:
    import dask.array
    import dask.bag
    from distributed import Client

__all__ = ["compress_files", "decode_array", "decode_bag", "decompress_files", "encode_array", "encode_bag", "run_jobs"]

AHEAD = 4  # jobs of each thread of the cluster that are handed out before one is done


def encode_bag(pictures: dask.bag.Bag, **options: Any) -> dask.bag.Bag:
    """A bag of pictures becomes a bag of files' bytes.

    Args:
        pictures: what `idfcodec.encode` takes.
        options: of it; `threads` is 1 if it is not given, for a cluster's workers are busy side by side.
    """
    return pictures.map(partial(_encode, options={"threads": 1, **options}))


def decode_bag(files: dask.bag.Bag, **options: Any) -> dask.bag.Bag:
    """A bag of files' bytes becomes a bag of pixels, as `idfcodec.decode` gives them with these options."""
    return files.map(partial(_decode, options={"threads": 1, **options}))


def encode_array(pixels: dask.array.Array, **options: Any) -> dask.array.Array:
    """Each chunk of an array becomes a file.

    Args:
        pixels: (H, W), (H, W, C) or (…, H, W, C) of bool, uint8 or uint16. C, from 2 to 4, is in one chunk, and so are
            the pixels of a picture; any axes before have chunks of 1.
        options: of `idfcodec.encode`.

    Returns:
        The files' bytes as objects, one for each chunk: (rows of chunks, columns of chunks), after any axes before.
    """
    channels = _channels(pixels)
    leading = pixels.ndim - 2 - channels
    if any(size != 1 for axis in pixels.chunks[:leading] for size in axis) or (channels and pixels.numblocks[-1] != 1):
        raise IDFError("the chunks of an array must be pictures: all channels in one, and 1 along the axes before")
    chunks = tuple((1,) * count for count in pixels.numblocks[: leading + 2])
    dropped = [pixels.ndim - 1] if channels else []
    work = partial(_encode_chunk, leading=leading, options={"threads": 1, **options})
    return pixels.map_blocks(
        work, dtype=object, chunks=chunks, drop_axis=dropped, meta=np.empty((0,) * (leading + 2), object)
    )


def decode_array(
    files: dask.array.Array, chunks: tuple[tuple[int, ...], ...], dtype: Any = np.uint8, **options: Any
) -> dask.array.Array:
    """The array whose chunks' files these are: what `encode_array` was given.

    Args:
        files: what it gave.
        chunks: of the array, as its `chunks` has them.
        dtype: of the array.
        options: of `idfcodec.decode`.
    """
    leading = files.ndim - 2
    channels = len(chunks) - files.ndim
    work = partial(_decode_chunk, leading=leading, options={"threads": 1, **options})
    added = [files.ndim] if channels else []
    return files.map_blocks(work, dtype=dtype, chunks=chunks, new_axis=added, meta=np.empty((0,) * len(chunks), dtype))


def compress_files(client: Client, sources: Sequence[str], targets: Sequence[str], **settings: Any) -> list[Done]:
    """Compresses files on a cluster whose workers see the same paths.

    Args:
        client: of the cluster.
        sources: names of pictures.
        targets: names of the results, one for each.
        settings: of `idfcodec.jobs.Settings`.

    Returns:
        What came of each, in order: an `error`, or size, checksum and whether it was written now.
    """
    return _all(client, compress, sources, targets, settings)


def decompress_files(client: Client, sources: Sequence[str], targets: Sequence[str], **settings: Any) -> list[Done]:
    """Restores files on a cluster; see `compress_files`."""
    return _all(client, decompress, sources, targets, settings)


def run_jobs(
    cluster: str | Client, work: Callable[[Job], Done], jobs: Sequence[Job]
) -> Iterator[tuple[int, Done | IDFError]]:
    """The number of each job and what came of it, as they are done on a cluster.

    Args:
        cluster: address of a scheduler, such as "tcp://10.0.0.1:8786", or a client.
        work: what `jobs.guarded` makes.
        jobs: what there is to do.

    Raises:
        IDFError: Dask is missing, or no scheduler answers.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as ex:
        raise IDFError(f"this needs {ex.name or ex}: pip install 'idfcodec[dask]'") from ex
    own = isinstance(cluster, str)
    try:
        client: Any = Client(cluster, set_as_default=False) if own else cluster
    except (OSError, ValueError) as ex:
        raise IDFError(f"no scheduler answers at {cluster}: {ex}") from ex
    waiting = iter(enumerate(jobs))
    numbers: dict[Any, int] = {}
    done = as_completed(loop=client.loop)

    def hand_out() -> None:
        for index, job in waiting:
            future = client.submit(work, job, pure=False)
            numbers[future] = index
            done.add(future)
            return

    try:
        for _ in range(AHEAD * max(sum(client.nthreads().values()), 1)):
            hand_out()
        for future in done:
            index = numbers.pop(future)
            hand_out()
            error = future.exception()
            yield index, future.result() if error is None else IDFError(f"the cluster gave up on it: {error}")
    finally:
        client.cancel(list(numbers))
        if own:
            client.close()


def _all(
    client: Client, work: Any, sources: Sequence[str], targets: Sequence[str], settings: dict[str, Any]
) -> list[Done]:
    jobs = [Job(source, source, target) for source, target in zip(sources, targets, strict=True)]
    found = dict(run_jobs(client, guarded(work, Settings(**settings)), jobs))
    return [Done(job, end) if isinstance(end := found[i], IDFError) else end for i, job in enumerate(jobs)]


def _channels(pixels: dask.array.Array) -> int:
    """1 where the last axis is that of channels, else 0."""
    return int(pixels.ndim > 2 and pixels.shape[-1] in (2, 3, 4))


def _encode(picture: Any, options: dict[str, Any]) -> bytes:
    from idfcodec.codec import encode

    return encode(picture, **options)


def _decode(data: bytes, options: dict[str, Any]) -> Pixels:
    from idfcodec.codec import decode

    return decode(data, **options)


def _encode_chunk(pixels: Pixels, leading: int, options: dict[str, Any]) -> Any:
    out = np.empty((1,) * (leading + 2), object)
    out.flat[0] = _encode(pixels.reshape(pixels.shape[leading:]), options)
    return out


def _decode_chunk(files: Any, leading: int, options: dict[str, Any]) -> Pixels:
    pixels = _decode(files.flat[0], options)
    return pixels.reshape((1,) * leading + pixels.shape)
