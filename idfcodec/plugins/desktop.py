"""File types and thumbnails for desktops that follow freedesktop.org, and the magic numbers for file(1).

    python -m idfcodec.plugins.desktop install [FOLDER]            by default $XDG_DATA_HOME, ~/.local/share
    python -m idfcodec.plugins.desktop thumbnail IN OUT.png SIZE   what the file manager runs

FOLDER gets `mime/packages/idfcodec.xml` and `thumbnailers/idfcodec.thumbnailer`, and update-mime-database is run for
it, where there is one. A line says how file(1) is told of the format.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

__all__ = ["install", "main", "share", "thumbnail"]

share = Path(str(files("idfcodec"))) / "share"
"""The folder of the package that has the files."""


def install(folder: Path) -> list[Path]:
    """Puts the file types and the thumbnailer where desktops look for them; the latter runs this very Python.

    Args:
        folder: as $XDG_DATA_HOME and /usr/local/share are.

    Returns:
        The files that were written.

    Raises:
        OSError: they cannot be written.
        subprocess.CalledProcessError: update-mime-database failed.
    """
    types, thumbnailer = folder / "mime" / "packages" / "idfcodec.xml", folder / "thumbnailers" / "idfcodec.thumbnailer"
    for target in (types, thumbnailer):
        target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(share / types.name, types)
    thumbnailer.write_text((share / thumbnailer.name).read_text().replace("python3", sys.executable))
    if shutil.which("update-mime-database"):
        subprocess.run(["update-mime-database", str(folder / "mime")], check=True)
    return [types, thumbnailer]


def thumbnail(source: str, target: str, size: int) -> None:
    """Writes a picture, turned as its orientation says, into a PNG of at most `size` pixels a side.

    Raises:
        OSError: it cannot be read, decoded or written.
    """
    from PIL import Image, ImageOps

    import idfcodec.plugins.pillow  # noqa: F401  # registers

    with Image.open(source) as image:
        mode = "RGBA" if image.has_transparency_data else "RGB"
        shown = ImageOps.exif_transpose(image).convert(mode)
    shown.thumbnail((size, size))
    shown.info.clear()
    shown.save(target, "PNG")


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns the exit code."""
    try:
        match list(arguments):
            case ["install", *folder] if len(folder) < 2:
                home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
                for written in install(Path(*folder) if folder else Path(home)):
                    print(f"wrote {written}")
                print(f"file(1) is told by: cat {share / 'idfcodec.magic'} >> ~/.magic")
            case ["thumbnail", source, target, size] if size.isdecimal() and int(size):
                thumbnail(source, target, int(size))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (OSError, subprocess.CalledProcessError) as ex:
        print(f"idfcodec: {ex}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
