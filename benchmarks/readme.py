"""`python -m benchmarks readme`: the results section of the README and the models' cards, from committed results alone.

Nothing in these places is written by hand, so a test can tell whether they still say what was measured.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.models import describe_model
from benchmarks.rendering import escaped, markdown_published, markdown_rows
from benchmarks.results import BenchmarkError, Result, load
from benchmarks.tables import machine, protocol, table
from benchmarks.views import Section, sections

__all__ = ["readme", "rendered"]

ROOT = Path(__file__).resolve().parent.parent
SETS = {
    "kodak": "Kodak, {count} photographs (PhotoCD)",
    "photo1mp": "photo1mp, {count} photographs of about 1 megapixel (Xiph subset1)",
    "set14": "Set14, {count} pictures: photographs, gray stored as RGB, a drawing, a page of text",
    "held_back": "Held back, {count} photographs: a tenth of the training pictures, kept for validation",
    "mixed": "Mixed, {count} pictures of every kind: screenshots, pixel art, drawings, microscopy, photographs",
    "cifar10": "CIFAR-10, {count} test pictures of 32 x 32",
}
IN_FULL = ("kodak",)  # the sets whose speeds are shown: those measured while nothing else ran
FULL = ("file", "likelihood", "without_weights", "without_lattice", "bytes", "against",
        "encode_mb_s", "decode_mb_s", "memory")  # fmt: skip
SHORT = ("file", "likelihood", "without_weights", "without_lattice", "bytes", "against")
BATCHED = ("file", "payload", "likelihood", "bytes", "against")
SHORT_PEERS = ("jxl-e7", "jxl-e9", "jxl-e10", "webp-m6", "jpegls-rct", "png-oxipng")
SPEED_REFERENCES = ("jxl-e7", "jxl-e10")  # their encoding speeds are units of ours
CARD_PEERS = ("jxl-e7", "jxl-e9", "jxl-e10")
START, END = "<!-- results -->\n", "<!-- /results -->"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if something would change.")
def readme(check: bool) -> None:
    """Write the README's results section and the models' cards.

    Reads benchmarks/results/NAME.json, which `python -m benchmarks run` wrote, and the models' own files. Writes what
    stands between the `<!-- results -->` marks of README.md, and CARD.md of each model. Results of models that are not
    shipped any more are refused: measure again.

    \b
    Examples:
      python -m benchmarks readme
      python -m benchmarks readme --check     says what is out of date
    """
    wanted = rendered(ROOT)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        raise BenchmarkError(f"not what benchmarks/results says: {names}; `python -m benchmarks readme` writes them")
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        click.echo(f"wrote {path.relative_to(ROOT)}")


def rendered(root: Path) -> dict[Path, str]:
    """What each file of a checkout should contain.

    Raises:
        BenchmarkError: a result cannot be read, is of a model that is not shipped, or README.md has no marks.
    """
    measured = _measured(root)
    target = root / "README.md"
    start, mark, rest = target.read_text(encoding="utf-8").partition(START)
    _, end_mark, end = rest.partition(END)
    if not mark or not end_mark:
        raise BenchmarkError(f"{target}: no {START.strip()} … {END}")
    text = "\n".join([*_results(measured), *_fine_tuned(root)])
    wanted = {target: f"{start}{START}{text}\n{END}{end}"}
    for config in sorted((root / "models").glob("*/config.json")):
        wanted[config.parent / "CARD.md"] = _card(root, config.parent, measured)
    return wanted


def _model_names(root: Path) -> dict[str, str]:
    """The names of the shipped models by id."""
    configs = sorted((root / "models").glob("*/config.json"))
    return {json.loads(path.read_text(encoding="utf-8"))["id"]: path.parent.name for path in configs}


def _former_names(root: Path) -> dict[str, str]:
    """The names of the shipped models by the ids that their networks had with other tables."""
    configs = sorted((root / "models").glob("*/config.json"))
    return {
        former: path.parent.name
        for path in configs
        for former in json.loads(path.read_text(encoding="utf-8")).get("formerly", [])
    }


def _measured(root: Path) -> dict[str, Section]:
    """What was measured of each set."""
    shipped = _model_names(root)
    measured = {}
    for name in SETS:
        path = root / "benchmarks" / "results" / f"{name}.json"
        if path.exists():
            result = load(path)
            _refuse_other_models(path, result, shipped)
            found = sections([result])
            if len(found) != 1:
                raise BenchmarkError(f"{path}: {len(found)} data sets, wanted one")
            measured[name] = found[0]
    return measured


def _refuse_other_models(path: Path, result: Result, shipped: dict[str, str]) -> None:
    for entry in result["contenders"].values():
        model = entry.get("model")
        if model and model["id"] not in shipped:
            raise BenchmarkError(f"{path}: {entry['label']} was measured with model {model['id']}, now another one")


def _results(measured: dict[str, Section]) -> list[str]:
    lines = [
        "Whole files, every picture decoded and compared; one process that goes round the codecs picture by picture.",
        "File, payload and likelihood are in bits per subpixel; speeds in MB/s, 10^6 subpixels a second, ± half the",
        "range of the repeats; memory in MB, of a process with the largest picture. The likelihood is what the model",
        "says that the pictures cost; *without weights* it is what they would cost if the codec learned no weights,",
        "fitted no corrections and knew no palettes (FORMAT.md, 4), *without lattice* if it only learned no weights of",
        "pairs and of values.",
    ]
    for name, section in measured.items():
        lines += ["", f"**{SETS[name].format(count=len(section.dataset['pictures']))}**", "", *_set(name, section)]
    machines = {name: f"{machine(section.result)}. {protocol(section.result)}" for name, section in measured.items()}
    for text in dict.fromkeys(machines.values()):
        names = ", ".join(name for name, other in machines.items() if other == text)
        everywhere = len(set(machines.values())) == 1
        lines += ["", f"Measured on {text}." if everywhere else f"{names}: measured on {text}."]
    lines += [
        "",
        "The weights are the part of the gain that depends on where a picture comes from: one that was YCbCr once",
        "(PhotoCD, JPEG, video) has only some of the colours that RGB could have, and the codec learns which while it",
        "decodes. Others gain little, and pay nothing: what would not save is switched off.",
    ]
    return lines


def _set(name: str, section: Section) -> list[str]:
    """The tables of one set and what has to be said of them."""
    computed = table(section)
    wanted = FULL if name in IN_FULL else BATCHED if section.dataset["batched"] else SHORT
    columns = [column for column in computed.columns if column.name in wanted]
    ours = [row.key for row in computed.rows if row.family == "idfcodec"]
    keys = None if name in IN_FULL else {*ours, *SHORT_PEERS}
    lines = markdown_rows(computed, columns, units=False, keys=keys)
    if name in IN_FULL:
        lines += _speeds(section)
    if computed.published:
        lines += ["", *markdown_published(computed)]
    everything = f"All codecs: `python -m benchmarks report benchmarks/results/{name}.json`."
    below = [*map(escaped, computed.notes), *([] if name in IN_FULL else [everything])]
    return [*lines, *(["", *below] if below else [])]


def _speeds(section: Section) -> list[str]:
    """Speed of each of our models as a multiple of what JPEG XL's encoder reaches."""
    totals = section.comparable()
    references = [key for key in SPEED_REFERENCES if key in totals and totals[key].encode_mb_s]
    ours = [row for key, row in totals.items() if section.is_ours(key)]
    if not references or not ours:
        return []
    titles = [f"{way} against {totals[key].label}'s encoding" for key in references for way in ("encode", "decode")]
    lines = ["", f"| | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for row in ours:
        units = [totals[key].encode_mb_s or 1.0 for key in references]
        ratios = [f"{(speed or 0) / unit:.2f}" for unit in units for speed in (row.encode_mb_s, row.decode_mb_s)]
        lines.append(f"| **{row.label}** | {' | '.join(ratios)} |")
    return lines


def _fine_tuned(root: Path) -> list[str]:
    """What `python -m experiments.fine_tuning --json benchmarks/results/finetune.json` measured of a shipped model."""
    path = root / "benchmarks" / "results" / "finetune.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    start = result.get("training", {}).get("started_from")
    former = _former_names(root).get(start)
    model = _model_names(root).get(start, former)
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
        "(`python -m experiments.fine_tuning --pattern 'skimage_ihc*' --cut 128`"
        + ("; measured with the model's former tables)." if former else ")."),
    ]


