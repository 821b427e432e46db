"""The results section of the README and the cards of the shipped models, from measured JSON files alone.

    python benchmarks/report.py [--check]

Reads `benchmarks/results/NAME.json` (written by `benchmarks/kodak.py FOLDER --json`) and the models' own files; writes
what stands between the `<!-- results -->` marks of README.md, and `models/NAME/CARD.md` for each model. With --check
nothing is written, and the exit code is 1 if any of them differs.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from safetensors import safe_open

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MODELS = ROOT / "models"
SETS = {
    "kodak": "Kodak, {count} photographs (PhotoCD)",
    "photo1mp": "photo1mp, {count} photographs of about 1 megapixel (Xiph subset1)",
    "set14": "Set14, {count} pictures: photographs, gray stored as RGB, a drawing, a page of text",
    "held_back": "Held back, {count} photographs: a tenth of the training pictures, kept for validation",
}
STRONGEST = ("jxl-e10", "jxl-e9", "jxl-e7")  # the first of them that was measured is the unit of size
TIMED = ("kodak",)  # the sets whose speeds are shown: those measured while nothing else ran
SPEED_REFERENCES = ("jxl-e7", "jxl-e10")  # their encoding speeds are units of ours
CARD_PEERS = ("jxl-e7", "jxl-e9", "jxl-e10")
FIGURES = ("bits_per_subpixel", "likelihood", "likelihood_without_weights")

Shapes = dict[str, tuple[int, ...]]


def model_names() -> dict[str, str]:
    """The names of the shipped models by id."""
    return {json.loads(path.read_text())["id"]: path.parent.name for path in sorted(MODELS.glob("*/config.json"))}


def measured() -> dict[str, dict[str, Any]]:
    """The results there are, by the name of their set; ends the run if they are of models that are not shipped."""
    paths = {name: RESULTS / f"{name}.json" for name in SETS}
    sets = {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}
    shipped = model_names()
    for name, result in sets.items():
        for entry in result["codecs"].values():
            if "model" in entry and entry["model"] not in shipped:
                sys.exit(f"{paths[name]}: {entry['label']} was measured with model {entry['model']}, now another one")
    return sets


def machine(result: dict[str, Any]) -> str:
    facts = result["environment"]
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads; PyTorch {facts['torch']}, "
        f"constriction {facts['constriction']}, Pillow {facts['pillow']}, imagecodecs {facts['imagecodecs']} "
        f"({facts['jpegxl']}, {facts['webp']})"
    )


def unit_of_size(codecs: dict[str, Any]) -> str | None:
    return next((key for key in STRONGEST if key in codecs), None)


def table(codecs: dict[str, Any], *, timed: bool) -> list[str]:
    """Every codec of a run, ours first, as they were asked for."""
    unit = unit_of_size(codecs)
    against = f"size against {codecs[unit]['label']}" if unit else "size"
    titles = [
        "bits per subpixel, files",
        "likelihood",
        "without weights",
        "bytes",
        against,
        *(("encode MB/s", "decode MB/s") if timed else ()),
    ]
    lines = [f"| codec | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for entry in codecs.values():
        row = entry["totals"]
        label = f"**{entry['label']}**" if "model" in entry else entry["label"]
        figures = " | ".join(f"{row[key]:.3f}" if key in row else "" for key in FIGURES)
        size = f"{row['bytes'] / codecs[unit]['totals']['bytes']:.3f}" if unit else ""
        speed = f" {row['encode_mb_s']:.2f} | {row['decode_mb_s']:.2f} |" if timed else ""
        lines.append(f"| {label} | {figures} | {row['bytes']:,} | {size} |{speed}")
    return lines


def speeds(codecs: dict[str, Any]) -> list[str]:
    """Speed of each of our models as a multiple of what JPEG XL's encoder reaches."""
    references = [key for key in SPEED_REFERENCES if key in codecs]
    if not references:
        return []
    titles = [f"{way} against {codecs[key]['label']}'s encoding" for key in references for way in ("encode", "decode")]
    lines = ["", f"| | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for entry in codecs.values():
        if "model" in entry:
            ratios = [
                f"{entry['totals'][f'{way}_mb_s'] / codecs[key]['totals']['encode_mb_s']:.2f}"
                for key in references
                for way in ("encode", "decode")
            ]
            lines.append(f"| **{entry['label']}** | {' | '.join(ratios)} |")
    return lines


def results(sets: dict[str, dict[str, Any]]) -> str:
    """The README's section."""
    lines = [
        "Whole files, every picture decoded and compared; one process that goes round the codecs picture by picture.",
        "The likelihood is what the model says that the pictures cost; *without weights* it is what they would cost if",
        "the codec learned no weights, fitted no corrections and knew no palettes (FORMAT.md, 4).",
    ]
    for name, result in sets.items():
        title = SETS[name].format(count=len(result["pictures"]))
        timed = name in TIMED
        lines += ["", f"**{title}**", "", *table(result["codecs"], timed=timed)]
        lines += speeds(result["codecs"]) if timed else []
    machines = dict.fromkeys(machine(result) for result in sets.values())
    for text in machines:
        names = ", ".join(name for name, result in sets.items() if machine(result) == text)
        lines += ["", f"Measured on {text}." if len(machines) == 1 else f"{names}: measured on {text}."]
    lines += [
        "",
        "The weights are the part of the gain that depends on where a picture comes from: one that was YCbCr once",
        "(PhotoCD, JPEG, video) has only some of the colours that RGB could have, and the codec learns which while it",
        "decodes. Others gain little, and pay nothing: what would not save is switched off.",
    ]
    return "\n".join(lines + fine_tuned())


def fine_tuned() -> list[str]:
    """What `benchmarks/finetune.py --json benchmarks/results/finetune.json` measured, if the model is still shipped."""
    path = RESULTS / "finetune.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    model = model_names().get(result.get("training", {}).get("started_from"))
    if model is None:
        return []
    pictures = result["pictures"].values()
    subpixels, before, after = (sum(entry[key] for entry in pictures) for key in ("subpixels", "before", "after"))
    return [
        "",
        f"**Fine-tuning** `{model}` for {result['training']['minutes_done']:.0f} minutes on "
        f"{result['environment']['cores']} cores, with {result['training']['megapixels']:.2f} megapixels of an",
        f"immunohistochemistry slide: {len(pictures)} squares of that slide which were held back fall from",
        f"{8 * before / subpixels:.3f} to {8 * after / subpixels:.3f} bits per subpixel, by {1 - after / before:.1%} "
        "(`benchmarks/finetune.py --pattern 'skimage_ihc*' --cut 128`).",
    ]


def tensor_shapes(folder: Path) -> Shapes:
    """The shape of each tensor of an exported model, by name."""
    with safe_open(folder / "weights.safetensors", framework="numpy") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def parameters(shapes: Shapes) -> int:
    """Weights and biases of the networks."""
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        if name.startswith("networks.") and name.endswith((".weight", ".bias"))
    )


