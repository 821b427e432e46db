"""Pillow reads and writes .idfc files once this module is imported.

Example:
    >>> import io
    >>> from PIL import Image
    >>> import idfcodec.plugins.pillow
    >>> file = io.BytesIO()
    >>> Image.new("L", (8, 8), 7).save(file, "IDFC", effort="fast")
    >>> Image.open(file).getpixel((3, 3))
    7
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import IO, Any

from PIL import Image, ImageFile, ImagePalette

from idfcodec.errors import CorruptFile, IDFError
from idfcodec.format.container import MAGIC, MAX_PIXELS
from idfcodec.format.mode import Mode
from idfcodec.info import read_info
from idfcodec.picture.checks import frame_count
from idfcodec.picture.frames import as_image, of_images, plays
from idfcodec.picture.metadata import metadata_of_image, write_metadata
from idfcodec.picture.picture import Picture, palette_of
from idfcodec.picture.pillow import from_image

__all__ = ["FORMAT", "IdfcImageFile", "register"]

logger = logging.getLogger(__name__)

FORMAT = "IDFC"
OPTIONS = ("model", "effort", "conversion", "verify", "threads", "device")
"""Options of `Image.save` that are those of `idfcodec.encode`."""
_BLOCKS = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp", "comment": "comment"}
_MODES = {
    Mode.GRAY: "L",
    Mode.GRAY_ALPHA: "LA",
    Mode.RGBA: "RGBA",
    Mode.CMYK: "CMYK",
    Mode.BILEVEL: "1",
    Mode.PALETTE: "P",
    Mode.GRAY_16: "I;16",
}


class IdfcImageFile(ImageFile.ImageFile):
    """A file of which the head alone is read, until its pixels are wanted.

    `info` has "icc_profile", "exif", "xmp" and "comment" as bytes, of files that were made from a PNG what Pillow
    reads from it (texts, "dpi", "gamma" …), "loop" (how often to show the frames, 0 for ever), "duration" of the
    frame that is shown (milliseconds), and "white_level" where white is not the largest sample.

    Frames are decoded together, and kept: they are counted together against `Image.MAX_IMAGE_PIXELS`. A truncated or
    damaged file gives an `OSError` when it is loaded. `ImageFile.LOAD_TRUNCATED_IMAGES` changes nothing about that:
    the checksum is of all pixels, and without it nobody knows whether they are right.
    """

    format = FORMAT
    format_description = "idfcodec"
    n_frames = 1
    is_animated = False
    _frame = 0
    _durations: tuple[int | float, ...] = ()
    _picture: Picture | None = None

    def _open(self) -> None:
        if self.fp is None:
            raise OSError("the image's file is closed")
        self._start = self.fp.tell()
        try:
            head = read_info(self.fp)  # type: ignore[arg-type]
        except CorruptFile as ex:
            raise SyntaxError(str(ex)) from ex
        mode, structure = head.mode, head.structure
        self._mode = _MODES.get(mode, "RGB")
        if mode.bytes == 2 and mode != Mode.GRAY_16:
            raise OSError("samples have 16 bits, and Pillow has 8 in several channels: use idfcodec.decode")
        self._head = head
        self._size = head.width, head.height
        if structure.count > 1:  # Image.open checks the size of one frame
            Image._decompression_bomb_check((head.width, head.height * structure.count))
        self.n_frames, self.is_animated = structure.count, structure.count > 1
        self.info.update(_info(head.metadata))
        palette = palette_of(structure)
        if palette is not None:
            self.palette = ImagePalette.raw("RGB", palette[:, :3].tobytes())
            if palette.shape[1] == 4:
                self.info["transparency"] = palette[:, 3].tobytes()
        if structure.white is not None:
            self.info["white_level"] = structure.white
        if structure.frames is not None:
            self._durations = tuple(map(_number, structure.frames.durations))
            if structure.frames.loop is not None:
                self.info["loop"] = structure.frames.loop
        self._show(0)

    def _show(self, frame: int) -> None:
        self._frame = frame
        if self._durations:
            self.info["duration"] = self._durations[frame]
        self.tile = [("idfc", (0, 0, *self._size), 0, None)]  # type: ignore[list-item]  # says: not loaded yet

    def seek(self, frame: int) -> None:
        """Goes to a frame, from 0.

        Raises:
            EOFError: there is none of that number.
        """
        if self._seek_check(frame):
            self._show(frame)

    def tell(self) -> int:
        return self._frame

    def load(self) -> Any:
        """Decodes the pixels, of all frames at once.

        Raises:
            OSError: the file is truncated or damaged, or its model is not installed.
        """
        if self.tile:
            picture = self._decoded()
            self.im = as_image(picture.pixels[self._frame] if picture.frames else picture.pixels, picture).im
            if self.palette:
                self.palette.dirty = 1
            self.readonly, self.tile = 0, []
        return Image.Image.load(self)

    def _decoded(self) -> Picture:
        if self._picture is not None:
            return self._picture
        if self.fp is None:
            raise OSError("the file is closed, and the picture was not loaded before")
        from idfcodec.codec import decode_picture  # opening needs no compiled loops

        self.fp.seek(self._start)
        with _as_oserror():
            picture = decode_picture(self.fp.read(), max_pixels=MAX_PIXELS)
            if (picture.structure, picture.shape[:2]) != (self._head.structure, self._size[::-1]):
                raise CorruptFile("the file is another one than that which was opened")
        if self._exclusive_fp:
            self.fp.close()
        self.fp = None
        if picture.frames:
            self._picture = picture
        return picture

    def verify(self) -> None:
        """Decodes the pixels and compares them with the file's checksum; the image cannot be used afterwards.

        Raises:
            OSError: the file is truncated or damaged.
        """
        self._decoded()
        super().verify()


def _number(duration: Fraction) -> int | float:
    return int(duration) if duration.denominator == 1 else float(duration)


def _info(metadata: Mapping[str, bytes]) -> dict[str | tuple[int, int], Any]:
    """Metadata as Pillow has it; chunks of a PNG are read by Pillow's own reader, from a PNG of one pixel."""
    found: dict[str | tuple[int, int], Any] = {}
    if "png" in metadata:
        file = io.BytesIO()
        Image.new("L", (1, 1)).save(file, "PNG")
        try:
            data, _ = write_metadata(file.getvalue(), "PNG", {"png": metadata["png"]})
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                found.update(image.info)
        except (OSError, SyntaxError, ValueError) as ex:  # damaged, or more than Pillow takes
            logger.warning("the texts and numbers of a PNG are left out: %s", ex)
    return found | {key: metadata[name] for name, key in _BLOCKS.items() if name in metadata}


