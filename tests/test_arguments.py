"""What would be misread is refused, in one sentence and before any work."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import idfcodec
from idfcodec import batch, codec
from idfcodec.demo import draw
from idfcodec.errors import IDFError
from idfcodec.picture.pillow import Picture

PIXELS = draw(8, 8)
FILE = idfcodec.encode(PIXELS, effort="fast")
BATCH = idfcodec.encode_batch([PIXELS], effort="fast")
CALLS: dict[str, tuple[Any, Any]] = {
    "encode": (idfcodec.encode, PIXELS),
    "encode_batch": (idfcodec.encode_batch, [PIXELS]),
    "decode": (idfcodec.decode, FILE),
    "decode_picture": (idfcodec.decode_picture, FILE),
    "decode_batch": (idfcodec.decode_batch, BATCH),
}
COMMON: list[dict[str, Any]] = [
    *({"threads": value} for value in (0, -1, 2.5, True, "2", [1], np.bool_(True))),
    *({"device": value} for value in ("gpu", "", None, 0, "CPU")),
    *({"model": value} for value in (5, b"photo", True, ["photo"], "a\0b")),
    {"progress": 5},
]
ENCODING: list[dict[str, Any]] = [{"effort": 5}, {"effort": ["fast"]}, {"effort": "best"}]
DECODING: list[dict[str, Any]] = [{"max_pixels": value} for value in (0, -1, None, "9", True, float("nan"))]
OWN: dict[str, list[dict[str, Any]]] = {
    "encode": [*ENCODING, {"verify": "no"}, {"conversion": 0}],
    "encode_batch": ENCODING,
    "decode": DECODING,
    "decode_picture": DECODING,
    "decode_batch": [*DECODING, *({"pictures": value} for value in (0, "0", [0.0], [True], [1], [-1], [None]))],
}


@pytest.mark.parametrize("name", CALLS)
def test_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, argument = CALLS[name]

    def work(*arguments: Any) -> None:
        raise AssertionError("it has begun to work")

    for module in (codec, batch):
        monkeypatch.setattr(module, "each", work)
    for options in (*COMMON, *OWN[name]):
        with pytest.raises(IDFError) as caught:
            function(argument, **options)
        assert "\n" not in str(caught.value), options


@pytest.mark.parametrize("name", ["decode", "decode_picture", "decode_batch", "read_info"])
def test_files_of_another_kind(name: str) -> None:
    function = getattr(idfcodec, name)
    wrong = FILE if name == "decode_batch" else BATCH
    with pytest.raises(
        IDFError, match="one picture, which decode reads" if wrong is FILE else "which decode_batch reads"
    ):
        function(wrong)
    released = memoryview(bytearray(FILE))
    released.release()
    values: list[Any] = [5, None, [1, 2], released, np.zeros((), object), {}]
    for value in values:
        if name == "read_info" and hasattr(value, "read"):
            continue  # it reads files, too
        with pytest.raises(IDFError):
            function(value)
    if name != "read_info":
        with pytest.raises(IDFError, match="read"):
            function(io.BytesIO(FILE))
        for path in ("p.idfc", Path("p.idfc")):
            with pytest.raises(IDFError, match="not its name"):
                function(path)


@pytest.mark.parametrize(
    "image",
    [
        np.ma.masked_less(PIXELS, 100),
        Picture(np.ma.masked_less(PIXELS, 100)),
        "p.png",
        Path("p.png"),
        b"\x89PNG",
        [PIXELS],
        None,
        5,
        PIXELS.astype(float),
        PIXELS[None, None],
        (PIXELS,),
    ],
    ids=lambda image: type(image).__name__,
)
def test_what_is_no_picture(image: Any) -> None:
    with pytest.raises(IDFError):
        idfcodec.encode(image)


def test_pictures_that_were_made_by_hand() -> None:
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    assert np.array_equal(idfcodec.decode(idfcodec.encode(Picture(deep.astype(">u2")))), deep)
    for metadata in ({"icc": "text"}, [b"block"]):
        with pytest.raises(IDFError, match="metadata"):
            idfcodec.encode(Picture(PIXELS, metadata))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        PIXELS[..., 0],
        Image.fromarray(PIXELS),
        Picture(PIXELS),
        [],
        iter(()),
        "ab",
        None,
        5,
        {"a": PIXELS},
        np.ma.masked_less(PIXELS[None], 100),
        [PIXELS, None],
    ],
    ids=lambda images: type(images).__name__,
)
def test_what_is_no_batch(images: Any) -> None:
    with pytest.raises(IDFError):
        idfcodec.encode_batch(images)


def test_batches_of_any_iterable() -> None:
    stack = np.stack([draw(8, 8, seed=i) for i in range(2)])
    expected = idfcodec.encode_batch(list(stack), effort="fast")
    for images in (stack, iter(stack), tuple(stack), (Image.fromarray(picture) for picture in stack)):
        assert idfcodec.encode_batch(images, effort="fast") == expected
    assert len(idfcodec.decode_batch(expected, pictures=np.array([1]))) == 1
