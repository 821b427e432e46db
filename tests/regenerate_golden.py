"""Writes the golden files anew with the shipped models: `python -m tests.regenerate_golden`.

Only for a new model or a new version of the format. Any other change of these files means that files which
users have written decode no longer, or that the same picture gives other bytes.
"""

import json
from pathlib import Path

from idfcodec.batch import decode_batch, encode_batch
from idfcodec.codec import decode_picture, encode
from idfcodec.format.batch import unpack_batch
from idfcodec.format.container import unpack
from tests.golden_files import (
    BATCH_FOLDER,
    BATCHES,
    FOLDER,
    RECIPES,
    batch_pictures,
    model_of,
    picture,
    pixel_digest,
)


def write(target: Path, data: bytes, record: dict[str, object]) -> None:
    target.write_bytes(data)
    target.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(data)} bytes")


def main() -> None:
    for folder in (FOLDER, BATCH_FOLDER):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    for name, recipe in RECIPES.items():
        data = encode(picture(recipe), model=model_of(recipe), verify=True)
        record = {**recipe, "model": unpack(data).model.hex(), "pixels": pixel_digest(decode_picture(data).pixels)}
        write(FOLDER / f"{name}.idfc", data, record)
    for name, recipe in BATCHES.items():
        data = encode_batch(batch_pictures(recipe), model=model_of(recipe, batch=True))
        digests = [pixel_digest(pixels) for pixels in decode_batch(data)]
        write(
            BATCH_FOLDER / f"{name}.idfb", data, {**recipe, "model": unpack_batch(data).model.hex(), "pixels": digests}
        )


if __name__ == "__main__":
    main()