@contextmanager
def _as_oserror() -> Iterator[None]:
    """Errors of the codec as those of Pillow's own readers and writers."""
    try:
        yield
    except IDFError as ex:
        raise OSError(str(ex)) from ex


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Writes the frame that is shown."""
    with _as_oserror():
        _write(image, file, from_image(image.copy()))


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Writes all frames of an image and of those in "append_images"."""
    options = image.encoderinfo
    images: list[Image.Image] = []
    durations: list[Any] = []
    for source in (image, *(options.get("append_images") or ())):
        here = source.tell()
        for number in range(frame_count(source)):
            source.seek(number)
            images.append(source.copy())
            durations.append(source.info.get("duration"))
        source.seek(here)
    if len(images) == 1:
        return _save(image, file, filename)
    given = options.get("duration")
    if given is not None:
        durations = list(given) if isinstance(given, list | tuple) else [given] * len(images)
    times = any(duration is not None for duration in durations)
    loop = options.get("loop", plays(image) if "loop" in image.info or image.format == "GIF" else 0)
    with _as_oserror():
        shown = [Fraction(duration or 0) for duration in durations] if times else []
        return _write(image, file, of_images(images, shown, int(loop) if times else None))


def _write(image: Image.Image, file: IO[bytes], picture: Picture) -> None:
    """Writes a picture, with the metadata that is asked for or else that of the image."""
    from idfcodec.codec import encode

    options: dict[str, Any] = image.encoderinfo
    metadata, notes = metadata_of_image(image)
    for name, key in _BLOCKS.items():
        if key in options:
            block = options[key]
            block = block.tobytes() if isinstance(block, Image.Exif) else block
            block = block.encode() if isinstance(block, str) else bytes(block or b"")
            metadata[name] = block.removeprefix(b"Exif\0\0") if name == "exif" else block
    metadata = {name: block for name, block in metadata.items() if block}
    if options.get("strip"):
        metadata, notes = {}, ()
    for note in notes:
        logger.warning(note)
    white = options.get("white_level", image.info.get("white_level")) if image.mode == "I;16" else None
    file.write(
        encode(
            replace(picture, metadata=metadata, notes=(), white=white),
            **{name: options[name] for name in OPTIONS if name in options},
        )
    )


def register() -> None:
    """Tells Pillow of the format; importing this module does so."""
    Image.register_open(FORMAT, IdfcImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extension(FORMAT, ".idfc")
    Image.register_mime(FORMAT, "image/x-idfc")


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


register()
