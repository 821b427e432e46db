"""What commands share that decode files of one picture, or tell of them."""

import time
from typing import TYPE_CHECKING, Any

from idfcodec.cli.conversion import conversion_of
from idfcodec.cli.report import Progress, label

if TYPE_CHECKING:
    from idfcodec.flow.contract import Coder
    from idfcodec.picture.pillow import Picture

__all__ = ["data_model", "detail_of", "kernel_of", "timed_decode"]


def timed_decode(
    name: str,
    data: bytes,
    *,
    box: tuple[int, ...] | None = None,
    factor: int | None = None,
    model: str | None,
    threads: int | None,
    device: str,
    quiet: bool,
) -> tuple["Picture", str, float]:
    """Decodes, all or a box or a preview, with a progress bar.

    Returns:
        The picture, the kernel that computed it and the seconds it took.
    """
    from idfcodec import codec, models

    named = data_model(data)
    coder = models.load_model(model or named, device=device) if named else None
    start = time.perf_counter()
    with Progress(label(name), quiet=quiet) as progress:
        options: dict[str, Any] = {"model": model, "threads": threads, "device": device, "progress": progress}
        if factor is not None:
            from idfcodec.preview import decode_preview

            picture = decode_preview(data, factor, **options)
        else:
            picture = codec.decode_picture(data, **options if box is None else {**options, "box": box})
    return picture, kernel_of(data, coder), time.perf_counter() - start


def kernel_of(data: bytes, coder: "Coder | None") -> str:
    """What computed a file: the model's kernel, or the loops of the family that needs no model."""
    return coder.kernel if coder is not None and data_model(data) else "exact"


def detail_of(data: bytes, kernel: str, seconds: float) -> str:
    """The second line of `-v`."""
    conversion = conversion_of(data)
    was = f", was {conversion}" if conversion else ""
    return f"model {data_model(data) or 'none'}, kernel {kernel}{was}, {seconds:.2f} s"


def data_model(data: bytes) -> str | None:
    """The model id in a file's header; None where no model is needed."""
    from idfcodec.format.container import NO_MODEL
    from idfcodec.info import read_info

    model = read_info(data).model
    return None if model == NO_MODEL else model.hex()
