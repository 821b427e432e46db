"""Where each millisecond of coding goes, by part of the codec, and how far the networks are from the machine's limit.

    python -m experiments.breakdown [PICTURE] [--models photo-fast,photo,photo-max] [--functions 15]

Writes `experiments/PROFILE.md` for a picture of Kodak's size (drawn if none is given) on one thread. Every function of
the package that the interpreter calls, compiled loops included, is wrapped by a clock that stops while another one
runs; a part's time is the sum of its functions'. What no function counts (the interpreter's glue between them, the
container, the checksum) is the rest. The clocks' own cost is reported: how much longer a run takes with them.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import os
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch

from benchmarks.environment import processor
from benchmarks.models import describe_model
from idfcodec import codec
from idfcodec.demo import draw
from idfcodec.errors import ModelError
from idfcodec.flow.exact.quantised import Convolution
from idfcodec.flow.hierarchical.runtime import Flow
from idfcodec.models import EFFORTS, find_model
from idfcodec.picture.pillow import read_picture

OUT = Path(__file__).resolve().parent / "PROFILE.md"
REST = "the rest"
# The parts in the order of the table: (title, module, start of the function's name; the first that fits counts).
PARTS = (
    ("networks: the convolutions", "idfcodec.flow.exact.quantised", "Convolution."),
    ("networks: upsampling, layout, rounding", "idfcodec.flow.exact.quantised", ""),
    ("networks' inputs and outputs, priors (flow/hierarchy.py)", "idfcodec.flow.hierarchical.walk", ""),
    ("networks' inputs and outputs, priors (flow/hierarchy.py)", "idfcodec.flow.exact.layers", ""),
    ("corrections: the encoder's fit", "idfcodec.flow.hierarchical.correction", "fit"),
    ("corrections: the encoder's fit", "idfcodec.flow.hierarchical.correction", "_fit_scale"),
    ("corrections: the encoder's fit", "idfcodec.flow.hierarchical.correction", "_features"),
    ("corrections: the encoder's fit", "idfcodec.flow.hierarchical.correction", "_normal_equations"),
    ("corrections: the encoder's fit", "idfcodec.flow.hierarchical.correction", "_solve"),
    ("corrections made", "idfcodec.flow.hierarchical.correction", ""),
    (
        "rows of weights, and the encoder's slices of the quantiles (flow/rows.py)",
        "idfcodec.flow.hierarchical.rows",
        "",
    ),
    ("learning of weights (flow/lattice.py)", "idfcodec.flow.hierarchical.lattice", ""),
    ("learning of tables and counts (flow/adaptive.py)", "idfcodec.flow.hierarchical.adaptive", ""),
    ("few colours (flow/palette.py)", "idfcodec.flow.hierarchical.palette", ""),
    (
        "planes, choices, order of latents",
        "idfcodec.flow.hierarchical.plane",
        "",
    ),
    (
        "planes, choices, order of latents",
        "idfcodec.flow.hierarchical.choosing",
        "",
    ),
    (
        "planes, choices, order of latents",
        "idfcodec.flow.hierarchical.coding",
        "",
    ),
    ("entropy coder (entropy.py, constriction)", "idfcodec.entropy", ""),
)
TITLES = [*dict.fromkeys(title for title, _, _ in PARTS), REST]
MODULES = list(dict.fromkeys(module for _, module, _ in PARTS))


class Clocks:
    """Seconds and calls of each wrapped function, itself alone: the clock of the one that calls stands still."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)
        self.calls: dict[tuple[str, str], int] = defaultdict(int)
        self._local = threading.local()

    def wrap(self, function: Callable[..., Any], module: str, name: str) -> Callable[..., Any]:
        key = (module, name)

        @functools.wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            stack: list[float] = self._local.__dict__.setdefault("inner", [])
            stack.append(0.0)
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                passed = time.perf_counter() - start
                self.seconds[key] += passed - stack.pop()
                self.calls[key] += 1
                if stack:
                    stack[-1] += passed

        return timed

    def by_part(self) -> dict[str, float]:
        out: dict[str, float] = defaultdict(float)
        for (module, name), seconds in self.seconds.items():
            out[part_of(module, name)] += seconds
        return out


