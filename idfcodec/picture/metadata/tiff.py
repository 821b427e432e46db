"""Metadata of TIFF: tags kept by number, the blocks that are in some of them, and the tags of an EXIF block.

What EXIF has too goes to the EXIF block, where other formats can have it; the rest is kept tag by tag.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from idfcodec.errors import IDFError
from idfcodec.format.metadata import Entry, unpack_entries
from idfcodec.picture.metadata.directory import (
    EXIF_IFD,
    GPS_IFD,
    Directory,
    Form,
    Tag,
    lay_out,
    read_directory,
    read_entries,
    read_form,
    swapped,
)
from idfcodec.picture.metadata.found import Found, Gathering
from idfcodec.picture.metadata.iptc import unwrapped
from idfcodec.picture.metadata.resolution import Resolution, of_tiff

__all__ = ["read_tiff", "without_orientation", "write_tiff"]

# How pixels are stored and what they stand for: what their reader needs, and a writer writes anew.
LAYOUT = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293, 317, 320, 322}
    | {323, 324, 325, 332, 334, 338, 339, 347, 400, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532}
    | {559, 32995, 32996, 32997, 32998, 50674}
)
ORIENTATION, SUBDIRECTORIES = 274, 330
DIRECTORY_TYPES = (13, 18)  # what a field has that says where a directory is
# Caption, make, model, orientation, resolution and its unit, software, date, artist, host, colours, rating, copyright,
# EXIF, GPS, the Windows titles.
IN_EXIF = frozenset(
    {270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 318, 319, 18246, 18249, 33432, EXIF_IFD, GPS_IFD}
    | {*range(40091, 40096)}
)
BLOCKS = {700: "xmp", 33723: "iptc", 34377: "photoshop", 34675: "icc"}
BLOCK_TYPES = {"xmp": (700, 1), "iptc": (33723, 7), "photoshop": (34377, 1), "icc": (34675, 7)}


def read_tiff(data: bytes) -> Found:
    """The tags of the first page that are not about how its pixels are stored.

    The bare file has none of them on any page: no orientation, so that its reader gives pixels as they are stored.
    """
    gathering = Gathering()
    form = read_form(data)
    first = read_directory(data, form.first, form)
    unreadable = sorted(set(first.problems) - LAYOUT)
    if unreadable:
        gathering.note(f"its tags {', '.join(map(str, unreadable[:8]))} cannot be read and are left out")
    _gather(first, form, gathering)
    bare, further = _bare(data, form)
    if further:
        gathering.note("of the tags of its pages those of the first one are kept")
    return gathering.found("tiff", bare)


def _bare(data: bytes, form: Form) -> tuple[bytes, bool]:
    """The file with the tags alone that say how pixels are stored, and whether a further page has others."""
    bare, further = bytearray(data), False
    pages: set[int] = set()
    offset, size = form.first, 0
    while offset and offset not in pages and size <= len(data):  # directories that overlap must not take for ever
        pages.add(offset)
        try:
            entries, following = read_entries(data, offset, form)
        except IDFError:
            break
        kept = [entry for entry in entries if form.entry.unpack(entry)[0] in LAYOUT]
        further |= len(pages) > 1 and len(kept) < len(entries)
        table = form.head.pack(len(kept)) + b"".join(kept) + form.offset.pack(following)
        bare[offset : offset + len(table)] = table
        offset, size = following, size + len(table)
    return bytes(bare), further


def _gather(directory: Directory, form: Form, gathering: Gathering) -> None:
    exif: list[Tag] = []
    for tag in sorted(directory.tags, key=lambda tag: tag.number):
        if tag.number in LAYOUT:
            continue
        if tag.number == SUBDIRECTORIES or tag.type in DIRECTORY_TYPES:
            gathering.note(f"the directories that its tag {tag.number} points to are left out")
        elif tag.number in BLOCKS and tag.type in (1, 2, 4, 6, 7):
            name, content = BLOCKS[tag.number], tag.content
            if name == "photoshop" or content.startswith(b"8BIM"):
                name, content = ("photoshop", content) if name == "photoshop" else unwrapped(content)
            gathering.add(name, content)
        elif tag.number in (EXIF_IFD, GPS_IFD) and not tag.nested:
            continue  # an empty directory
        elif tag.number in IN_EXIF and tag.content + bytes(len(tag.nested)):
            exif.append(tag)
        else:
            little = tag if form.order == "<" else swapped(tag)
            gathering.entries.append(Entry(struct.pack("<HH", tag.number, 0), tag.type, little.content))
    if exif:
        mark = b"II*\0\x08\0\0\0" if form.order == "<" else b"MM\0*\0\0\0\x08"
        gathering.add("exif", mark + lay_out(exif, len(mark), form.order))


def write_tiff(data: bytes, metadata: Mapping[str, bytes], resolution: Resolution | None) -> tuple[bytes, list[str]]:
    """A TIFF with its metadata, in a new first directory at its end.

    Args:
        data: the TIFF, of pixels alone, little-endian.
        metadata: the blocks that it can hold.
        resolution: what its tags are to say where the blocks have none.

    Returns:
        The file, and names of what is left out: all where it is another form of TIFF.
    """
    form = read_form(data)
    if form.big or form.order != "<":
        return data, list(metadata)
    directory = read_directory(data, form.first, form)
    tags = {tag.number: tag for tag in directory.tags if tag.number in LAYOUT}
    described, left_out = _tags_of_exif(metadata["exif"]) if "exif" in metadata else ({}, [])
    own = {
        entry.number: Tag(entry.number, entry.kind, entry.content)
        for entry in unpack_entries(metadata.get("tiff", b""))
        if entry.number not in tags
    }
    for name, (number, kind) in BLOCK_TYPES.items():
        if name in metadata:
            own[number] = Tag(number, kind, metadata[name])
    if resolution is not None:
        if not {282, 283} & (described.keys() | own.keys()):
            own |= {number: Tag(number, kind, content) for number, kind, content in resolution.tiff}
        elif resolution.per_metre != _resolution_of(described | own):
            left_out.append("resolution")
    tags |= described | own
    if not (described or own):
        return data, left_out
    start = len(data) + len(data) % 2
    new = lay_out(tags.values(), start, "<", directory.next)
    return data[:4] + struct.pack("<I", start) + data[8:].ljust(start - 8, b"\0") + new, left_out


def _tags_of_exif(block: bytes) -> tuple[dict[int, Tag], list[str]]:
    """The tags of an EXIF block that describe a picture, little-endian, and names of what is left out."""
    try:
        form = read_form(block)
        directory = read_directory(block, form.first, form)
    except IDFError:
        return {}, ["exif"]
    if form.big or not directory.tags:
        return {}, ["exif"]
    left_out = ["exif thumbnail"] if directory.next else []
    left_out += [f"exif tag {number}" for number in directory.problems]
    tags: dict[int, Tag] = {}
    for tag in directory.tags:
        if tag.number in LAYOUT or tag.number in BLOCKS or tag.number == SUBDIRECTORIES:
            left_out.append(f"exif tag {tag.number}")
        else:
            tags[tag.number] = tag if form.order == "<" else swapped(tag)
    return tags, left_out


def without_orientation(block: bytes) -> bytes:
    """Of the tags of a TIFF, as an EXIF block, those that EXIF has too but for the orientation.

    Raises:
        IDFError: the block cannot be read.
    """
    form = read_form(block)
    directory = read_directory(block, form.first, form)
    tags = [tag for tag in directory.tags if tag.number in IN_EXIF and tag.number != ORIENTATION]
    return block[:8] + lay_out(tags, 8, form.order) if tags else b""


def _resolution_of(tags: Mapping[int, Tag]) -> tuple[int, int] | None:
    across, down, unit = (tags[number].content if number in tags else b"" for number in (282, 283, 296))
    return of_tiff(across, down, int.from_bytes(unit, "little") or 2)
