"""The models' cards: what each is made of, how it came about, what it reached; every figure comes from a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.models import describe_model
from benchmarks.section import Section
from idfcodec.flow.registry import family_name

__all__ = ["card"]

WEIGHTS = {True: "weights are integers, multiples of 2^-8", False: "weights are integers in [-64, 64]"}  # causal or not
PEERS = ("jxl-e7", "jxl-e9", "jxl-e10")


def card(folder: Path, names: Mapping[str, str], measured: Mapping[str, Section], timed: tuple[str, ...]) -> str:
    """The text of a model's card.

    Args:
        folder: of the model.
        names: of the shipped models by id.
        measured: the data sets by name.
        timed: the sets that were measured while nothing else ran, whose speeds count.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    known = describe_model(folder)
    causal = family_name(config["architecture"]) == "causal"
    recipe, networks = config.get("training"), config.get("networks")
    lines = [
        f"# Model `{names[config['id']]}`",
        "",
        "Written by `python -m benchmarks readme`; every figure comes from a script.",
        "",
        "| | |",
        "| --- | --- |",
        f"| id | `{config['id']}` |",
        f"| parameters | {known['parameters']:,} ({WEIGHTS[causal]}) |",
        f"| kMAC/pixel | {known['mac_per_pixel'] / 1000:.{1 if causal else 0}f} |",
        f"| architecture | {json.dumps(config['architecture'])} |",
    ]
    data = folder / "DATA.md"
    if recipe:
        lines += _training(recipe, names)
        lines += ["", "## Data", "", f"{recipe['pictures']} pictures, {recipe['megapixels']:.0f} megapixels."]
    else:
        lines += _networks(networks) if networks else []
        lines += ["", "## Data", ""] if data.exists() else []
    if data.exists():
        lines.append(data.read_text(encoding="utf-8").rstrip())
    lines += ["", "## Results", "", *_results(config["id"], measured, timed)]
    return "\n".join(lines) + "\n"


def _networks(made: Mapping[str, Any]) -> list[str]:
    """Rows of the card of a causal model, from what the script that trained its networks wrote down."""
    return [
        f"| training | `{made['made_by']}`: {made['steps']:,} steps of {made['pixels_a_step']:,} pixels, "
        f"{made['seconds']} s on one {made['hardware']} |",
        f"| samples | megapixels out of {made['pictures']} pictures: {made['megapixels_of_samples']} |",
    ]


def _training(recipe: dict[str, Any], names: Mapping[str, str]) -> list[str]:
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


def _results(identity: str, measured: Mapping[str, Section], timed: tuple[str, ...]) -> list[str]:
    """The model's own rows of all sets, with the sizes of JPEG XL beside them."""
    rows = {
        name: section.comparable.loc[key]
        for name, section in measured.items()
        for key in section.comparable.index
        if section.codecs[key].get("model", {}).get("id") == identity
    }
    if not rows:
        return ["Not measured yet."]
    labels = {
        key: measured[name].label(key) for key in PEERS for name in rows if key in measured[name].comparable.index
    }
    titles = ["class", "file", "likelihood", *labels.values(), "encode MB/s", "decode MB/s"]
    aligned = "| --- | --- |" + " ---: |" * (len(titles) - 1)
    lines = ["Sizes are bits per subpixel.", "", f"| set | {' | '.join(titles)} |", aligned]
    for name, row in rows.items():
        others = measured[name].comparable["file"]
        sizes = [row["file"], row["likelihood"], *(others.get(key) for key in labels)]
        speeds = [row["encode_mb_s"], row["decode_mb_s"]] if name in timed else [None, None]
        cells = [f"{value:.4f}" if pd.notna(value) else "" for value in sizes]
        cells += [f"{value:.2f}" if pd.notna(value) else "" for value in speeds]
        lines.append(f"| {' | '.join([name, measured[name].past, *cells])} |")
    return [*lines, "", "Machine, versions and what the columns mean: RESULTS.md."]
