"""A small PixelCNN++: probabilities of 8-bit pictures, pixel after pixel, row after row. No bijection, no noise.

    P(x) = prod_ij P(x_ij | pixels above, and left of it),
    P(x_ij | ...) = sum_k pi_k prod_c P(x_c; mu_kc + sum_{b < c} alpha_kcb x_b, s_kc),

a mixture of discretized logistics for all channels of a pixel together, in which the mean of a channel depends linearly
on the channels before it. The dependence on other pixels is masked in the convolutions: instead of kernels with zeros
they have only the taps that may be seen. One stack of them sees the rows above, the other the rest of the own row too,
given what the first one has found. So there is no blind spot.

Against the paper: no down- and upsampling, no dropout.

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


@dataclass(frozen=True)
class PixelCNNConfig:
    """Sizes of the model.

    Args:
        shape: of the pictures, (C, H, W).
        layers: gated blocks of each stack.
        hidden: channels inside.
        components: K of the mixtures; the paper has 10.
        condition: channels K of a condition, fed to both stacks.
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
        rows: of the kernel; the last one is the pixel's own.
        left: taps left of the pixel.
        right: taps right of it: for a stack that has only seen the rows above.
    """

    def __init__(self, inputs: int, outputs: int, *, rows: int = 2, left: int = 1, right: int = 0) -> None:
        super().__init__()
        self.padding = (left, right, rows - 1, 0)
        self.convolution = nn.Conv2d(inputs, outputs, (rows, left + 1 + right))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convolution(F.pad(x, self.padding))
        return out


def _down(x: Tensor) -> Tensor:
    """Every row becomes the one above it; the first is zero."""
    return F.pad(x, (0, 0, 1, 0))[:, :, :-1]


def _right(x: Tensor) -> Tensor:
    """Every column becomes the one left of it; the first is zero."""
    return F.pad(x, (1, 0))[..., :-1]


class _Block(nn.Module):
    """x + gated causal convolution of x and, at the pixel itself, of what another stack knows."""

    def __init__(self, channels: int, *, right: int, other: bool) -> None:
        super().__init__()
        self.inner = CausalConvolution(2 * channels, channels, right=right)
        self.outer = CausalConvolution(2 * channels, 2 * channels, right=right)
        self.other = nn.Conv2d(2 * channels, channels, 1) if other else None

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
            mean = mean + self.slopes[:, :, first + before] * (x[:, None, before] - (VALUES - 1) / 2)
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
        >>> -model.log_prob(pixels) / math.log(2)  # bits, (B,): exactly what the pictures cost
    """

    family: ClassVar[str] = "pixelcnn"
    config_type: ClassVar[type] = PixelCNNConfig
    integers: ClassVar[bool] = True

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__(config)
        channels, hidden, k = config.shape[0], config.hidden, config.components
        # One channel more is 1 inside of the picture: padding is told from black.
        self.above = CausalConvolution(channels + 1, hidden, left=1, right=1)
        self.above_too = CausalConvolution(channels + 1, hidden, rows=1, left=1, right=1)
        self.left = CausalConvolution(channels + 1, hidden, rows=2, left=0)
        self.vertical = nn.ModuleList(_Block(hidden, right=1, other=False) for _ in range(config.layers))
        self.horizontal = nn.ModuleList(_Block(hidden, right=0, other=True) for _ in range(config.layers))
        self.conditioner = nn.Conv2d(config.condition, 2 * hidden, 1) if config.condition else None
        self.parts = [k, k * channels, k * channels, k * channels * (channels - 1) // 2]
        self.last = nn.Conv2d(2 * hidden, sum(self.parts), 1)
        with torch.no_grad():  # of a fresh model, components lie side by side and cover all values
            self.last.weight.mul_(0.1)
            means = torch.linspace(-1, 1, k + 2)[1:-1]
            bias = torch.zeros(sum(self.parts))
            bias[k : k + k * channels] = means.repeat_interleave(channels)
            bias[k + k * channels : k + 2 * k * channels] = -1.5
            self.last.bias.copy_(bias)  # type: ignore[union-attr]

    def mixture(self, x: Tensor, condition: Tensor | None = None) -> Mixture:
        """The parameters at every pixel of x (B, C, H, W), integers in a floating dtype, given the pixels before it."""
        half = (VALUES - 1) / 2
        b, channels, height, width = x.shape
        scaled = torch.cat((x / half - 1, x.new_ones(b, 1, height, width)), 1)
        vertical = _down(self.above(scaled))
        horizontal = _down(self.above_too(scaled)) + _right(self.left(scaled))
        if self.conditioner is not None and condition is not None:
            maps = self.conditioner(as_maps(condition, (height, width)))
            vertical, horizontal = vertical + maps[:, : self.config.hidden], horizontal + maps[:, self.config.hidden :]
        for down, right in zip(self.vertical, self.horizontal, strict=True):
            vertical = down(vertical)
            horizontal = right(horizontal, vertical)
        out = self.last(concatenated_elu(horizontal))
        weights, means, scales, slopes = out.split(self.parts, 1)
        k = self.config.components
        return Mixture(
            torch.log_softmax(weights, 1),
            half * (means.reshape(b, k, channels, height, width) + 1),
            scales.reshape(b, k, channels, height, width).clamp(*LOG_SCALES) + math.log(half),
            torch.tanh(slopes.reshape(b, k, -1, height, width)),
        )

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
        """(n, C, H, W) int64, in H W passes of the rows that a pixel depends on."""
        self._check_draw(n, temperature)
        condition = self._check_condition(condition, n)
        channels, height, width = self.config.shape
        reach = 2 + 2 * self.config.layers  # rows above a pixel that the convolutions see: two at first, two a block
        if condition is not None:
            condition = as_maps(condition, (height, width))
        x = torch.zeros(n, channels, height, width, dtype=self.last.weight.dtype, device=self.last.weight.device)
        for row in range(height):
            rows = slice(max(0, row - reach), row + 1)
            given = None if condition is None else condition[:, :, rows]
            for column in range(width):
                drawn = self.mixture(x[:, :, rows], given).at(-1, column).sample(temperature, generator)
                x[:, :, row, column] = drawn[..., 0, 0]
        return x.long()
