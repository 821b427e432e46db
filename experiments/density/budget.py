"""Models of pictures with ten times the training, one seed: what the order of `images` owes to minutes.

On two cores that is an hour of both. A GPU does it in minutes; there a step has more crops, and seconds are equal:

    python -m experiments.density.pack .carry/pictures
    python -m experiments.density --only budget --device cuda --seconds 120 --jobs 4 --data .carry/pictures

The causal flow's predictions by least squares, given to a real-valued flow as an input, would be another model. It is
left out.
"""

from __future__ import annotations

from dataclasses import replace

from experiments.density.common import Options, write_record
from experiments.density.images import judged
from experiments.density.zoo import PARAMETERS, on_gpu, seconds_of

__all__ = ["run"]


def run(options: Options) -> None:
    """budget.json."""
    options = replace(options, large=True)
    found = judged(options, [options.seed])
    hardware = next(iter(found["models"].values()))["seeds"][0]["hardware"] if on_gpu(options) else "one thread"
    equal = {"parameters": PARAMETERS, "seconds": seconds_of(options), "hardware": hardware}
    write_record(options, "budget", {"equal": equal, **found}, "bits per dimension (per subpixel), mean over pictures")