def _card(root: Path, folder: Path, measured: dict[str, Section]) -> str:
    """The text of a model's card."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    known = describe_model(folder)
    recipe = config.get("training")
    lines = [
        f"# Model `{folder.name}`",
        "",
        "Written by `python -m benchmarks readme`; every figure comes from a script.",
        "",
        "| | |",
        "| --- | --- |",
        f"| id | `{config['id']}` |",
        f"| parameters | {known['parameters']:,} (weights are integers in [-64, 64]) |",
        f"| kMAC/pixel | {known['mac_per_pixel'] / 1000:.0f} |",
        f"| architecture | {json.dumps(config['architecture'])} |",
    ]
    data = folder / "DATA.md"
    if recipe:
        lines += _training(recipe, _model_names(root))
        lines += ["", "## Data", "", f"{recipe['pictures']} pictures, {recipe['megapixels']:.0f} megapixels."]
    elif data.exists():
        lines += ["", "## Data", ""]
    if data.exists():
        lines.append(data.read_text(encoding="utf-8").rstrip())
    lines += ["", "## Results", "", *_card_results(config["id"], measured)]
    return "\n".join(lines) + "\n"


def _training(recipe: dict[str, Any], names: dict[str, str]) -> list[str]:
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
        name = f"model `{names[start]}`, " if start in names else ""
        lines.insert(0, f"| started from | {name}id `{start}` |")
    return lines


def _card_results(identity: str, measured: dict[str, Section]) -> list[str]:
    """The model's own rows of all sets, with the sizes of JPEG XL beside them."""
    ours = {
        name: row
        for name, section in measured.items()
        for key, row in section.comparable().items()
        if section.contenders[key].get("model", {}).get("id") == identity
    }
    if not ours:
        return ["Not measured yet."]
    labels = {
        key: measured[name].label(key) for key in CARD_PEERS for name in ours if key in measured[name].comparable()
    }
    titles = ["file", "likelihood", "without weights", *labels.values(), "encode MB/s", "decode MB/s"]
    lines = ["Sizes are bits per subpixel.", "", f"| set | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    for name, row in ours.items():
        others = measured[name].comparable()
        sizes = [row.bits_per_subpixel, row.likelihood, row.without_weights]
        sizes += [others[key].bits_per_subpixel if key in others else None for key in labels]
        speeds = [row.encode_mb_s, row.decode_mb_s] if name in IN_FULL else [None, None]
        cells = [*_texts(sizes, 4), *_texts(speeds, 2)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, "", "Machine, versions and what the columns mean: README.md, Results."]


def _texts(values: Sequence[float | None], decimals: int) -> list[str]:
    return ["" if value is None else f"{value:.{decimals}f}" for value in values]
