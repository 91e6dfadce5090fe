"""Graphs for operators of one input, reductions, and what moves values; imported for its effect."""

import numpy as np

from cases import ALL, case, out_size, scale, zero
from graph import NONE, RELU, SAME, VALID, Graph


def unary(op, options=None, shape=(2, 3, 17), s_in=None, s_out=None, z_out=None, z_in=None,
          dtype="int8", same=False, **fields):
    def build(seed):
        g = Graph(seed)
        s = s_in if s_in is not None else scale(g.rng, 0.02, 0.2)
        z = z_in if z_in is not None else zero(g.rng)
        x = g.input(shape, s, z, dtype)
        y = g.output(shape, s if same else (s_out if s_out is not None else s * 0.8),
                     z if same else (z_out if z_out is not None else zero(g.rng) // 3), dtype)
        g.op(op, [x], [y], options, **fields)
        return g
    return build


for k in range(3):
    case(f"logistic_{k}")(unary("LOGISTIC", s_out=1 / 256, z_out=-128,
                                s_in=[0.05, 0.11, 0.013][k]))
    case(f"tanh_{k}")(unary("TANH", s_out=1 / 128, z_out=0, s_in=[0.05, 0.11, 0.007][k]))
    case(f"hard_swish_{k}")(unary("HARD_SWISH", s_in=[0.05, 0.003, 0.21][k],
                                  s_out=[0.03, 0.0029, 0.3][k]))
    case(f"relu_{k}")(unary("RELU", s_in=[0.1, 0.037, 0.02][k], s_out=[0.1, 0.031, 0.05][k]))
    case(f"leaky_relu_{k}")(unary("LEAKY_RELU", "LeakyRelu", alpha=[0.1, 0.3, 1.7][k],
                                  s_in=[0.1, 0.037, 0.02][k], s_out=[0.1, 0.031, 0.05][k]))
    case(f"elu_{k}")(unary("ELU", s_in=[0.05, 0.11, 0.02][k], s_out=[0.04, 0.09, 0.03][k]))
    case(f"abs_{k}")(unary("ABS", s_in=[0.05, 0.11, 0.02][k], s_out=[0.05, 0.09, 0.03][k]))
    case(f"quantize_{k}")(unary("QUANTIZE", "Quantize", s_in=[0.05, 0.11, 0.02][k],
                                s_out=[0.05, 0.03, 0.071][k]))
    case(f"rsqrt_{k}")(unary("RSQRT", s_in=[0.05, 0.11, 0.02][k], s_out=[0.05, 0.03, 0.02][k],
                             z_in=-128))
case("relu6")(unary("RELU6", s_in=0.05, same=True))
case("logistic_int16")(unary("LOGISTIC", dtype="int16", s_in=8 / 32768, s_out=1 / 32768, z_in=0,
                             z_out=0))
case("logistic_int16_any_scale")(unary("LOGISTIC", dtype="int16", s_in=3.7 / 32768,
                                       s_out=1 / 32768, z_in=0, z_out=0))
case("tanh_int16")(unary("TANH", dtype="int16", s_in=16 / 32768, s_out=1 / 32768, z_in=0, z_out=0))
case("tanh_int16_any_scale")(unary("TANH", dtype="int16", s_in=5.3 / 32768, s_out=1 / 32768,
                                   z_in=0, z_out=0))
case("l2_normalization")(unary("L2_NORMALIZATION", "L2Norm", shape=(3, 2, 19), s_out=1 / 128,
                               z_out=0))
case("softmax")(unary("SOFTMAX", "Softmax", shape=(3, 21), s_in=0.1, s_out=1 / 256, z_out=-128,
                      beta=1.0))
case("softmax_beta")(unary("SOFTMAX", "Softmax", shape=(1, 2, 3, 9), s_in=0.03, s_out=1 / 256,
                           z_out=-128, beta=2.5))


def change(op, kind_in, kind_out, q_in, q_out, options=None, shape=(2, 3, 11)):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, *(q_in or (None, 0)), kind_in)
        y = g.output(shape, *(q_out or (None, 0)), kind_out)
        g.op(op, [x], [y], options)
        if kind_in == "float32":
            g.rows = lambda count: [
                (g.rng.normal(size=shape) * 10 ** g.rng.uniform(-1, 2)).astype(np.float32).tobytes()
                for _ in range(count)]
        return g
    return build


case("quantize_uint8_int8")(change("QUANTIZE", "uint8", "int8", (0.05, 3), (0.05, -125), "Quantize"))
case("quantize_uint8_int8_rescaled")(
    change("QUANTIZE", "uint8", "int8", (0.05, 100), (0.07, 5), "Quantize"))
case("quantize_int8_uint8")(change("QUANTIZE", "int8", "uint8", (0.05, 3), (0.04, 130), "Quantize"))
case("quantize_int8_int16")(change("QUANTIZE", "int8", "int16", (0.05, 3), (0.0004, 0), "Quantize"))
case("quantize_int8_int32")(change("QUANTIZE", "int8", "int32", (0.05, 3), (0.0004, 0), "Quantize"))
case("quantize_int16_int8")(change("QUANTIZE", "int16", "int8", (0.001, 0), (0.2, 7), "Quantize"))
case("quantize_int16_int16")(change("QUANTIZE", "int16", "int16", (0.001, 0), (0.0013, 0), "Quantize"))
case("quantize_int16_int32")(change("QUANTIZE", "int16", "int32", (0.001, 0), (0.0013, 0), "Quantize"))
case("quantize_int32_int8")(change("QUANTIZE", "int32", "int8", (0.0000001, 0), (0.9, 7), "Quantize"))
case("quantize_float32_int8")(change("QUANTIZE", "float32", "int8", None, (0.37, 7), "Quantize"))
case("quantize_float32_int16")(change("QUANTIZE", "float32", "int16", None, (0.003, 0), "Quantize"))
case("dequantize_int8")(change("DEQUANTIZE", "int8", "float32", (0.0371, 7), None, "Dequantize"))
case("dequantize_uint8")(change("DEQUANTIZE", "uint8", "float32", (0.0371, 99), None, "Dequantize"))
case("dequantize_int16")(change("DEQUANTIZE", "int16", "float32", (0.00371, 0), None, "Dequantize"))
case("cast_int8_int32")(change("CAST", "int8", "int32", (0.1, 3), None, "Cast"))
case("cast_int8_float32")(change("CAST", "int8", "float32", (0.1, 3), None, "Cast"))


def pool(op, shape, size, stride, padding, activation):
    def build(seed):
        g = Graph(seed)
        s, z = scale(g.rng), zero(g.rng)
        x = g.input(shape, s, z)
        y = g.output((shape[0], *out_size(shape[1:3], size, stride, (1, 1), padding), shape[3]), s, z)
        g.op(op, [x], [y], "Pool2D", padding=padding, strideH=stride[0], strideW=stride[1],
             filterHeight=size[0], filterWidth=size[1], fusedActivationFunction=activation)
        return g
    return build


for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
    case(f"{op.lower()}_same")(pool(op, (1, 7, 9, 5), (3, 2), (2, 2), SAME, NONE))
    case(f"{op.lower()}_valid")(pool(op, (2, 8, 6, 17), (2, 3), (1, 3), VALID, RELU))


def reduce(op, shape, axes, keep, same=False):
    def build(seed):
        g = Graph(seed)
        s, z = scale(g.rng), zero(g.rng) // (1 if same else 5)
        x = g.input(shape, s, z)
        axes_set = {a % len(shape) for a in axes}
        out = [1 if d in axes_set else n for d, n in enumerate(shape)]
        if not keep:
            out = [n for d, n in enumerate(shape) if d not in axes_set]
        count = np.prod([shape[d] for d in axes_set])
        s_out = {"MEAN": s * 0.4, "SUM": s * 0.1 * count}[op] if not same else s
        y = g.output(out, s if same else float(s_out), z if same else int(g.rng.integers(-20, 20)))
        g.op(op, [x, g.ints(list(axes))], [y], "Reducer", keepDims=keep)
        return g
    return build


for op in ("MEAN", "SUM"):
    case(f"{op.lower()}_hw")(reduce(op, (1, 7, 6, 19), (1, 2), True))
    case(f"{op.lower()}_last")(reduce(op, (3, 5, 9), (-1,), False))
    case(f"{op.lower()}_outer")(reduce(op, (4, 3, 2, 7), (0, 2), False))
for op in ("REDUCE_MAX", "REDUCE_MIN"):
    case(f"{op.lower()}_hw")(reduce(op, (1, 4, 3, 6), (1, 2), True, same=True))
    case(f"{op.lower()}_last")(reduce(op, (3, 5, 4), (2,), False, same=True))


def arg(op, shape, axis):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 0.1, 3)
        y = g.output([n for d, n in enumerate(shape) if d != axis % len(shape)], dtype="int32")
        g.op(op, [x, g.ints(axis)], [y], op.title().replace("_", ""), outputType=2)
        return g
    return build


