"""Each extra alone, and all light ones together, in a fresh environment. It is pip that takes the time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
START = "import idfcodec\nfrom idfcodec.demo import draw\npixels = draw(32, 24)\n"
PROGRAMS = {
    "": "import idfcodec.plugins.pillow, idfcodec.plugins.imagecodecs as own\n"
    "from PIL import Image\n"
    "Image.fromarray(pixels).save('a.idfc', effort='fast')\n"
    "assert (own.idfc_decode(open('a.idfc', 'rb').read()) == pixels).all()\n",
    "fsspec": "import fsspec\n"
    "with fsspec.open('memory://a', 'wb') as file:\n"
    "    file.write(idfcodec.encode(pixels, effort='fast'))\n"
    "assert idfcodec.read_info('memory://a').width == 32\n",
    "imageio": "import imageio.v3 as iio, idfcodec.plugins.imageio\n"
    "iio.imwrite('a.idfc', pixels, effort='fast')\n"
    "assert (iio.imread('a.idfc') == pixels).all()\n",
    "numcodecs": "import numcodecs\n"
    "codec = numcodecs.get_codec({'id': 'idfc', 'effort': 'fast'})\n"
    "assert (codec.decode(codec.encode(pixels)) == pixels).all()\n",
    "zarr": "import zarr, zarr.registry\n"
    "codec = zarr.registry.get_codec_class('idfc')(effort='fast')\n"
    "array = zarr.create_array('a.zarr', data=pixels, serializer=codec, compressors=None)\n"
    "assert (zarr.open_array('a.zarr')[:] == pixels).all()\n",
}
"""What is installed by each extra works. The first is no extra at all."""


@pytest.mark.slow
@pytest.mark.parametrize("extras", [*PROGRAMS, ",".join(filter(None, PROGRAMS))])
def test_extras_in_a_fresh_environment(extras: str, tmp_path: Path) -> None:
    if "zarr" in extras and sys.version_info < (3, 11):
        pytest.skip("Zarr of version 3 needs Python 3.11")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    wanted = f"{REPOSITORY}[{extras}]" if extras else str(REPOSITORY)
    subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True, cwd=tmp_path)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for extra in extras.split(","):
        program = START + PROGRAMS[extra]
        subprocess.run([python, "-c", program], check=True, cwd=tmp_path, env=clean, timeout=300)
