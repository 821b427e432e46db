"""The kind that a picture is coded as: by what it is, and by what a model codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idfcodec.errors import UnsupportedImage
from idfcodec.picture.colour import Kind, kind_of
from idfcodec.picture.conversion import CONVERSIONS
from idfcodec.picture.picture import Picture

if TYPE_CHECKING:
    from idfcodec.flow.contract import Coder

__all__ = ["kind_for", "kind_of_picture", "kind_problem"]


def kind_of_picture(picture: Picture, *, conversion: bool) -> Kind:
    """The kind of a picture; with `conversion` that of what it was converted from, if it was."""
    conversions = CONVERSIONS if conversion and picture.white is None else ()
    return kind_of(picture.column, palette=picture.palette is not None, cmyk=picture.cmyk, conversions=conversions)


def kind_for(coder: Coder, kind: Kind) -> Kind:
    """The kind that a model codes pictures of a kind as.

    Raises:
        UnsupportedImage: the model does not code them.
    """
    found = kind if coder.capabilities.any_planes else kind.plain
    if problem := kind_problem(found, coder):
        raise UnsupportedImage(problem)
    return found


def kind_problem(kind: Kind, coder: Coder) -> str | None:
    """Why a model does not code a kind of picture, if it does not."""
    if kind.common or coder.capabilities.any_planes:
        return None
    return f"the model {coder.name} codes 8-bit gray and RGB only, and the picture is {kind.mode.name}: take a preset"
