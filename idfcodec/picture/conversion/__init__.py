"""What a picture was before: conversions of colour, found, undone and done again to the bit."""

from idfcodec.picture.conversion.detection import detect, detect_any
from idfcodec.picture.conversion.layout import FULL, LAYOUTS, Layout
from idfcodec.picture.conversion.packing import pack_source, unpack_layout, unpack_source
from idfcodec.picture.conversion.table import CONVERSIONS, Conversion, numbered
from idfcodec.picture.conversion.undoing import Exceptions, layouts_of, redo, undo, undo_best

__all__ = [
    "CONVERSIONS",
    "FULL",
    "LAYOUTS",
    "Conversion",
    "Exceptions",
    "Layout",
    "detect",
    "detect_any",
    "layouts_of",
    "numbered",
    "pack_source",
    "redo",
    "undo",
    "undo_best",
    "unpack_layout",
    "unpack_source",
]
