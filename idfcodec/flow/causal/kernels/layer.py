"""A layer of a network: products of integers that binary32 holds exactly, in whatever order they are summed.

The product is written in LLVM's vectors, which are made of any processor's registers. Of a loop in Python LLVM makes
either one sum at a time or a sum for each output in memory; here the sums of 64 outputs stay in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from idfcodec.compiled import compiled
from idfcodec.flow.causal.kernels.numbers import ZERO, f4

__all__ = ["BLOCK", "UNROLLED", "layer"]

BLOCK = 16  # outputs that a vector holds: a layer's outputs are a multiple
UNROLLED = 8  # sums at a time, to hide how long one takes; a layer's inputs are a multiple
INFINITY = f4(np.inf)


def _block(vectors: int) -> Callable[..., Any]:
    """An intrinsic for BLOCK * `vectors` outputs of a layer, from output `first` on.

    It takes y, first, the layer's (inputs + 1, outputs) weights, x, the number of inputs, and the scale and the bounds
    that the sums get. UNROLLED is a multiple of `vectors`.
    """
    rows = UNROLLED // vectors
    lanes, index = ir.VectorType(ir.FloatType(), BLOCK), ir.IntType(64)
    undefined = ir.Constant(lanes, ir.Undefined)
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK)

    def spread(builder: Any, value: Any) -> Any:
        one = builder.insert_element(undefined, value, ir.IntType(32)(0))
        return builder.shuffle_vector(one, undefined, nowhere)

    def at(builder: Any, base: Any, offset: Any) -> Any:
        return builder.bitcast(builder.gep(base, [offset]), lanes.as_pointer())

    def load(builder: Any, base: Any, vector: int) -> Any:
        loaded = builder.load(at(builder, base, index(BLOCK * vector)))
        loaded.align = 4
        return loaded

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        y, first, weights, x, inputs, scale, low, high = arguments
        y_type, _, weights_type, x_type, *_ = signature.args
        y = context.make_array(y_type)(context, builder, y).data
        x = context.make_array(x_type)(context, builder, x).data
        made = context.make_array(weights_type)(context, builder, weights)
        stride = builder.udiv(cgutils.unpack_tuple(builder, made.strides, 2)[0], index(4))
        column = builder.gep(made.data, [first])
        bias = builder.gep(column, [builder.mul(inputs, stride)])
        sums = [load(builder, bias, v) for v in range(vectors)]
        sums += [ir.Constant(lanes, None)] * (UNROLLED - vectors)

        before, head, body, done = (
            builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "done"))
        )  # fmt: skip
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.phi(index)
        i.add_incoming(index(0), before)
        running = [builder.phi(lanes) for _ in sums]
        for phi, start in zip(running, sums, strict=True):
            phi.add_incoming(start, before)
        builder.cbranch(builder.icmp_signed("<", i, inputs), body, done)
        builder.position_at_end(body)
        for row in range(rows):
            here = builder.add(i, index(row))
            factor = spread(builder, builder.load(builder.gep(x, [here])))
            line = builder.gep(column, [builder.mul(here, stride)])
            for v in range(vectors):
                phi = running[row * vectors + v]
                product = builder.fmul(load(builder, line, v), factor, flags=("contract",))
                phi.add_incoming(builder.fadd(phi, product, flags=("contract",)), body)
        i.add_incoming(builder.add(i, index(rows)), body)
        builder.branch(head)

        builder.position_at_end(done)
        floor_type = ir.FunctionType(lanes, [lanes])
        floor = cgutils.get_or_insert_function(builder.module, floor_type, f"llvm.floor.v{BLOCK}f32")
        out = builder.gep(y, [first])
        for v in range(vectors):
            total = running[v]
            for row in range(1, rows):
                total = builder.fadd(total, running[row * vectors + v])
            total = builder.call(floor, [builder.fmul(total, spread(builder, scale))])
            for sign, bound in ((">", low), ("<", high)):
                limit = spread(builder, bound)
                total = builder.select(builder.fcmp_ordered(sign, limit, total), limit, total)
            builder.store(total, at(builder, out, index(BLOCK * v))).align = 4
        return context.get_dummy_value()

    @intrinsic  # type: ignore[untyped-decorator]
    def block(
        typing: Any, y: Any, first: Any, weights: Any, x: Any, inputs: Any, scale: Any, low: Any, high: Any
    ) -> Any:
        of = types.void(y, types.intp, weights, x, types.intp, types.float32, types.float32, types.float32)
        return of, generate

    made: Callable[..., Any] = block
    return made


_one, _two, _four = _block(1), _block(2), _block(4)


def _layer(weights, inputs, outputs, scale, top, x, y):
    low, high = (ZERO, top) if top > ZERO else (-INFINITY, INFINITY)
    o = 0
    while outputs - o >= 4 * BLOCK:
        _four(y, o, weights, x, inputs, scale, low, high)
        o += 4 * BLOCK
    if outputs - o >= 2 * BLOCK:
        _two(y, o, weights, x, inputs, scale, low, high)
        o += 2 * BLOCK
    if outputs - o >= BLOCK:
        _one(y, o, weights, x, inputs, scale, low, high)


def _interpreted(weights, inputs, outputs, scale, top, x, y):
    """The same where nothing is compiled, with NUMBA_DISABLE_JIT."""
    sums = x[:inputs] @ weights[:inputs, :outputs] + weights[inputs, :outputs]
    found = np.floor(sums * scale)
    y[:outputs] = np.clip(found, 0, top) if top > ZERO else found


layer = compiled(_interpreted if config.DISABLE_JIT else _layer)
"""y = clip(floor((x w + b) scale), 0, top), top 0: unclipped; weights (inputs + 1, outputs), the bias in the last row.

All are integers in binary32, and so is every partial sum: the model's bounds are proved when it is loaded.
"""
