"""Adds golden files: `python -m tests.golden.add` makes those of the recipes that have none yet.

A file that the index lists is left alone, whatever it holds, and so is a file that it does not list: nothing is
rewritten and nothing removed.
"""

from __future__ import annotations

import json
from pathlib import Path

from idfcodec.batch import decode_batch, encode_batch
from idfcodec.codec import decode_picture, encode
from idfcodec.format.batch import unpack_batch
from idfcodec.format.container import unpack
from idfcodec.models import load_model
from tests import golden
from tests.golden import batch_pictures, chosen, digest, picture, pixel_digest, planes_of, types_of

__all__ = ["add", "main"]


def add(root: Path, name: str, data: bytes, record: dict[str, object]) -> None:
    """Writes a file and its record, neither of which may exist, and lists them in the index of `root`."""
    record_name = str(Path(name).with_suffix(".json"))
    contents = {name: data, record_name: (json.dumps(record, indent=2) + "\n").encode()}
    for path, content in contents.items():
        (root / path).parent.mkdir(exist_ok=True)
        with (root / path).open("xb") as file:
            file.write(content)
    index: dict[str, str] = json.loads((root / golden.INDEX.name).read_text(encoding="utf-8"))
    added = index | {path: digest(content) for path, content in contents.items()}
    (root / golden.INDEX.name).write_text(json.dumps(added, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {len(data)} bytes")


def main() -> None:
    """Adds what is missing."""
    index = golden.read_index()
    for name, recipe in golden.RECIPES.items():
        file = f"{golden.FOLDER.name}/{name}.idfc"
        if file not in index:
            data = encode(picture(recipe), verify=True, **chosen(recipe))
            pixels = pixel_digest(decode_picture(data).pixels)
            add(golden.ROOT, file, data, {**recipe, "model": unpack(data).model.hex(), "pixels": pixels})
    for name, recipe in golden.BATCHES.items():
        file = f"{golden.BATCH_FOLDER.name}/{name}.idfb"
        if file not in index:
            undone = recipe.get("conversion") is True
            data = encode_batch(batch_pictures(recipe), model=str(recipe["by"]), conversion=undone)
            digests = [pixel_digest(pixels) for pixels in decode_batch(data)]
            add(golden.ROOT, file, data, {**recipe, "model": unpack_batch(data).model.hex(), "pixels": digests})
    for name, recipe in golden.PLANES.items():
        file = f"{golden.PLANES_FOLDER.name}/{name}.bin"
        if file not in index:
            planes, types, coder = planes_of(recipe), types_of(recipe), load_model(str(recipe["by"]))
            (data,) = coder.encode([planes], types)
            digests = [pixel_digest(plane) for plane in planes]
            add(golden.ROOT, file, data, {**recipe, "model": coder.id.hex(), "pixels": digests})


if __name__ == "__main__":
    main()
