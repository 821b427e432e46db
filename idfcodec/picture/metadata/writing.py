"""Metadata into picture files that have none yet."""

from __future__ import annotations

from collections.abc import Mapping

from idfcodec.format.metadata import unpack_entries
from idfcodec.picture.metadata.jpeg import segment_name
from idfcodec.picture.metadata.plain import write_bmp
from idfcodec.picture.metadata.png import is_name, write_png
from idfcodec.picture.metadata.resolution import Resolution, of_jfif, of_physical
from idfcodec.picture.metadata.tiff import write_tiff

__all__ = ["write_metadata"]

HOLDS: Mapping[str, frozenset[str]] = {
    "PNG": frozenset({"icc", "exif", "xmp", "iptc", "photoshop", "comment", "png"}),
    "TIFF": frozenset({"icc", "exif", "xmp", "iptc", "photoshop", "tiff"}),
    "WEBP": frozenset({"icc", "exif", "xmp"}),
}
"""The blocks that a format holds, all or in part; the others none but a resolution."""


def write_metadata(data: bytes, format: str, metadata: Mapping[str, bytes]) -> tuple[bytes, tuple[str, ...]]:
    """Puts metadata into a picture file.

    Args:
        data: the file; PNG, TIFF and BMP must have none yet, a WebP has its blocks already.
        format: Pillow's name of it.
        metadata: blocks by the names of the format.

    Returns:
        The file, and names of what it cannot hold.
    """
    held = {name: block for name, block in metadata.items() if name in HOLDS.get(format, ())}
    resolution, source = _resolution(metadata)
    left_out = [
        name
        for block in metadata
        if block not in held
        for name in _parts(block, metadata[block])
        if name != source or format not in ("PNG", "TIFF", "BMP")
    ]
    if format == "PNG":
        data, more = write_png(data, held, resolution)
    elif format == "TIFF":
        data, more = write_tiff(data, held, resolution)
        more = [source if name == "resolution" else name for name in more]
    else:
        more = []
        if format == "BMP":
            data = write_bmp(data, resolution)
            if resolution is not None and resolution.per_metre is None:
                more = [source]
    return data, tuple(dict.fromkeys(left_out + more))


def _parts(name: str, block: bytes) -> list[str]:
    """What a person calls a block, or each of its entries."""
    if name == "png":
        entries = [entry for entry in unpack_entries(block) if entry.name != b"IHDR"]
        return ["name of the profile" if is_name(entry) else f"png {entry.name.decode()}" for entry in entries]
    if name == "tiff":
        return [f"tiff tag {entry.number}" for entry in unpack_entries(block)]
    if name == "jpeg":
        return [f"jpeg {segment_name(entry)}" for entry in unpack_entries(block)]
    return [name]


def _resolution(metadata: Mapping[str, bytes]) -> tuple[Resolution | None, str]:
    """The resolution in a generic block of another format, and the name of what says it."""
    for entry in unpack_entries(metadata.get("png", b"")):
        if entry.name == b"pHYs" and (found := of_physical(entry.content)):
            return found, "png pHYs"
    for entry in unpack_entries(metadata.get("jpeg", b"")):
        if found := of_jfif(entry.content):
            return found, f"jpeg {segment_name(entry)}"
    return None, ""