for op in ("ARG_MAX", "ARG_MIN"):
    case(f"{op.lower()}_last")(arg(op, (5, 4, 9), 2))
    case(f"{op.lower()}_first")(arg(op, (6, 11), 0))


def resize(op, options, shape, size, align, half):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 0.1, 3)
        y = g.output((shape[0], *size, shape[3]), 0.1, 3)
        g.op(op, [x, g.ints(size)], [y], options, alignCorners=align, halfPixelCenters=half)
        return g
    return build


for op, options in (("RESIZE_BILINEAR", "ResizeBilinear"),
                    ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor")):
    case(f"{op.lower()}")(resize(op, options, (1, 4, 5, 3), (9, 7), False, False))
    case(f"{op.lower()}_align")(resize(op, options, (2, 5, 4, 2), (8, 3), True, False))
    case(f"{op.lower()}_half")(resize(op, options, (1, 3, 6, 4), (7, 12), False, True))


def matmul(a, b, adj_x, adj_y):
    def build(seed):
        g = Graph(seed)
        left = a[:-2] + a[:-3:-1] if adj_x else a
        right = b[:-2] + b[:-3:-1] if adj_y else b
        out = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        x, y = g.input(left, 0.05, -7), g.input(right, 0.04, 11)
        o = g.output(out, float(np.float32(0.05 * 0.04 * 60 * a[-1] ** 0.5)), 3)
        g.op("BATCH_MATMUL", [x, y], [o], "BatchMatMul", adjX=adj_x, adjY=adj_y)
        return g
    return build


case("batch_matmul")(matmul((2, 3, 5, 7), (2, 3, 7, 4), False, False))
case("batch_matmul_transposed")(matmul((2, 5, 6), (2, 6, 3), True, True))
case("batch_matmul_broadcast")(matmul((3, 4, 5, 6), (1, 4, 6, 2), False, True))

from cases_move import *  # noqa: E402,F401,F403  the last third
assert len(ALL) > 100
