"""The innermost steps of recovery in LLVM's vectors: samples that move, rows of a matrix that are added.

Numba's short loops become one number after the other, or ask each time whether what they write is what they read. LLVM
cuts the vectors to those of the processor; the order of the sums is written down: they are the same everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["WIDTH", "added", "joined", "moved"]

WIDTH = 16  # numbers of a row that are added at a time
Reals = NDArray[np.float64]
Singles = NDArray[np.float32]
REAL, DOUBLE, INTEGER = ir.FloatType(), ir.DoubleType(), ir.IntType(32)
DOUBLES = ir.VectorType(DOUBLE, WIDTH)


def _moved(above: Singles, move: Singles, half: Singles, here: Singles) -> float:
    """Samples moved, to `here`, and by how much they are further from 0 than `half`: the sum of squares.

    All are (64,) float32.
    """
    here[:] = above + move
    over = np.maximum(np.abs(here) - half, np.float32(0.0))
    squares = over * over
    while len(squares) > 1:
        squares = squares[: len(squares) // 2] + squares[len(squares) // 2 :]
    return float(squares[0])


def _places(
    context: Any, builder: Any, signature: Any, arguments: Any, arrays: tuple[int, ...], kind: Any
) -> list[Any]:
    """Pointers to vectors in some of the arguments, all from the last argument on, if it is a number."""
    start = [arguments[-1]] if isinstance(signature.args[-1], types.Integer) else [ir.Constant(ir.IntType(64), 0)]
    data = (context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in arrays)
    return [builder.bitcast(builder.gep(part, start), kind.as_pointer()) for part in data]


def _emit_moved(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    reals = ir.VectorType(REAL, 64)
    places = _places(context, builder, signature, arguments, (0, 1, 2, 3), reals)
    above, move, half = (builder.load(place, align=4) for place in places[:3])
    value = builder.fadd(above, move)
    builder.store(value, places[3], align=4)
    size = builder.module.declare_intrinsic("llvm.fabs.v64f32", fnty=ir.FunctionType(reals, [reals]))
    over = builder.fsub(builder.call(size, [value]), half)
    none = ir.Constant(reals, [0.0] * 64)
    over = builder.select(builder.fcmp_ordered(">", over, none), over, none)
    total, count = builder.fmul(over, over), 64
    while count > 1:
        count //= 2
        low, high = (ir.Constant(ir.VectorType(INTEGER, count), list(range(k, k + count))) for k in (0, count))
        unused = ir.Constant(total.type, ir.Undefined)
        total = builder.fadd(*(builder.shuffle_vector(total, unused, part) for part in (low, high)))
    return builder.fpext(builder.extract_element(total, ir.Constant(INTEGER, 0)), DOUBLE)


def _added(row: Reals, other: Reals, share: float, start: int) -> None:
    """row += share · other, of `WIDTH` numbers."""
    row[start : start + WIDTH] += share * other[start : start + WIDTH]


def _scaled(builder: Any, place: Any, share: Any) -> Any:
    """A row's numbers times one."""
    nothing = ir.Constant(DOUBLES, ir.Undefined)
    one = builder.insert_element(nothing, share, ir.Constant(INTEGER, 0))
    shares = builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(INTEGER, WIDTH), [0] * WIDTH))
    return builder.fmul(shares, builder.load(place, align=8))


def _emit_added(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    row, other = _places(context, builder, signature, arguments, (0, 1), DOUBLES)
    builder.store(builder.fadd(builder.load(row, align=8), _scaled(builder, other, arguments[2])), row, align=8)
    return context.get_dummy_value()


def _joined(row: Reals, other: Reals, share: float, total: Reals, part: float, start: int) -> None:
    """row += share · other, and then total += part · row, of `WIDTH` numbers."""
    _added(row, other, share, start)
    _added(total, row, part, start)


def _emit_joined(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    row, other, total = _places(context, builder, signature, arguments, (0, 1, 3), DOUBLES)
    builder.store(builder.fadd(builder.load(row, align=8), _scaled(builder, other, arguments[2])), row, align=8)
    builder.store(builder.fadd(builder.load(total, align=8), _scaled(builder, row, arguments[4])), total, align=8)
    return context.get_dummy_value()


def _type_moved(typing: Any, above: Any, move: Any, half: Any, here: Any) -> Any:
    return types.float64(above, move, half, here), _emit_moved


def _type_added(typing: Any, row: Any, other: Any, share: Any, start: Any) -> Any:
    return types.void(row, other, types.float64, types.int64), _emit_added


def _type_joined(typing: Any, row: Any, other: Any, share: Any, total: Any, part: Any, start: Any) -> Any:
    return types.void(row, other, types.float64, total, types.float64, types.int64), _emit_joined


_plain = getattr(config, "DISABLE_JIT", 0)
moved: Any = _moved if _plain else intrinsic(_type_moved)
added: Any = _added if _plain else intrinsic(_type_added)
joined: Any = _joined if _plain else intrinsic(_type_joined)
