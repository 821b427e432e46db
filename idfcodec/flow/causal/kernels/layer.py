"""A layer of a network, in integers: sixteen outputs a vector, a pair of inputs at a time.

Written in LLVM's own terms: from products of 16 bits whose neighbours are added it makes the multiply-add of pairs that
most processors have, which Numba's loops never become. LLVM cuts the vectors to those of the processor.
"""

from __future__ import annotations

import functools

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from idfcodec.compiled import called

__all__ = ["INPUTS", "WIDTH", "layer", "learn", "sixteenths"]

INPUTS, WIDTH = 8, 16  # inputs and outputs of a layer are multiples of them
SHORT, INTEGER, REAL, INDEX = ir.IntType(16), ir.IntType(32), ir.FloatType(), ir.IntType(64)
SHORTS, INTEGERS, REALS = (ir.VectorType(kind, WIDTH) for kind in (SHORT, INTEGER, REAL))
PAIRS, PRODUCTS = ir.VectorType(SHORT, 2 * WIDTH), ir.VectorType(INTEGER, 2 * WIDTH)
FINER = 16  # bits that learnt weights have more than weights


def _at(builder, array, index, kind):
    """A pointer to a value or vector at an index of an array's data."""
    return builder.bitcast(builder.gep(array.data, [index]), kind.as_pointer())


