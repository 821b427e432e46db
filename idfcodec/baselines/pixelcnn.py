"""A small PixelCNN++: probabilities of 8-bit pictures, pixel after pixel, row after row. No bijection, no noise.

    P(x) = prod_ij P(x_ij | pixels above, and left of it),
    P(x_ij | ...) = sum_k pi_k prod_c P(x_c; mu_kc + sum_{b < c} alpha_kcb x_b, s_kc),

a mixture of discretized logistics for all channels of a pixel together, in which the mean of a channel depends linearly
on the channels before it. The dependence on other pixels is masked in the convolutions: instead of kernels with zeros
they have only the taps that may be seen. One stack of them sees the rows above, the other the rest of the own row,
given what the first has found at the pixel. So there is no blind spot, and in sampling the first stack needs one pass a
row.

The stacks are those of the gated PixelCNN, mixture and blocks those of PixelCNN++; of the latter there is no down- and
upsampling, and no dropout.

References:
    van den Oord et al., *Pixel Recurrent Neural Networks*, 2016, https://arxiv.org/abs/1601.06759
    van den Oord et al., *Conditional Image Generation with PixelCNN Decoders*, 2016, https://arxiv.org/abs/1606.05328
    Salimans et al., *PixelCNN++*, 2017, https://arxiv.org/abs/1701.05517
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idfcodec.baselines.contract import Density, Shape
from idfcodec.baselines.dequantization import VALUES
from idfcodec.baselines.gated import concatenated_elu, gate
from idfcodec.baselines.mixtures import LOG_SCALES, cell_log_prob
from idfcodec.baselines.networks import as_maps, check_sizes
from idfcodec.errors import IDFError

__all__ = ["CausalConvolution", "Mixture", "PixelCNN", "PixelCNNConfig"]


HALF = (VALUES - 1) / 2  # networks see x / HALF - 1


@dataclass(frozen=True)
class PixelCNNConfig:
    """Sizes of the model.

    Args:
        shape: of the pictures, (C, H, W).
        layers: gated blocks of each stack.
        hidden: channels inside.
        components: K of the mixtures; the paper has 10.
        condition: channels K of a condition, fed to the first stack.
    """

    shape: Shape = (3, 32, 32)
    layers: int = 5
    hidden: int = 64
    components: int = 5
    condition: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "layers", "hidden", "components")
        if len(self.shape) != 3:
            raise IDFError(f"data must be pictures (C, H, W), not {self.shape}")


class CausalConvolution(nn.Module):
    """A convolution whose taps end at the pixel itself, (B, inputs, h, w) to (B, outputs, h, w).

    Args:
        inputs: channels.
        outputs: channels.
        down: whether it has the taps of the stack of rows, 2x3: the own row and the one above, to both sides; else
            those of the stack of columns, 1x3: the pixel and two left of it.
    """

    def __init__(self, inputs: int, outputs: int, *, down: bool) -> None:
        super().__init__()
        self.padding = (1, 1, 1, 0) if down else (2, 0, 0, 0)  # left, right, above, below
        self.convolution = nn.Conv2d(inputs, outputs, (2, 3) if down else (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convolution(F.pad(x, self.padding))
        return out


class _Block(nn.Module):
    """x + gated causal convolution of x and, at the pixel itself, of what the other stack knows."""

    def __init__(self, channels: int, *, down: bool) -> None:
        super().__init__()
        self.inner = CausalConvolution(2 * channels, channels, down=down)
        self.outer = CausalConvolution(2 * channels, 2 * channels, down=down)
        self.other = None if down else nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        h = self.inner(concatenated_elu(x))
        if self.other is not None and known is not None:
            h = h + self.other(concatenated_elu(known))
        return x + gate(self.outer(concatenated_elu(h)))


@dataclass(frozen=True)
class Mixture:
    """The parameters of pixels, in the units of pixel values.

    Args:
        log_weights: log pi, (B, K, H, W).
        means: mu, (B, K, C, H, W).
        log_scales: log s, (B, K, C, H, W).
        slopes: alpha, (B, K, C (C - 1) / 2, H, W), row after row of its lower triangle.
    """

    log_weights: Tensor
    means: Tensor
    log_scales: Tensor
    slopes: Tensor

    def mean(self, channel: int, x: Tensor) -> Tensor:
        """The means of a channel given those before it, (B, K, H, W), of x (B, C, H, W)."""
        mean = self.means[:, :, channel]
        first = channel * (channel - 1) // 2
        for before in range(channel):
            mean = mean + self.slopes[:, :, first + before] * (x[:, None, before] - HALF)
        return mean

    def log_prob(self, x: Tensor) -> Tensor:
        """log P of every pixel in nats, (B, H, W), of integers x (B, C, H, W) in a floating dtype."""
        total = self.log_weights
        for c in range(x.shape[1]):
            total = total + cell_log_prob(x[:, None, c], self.mean(c, x), self.log_scales[:, :, c], values=VALUES)
        return torch.logsumexp(total, 1)

    def at(self, row: int, column: int) -> Mixture:
        """Of one pixel: the same with H = W = 1."""
        parts = (self.log_weights, self.means, self.log_scales, self.slopes)
        return Mixture(*(part[..., row, column, None, None] for part in parts))

    def sample(self, temperature: float, generator: torch.Generator | None) -> Tensor:
        """(B, C, H, W), integers in the parameters' dtype.

        The weights are raised to 1 / temperature, the scales are multiplied by it.
        """
        if temperature:
            gumbel = -torch.log(-torch.log(_uniform(self.log_weights, generator)))
            chosen = (self.log_weights / temperature + gumbel).argmax(1)
        else:
            chosen = self.log_weights.argmax(1)
        one = F.one_hot(chosen, self.log_weights.shape[1]).movedim(-1, 1).to(self.log_weights.dtype)
        b, _, channels, height, width = self.means.shape
        x = self.means.new_zeros(b, channels, height, width)
        for c in range(channels):
            mean = (one * self.mean(c, x)).sum(1)
            scale = temperature * torch.exp((one * self.log_scales[:, :, c]).sum(1))
            x[:, c] = (mean + scale * torch.logit(_uniform(mean, generator))).round().clamp(0, VALUES - 1)
        return x


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    u = torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    return u.clamp(1e-7, 1 - 1e-7)


class PixelCNN(Density):
    """The model, of (B, C, H, W) integers in [0, 255].

    Example:
        >>> model = PixelCNN(PixelCNNConfig(shape=(3, 32, 32), hidden=32))
        >>> pixels = torch.zeros(2, 3, 32, 32, dtype=torch.int64)
        >>> bits = -model.log_prob(pixels) / math.log(2)  # (B,): exactly the code length of each picture
        >>> bits.shape
        torch.Size([2])
    """

    family: ClassVar[str] = "pixelcnn"
    config_type: ClassVar[type] = PixelCNNConfig
    integers: ClassVar[bool] = True

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__(config)
        channels, hidden, k = config.shape[0], config.hidden, config.components
        # One channel more is 1 inside of the picture: padding is told from black.
        self.first_row = CausalConvolution(channels + 1, hidden, down=True)
        self.first_column = CausalConvolution(channels + 1, hidden, down=False)
        self.rows = nn.ModuleList(_Block(hidden, down=True) for _ in range(config.layers))
        self.columns = nn.ModuleList(_Block(hidden, down=False) for _ in range(config.layers))
        self.conditioner = nn.Conv2d(config.condition, hidden, 1) if config.condition else None
        self.parts = [k, k * channels, k * channels, k * channels * (channels - 1) // 2]
        self.last = nn.Conv2d(2 * hidden, sum(self.parts), 1)
        with torch.no_grad():  # of a fresh model, components lie side by side and cover all values
            self.last.weight.mul_(0.1)
            means = torch.linspace(-1, 1, k + 2)[1:-1]
            bias = torch.zeros(sum(self.parts))
            bias[k : k + k * channels] = means.repeat_interleave(channels)
            bias[k + k * channels : k + 2 * k * channels] = -2.5
            self.last.bias.copy_(bias)  # type: ignore[union-attr]

    def _scaled(self, x: Tensor) -> Tensor:
        return torch.cat((x / HALF - 1, x.new_ones(len(x), 1, *x.shape[2:])), 1)

    def _above(self, x: Tensor, condition: Tensor | None) -> list[Tensor]:
        """What each block of the first stack knows from the rows above: (B, hidden, H, W) each."""
        h = F.pad(self.first_row(self._scaled(x)), (0, 0, 1, 0))[:, :, :-1]  # each row gets what is known of the last
        if self.conditioner is not None and condition is not None:
            h = h + self.conditioner(as_maps(condition, (x.shape[2], x.shape[3])))
        out = []
        for block in self.rows:
            h = block(h)
            out.append(h)
        return out

    def _given(self, above: list[Tensor], x: Tensor) -> Mixture:
        """The parameters at every pixel, given what is known from the rows above and the own row's pixels before it."""
        b, channels, height, width = x.shape
        h = F.pad(self.first_column(self._scaled(x)), (1, 0))[..., :-1]
        for block, known in zip(self.columns, above, strict=True):
            h = block(h, known)
        out = self.last(concatenated_elu(h))
        weights, means, scales, slopes = out.split(self.parts, 1)
        k = self.config.components
        return Mixture(
            torch.log_softmax(weights, 1),
            HALF * (means.reshape(b, k, channels, height, width) + 1),
            scales.reshape(b, k, channels, height, width).clamp(*LOG_SCALES) + math.log(HALF),
            torch.tanh(slopes.reshape(b, k, -1, height, width)),
        )

    def mixture(self, x: Tensor, condition: Tensor | None = None) -> Mixture:
        """The parameters at every pixel of x (B, C, H, W), integers in a floating dtype, given the pixels before it."""
        return self._given(self._above(x, condition), x)

    def _integers(self, x: Tensor) -> Tensor:
        self._check_shape(x)
        if x.is_floating_point() or (x.numel() and not 0 <= int(x.min()) <= int(x.max()) < VALUES):
            raise IDFError(f"expected integers in [0, {VALUES})")
        return x.to(self.last.weight.dtype)

    def log_probs(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log P(x_ij | those before, condition) in nats, (B, H, W), of (B, C, H, W) integers."""
        values = self._integers(x)
        return self.mixture(values, self._check_condition(condition, len(x))).log_prob(values)

    def log_prob(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """log P(x | condition) in nats, (B,), of (B, C, H, W) integers."""
        return self.log_probs(x, condition).flatten(1).sum(1)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """(n, C, H, W) int64, pixel by pixel."""
        self._check_draw(n, temperature)
        condition = self._check_condition(condition, n)
        channels, height, width = self.config.shape
        if condition is not None:
            condition = as_maps(condition, (height, width))
        # How far the convolutions see: two rows at first and two a block; three columns at first and four a block.
        up, left = 2 + 2 * self.config.layers, 3 + 4 * self.config.layers
        x = torch.zeros(n, channels, height, width, dtype=self.last.weight.dtype, device=self.last.weight.device)
        for row in range(height):
            rows = slice(max(0, row - up), row + 1)
            above = self._above(x[:, :, rows], None if condition is None else condition[:, :, rows])
            for column in range(width):
                columns = slice(max(0, column - left), column + 1)
                mixture = self._given([h[:, :, -1:, columns] for h in above], x[:, :, row : row + 1, columns])
                x[:, :, row, column] = mixture.at(-1, -1).sample(temperature, generator)[..., 0, 0]
        return x.long()
