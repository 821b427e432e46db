"""Chunks of arrays, and the codecs of numcodecs and Zarr that are made of them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import idfcodec
from idfcodec.errors import CorruptFile, IDFError, UnsupportedImage
from idfcodec.plugins.chunks import decode_chunk, encode_chunk
from tests.pictures import generate

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

numcodecs = pytest.importorskip("numcodecs", reason="needs numcodecs")
zarr = pytest.importorskip("zarr", reason="needs zarr")

from idfcodec.plugins.numcodecs import Idfc  # noqa: E402
from idfcodec.plugins.zarr import IdfcCodec  # noqa: E402

PHOTO = generate("photo", 40, 30)
GRAY = generate("gray", 40, 30)


def arrays() -> dict[str, NDArray[Any]]:
    deep = GRAY.astype("<u2") * 200
    return {
        "gray": GRAY,
        "rgb": PHOTO,
        "rgba": np.concatenate((PHOTO, GRAY[..., None]), 2),
        "pages": np.stack([GRAY, 255 - GRAY, GRAY]),
        "pages of pages": np.stack([np.stack([GRAY, GRAY // 2])] * 3),
        "pages of rgb": np.stack([PHOTO, PHOTO[::-1]]),
        "one channel": GRAY[..., None],
        "one of each": GRAY[None, None],
        "deep": deep,
        "deep rgb": PHOTO.astype("<u2") * 200,
        "deep pages": np.stack([deep, deep // 3]),
        "three columns": np.stack([GRAY[:, :3]] * 2),
    }


@pytest.mark.parametrize("kind", arrays())
def test_chunks_come_back(kind: str) -> None:
    array = arrays()[kind]
    for channels in (None, False):
        data = encode_chunk(array, channels=channels, effort="fast", model=None, threads=1)
        back = decode_chunk(data, threads=1)
        assert back.dtype == array.dtype
        assert np.array_equal(back.reshape(array.shape), array)


def test_what_an_axis_is() -> None:
    def shape(array: NDArray[Any], channels: bool | None) -> tuple[int, ...]:
        data = encode_chunk(array, channels=channels, effort="fast", model=None, threads=1)
        return idfcodec.decode_picture(data).pixels.shape

    assert shape(PHOTO, None) == shape(PHOTO, True) == (30, 40, 3)
    assert shape(np.ascontiguousarray(PHOTO[:2]), False) == (2, 40, 3)
    assert shape(np.stack([GRAY] * 5), None) == (5, 30, 40)
    assert shape(GRAY[..., None], True) == (30, 40)
    with pytest.raises(UnsupportedImage, match="no axis of 1 to 4 channels"):
        shape(GRAY, True)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (GRAY.astype("f4"), "dtype <f4"),
        (GRAY.astype("i1"), "dtype |i1"),
        (GRAY.astype(">u2"), "dtype >u2"),
        (GRAY[0], r"shape \(40,\)"),
        (GRAY[:0], "no samples"),
    ],
)
def test_others_are_refused(array: NDArray[Any], problem: str) -> None:
    with pytest.raises(UnsupportedImage, match=problem.replace("|", r"\|")):
        Idfc().encode(array)


def test_numcodecs_contract() -> None:
    codec = numcodecs.get_codec({"id": "idfc", "effort": "fast"})
    assert isinstance(codec, Idfc)
    assert codec == Idfc("fast") == eval(repr(codec), {"Idfc": Idfc})
    assert codec.get_config() == {"id": "idfc", "effort": "fast"}
    assert Idfc(channels=False).get_config() == {"id": "idfc", "channels": False}
    data = codec.encode(PHOTO)
    for source in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert np.array_equal(codec.decode(source), PHOTO)
    out = np.empty_like(PHOTO)
    codec.decode(data, out=out)
    assert np.array_equal(out, PHOTO)
    fortran = np.asfortranarray(PHOTO)
    assert codec.decode(codec.encode(fortran)).tobytes() == fortran.tobytes(order="A")
    with pytest.raises(CorruptFile):
        codec.decode(data[:-1])
    for effort, model in (("nonsense", None), (None, "nonsense"), ("fast", "photo")):
        with pytest.raises(IDFError):
            Idfc(effort, model)


def test_settings_are_those_of_version_3() -> None:
    codec = IdfcCodec("max", channels=True)
    assert codec.to_dict() == {"name": "idfc", "configuration": {"effort": "max", "channels": True}}
    assert IdfcCodec.from_dict(codec.to_dict()) == codec
    assert IdfcCodec.from_dict({"name": "idfc"}) == IdfcCodec()
    for effort, model in (("nonsense", None), (None, "nonsense"), ("fast", "photo")):
        with pytest.raises(IDFError):
            IdfcCodec(effort, model)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint32", "bool"])
def test_version_3_refuses_other_dtypes_when_an_array_is_created(dtype: str) -> None:
    with pytest.raises(UnsupportedImage, match=r"idfc codes uint8 and uint16"):
        zarr.create_array({}, shape=(8, 8), chunks=(8, 8), dtype=dtype, serializer=IdfcCodec(), compressors=None)
    with pytest.raises(UnsupportedImage, match=r"shape \(8,\)"):
        zarr.create_array({}, shape=(8,), chunks=(8,), dtype="uint8", serializer=IdfcCodec(), compressors=None)


def create(store: Any, array: NDArray[Any], version: int) -> Any:
    chunks = tuple(max(1, side // 2 + 1) if side > 4 else side for side in array.shape)
    how: dict[str, Any] = {"compressors": Idfc("fast")}
    if version == 3:
        how = {"serializer": IdfcCodec("fast"), "compressors": None}
    return zarr.create_array(store, data=array, chunks=chunks, zarr_format=version, **how)


@pytest.mark.parametrize("version", [2, 3])
def test_parts_of_arrays(version: int) -> None:
    for array in arrays().values():
        stored = create({}, array, version)
        assert np.array_equal(stored[:], array)
        assert np.array_equal(stored[..., 3:7, :2], array[..., 3:7, :2])
        stored[..., 1:3, :] = 9
        assert (stored[..., 1:3, :] == 9).all()
        assert np.array_equal(stored[..., 3:, :], array[..., 3:, :])


def test_orders_and_shards() -> None:
    turned = zarr.create_array({}, data=PHOTO, chunks=(20, 40, 3), zarr_format=2, order="F", compressors=Idfc("fast"))
    assert np.array_equal(turned[:], PHOTO)
    shards = zarr.create_array(
        {}, data=PHOTO, chunks=(15, 20, 3), shards=(30, 40, 3), serializer=IdfcCodec("fast"), compressors=None
    )
    assert np.array_equal(shards[7:9, 19:21], PHOTO[7:9, 19:21])
    big = zarr.create_array(
        {}, data=GRAY.astype(">u2"), chunks=(15, 20), serializer=IdfcCodec("fast"), compressors=None
    )
    assert np.array_equal(big[:], GRAY)


def declared() -> dict[str, dict[str, str]]:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"]["entry-points"])


def test_entry_points_name_the_codecs() -> None:
    found = declared()
    for group, wanted in {"numcodecs.codecs": Idfc, "zarr.codecs": IdfcCodec}.items():
        module, _, name = found[group]["idfc"].partition(":")
        assert getattr(import_module(module), name) is wanted


@pytest.mark.parametrize("version", [2, 3])
def test_written_in_one_process_and_read_in_another(tmp_path: Path, version: int) -> None:
    """The other one imports nothing of this package: the entry points of the installed one are found."""
    groups = declared()
    if not all(set(names) <= entry_points(group=group).names for group, names in groups.items()):
        pytest.skip("the package is installed without its entry points: run `pip install -e .` again")
    written = [PHOTO, arrays()["deep"], arrays()["pages"]]
    for number, array in enumerate(written):
        create(str(tmp_path / str(number)), array, version)
    program = (
        "import sys, zarr\n"
        "for number in range(3):\n"
        "    sys.stdout.buffer.write(zarr.open_array(f'{sys.argv[1]}/{number}', mode='r')[:].tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=True)
    assert done.stdout == b"".join(array.tobytes() for array in written)
