"""What `experiments.loading` has measured, for RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from benchmarks.tables import machine

__all__ = ["loading_lines"]


def loading_lines(root: Path) -> list[str]:
    """A table of pictures a second, from benchmarks/results/loading.json of a checkout; [] where it is missing."""
    path = root / "benchmarks" / "results" / "loading.json"
    if not path.exists():
        return []
    result = json.loads(path.read_bytes())
    lines = [
        "",
        "## Loading pictures for training",
        "",
        f"Pictures a second from a `DataLoader` of PyTorch with {result['workers']} worker processes, as tensors, in",
        "shuffled order: `idfcodec.plugins.torch.Pictures` beside Pillow's PNG and lossless WebP of the same pictures.",
        "Medians of epochs in which the formats took turns, with half their range (`python -m experiments.loading`).",
        "",
        "| set | pictures | format | pictures a second | in times of PNG | bits per subpixel |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for title, entry in result["sets"].items():
        count, formats = entry["pictures"], entry["formats"]
        seconds = {name: median(found["seconds"]) for name, found in formats.items()}
        for name, found in formats.items():
            speeds = [count / second for second in found["seconds"]]
            speed = f"{count / seconds[name]:,.1f} ± {(max(speeds) - min(speeds)) / 2:,.1f}"
            label = f"**{name}**" if name.startswith("idfcodec") else name
            cells = (title, count, label, speed, f"{seconds['PNG'] / seconds[name]:.2f}")
            lines.append(f"| {' | '.join(map(str, cells))} | {8 * found['bytes'] / entry['subpixels']:.3f} |")
    return [*lines, "", f"Measured on {machine(result)}."]
