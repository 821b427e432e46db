"""Metadata of PNG: chunks kept byte for byte, and the blocks that are in some of them.

https://www.w3.org/TR/png-3/; `Raw profile type` is how ImageMagick and others write blocks as text.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

from idfcodec.format.metadata import Entry, unpack_entries
from idfcodec.picture.metadata.found import EXIF_PREFIX, Found, Gathering, inflate, is_exif
from idfcodec.picture.metadata.iptc import unwrapped, wrapped
from idfcodec.picture.metadata.resolution import Resolution

__all__ = ["XMP_KEYWORD", "gather_chunks", "is_name", "read_png", "write_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
PLAIN_XMP = XMP_KEYWORD + b"\0\0\0\0\0"  # not compressed, no language, no translated keyword
PROFILE_NAME = b"ICC Profile"
RAW_PROFILE = b"Raw profile type "
FOR_PIXELS = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT"})
OF_THE_SAMPLES = frozenset({b"bKGD", b"hIST", b"sBIT"})  # in terms of the file's depth and kind of colour
KNOWN = frozenset(
    b"cHRM gAMA iCCP sRGB cICP mDCV mDCv cLLI cLLi pHYs sPLT eXIf tIME tEXt zTXt iTXt oFFs pCAL sCAL sTER gIFg gIFx"
    b" gIFt orNT caNv vpAg".split()  # the last three are ImageMagick's
)
_HEAD = struct.Struct(">I4s")


def read_png(data: bytes) -> Found:
    """The chunks of a PNG that are not about pixels; unknown ones where they may be copied."""
    gathering, bare, place = Gathering(), bytearray(SIGNATURE), 0
    header = b""
    chunks: list[Entry] = []
    end = len(SIGNATURE)
    for kind, content, raw in _chunks(data):
        end += len(raw)
        known = kind in KNOWN or kind in OF_THE_SAMPLES
        ancillary = kind.isalpha() and kind[:1].islower() and kind not in FOR_PIXELS
        whole = ancillary and raw[-4:] == _checksum(kind, content)
        if not ancillary or not (whole or known):
            bare += raw
            header = header or (content if kind == b"IHDR" else b"")
            place = {b"PLTE": max(place, 1), b"IDAT": 2}.get(kind, place)
        elif not whole:
            gathering.note(f"its {kind.decode()} chunk is damaged and left out")
        elif known or kind[3:].islower():
            chunks.append(Entry(kind, place, content))
        else:
            gathering.note(f"its {kind.decode()} chunk says of itself that it must not be copied, and is left out")
        if kind == b"IEND":
            break
    gather_chunks(chunks, gathering)
    if len(header) == 13 and any(chunk.name in OF_THE_SAMPLES for chunk in gathering.entries):
        gathering.entries.insert(0, Entry(b"IHDR", 0, header))
    if bare[-8:-4] != b"IEND":  # cut off: its reader is to see it
        return gathering.found("png", data)
    if end < len(data):
        gathering.note(f"{len(data) - end:,} bytes behind its end are left out")
    return gathering.found("png", bytes(bare))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Type, content and all bytes of each whole chunk."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length, kind = _HEAD.unpack_from(data, position)
        end = position + 12 + length
        if end > len(data):
            return
        yield kind, data[position + 8 : end - 4], data[position:end]
        position = end


def _checksum(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def gather_chunks(chunks: Sequence[Entry], gathering: Gathering) -> None:
    """Gathers the blocks in chunks, and the chunks of which the blocks do not say all."""
    spent = _interpret(chunks, gathering)
    kept = [spent.get(index, chunk) for index, chunk in enumerate(chunks)]
    gathering.entries += [chunk for chunk in kept if chunk is not None]


def _interpret(chunks: Sequence[Entry], gathering: Gathering) -> dict[int, Entry | None]:
    """Gathers the blocks in chunks; gives those chunks of which nothing, or less, is left to keep."""
    spent: dict[int, Entry | None] = {}
    for index, chunk in enumerate(chunks):
        name, _, rest = chunk.content.partition(b"\0")
        if chunk.name == b"iCCP" and rest[1:]:
            profile = inflate(rest[1:]) if rest[:1] == b"\0" else None
            if not profile:
                gathering.note("its ICC profile cannot be read: the chunk is kept as it is")
            elif gathering.add("icc", profile):
                spent[index] = None if name == PROFILE_NAME else Entry(b"iCCP", chunk.kind, name + b"\0\0")
        elif chunk.name == b"eXIf" and not chunk.content.startswith(EXIF_PREFIX):
            if gathering.add("exif", chunk.content):
                spent[index] = None
        elif (
            chunk.name == b"iTXt"
            and chunk.content.startswith(PLAIN_XMP)
            and gathering.add("xmp", chunk.content[len(PLAIN_XMP) :])
        ):
            spent[index] = None
    for chunk in chunks:  # what is written in an odd way counts where the usual one is missing
        if chunk.name == b"eXIf":
            gathering.add("exif", chunk.content.removeprefix(EXIF_PREFIX))
        elif chunk.name in (b"tEXt", b"zTXt", b"iTXt"):
            _interpret_text(chunk, gathering)
    return spent


def _interpret_text(chunk: Entry, gathering: Gathering) -> None:
    keyword, _, rest = chunk.content.partition(b"\0")
    profile = keyword.removeprefix(RAW_PROFILE).lower() if keyword.startswith(RAW_PROFILE) else b""
    if keyword != XMP_KEYWORD and not profile:
        return
    text = _text(chunk.name, rest)
    if text and keyword == XMP_KEYWORD:
        gathering.add("xmp", text)
        return
    block = _raw_profile(text) if text else None
    what = keyword.decode("latin-1")
    if block is None:
        gathering.note(f"its text {what!r} cannot be read: the chunk is kept as it is")
    elif profile in (b"exif", b"app1") and is_exif(block.removeprefix(EXIF_PREFIX)):
        gathering.add("exif", block.removeprefix(EXIF_PREFIX))
    elif profile in (b"xmp", b"app1"):
        gathering.add("xmp", block.removeprefix(b"http://ns.adobe.com/xap/1.0/\0"))
    elif profile in (b"icc", b"icm"):
        gathering.add("icc", block)
    elif profile in (b"iptc", b"8bim", b"app13"):
        gathering.add(*unwrapped(block))


def _text(kind: bytes, rest: bytes) -> bytes | None:
    """What stands behind a keyword, without compression."""
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return inflate(rest[1:])
    parts = rest[2:].split(b"\0", 2)  # a language, a translated keyword, the text
    return inflate(parts[-1]) if rest[:1] == b"\1" else parts[-1]


def _raw_profile(text: bytes) -> bytes | None:
    """A line break, a name, a length, and lines of hexadecimal digits."""
    lines = text.split(b"\n", 3)
    if len(lines) != 4 or not lines[2].strip().isdigit() or len(lines[2]) > 20:
        return None
    try:
        block = bytes.fromhex(lines[3].decode("ascii"))
    except ValueError:
        return None
    return block if len(block) == int(lines[2]) and block else None


def write_png(data: bytes, metadata: Mapping[str, bytes], resolution: Resolution | None) -> tuple[bytes, list[str]]:
    """A PNG with its metadata.

    Args:
        data: the PNG, of pixels alone.
        metadata: the blocks that it can hold.
        resolution: what a pHYs chunk is to say where the blocks have none.

    Returns:
        The file, and names of what is left out.
    """
    chunks = list(_chunks(data))
    header = chunks[0][1]
    entries = list(unpack_entries(metadata.get("png", b"")))
    source = next((entry.content for entry in entries if entry.name == b"IHDR"), header)
    entries = [entry for entry in entries if entry.name != b"IHDR"]
    fitting = [entry for entry in entries if _fits(entry, source, header)]
    left_out = [f"png {entry.name.decode()}" for entry in entries if not _fits(entry, source, header)]
    placed: list[list[bytes]] = [[], [], []]
    own = _own_chunks(metadata, fitting, resolution, left_out)
    for entry in own + fitting:
        placed[entry.kind].append(_chunk(entry))
    result, place = bytearray(SIGNATURE), -1
    for kind, _, raw in chunks:
        for now in range(place + 1, {b"IHDR": 0, b"PLTE": 1, b"IDAT": 2, b"IEND": 3}.get(kind, 0)):
            result += b"".join(placed[now])
            place = now
        result += raw
    return bytes(result), left_out


def _own_chunks(
    metadata: Mapping[str, bytes], entries: list[Entry], resolution: Resolution | None, left_out: list[str]
) -> list[Entry]:
    """Chunks for the blocks that the kept ones do not hold; takes the name of a profile out of `entries`."""
    held = Gathering()
    _interpret(entries, held)
    own = []
    profile = metadata.get("icc")
    named = next((entry for entry in entries if is_name(entry)), None)
    if profile and held.blocks.get("icc") != profile:
        name = named.content[:-2] if named else PROFILE_NAME
        own.append(Entry(b"iCCP", 0, name + b"\0\0" + zlib.compress(profile)))
    if named:
        entries.remove(named)
        left_out += [] if profile else ["png iCCP"]
    for block, kind, prefix in (("exif", b"eXIf", b""), ("xmp", b"iTXt", PLAIN_XMP)):
        if block in metadata and held.blocks.get(block) != metadata[block]:
            own.append(Entry(kind, 0, prefix + metadata[block]))
    for block, name in (("iptc", b"iptc"), ("photoshop", b"8bim")):
        if block in metadata and held.blocks.get(block) != metadata[block]:
            content = wrapped(metadata[block]) if block == "iptc" else metadata[block]
            text = b"\n%s\n%8d\n%s\n" % (name, len(content), content.hex("\n", 36).encode())
            own.append(Entry(b"zTXt", 0, RAW_PROFILE + name + b"\0\0" + zlib.compress(text)))
    if "comment" in metadata:
        comment = _comment(metadata["comment"])
        own += [comment] if comment else []
        left_out += [] if comment else ["comment"]
    if resolution is not None and not any(entry.name == b"pHYs" for entry in entries):
        own.append(Entry(b"pHYs", 0, resolution.physical))
    return own


def is_name(entry: Entry) -> bool:
    """Whether an entry says what the profile in the block of its own is called, and no more."""
    return entry.name == b"iCCP" and entry.content.partition(b"\0")[2] == b"\0"


def _comment(text: bytes) -> Entry | None:
    """As a text chunk, which holds all but zero bytes."""
    if b"\0" in text:
        return None
    try:
        text.decode()
    except UnicodeDecodeError:  # tEXt has any bytes, and takes them for Latin-1
        return Entry(b"tEXt", 0, b"Comment\0" + text)
    return Entry(b"tEXt", 0, b"Comment\0" + text) if text.isascii() else Entry(b"iTXt", 0, b"Comment\0\0\0\0\0" + text)


def _chunk(entry: Entry) -> bytes:
    return _HEAD.pack(len(entry.content), entry.name) + entry.content + _checksum(entry.name, entry.content)


def _fits(entry: Entry, source: bytes, header: bytes) -> bool:
    """Whether a chunk means the same in the PNG that is written, given both headers."""
    depth, colour = source[8], source[9]
    if entry.name not in OF_THE_SAMPLES:
        return True
    if colour != header[9]:
        return False
    return depth == header[8] or (entry.name == b"sBIT" and max(entry.content, default=0) <= header[8])
