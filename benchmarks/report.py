"""The results section of the README and the card of the shipped model, from measured JSON files alone.

    python benchmarks/report.py [--check]

Reads `benchmarks/results/NAME.json` (written by `benchmarks/kodak.py FOLDER --json`), `models/DEFAULT` and the model's
own files; writes what stands between the `<!-- results -->` marks of README.md, and `models/NAME/CARD.md`. With
--check nothing is written, and the exit code is 1 if either differs.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from safetensors import safe_open

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SETS = {
    "kodak": "Kodak, 24 photographs (PhotoCD)",
    "photo1mp": "photo1mp, 8 photographs of about 1 megapixel (Xiph subset1)",
    "set14": "Set14, 14 pictures: photographs, gray stored as RGB, a drawing, a page of text",
}
ORDER = ("idfcodec", "jxl-e10", "jxl-e9", "jxl-e7", "webp-m6", "webp-m4", "oxipng", "png")
NAMES = {
    "jxl-e10": "JPEG XL effort 10",
    "jxl-e9": "JPEG XL effort 9",
    "jxl-e7": "JPEG XL effort 7",
    "webp-m6": "WebP lossless, method 6, quality 100",
    "webp-m4": "WebP lossless, method 4",
    "oxipng": "PNG (oxipng level 4)",
    "png": "PNG (Pillow, optimize)",
}


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return loaded


def machine(result: dict[str, Any]) -> str:
    facts = result["environment"]
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads; PyTorch {facts['torch']}, "
        f"constriction {facts['constriction']}, Pillow {facts['pillow']}, imagecodecs {facts['imagecodecs']} "
        f"({facts['jpegxl']}, {facts['webp']})"
    )


def table(result: dict[str, Any]) -> list[str]:
    totals = result["totals"]
    ours = totals["idfcodec"]
    lines = [
        "| codec | bits per subpixel | bytes | size against ours | encode MB/s | decode MB/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key in ORDER:
        if key in totals:
            row = totals[key]
            label = "**idfcodec**" if key == "idfcodec" else NAMES[key]
            lines.append(
                f"| {label} | {row['bits_per_subpixel']:.3f} | {row['bytes']:,} | {row['bytes'] / ours['bytes']:.3f} "
                f"| {row['encode_mb_s']:.2f} | {row['decode_mb_s']:.2f} |"
            )
    return lines


def results() -> str:
    """The README's section."""
    present = [name for name in SETS if (RESULTS / f"{name}.json").exists()]
    lines = [
        "Whole files, every picture decoded and compared; one process that goes round the codecs picture by picture."
    ]
    for name in present:
        result = load(name)
        lines += ["", f"**{SETS[name]}**", "", *table(result)]
        pictures = result["pictures"].values()
        bits = sum(p["likelihood_bits"] for p in pictures) / sum(p["subpixels"] for p in pictures)
        without = sum(p["plain_bits"] for p in pictures) / sum(p["subpixels"] for p in pictures)
        lines += ["", f"Likelihood: {bits:.3f} bits per subpixel; without the colour lattice {without:.3f}."]
    lines += ["", f"Measured on {machine(load(present[0]))}."]
    lines += [
        "",
        "The colour lattice is the part of the gain that depends on where a picture comes from: one that was YCbCr",
        "once (PhotoCD, JPEG, video) has only some of the colours that RGB could have, and the codec learns which",
        "while it decodes. Others gain little, and pay nothing: it is switched off where it would not save.",
    ]
    return "\n".join(lines)


def cost(tensors: dict[str, tuple[int, ...]]) -> float:
    """Multiply-accumulates a pixel: a level l has 4**-(l + 1) cells a pixel; `up` runs on the next coarser level's."""
    total = 0.0
    for name, shape in tensors.items():
        if not name.endswith(".weight"):
            continue
        outputs, inputs, height, width = shape
        cells = 1 / 4 if name.startswith("fine.") else 1 / 12
        total += outputs * inputs * height * width * (cells / 4 if ".up." in name else cells)
    return total


def card() -> tuple[Path, str]:
    """The path and the text of the default model's card."""
    folder = ROOT / "models" / (ROOT / "models" / "DEFAULT").read_text().strip()
    config = json.loads((folder / "config.json").read_text())
    with safe_open(folder / "weights.safetensors", framework="numpy") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    parameters = sum(s[0] * s[1] * s[2] * s[3] + s[0] for name, s in shapes.items() if name.endswith(".weight"))
    recipe = config["training"]
    lines = [
        f"# Model `{folder.name}`",
        "",
        "Written by `benchmarks/report.py`; every figure comes from a script.",
        "",
        "| | |",
        "| --- | --- |",
        f"| id | `{config['id']}` |",
        f"| parameters | {parameters:,} (8-bit weights) |",
        f"| kMAC/pixel | {cost(shapes) / 1000:.0f} |",
        f"| architecture | {json.dumps(config['architecture'])} |",
        f"| training | {recipe['steps_done']:,} steps of {recipe['batch']} crops of {recipe['size']} x "
        f"{recipe['size']}, {recipe['minutes_done']:.0f} minutes on {recipe['hardware']} |",
        f"| optimiser | Muon at {recipe['learning_rate']} for the hidden convolutions, Adam at half of it for the "
        f"rest; cosine decay, weights averaged at {recipe['ema']}, rounding as exported from "
        f"{recipe['quantise_from']:.0%} of the run on |",
        f"| validation | {recipe['validation']:.4f} bits per subpixel by likelihood, without the colour lattice, on "
        "central crops of the held-back tenth of the training pictures (chosen by a hash of the file name) |",
        "",
        "## Data",
        "",
        f"{recipe['pictures']} pictures, {recipe['megapixels']:.0f} megapixels.",
        (folder / "DATA.md").read_text().rstrip(),
        "",
        "## Results",
        "",
        "| set | bits per subpixel, files | likelihood | without the colour lattice | JPEG XL effort 9 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in SETS:
        if (RESULTS / f"{name}.json").exists():
            result = load(name)
            pictures = result["pictures"].values()
            subpixels = sum(p["subpixels"] for p in pictures)
            lines.append(
                f"| {name} | {result['totals']['idfcodec']['bits_per_subpixel']:.4f} "
                f"| {sum(p['likelihood_bits'] for p in pictures) / subpixels:.4f} "
                f"| {sum(p['plain_bits'] for p in pictures) / subpixels:.4f} "
                f"| {result['totals']['jxl-e9']['bits_per_subpixel']:.4f} |"
            )
    return folder / "CARD.md", "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something would change")
    check = parser.parse_args().check
    readme = ROOT / "README.md"
    text = readme.read_text()
    start, rest = text.split("<!-- results -->\n", 1)
    _, end = rest.split("<!-- /results -->", 1)
    wanted = {readme: f"{start}<!-- results -->\n{results()}\n<!-- /results -->{end}"}
    path, content = card()
    wanted[path] = content
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_text() != content]
    if check:
        sys.exit("".join(f"{path} does not match benchmarks/results\n" for path in stale) or 0)
    for path in stale:
        path.write_text(wanted[path])
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