def _spread(builder, value):
    """A vector of one value."""
    kind = ir.VectorType(value.type, WIDTH)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INTEGER, 0))
    zeros = ir.Constant(ir.VectorType(INTEGER, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _clip(builder, compare, value, low, high):
    """A vector within bounds."""
    value = builder.select(compare(">", value, low), value, low)
    return builder.select(compare("<", value, high), value, high)


def _outputs(vectors, chains):
    """What computes 16 `vectors` outputs from number `first` on, each sum in `chains` parts: an addition takes time."""

    def interpreted(weights, biases, pairs, first, shift, low, high, x, y):
        chosen = slice(first, first + WIDTH * vectors)
        rows = weights[:pairs].reshape(pairs, -1, 2)[:, chosen].astype(np.int64)
        sums = np.einsum("pok,pk->o", rows, x[: 2 * pairs].reshape(pairs, 2)) + biases[chosen]
        y[chosen] = np.minimum(np.maximum(sums >> shift, low), high)

    def emit(context, builder, signature, arguments):
        weights, biases, x, y = (
            context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 1, 7, 8)
        )
        pairs, first = arguments[2:4]
        stride = builder.extract_value(weights.shape, 1)
        places = [builder.add(first, ir.Constant(INDEX, WIDTH * k)) for k in range(vectors)]
        starts = [builder.load(_at(builder, biases, at, INTEGERS), align=4) for at in places]
        starts += [ir.Constant(INTEGERS, [0] * WIDTH)] * (vectors * (chains - 1))
        before, loop = builder.block, builder.append_basic_block("inputs")
        after = builder.append_basic_block("outputs")
        builder.branch(loop)
        builder.position_at_end(loop)
        pair = builder.phi(INDEX)
        sums = [builder.phi(INTEGERS) for _ in starts]
        even, odd = (ir.Constant(ir.VectorType(INTEGER, WIDTH), list(range(start, 2 * WIDTH, 2))) for start in range(2))
        added: list[ir.Instruction] = []
        for chain in range(chains):
            here = builder.add(pair, ir.Constant(INDEX, chain))
            both = builder.load(_at(builder, x, builder.shl(here, ir.Constant(INDEX, 1)), INTEGER), align=2)
            inputs = builder.sext(builder.bitcast(_spread(builder, both), PAIRS), PRODUCTS)
            row = builder.mul(here, stride)
            for at in places:
                place = builder.add(row, builder.shl(at, ir.Constant(INDEX, 1)))
                factors = builder.sext(builder.load(_at(builder, weights, place, PAIRS), align=2), PRODUCTS)
                products = builder.mul(factors, inputs, flags=["nsw"])
                none = ir.Constant(PRODUCTS, ir.Undefined)
                halves = (builder.shuffle_vector(products, none, which) for which in (even, odd))
                added.append(builder.add(sums[len(added)], builder.add(*halves, flags=["nsw"])))
        step = builder.add(pair, ir.Constant(INDEX, chains))
        for phi, start, end in zip([pair, *sums], [ir.Constant(INDEX, 0), *starts], [step, *added], strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(end, loop)
        builder.cbranch(builder.icmp_signed("<", step, pairs), loop, after)
        builder.position_at_end(after)
        shift, low, high = (_spread(builder, value) for value in arguments[4:7])
        for k, at in enumerate(places):
            total = builder.ashr(functools.reduce(builder.add, added[k::vectors]), shift)
            total = _clip(builder, builder.icmp_signed, total, low, high)
            total = builder.trunc(total, SHORTS) if signature.args[8].dtype == types.int16 else total
            builder.store(total, _at(builder, y, at, total.type), align=2)
        return context.get_dummy_value()

    def typed(typing, weights, biases, pairs, first, shift, low, high, x, y):
        return types.void(weights, biases, *[types.int64] * 2, *[types.int32] * 3, x, y), emit

    return interpreted if getattr(config, "DISABLE_JIT", 0) else intrinsic(typed)


one, two, three, four = _outputs(1, 4), _outputs(2, 2), _outputs(3, 1), _outputs(4, 1)


@called
def layer(weights, biases, n, outputs, rescaling, x, y):
    """y = clip((w x + b) >> shift, low, high).

    The model's bounds are proved when it is loaded: every sum is below 2^31, every weight has 16 bits.

    Args:
        weights: int16 (n / 2, 2 outputs) or more: of a pair of inputs both weights of each output.
        biases: int32 (outputs,) or more.
        n, outputs: multiples of `INPUTS` and `WIDTH`, not 0.
        rescaling: int32 (3,): shift, low, high.
        x: int16 (n,) or more.
        y: int16 or int32 (outputs,) or more.
    """
    pairs, first = n >> 1, 0
    shift, low, high = rescaling[0], rescaling[1], rescaling[2]
    while outputs - first >= 4 * WIDTH:
        four(weights, biases, pairs, first, shift, low, high, x, y)
        first += 4 * WIDTH
    if outputs - first == 3 * WIDTH:
        three(weights, biases, pairs, first, shift, low, high, x, y)
    elif outputs - first == 2 * WIDTH:
        two(weights, biases, pairs, first, shift, low, high, x, y)
    elif outputs - first == WIDTH:
        one(weights, biases, pairs, first, shift, low, high, x, y)


def _sixteenths():
    def interpreted(x, first, y):
        chosen = slice(first, first + WIDTH)
        y[chosen] = np.minimum(np.maximum(np.floor(x[chosen] * 16 + np.float32(0.5)), -128), 127)

    def emit(context, builder, signature, arguments):
        x, y = (context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 2))
        sixteen, half, low, high = (ir.Constant(REALS, [value] * WIDTH) for value in (16.0, 0.5, -128.0, 127.0))
        floor = ir.FunctionType(REALS, [REALS])
        floor = cgutils.get_or_insert_function(builder.module, floor, f"llvm.floor.v{WIDTH}f32")
        value = builder.load(_at(builder, x, arguments[1], REALS), align=4)
        value = builder.call(floor, [builder.fadd(builder.fmul(value, sixteen), half)])
        value = builder.fptosi(_clip(builder, builder.fcmp_ordered, value, low, high), INTEGERS)
        builder.store(builder.trunc(value, SHORTS), _at(builder, y, arguments[1], SHORTS), align=2)
        return context.get_dummy_value()

    def typed(typing, x, first, y):
        return types.void(x, types.int64, y), emit

    return interpreted if getattr(config, "DISABLE_JIT", 0) else intrinsic(typed)


vector_of_sixteenths = _sixteenths()


@called
def sixteenths(x, n, y):
    """y = x in sixteenths, rounded and clipped to 8 bits.

    Args:
        x, y: float32 and int16, (n,) or more, up to a multiple of 16.
    """
    for first in range(0, n, WIDTH):
        vector_of_sixteenths(x, first, y)


def _learning():
    def interpreted(fine, weights, pairs, x, steps):
        fine += x[: 2 * pairs].astype(np.int32)[:, None] * steps
        weights[:] = (fine >> FINER).reshape(pairs, 2, WIDTH).swapaxes(1, 2).reshape(pairs, 2 * WIDTH)

    def emit(context, builder, signature, arguments):
        fine, weights, x, steps = (
            context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 1, 3, 4)
        )
        factors = builder.sext(builder.load(_at(builder, steps, ir.Constant(INDEX, 0), SHORTS), align=2), INTEGERS)
        upper, shift = (ir.Constant(INTEGERS, [value] * WIDTH) for value in (-1 << FINER, FINER))
        before, loop = builder.block, builder.append_basic_block("pairs")
        after = builder.append_basic_block("learnt")
        builder.branch(loop)
        builder.position_at_end(loop)
        pair = builder.phi(INDEX)
        totals = []
        for k in range(2):
            one = builder.add(builder.shl(pair, ir.Constant(INDEX, 1)), ir.Constant(INDEX, k))
            value = builder.sext(builder.load(_at(builder, x, one, SHORT), align=2), INTEGER)
            at = _at(builder, fine, builder.mul(one, ir.Constant(INDEX, WIDTH)), INTEGERS)
            totals.append(builder.add(builder.load(at, align=4), builder.mul(_spread(builder, value), factors)))
            builder.store(totals[k], at, align=4)
        both = builder.or_(builder.lshr(totals[0], shift), builder.and_(totals[1], upper))
        builder.store(both, _at(builder, weights, builder.mul(pair, ir.Constant(INDEX, 2 * WIDTH)), INTEGERS), align=2)
        step = builder.add(pair, ir.Constant(INDEX, 1))
        pair.add_incoming(ir.Constant(INDEX, 0), before)
        pair.add_incoming(step, loop)
        builder.cbranch(builder.icmp_signed("<", step, arguments[2]), loop, after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    def typed(typing, fine, weights, pairs, x, steps):
        return types.void(fine, weights, types.int64, x, steps), emit

    return interpreted if getattr(config, "DISABLE_JIT", 0) else intrinsic(typed)


vector_of_learning = _learning()


@called
def learn(fine, weights, pairs, x, steps):
    """Move the weights of a last layer by each input times each output's step, modulo 2^32.

    Args:
        fine: int32 (2 pairs, WIDTH) the weights, of an input a row, times 2^`FINER`, and a half; changed.
        weights: int16 (pairs, 2 WIDTH), written: the same rounded, as `layer` takes them.
        pairs: not 0.
        x: int16 (2 pairs,) or more, in [0, 255].
        steps: int16 (WIDTH,).
    """
    vector_of_learning(fine, weights, pairs, x, steps)
