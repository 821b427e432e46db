"""JPEG's coefficients: from a file, from pixels, and back to pixels as libjpeg makes them."""

from idfcodec.picture.jpeg.finding import jpeg_source
from idfcodec.picture.jpeg.forward import pixels_of
from idfcodec.picture.jpeg.layout import SAMPLINGS, Jpeg, blocks_of
from idfcodec.picture.jpeg.reading import read_jpeg
from idfcodec.picture.jpeg.source import JpegSource, pack_source, render, unpack_source

__all__ = [
    "SAMPLINGS",
    "Jpeg",
    "JpegSource",
    "blocks_of",
    "jpeg_source",
    "pack_source",
    "pixels_of",
    "read_jpeg",
    "render",
    "unpack_source",
]