def part_of(module: str, name: str) -> str:
    return next(title for title, where, start in PARTS if where == module and name.startswith(start))


def _is_compiled(value: object) -> bool:
    return hasattr(value, "py_func")


def _wrap_class(cls: type, module: ModuleType, clocks: Clocks) -> Iterator[Callable[[], None]]:
    for name, member in list(vars(cls).items()):
        function = member.__func__ if isinstance(member, staticmethod) else member
        # A dataclass's generated methods come from no file.
        if isinstance(function, FunctionType) and function.__code__.co_filename == module.__file__:
            timed: Any = clocks.wrap(function, module.__name__, f"{cls.__name__}.{name}")
            setattr(cls, name, staticmethod(timed) if isinstance(member, staticmethod) else timed)
            yield functools.partial(setattr, cls, name, member)


def install(clocks: Clocks) -> list[Callable[[], None]]:
    """Wrap every function of MODULES wherever the package refers to it; returns what undoes that."""
    undo: list[Callable[[], None]] = []
    everywhere = [m for name, m in sys.modules.items() if name.partition(".")[0] == "idfcodec"]
    for module in [sys.modules[name] for name in MODULES if name in sys.modules]:
        members = [(n, v) for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__]
        # Compiled code calls compiled code without the interpreter: it must find the original, and its time counts.
        inner = {
            n for m in everywhere for v in vars(m).values() if _is_compiled(v) for n in v.py_func.__code__.co_names
        }
        for name, value in members:
            if inspect.isclass(value):
                undo += _wrap_class(value, module, clocks)
            elif (isinstance(value, FunctionType) or _is_compiled(value)) and name not in inner:
                timed = clocks.wrap(value, module.__name__, name)
                for place in everywhere:
                    for alias in [n for n, v in vars(place).items() if v is value]:
                        setattr(place, alias, timed)
                        undo.append(functools.partial(setattr, place, alias, value))
    return undo


