"""A plugin for imageio's third interface, which knows of the suffix .idfc once this module is imported.

Example:
    >>> import imageio.v3 as iio
    >>> import idfcodec.plugins.imageio
    >>> from idfcodec.demo import draw
    >>> pixels = draw(32, 24)
    >>> data = iio.imwrite("<bytes>", pixels, extension=".idfc", effort="fast")
    >>> bool((iio.imread(data, extension=".idfc") == pixels).all())
    True
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from imageio.config import PluginConfig, known_extensions, known_plugins
from imageio.config.extensions import FileExtension, extension_list
from imageio.core.request import URI_BYTES, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3
from numpy.typing import NDArray

import idfcodec
from idfcodec.errors import IDFError
from idfcodec.format.container import Container
from idfcodec.format.mode import Mode
from idfcodec.picture.picture import Frames, Picture, palette_of

__all__ = ["NAME", "SUFFIX", "IdfcPlugin", "register"]

NAME, SUFFIX = "idfc", ".idfc"


class IdfcPlugin(PluginV3):
    """One file, read or written. Pixels of a palette come as its colours.

    Raises:
        InitializationError: the file is none of idfcodec, or is to be written under another suffix.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._frames: list[NDArray[Any]] = []
        self._options: dict[str, Any] = {}
        if request.mode.io_mode == IOMode.read:
            try:
                self._head = idfcodec.read_info(request.get_file())
            except IDFError as ex:
                raise InitializationError(str(ex)) from ex
        elif (request.extension or request.format_hint) != SUFFIX:
            raise InitializationError(f"idfcodec writes {SUFFIX} files")

    @cached_property
    def _picture(self) -> Picture:
        file = self.request.get_file()
        file.seek(0)
        return idfcodec.decode_picture(file.read())

    @cached_property
    def _stack(self) -> NDArray[Any]:
        """(F, H, W) or (F, H, W, C) samples."""
        picture = self._picture
        pixels = picture.pixels if picture.frames else picture.pixels[None]
        return pixels if picture.palette is None else picture.palette[pixels]

    def read(self, *, index: int | Any | None = None) -> NDArray[Any]:
        """The pixels of a frame, from 0, or of all along a first axis where `index` is `...`.

        None is the picture as it is: all frames where there are several.

        Raises:
            IndexError: there is no such frame.
            IDFError: see `idfcodec.decode`.
        """
        if index is None:
            index = 0 if self._head.structure.frames is None else ...
        return self._stack if index is ... else self._stack[self._checked(index)]

    def iter(self) -> Iterator[NDArray[Any]]:
        """The pixels of each frame."""
        yield from self._stack

    def write(  # type: ignore[override]  # an array is what there is
        self,
        ndimage: NDArray[Any] | Sequence[NDArray[Any]],
        *,
        is_batch: bool | None = None,
        duration: float | Sequence[float] | None = None,
        loop: int | None = None,
        metadata: Mapping[str, bytes] | None = None,
        **options: Any,
    ) -> bytes | None:
        """Takes a picture or frames; what is written twice is frames of one file.

        Args:
            ndimage: what `idfcodec.encode` takes; a list, or with `is_batch` an array, is frames.
            is_batch: whether the first axis is one of frames; None takes it for that where the array is neither
                (H, W) nor (H, W, C), C from 2 to 4.
            duration: of a frame in milliseconds, or of each; None are pages.
            loop: how often to show the frames, 0 for ever.
            metadata: blocks by name, see `idfcodec.picture.picture.Picture`.
            options: of `idfcodec.encode`, such as `effort`.

        Returns:
            The file, where the target is "<bytes>".
        """
        if is_batch is None and not isinstance(ndimage, list | tuple):
            ndimage = np.asarray(ndimage)
            is_batch = not (ndimage.ndim == 2 or (ndimage.ndim == 3 and ndimage.shape[2] in (2, 3, 4)))
        self._frames += [np.asarray(frame) for frame in (ndimage if is_batch is not False else [ndimage])]
        self._options = {"duration": duration, "loop": loop, "metadata": metadata, **options}
        return self._flush() if self.request._uri_type == URI_BYTES else None

    def _flush(self) -> bytes:
        options = dict(self._options)
        duration, loop, metadata = (options.pop(name) for name in ("duration", "loop", "metadata"))
        count = len(self._frames)
        try:
            pixels, frames = self._frames[0], None
            if count > 1:
                times = duration if isinstance(duration, list | tuple) else [duration] * count
                shown = () if duration is None else tuple(Fraction(time).limit_denominator(1000) for time in times)
                pixels, frames = np.stack(self._frames), Frames(count, shown, loop)
            data = idfcodec.encode(Picture(pixels, metadata or {}, frames=frames), **options)
        finally:
            self._frames.clear()
        self.request.get_file().write(data)
        return data

    def properties(self, index: int | Any | None = None) -> ImageProperties:
        """Shape and dtype, from the file's head alone."""
        frames = self._head.structure.frames
        every = index is ... or (index is None and frames is not None)
        if not every:
            self._checked(index or 0)
        shape, dtype = _kind(self._head)
        count = self._head.structure.count if every else None
        return ImageProperties(
            shape=shape if count is None else (count, *shape), dtype=dtype, n_images=count, is_batch=every
        )

    def metadata(self, index: int | Any | None = None, exclude_applied: bool = True) -> dict[str, Any]:
        """The blocks of metadata by their names, as bytes, and of a frame its "duration" in milliseconds."""
        found: dict[str, Any] = dict(self._head.metadata)
        frames = self._head.structure.frames
        if frames is not None and frames.loop is not None:
            found["loop"] = frames.loop
        if isinstance(index, int) and frames is not None and frames.durations:
            found["duration"] = float(frames.durations[self._checked(index)])
        return found

    def _checked(self, index: int) -> int:
        count = self._head.structure.count
        if not -count <= index < count:
            raise IndexError(f"there is no frame {index}: the file has {count}")
        return index

    def close(self) -> None:
        """Writes what was taken, and closes the file."""
        try:
            if self._frames:
                self._flush()
        finally:
            super().close()

    def __del__(self) -> None:
        if hasattr(self, "_frames"):
            self._frames.clear()  # what was not closed is not written
            super().close()


def _kind(head: Container) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a frame."""
    palette = palette_of(head.structure)
    channels = head.mode.channels if palette is None else palette.shape[1]
    dtype = np.dtype(bool) if head.mode == Mode.BILEVEL else np.dtype(f"u{head.mode.bytes}")
    return (head.height, head.width, *((channels,) if channels > 1 else ())), dtype


def register() -> None:
    """Tells imageio of the plugin and the suffix; importing this module does so."""
    own = PluginConfig(name=NAME, class_name=IdfcPlugin.__name__, module_name=__name__)
    others = {name: plugin for name, plugin in known_plugins.items() if name != NAME}
    known_plugins.clear()
    known_plugins.update({NAME: own} | others)  # bytes without a suffix are tried in this order: it looks at the head
    if SUFFIX not in known_extensions:
        found = FileExtension(name="idfcodec", extension=SUFFIX, priority=[NAME])
        known_extensions[SUFFIX] = [found]
        extension_list.append(found)


register()
