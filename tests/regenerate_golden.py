"""Writes the golden files anew with the shipped models: `python -m tests.regenerate_golden`.

Only for a new model or a new version of the format. Any other change of these files means that files which
users have written decode no longer, or that the same picture gives other bytes.
"""

import json

from idfcodec.codec import decode_picture, encode
from idfcodec.container import unpack
from tests.golden_files import FOLDER, RECIPES, effort, picture, pixel_digest


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for name, recipe in RECIPES.items():
        data = encode(picture(recipe), effort=effort(recipe), verify=True)
        record = {**recipe, "model": unpack(data).model.hex(), "pixels": pixel_digest(decode_picture(data).pixels)}
        (FOLDER / f"{name}.idfc").write_bytes(data)
        (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
