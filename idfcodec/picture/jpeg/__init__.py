"""JPEG's coefficients: from a file, from pixels, and back to pixels as libjpeg makes them."""

from idfcodec.picture.jpeg.forward import pixels_of
from idfcodec.picture.jpeg.layout import SAMPLINGS, Jpeg, blocks_of
from idfcodec.picture.jpeg.reading import read_jpeg

__all__ = ["SAMPLINGS", "Jpeg", "blocks_of", "pixels_of", "read_jpeg"]
