"""A vine: margins, and a copula that is built of copulas of pairs, by way of pyvinecopulib.

    c(u) = prod over edges of D - 1 trees of c_e(F(u_i | u_S), F(u_j | u_S))

The first tree binds pairs of margins, each further one what those before it have left, given more and more of the other
dimensions, on the assumption that a pair's copula does not change with what is given. Trees, kinds of pair copulas and
their parameters are chosen by the library, greedily, from the ranks of samples. The Rosenblatt transform makes a flow:
v_i = F(u_i | those before it) is uniform. All of it is NumPy's: no gradients go through, and `latents` are the logits
of v.

References:
    Tagasovska, Ackerer and Vatter, *Copulas as High-Dimensional Generative Models: Vine Copula Autoencoders*, 2019,
    https://arxiv.org/abs/1906.05423
    Aas, Czado, Frigessi and Bakken, *Pair-copula constructions of multiple dependence*, 2009,
    https://doi.org/10.1016/j.insmatheco.2007.02.001
    Vatter and Nagler, *pyvinecopulib*, https://vinecopulib.github.io/pyvinecopulib
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from idfcodec.baselines.bases import Logistic
from idfcodec.baselines.contract import FlowModel, Sequential, Transform
from idfcodec.baselines.copulas import MarginConfig, Margins
from idfcodec.errors import IDFError

try:
    import pyvinecopulib as vines
except ImportError as ex:
    raise IDFError("vines need pyvinecopulib: pip install 'idfcodec[baselines]'") from ex

__all__ = ["Vine", "VineCopula"]

EDGE = 1e-10  # how near to 0 and 1 the library is asked; its own limit
SAMPLES = 20_000  # that trees and pairs are chosen by: more change little


class VineCopula(Transform):
    """Logits of (B, D) uniform margins to those of independent uniforms; independent to begin with.

    Args:
        features: D.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.vine = vines.Vinecop.from_dimension(features)

    def fit(self, logits: Tensor) -> None:
        """Choose trees and pair copulas by the logits of samples' ranks, (N, D)."""
        controls = vines.FitControlsVinecop(num_threads=1)
        self.vine = vines.Vinecop.from_data(_cube(logits), controls)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u = _cube(x)
        v = torch.from_numpy(self.vine.rosenblatt(u)).to(x)
        density = torch.from_numpy(np.log(np.maximum(self.vine.pdf(u), 1e-300))).to(x)
        z = torch.logit(v.double().clamp(EDGE, 1 - EDGE)).to(x)
        prior = Logistic()
        return z, density + prior.log_prob(x) - prior.log_prob(z)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        u = torch.from_numpy(self.vine.inverse_rosenblatt(_cube(z)))
        return torch.logit(u.clamp(EDGE, 1 - EDGE)).to(z)

    def get_extra_state(self) -> Tensor:
        """The library's own JSON, as bytes."""
        return torch.frombuffer(bytearray(self.vine.to_json().encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        self.vine = vines.Vinecop.from_json(bytes(state.tolist()).decode())


def _cube(logits: Tensor) -> Any:
    return torch.sigmoid(logits.detach().double()).clamp(EDGE, 1 - EDGE).cpu().numpy()


class Vine(FlowModel):
    """Margins bound by a vine, on (B, D); fitted to samples as they are."""

    family: ClassVar[str] = "vine"
    config_type: ClassVar[type] = MarginConfig
    gradients: ClassVar[bool] = False

    def __init__(self, config: MarginConfig) -> None:
        if config.shape[0] < 2:
            raise IDFError("a copula needs at least two dimensions")
        features = config.shape[0]
        super().__init__(config, [Sequential(Margins(features, config.knots), VineCopula(features))], [Logistic()])

    @torch.no_grad()
    def learn(self, x: Tensor) -> list[float]:
        """Margins from quantiles, then the vine from the ranks under them: two losses."""
        self._check_shape(x)
        first, second = cast(Sequential, self.levels[0]).transforms
        margins, copula = cast(Margins, first), cast(VineCopula, second)
        margins.fit(x)
        independent = -float(self.log_prob(x[:SAMPLES]).mean())
        copula.fit(margins(x[:SAMPLES])[0])
        return [independent, -float(self.log_prob(x[:SAMPLES]).mean())]
