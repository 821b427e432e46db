"""What the trainer asks of a family of models, and the families by name.

A family builds the model, says what a batch costs, which parameters go to which optimiser, how it is judged and what
it leaves behind. All else, from crops to checkpoints, is the same for all: see `loop.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from idfcodec.errors import IDFError
from idfcodec.training.config import TrainConfig
from idfcodec.training.names import FAMILIES

__all__ = ["FAMILIES", "Crops", "Family", "family_of"]

M = TypeVar("M", bound=nn.Module)
Crops = list[NDArray[np.uint8]]


class Family(ABC, Generic[M]):
    """One family, for one run.

    Args:
        config: what the run does.

    Raises:
        IDFError: `config` asks for what the family cannot do.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    @property
    @abstractmethod
    def validation_size(self) -> int:
        """Largest side in pixels of the crops that `validate` is given."""

    @abstractmethod
    def build(self) -> M:
        """A fresh model, its initial weights drawn from the seed."""

    @abstractmethod
    def optimisers(self, model: M) -> list[Optimizer]:
        """Between them they have all of the model's parameters, each with its first learning rate."""

    @abstractmethod
    def loss(self, model: M, batch: Tensor) -> Tensor:
        """Mean bits per subpixel, (), of (B, 3, H, W) uint8."""

    @abstractmethod
    def validate(self, model: M, crops: Crops, device: str) -> list[float]:
        """Bits per subpixel of (H, W, 3) uint8 crops, in parts that are logged; their sum is the total."""

    @abstractmethod
    def export(self, model: M, out: Path, *, summary: dict[str, Any]) -> str:
        """Leave the trained model in the folder `out`; the name for the user."""

    def begin(self, model: M, batch: Tensor) -> None:
        """Called with the first batch of a fresh run, for weights that are set by data."""
        return

    def prepare(self, model: M, progress: float) -> None:
        """Called before every step and every validation, with the share of the run that is done."""
        return

    def restore(self, model: M, folder: Path) -> str:
        """Take the weights of an exported model; its id.

        Raises:
            IDFError: it is none that this family can start from.
        """
        raise IDFError(f"a {self.config.family} cannot start from another model's weights")


def family_of(config: TrainConfig) -> Family[Any]:
    """The family that `config` names.

    Raises:
        IDFError: there is none of that name, or it cannot do what `config` asks for.
    """
    if config.family not in FAMILIES:
        raise IDFError(f"there is no family {config.family!r} to train; choose one of {', '.join(FAMILIES)}")
    module, name = FAMILIES[config.family]
    make: Callable[[TrainConfig], Family[Any]] = getattr(import_module(f"idfcodec.training.{module}"), name)
    return make(config)
