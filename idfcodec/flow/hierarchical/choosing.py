"""What the encoder chooses for a tile: the weights that pay, and the corrections of what the network says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idfcodec.entropy import log_likelihood
from idfcodec.flow.hierarchical import correction
from idfcodec.flow.hierarchical.adaptive import Adaptation, Learned, Switches
from idfcodec.flow.hierarchical.config import Search
from idfcodec.flow.hierarchical.correction import Corrections
from idfcodec.flow.hierarchical.fitting import fit
from idfcodec.flow.hierarchical.plane import Plane
from idfcodec.flow.hierarchical.prepared import Prepared
from idfcodec.flow.hierarchical.walk import Step, StepPrior, Values

__all__ = ["choose", "correct", "with_corrections"]

MOST_SAMPLED, SAMPLE = 13, 4096  # one latent in so many at most, as long as these remain, tells what pays


def _unlearned(model: Prepared, values: Values) -> Learned:
    return Learned([model.tables] * len(values), {}, None)


def _sampled(prior: StepPrior, values: Values) -> tuple[int, StepPrior, Values]:
    """One latent in how many, always an odd number so that all columns are seen, and those of a step."""
    every = max(1, min(MOST_SAMPLED, values.shape[1] // SAMPLE)) | 1
    return every, prior.sampled(every), np.ascontiguousarray(values[:, ::every])


def _likely(model: Prepared, prior: StepPrior, plane: int, values: Values, learned: Learned, switches: Switches) -> int:
    """Log-likelihood of a plane's latents, see `entropy.likelihood`."""
    latents = Plane.of(model, prior, plane, values, learned)
    return log_likelihood(latents.all_intervals(latents.columns(values[plane])[0], switches)[1])


def choose(model: Prepared, steps: Sequence[Step]) -> Switches:
    """The weights that pay, one after the other: a sample of the first step of the finest level tells."""
    every = Switches(model.config.search.weights) & (Switches(7) if len(steps[0][-1]) == 3 else Switches.VALUES)
    adaptation = Adaptation(model, len(steps[0][-1]), every)
    for _, _, prior, values in steps[:-3]:
        for p in range(len(values)):
            plane = Plane.of(model, prior, p, values, _unlearned(model, values))
            adaptation.add_columns(p, plane.cells, plane.columns(values[p])[0])
        adaptation.add_values(values)
    level, _, prior, values = steps[-3]
    learned = adaptation.learned(level)
    _, prior, values = _sampled(prior, values)

    def gain(switches: Switches) -> int:
        return sum(_likely(model, prior, p, values, learned, switches) for p in range(len(values)))

    chosen, best = Switches(0), gain(Switches(0))
    left = [kind for kind in Switches if kind in every]
    while left:
        gains = [gain(chosen | kind) for kind in left]
        index = int(np.argmax(gains))
        if gains[index] <= best:
            break
        best = gains[index]
        chosen |= left.pop(index)
    return chosen


def correct(
    model: Prepared, pictures: Sequence[Sequence[Step]], search: Search, share: float = 1.0
) -> tuple[Corrections, list[list[Step]]]:
    """The corrections that pay for one or more pictures, a `share` of all, and their steps with them made."""
    planes = len(pictures[0][0][-1])
    corrections: Corrections = {}
    out: list[list[Step]] = [[] for _ in pictures]
    for steps in zip(*pictures, strict=True):
        level, group, _, _ = steps[0]
        known = [(prior, values) for _, _, prior, values in steps]
        if level < correction.LEVELS and search.classes and all(values.size for _, values in known):
            known = _corrected_step(model, level, group, planes, known, search, share, corrections)
        for steps_of, (prior, values) in zip(out, known, strict=True):
            steps_of.append((level, group, prior, values))
    return corrections, out


def _corrected_step(
    model: Prepared,
    level: int,
    group: int,
    planes: int,
    known: list[tuple[StepPrior, Values]],
    search: Search,
    share: float,
    corrections: Corrections,
) -> list[tuple[StepPrior, Values]]:
    """A step of the pictures with the corrections made that pay, which are added to `corrections`."""
    some = [_sampled(prior, values) for prior, values in known]
    sampled = [prior for _, prior, _ in some]

    def gain(priors: Sequence[StepPrior], plane: int) -> int:
        return sum(
            every * _likely(model, prior, plane, values, _unlearned(model, values), Switches(0))
            for prior, (every, _, values) in zip(priors, some, strict=True)
        )

    for p in range(planes):
        plain = gain(sampled, p)
        for classes in search.classes:
            found = {(level, group, p): fit(known, group, p, classes, search)}
            trial = [correction.corrected(prior, group, p, found[level, group, p]) for prior, _ in known]
            trial_sampled = [prior.sampled(every) for prior, (every, _, _) in zip(trial, some, strict=True)]
            if gain(trial_sampled, p) - plain > int(share * correction.bits(found, planes) * 2**20):
                known = [(prior, values) for prior, (_, values) in zip(trial, known, strict=True)]
                sampled = trial_sampled
                corrections |= found
                break
    return known


def with_corrections(steps: Sequence[Step], corrections: Corrections) -> list[Step]:
    """The steps with corrections made that are known."""
    out = []
    for level, group, prior, values in steps:
        for p in range(len(values)):
            if (level, group, p) in corrections:
                prior = correction.corrected(prior, group, p, corrections[level, group, p])
        out.append((level, group, prior, values))
    return out