@dataclass(frozen=True)
class Measured:
    """One way of coding.

    Args:
        plain: seconds without clocks.
        clocked: seconds with them, the parts' sum.
        parts: seconds of each part, with clocks.
        functions: ((module, name), seconds, calls), longest first.
    """

    plain: float
    clocked: float
    parts: dict[str, float]
    functions: list[tuple[tuple[str, str], float, int]]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(work: Callable[[], object], repeats: int) -> Measured:
    work()
    plain = statistics.median(_seconds(work) for _ in range(repeats))
    runs: list[tuple[float, Clocks]] = []
    for _ in range(repeats):
        clocks = Clocks()
        undo = install(clocks)
        try:
            runs.append((_seconds(work), clocks))
        finally:
            for step in reversed(undo):
                step()
    runs.sort(key=lambda run: run[0])
    clocked, clocks = runs[len(runs) // 2]
    parts = {title: clocks.by_part().get(title, 0.0) for title in TITLES}
    parts[REST] = clocked - sum(parts.values())
    functions = sorted(((k, s, clocks.calls[k]) for k, s in clocks.seconds.items()), key=lambda f: -f[1])
    return Measured(plain, clocked, parts, functions)


def limit(kernel: str, *, channels: int = 64, height: int = 192, width: int = 256) -> float:
    """Operations a second (a multiplication and an addition each) of a 3 x 3 convolution, the best of many runs.

    Its grid is that of the finest level of a tile of a Kodak picture.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-8, 9, (channels, channels, 3, 3), generator=generator).to(torch.int8)
    bias = torch.zeros(channels, dtype=torch.int32)
    exponent = torch.full((channels,), 8, dtype=torch.int8)
    convolution = Convolution.build(weight, bias, exponent, padding=1, kernel=kernel, device="cpu")
    x = torch.randint(0, 256, (1, channels, height, width), generator=generator)
    x = x.to(torch.uint8 if kernel == "int8" else torch.float32).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        best = min(_seconds(lambda: convolution(x)) for _ in range(100))
    return 2 * 9 * channels**2 * height * width / best


def shares(ways: dict[str, Measured]) -> list[str]:
    """The table of a model."""
    lines = [
        "| part | " + " | ".join(f"{way}, ms | share" for way in ways) + " |",
        "| --- |" + " ---: | ---: |" * len(ways),
    ]
    for title in TITLES:
        cells = [f"{1e3 * m.parts[title]:.1f} | {m.parts[title] / m.clocked:.1%}" for m in ways.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines.append("| **in all** | " + " | ".join(f"{1e3 * m.clocked:.1f} | 100.0%" for m in ways.values()) + " |")
    lines.append("| without the clocks | " + " | ".join(f"{1e3 * m.plain:.1f} | " for m in ways.values()) + "|")
    return lines


def distance(flow: Flow, kmac: float, rate: float, pixels: int, ways: dict[str, Measured]) -> list[str]:
    """The table of the networks' time against what the measured rate would need."""
    needed = 2e3 * kmac * pixels / rate
    lines = ["| | " + " | ".join(ways) + " |", "| --- |" + " ---: |" * len(ways)]
    for title, names in (("the convolutions", TITLES[:1]), ("the networks", TITLES[:2])):
        taken = [sum(m.parts[name] for name in names) for m in ways.values()]
        lines.append(f"| {title}, ms | " + " | ".join(f"{1e3 * t:.1f}" for t in taken) + " |")
        lines.append(
            f"| times the limit of {1e3 * needed:.1f} ms | " + " | ".join(f"{t / needed:.2f}" for t in taken) + " |"
        )
    return [
        f"{kmac:.1f} kMAC/pixel; the kernel `{flow.kernel}` reaches {rate / 1e9:.0f} GOP/s in a convolution of 64 "
        f"channels, 3 x 3, and at that rate would need {1e3 * needed:.1f} ms for the picture's {pixels:,} pixels.",
        "",
        *lines,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("picture", type=Path, nargs="?", help="a drawn one of 768 x 512 if left out")
    parser.add_argument(
        "--models", default="", help="comma-separated names, ids or folders; the default one if left out"
    )
    parser.add_argument("--repeats", type=int, default=5, help="the median run counts")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="print the N functions that take longest")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()

    pixels = read_picture(arguments.picture).pixels if arguments.picture else draw(768, 512)
    height, width = pixels.shape[:2]
    lines = [
        "# Where the time goes",
        "",
        "Written by `python -m experiments.breakdown`, which says how it is measured. One thread; "
        f"{arguments.picture.name if arguments.picture else 'the drawn picture'}, {width} x {height}; the median of "
        f"{arguments.repeats} runs; {processor()}, {os.cpu_count()} cores, PyTorch {torch.__version__}.",
    ]
    torch.set_num_threads(1)
    rates: dict[str, float] = {}
    efforts = {name: effort for effort, name in EFFORTS.items()}
    for name in [name for name in arguments.models.split(",") if name] or [None]:
        try:
            folder = find_model(name)
        except ModelError as ex:
            sys.exit(str(ex))
        flow = codec.load_model(folder)
        data = codec.encode(pixels, model=folder, threads=1)
        ways = {
            "encode": measure(lambda m=folder: codec.encode(pixels, model=m, threads=1), arguments.repeats),
            "decode": measure(lambda m=folder, d=data: codec.decode(d, model=m, threads=1), arguments.repeats),
        }
        rate = rates.setdefault(flow.kernel, limit(flow.kernel))
        kmac = describe_model(folder)["mac_per_pixel"] / 1000
        label = f"idfcodec {efforts.get(folder.name, folder.name)}"
        lines += ["", f"## {label}", "", *shares(ways), "", *distance(flow, kmac, rate, height * width, ways)]
        for way, measured in ways.items():
            for (module, function), seconds, calls in measured.functions[: arguments.functions]:
                print(f"{label} {way}: {1e3 * seconds:8.1f} ms {calls:7d} calls  {module}.{function}")
    arguments.out.write_text("\n".join(lines) + "\n")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