def cost(shapes: Shapes, levels: int) -> float:
    """Multiply-accumulates a pixel.

    Level l has 4**-(l + 1) cells a pixel. Network i serves level i, the last one all coarser levels as well. `up` runs
    on the grid of the next coarser level, and not at all at the coarsest.
    """
    last = max(int(name.split(".")[1]) for name in shapes if name.startswith("networks."))
    total = 0.0
    for name, shape in shapes.items():
        if not name.startswith("networks.") or not name.endswith(".weight"):
            continue
        index = int(name.split(".")[1])
        served = range(index, levels if index == last else index + 1)
        if name.split(".")[2] == "up":
            cells = sum(4.0 ** -(level + 2) for level in served if level + 1 < levels)
        else:
            cells = sum(4.0 ** -(level + 1) for level in served)
        total += math.prod(shape) * cells
    return total


def _training(recipe: dict[str, Any]) -> list[str]:
    """Rows of the card, from what `idfcodec train` wrote down."""
    lines = [
        f"| training | {recipe['steps_done']:,} steps of {recipe['batch']} crops of {recipe['size']} x "
        f"{recipe['size']}, {recipe['minutes_done']:.0f} minutes on {recipe['hardware']} |",
        f"| optimiser | Muon at {recipe['learning_rate']} for the hidden convolutions, Adam at half of it for the "
        f"rest; cosine decay, weights averaged at {recipe['ema']}, rounding as exported from "
        f"{recipe['quantise_from']:.0%} of the run on |",
        f"| validation | {recipe['validation']:.4f} bits per subpixel by the networks' likelihood alone, on central "
        "crops of the held-back tenth of the training pictures (chosen by a hash of the file name) |",
    ]
    start = recipe.get("started_from")
    if start:
        name = model_names().get(start)
        lines.insert(0, f"| started from | {f'model `{name}`, ' if name else ''}id `{start}` |")
    return lines


