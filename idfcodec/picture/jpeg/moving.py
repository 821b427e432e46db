"""The innermost step of the search in a block, in LLVM's vectors: 64 samples move, and leave their bounds or not.

Numba's loops of 64 steps become one number after the other. LLVM cuts the vectors to those of the processor; the order
of the sums is written down, so that they are the same everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

__all__ = ["moved"]

Singles = NDArray[np.float32]
REAL, INTEGER, INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def _interpreted(above: Singles, move: Singles, half: Singles, here: Singles) -> float:
    """Samples moved, to `here`, and by how much they are further from 0 than `half`: the sum of squares.

    All are (64,) float32.
    """
    here[:] = above + move
    over = np.maximum(np.abs(here) - half, np.float32(0.0))
    squares = over * over
    while len(squares) > 1:
        squares = squares[: len(squares) // 2] + squares[len(squares) // 2 :]
    return float(squares[0])


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    arrays = [context.make_array(kind)(context, builder, part) for kind, part in zip(signature.args, arguments)]
    reals = ir.VectorType(REAL, 64)
    places = [builder.bitcast(array.data, reals.as_pointer()) for array in arrays]
    above, move, half = (builder.load(place, align=4) for place in places[:3])
    value = builder.fadd(above, move)
    builder.store(value, places[3], align=4)
    size = cgutils.get_or_insert_function(builder.module, ir.FunctionType(reals, [reals]), "llvm.fabs.v64f32")
    over = builder.fsub(builder.call(size, [value]), half)
    none = ir.Constant(reals, [0.0] * 64)
    over = builder.select(builder.fcmp_ordered(">", over, none), over, none)
    total, count = builder.fmul(over, over), 64
    while count > 1:
        count //= 2
        parts = [
            builder.shuffle_vector(
                total,
                ir.Constant(total.type, ir.Undefined),
                ir.Constant(ir.VectorType(INTEGER, count), list(range(start, start + count))),
            )
            for start in (0, count)
        ]
        total = builder.fadd(*parts)
    total = builder.extract_element(total, ir.Constant(INTEGER, 0))
    return builder.fpext(total, ir.DoubleType())


def _typed(typing: Any, above: Any, move: Any, half: Any, here: Any) -> Any:
    return types.float64(above, move, half, here), _emit


moved: Any = _interpreted if getattr(config, "DISABLE_JIT", 0) else intrinsic(_typed)
