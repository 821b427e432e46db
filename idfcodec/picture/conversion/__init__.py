"""What a picture was before: conversions of colour, found, undone and done again to the bit."""

from idfcodec.picture.conversion.detection import detect
from idfcodec.picture.conversion.exceptions import pack_exceptions, unpack_exceptions
from idfcodec.picture.conversion.layout import FULL, LAYOUTS, Layout, layout_of
from idfcodec.picture.conversion.table import CONVERSIONS, Conversion, numbered
from idfcodec.picture.conversion.undoing import Exceptions, redo, undo

__all__ = [
    "CONVERSIONS",
    "FULL",
    "LAYOUTS",
    "Conversion",
    "Exceptions",
    "Layout",
    "detect",
    "layout_of",
    "numbered",
    "pack_exceptions",
    "redo",
    "undo",
    "unpack_exceptions",
]
