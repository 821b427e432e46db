"""What fine-tuning on one kind of picture saves on further pictures of that kind, as a Markdown table.

    python -m experiments.fine_tuning FOLDER [--pattern 'em_*'] [--cut 256] [--from default] [--minutes 10]
                                      [--threads 2] [--json OUT]

Every fourth picture by name, the last one at least, is held back; the model is fine-tuned on the others, as `idfcodec
train --from` does it, with settings that no held-back picture had a part in. Whole files of the held-back pictures are
measured with the model before and after, and every one is decoded and compared. A folder of few large pictures can be
cut into squares first; then those held back may border on those trained on, but share no pixel with them. Needs
`pip install -e '.[bench]'`.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.environment import describe_environment
from idfcodec import codec
from idfcodec.errors import IDFError, UnsupportedImage
from idfcodec.models import EFFORTS, find_model
from idfcodec.picture.pillow import read_picture
from idfcodec.training.config import fine_tuning
from idfcodec.training.export import export
from idfcodec.training.loop import train

SUFFIXES = {".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp"}
Pixels = NDArray[np.uint8]


def load(folder: Path, pattern: str, cut: int | None) -> dict[str, Pixels]:
    """The pictures of a folder by name, as they are or cut into squares; those the format does not hold left out."""
    pictures: dict[str, Pixels] = {}
    for path in sorted(path for path in folder.rglob(pattern) if path.suffix.lower() in SUFFIXES):
        try:
            pixels = read_picture(path).pixels
        except UnsupportedImage as ex:
            print(f"left out: {path.name}: {ex}", file=sys.stderr)
            continue
        if cut is None:
            pictures[path.name] = pixels
            continue
        for top in range(0, pixels.shape[0] - cut + 1, cut):
            for left in range(0, pixels.shape[1] - cut + 1, cut):
                square = np.ascontiguousarray(pixels[top : top + cut, left : left + cut])
                pictures[f"{path.stem}_{top}_{left}.png"] = square
    return pictures


def measure(pictures: dict[str, Pixels], model: Path, threads: int) -> dict[str, int]:
    """Bytes of each picture's file. Ends the run if one comes back wrong."""
    sizes = {}
    for name, pixels in pictures.items():
        data = codec.encode(pixels, model=model, threads=threads)
        if not np.array_equal(codec.decode(data, model=model, threads=threads), pixels):
            sys.exit(f"{name} came back different with {model}")
        sizes[name] = len(data)
    return sizes


def fine_tune(pictures: dict[str, Pixels], start: Path, folder: Path, **settings: Any) -> dict[str, Any]:
    """Train on the pictures from the model in `start`, export to `folder`; the summary of the run."""
    source = folder / "pictures"
    source.mkdir(parents=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(source / f"{name}.png")
    config = fine_tuning(start, **settings)
    trained = train(source, folder, config, start_from=start, report=progress)
    export(trained.model, folder, note={"training": trained.summary})
    return trained.summary


def progress(record: dict[str, Any]) -> None:
    print("  ".join(f"{key} {value}" for key, value in record.items() if key != "levels"), file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pattern", default="*", help="only the files whose names match")
    parser.add_argument("--cut", type=int, metavar="N", help="cut pictures into squares of N pixels first")
    parser.add_argument("--from", dest="start", default="default", metavar="MODEL", help="name, id, folder or effort")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=96, help="side of the crops trained on")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure there")
    arguments = parser.parse_args()

    pictures = load(arguments.folder, arguments.pattern, arguments.cut)
    if len(pictures) < 2:
        sys.exit(f"{arguments.folder} holds {len(pictures)} such pictures; it takes two, one of them to hold back")
    held_back = {name: pictures[name] for name in list(pictures)[::-4]}
    others = {name: pixels for name, pixels in pictures.items() if name not in held_back}
    subpixels = sum(pixels.size for pixels in held_back.values())

    with tempfile.TemporaryDirectory() as temporary:
        try:
            start = find_model(None if arguments.start == "default" else EFFORTS.get(arguments.start, arguments.start))
            tuned = Path(temporary) / "tuned"
            before = measure(held_back, start, arguments.threads)
            clock = time.perf_counter()
            options = {"minutes": arguments.minutes, "threads": arguments.threads, "size": arguments.size}
            summary = fine_tune(others, start, tuned, **options)
            seconds = time.perf_counter() - clock
            after = measure(held_back, tuned, arguments.threads)
        except IDFError as ex:
            sys.exit(str(ex))

    print(
        f"{len(others)} pictures trained on, {len(held_back)} held back with {subpixels:,} subpixels; every one "
        "of those decoded to the same pixels.\n"
    )
    print("| model | bits per subpixel | bytes | size against the first |")
    print("| --- | ---: | ---: | ---: |")
    first = sum(before.values())
    label = f"{start.name}, fine-tuned {seconds / 60:.1f} minutes ({summary['steps_done']:,} steps)"
    for model, sizes in ((start.name, before), (label, after)):
        total = sum(sizes.values())
        print(f"| {model} | {8 * total / subpixels:.4f} | {total:,} | {total / first:.4f} |")
    facts = describe_environment()
    print("\n" + ", ".join(f"{key} {value}" for key, value in facts.items()))

    if arguments.json:
        each = {
            name: {"subpixels": pixels.size, "before": before[name], "after": after[name]}
            for name, pixels in held_back.items()
        }
        result = {"environment": facts, "training": summary, "seconds": seconds, "pictures": each}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