def _card_results(identity: str, sets: dict[str, dict[str, Any]]) -> list[str]:
    """The model's own rows of all sets, with the sizes of JPEG XL beside them."""
    ours = {}
    for name, result in sets.items():
        for entry in result["codecs"].values():
            if entry.get("model") == identity:
                ours[name] = entry["totals"]
    if not ours:
        return ["Not measured yet."]
    peers = {
        key: sets[name]["codecs"][key]["label"] for key in CARD_PEERS for name in ours if key in sets[name]["codecs"]
    }
    titles = [
        "bits per subpixel, files",
        "likelihood",
        "without weights",
        *peers.values(),
        "encode MB/s",
        "decode MB/s",
    ]
    lines = [f"| set | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for name, row in ours.items():
        codecs = sets[name]["codecs"]
        cells = [f"{row[key]:.4f}" if key in row else "" for key in FIGURES]
        cells += [f"{codecs[key]['totals']['bits_per_subpixel']:.4f}" if key in codecs else "" for key in peers]
        cells += [f"{row['encode_mb_s']:.2f}", f"{row['decode_mb_s']:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "Machine, versions and what the columns mean: README.md, Results."]
    return lines


def card(folder: Path, sets: dict[str, dict[str, Any]]) -> str:
    """The text of a model's card."""
    config = json.loads((folder / "config.json").read_text())
    shapes = tensor_shapes(folder)
    recipe = config.get("training")
    lines = [
        f"# Model `{folder.name}`",
        "",
        "Written by `benchmarks/report.py`; every figure comes from a script.",
        "",
        "| | |",
        "| --- | --- |",
        f"| id | `{config['id']}` |",
        f"| parameters | {parameters(shapes):,} (weights are integers in [-64, 64]) |",
        f"| kMAC/pixel | {cost(shapes, config['architecture']['levels']) / 1000:.0f} |",
        f"| architecture | {json.dumps(config['architecture'])} |",
    ]
    data = folder / "DATA.md"
    if recipe:
        lines += _training(recipe)
        lines += ["", "## Data", "", f"{recipe['pictures']} pictures, {recipe['megapixels']:.0f} megapixels."]
    elif data.exists():
        lines += ["", "## Data", ""]
    if data.exists():
        lines.append(data.read_text().rstrip())
    lines += ["", "## Results", "", *_card_results(config["id"], sets)]
    return "\n".join(lines) + "\n"


def rendered() -> dict[Path, str]:
    """What each file should contain."""
    sets = measured()
    readme = ROOT / "README.md"
    start, rest = readme.read_text().split("<!-- results -->\n", 1)
    _, end = rest.split("<!-- /results -->", 1)
    wanted = {readme: f"{start}<!-- results -->\n{results(sets)}\n<!-- /results -->{end}"}
    for config in sorted(MODELS.glob("*/config.json")):
        wanted[config.parent / "CARD.md"] = card(config.parent, sets)
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something would change")
    check = parser.parse_args().check
    wanted = rendered()
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_text() != content]
    if check:
        sys.exit("".join(f"{path} does not match benchmarks/results\n" for path in stale) or 0)
    for path in stale:
        path.write_text(wanted[path])
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
