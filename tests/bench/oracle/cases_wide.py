"""Graphs of int16 activations with int8 weights; imported for its effect."""

import numpy as np

from cases import SHAPES, case, out_size, scale
from graph import NONE, RELU, RELU6, SAME, VALID, Graph

UNIT = 1 / 32768


def conv(depthwise, shape, kernel, channels, stride, dilation, padding, activation, bias="int64"):
    def build(seed):
        g = Graph(seed)
        s_in, s_w = 8 * UNIT, [scale(g.rng, 0.002, 0.02) for _ in range(channels)]
        x = g.input(shape, s_in, 0, "int16")
        w = g.weights((1, *kernel, channels) if depthwise else (channels, *kernel, shape[3]), s_w,
                      axis=3 if depthwise else 0)
        inputs = [x, w]
        if bias:
            bound = 10 ** 6 if bias == "int64" else 10 ** 5
            inputs.append(g.tensor((channels,), [s_in * s for s in s_w], dtype=bias,
                                   data=g.rng.integers(-bound, bound, channels)))
        taps = kernel[0] * kernel[1] * (1 if depthwise else shape[3])
        out = (shape[0], *out_size(shape[1:3], kernel, stride, dilation, padding), channels)
        y = g.output(out, float(np.float32(8 * UNIT * 0.01 * 64 * taps ** 0.5)), 0, "int16")
        fields = {"padding": padding, "strideH": stride[0], "strideW": stride[1],
                  "dilationHFactor": dilation[0], "dilationWFactor": dilation[1],
                  "fusedActivationFunction": activation}
        if depthwise:
            g.op("DEPTHWISE_CONV_2D", inputs, [y], "DepthwiseConv2D",
                 depthMultiplier=channels // shape[3], **fields)
        else:
            g.op("CONV_2D", inputs, [y], "Conv2D", **fields)
        return g
    return build


case("int16_conv_3x3_same")(conv(False, (1, 9, 8, 3), (3, 3), 17, (2, 2), (1, 1), SAME, RELU6))
case("int16_conv_1x1")(conv(False, (2, 5, 6, 19), (1, 1), 9, (1, 1), (1, 1), VALID, NONE))
case("int16_conv_dilated")(conv(False, (1, 9, 9, 4), (3, 3), 5, (1, 1), (2, 3), SAME, RELU))
case("int16_conv_int32_bias")(conv(False, (1, 6, 7, 4), (3, 3), 6, (1, 1), (1, 1), SAME, NONE, "int32"))
case("int16_conv_no_bias")(conv(False, (1, 6, 7, 4), (3, 3), 6, (1, 1), (1, 1), VALID, NONE, None))
case("int16_depthwise_3x3")(conv(True, (1, 7, 9, 18), (3, 3), 18, (1, 1), (1, 1), SAME, RELU))
case("int16_depthwise_multiplier")(conv(True, (1, 8, 8, 3), (3, 5), 12, (2, 2), (1, 1), SAME, NONE))


def fully_connected(shape, channels, bias, activation):
    def build(seed):
        g = Graph(seed)
        s_in, s_w, depth = 8 * UNIT, scale(g.rng, 0.002, 0.02), shape[-1]
        x = g.input(shape, s_in, 0, "int16")
        inputs = [x, g.weights((channels, depth), s_w)]
        if bias:
            inputs.append(g.tensor((channels,), s_in * s_w, dtype=bias,
                                   data=g.rng.integers(-10 ** 5, 10 ** 5, channels)))
        y = g.output((int(np.prod(shape[:-1])), channels), 8 * UNIT * s_w * 64 * depth ** 0.5, 0, "int16")
        g.op("FULLY_CONNECTED", inputs, [y], "FullyConnected", fusedActivationFunction=activation)
        return g
    return build


case("int16_fully_connected")(fully_connected((1, 67), 13, "int64", NONE))
case("int16_fully_connected_rows")(fully_connected((5, 40), 17, "int64", RELU))
case("int16_fully_connected_int32_bias")(fully_connected((2, 31), 5, "int32", NONE))
case("int16_fully_connected_no_bias")(fully_connected((2, 31), 5, None, NONE))


def binary(op, shapes, same=False, activation=NONE, constant=False):
    def build(seed):
        g = Graph(seed)
        a, b = SHAPES[shapes]
        s_a = scale(g.rng, UNIT, 9 * UNIT)
        s_b = s_a if same else scale(g.rng, UNIT, 9 * UNIT)
        x = g.input(a, s_a, 0, "int16")
        y = g.weights(b, s_b, "int16", bound=32767) if constant else g.input(b, s_b, 0, "int16")
        s_out = s_a * s_b * 20000 if op in ("MUL", "SQUARED_DIFFERENCE") else s_a + s_b
        o = g.output(np.broadcast_shapes(a, b), s_a if same else s_out, 0, "int16")
        options = "MaximumMinimum" if same else op.title().replace("_", "")
        fused = {"fusedActivationFunction": activation} if op in ("ADD", "SUB", "MUL") else {}
        g.op(op, [x, y], [o], options, **fused)
        return g
    return build


for op in ("ADD", "SUB", "MUL"):
    case(f"int16_{op.lower()}_same")(binary(op, "same", activation=RELU))
    case(f"int16_{op.lower()}_channel")(binary(op, "channel"))
    case(f"int16_{op.lower()}_constant")(binary(op, "channel", constant=True))
case("int16_squared_difference")(binary("SQUARED_DIFFERENCE", "same"))
case("int16_squared_difference_channel")(binary("SQUARED_DIFFERENCE", "channel"))
case("int16_maximum")(binary("MAXIMUM", "same", same=True))
case("int16_minimum")(binary("MINIMUM", "channel", same=True))


def pool(op, shape, size, stride, padding, activation):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 6 * UNIT, 0, "int16")
        y = g.output((shape[0], *out_size(shape[1:3], size, stride, (1, 1), padding), shape[3]), 6 * UNIT, 0,
                     "int16")
        g.op(op, [x], [y], "Pool2D", padding=padding, strideH=stride[0], strideW=stride[1],
             filterHeight=size[0], filterWidth=size[1], fusedActivationFunction=activation)
        return g
    return build


for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
    case(f"int16_{op.lower()}_same")(pool(op, (1, 7, 9, 5), (2, 2), (2, 2), SAME, NONE))
    case(f"int16_{op.lower()}_valid")(pool(op, (2, 8, 6, 9), (2, 3), (1, 3), VALID, RELU))


def unary(op, options=None, shape=(2, 3, 17), s_in=8 * UNIT, s_out=6 * UNIT, **fields):
    def build(seed):
        g = Graph(seed)
        x, y = g.input(shape, s_in, 0, "int16"), g.output(shape, s_out, 0, "int16")
        g.op(op, [x], [y], options, **fields)
        return g
    return build


case("int16_relu")(unary("RELU"))
case("int16_relu6")(unary("RELU6", s_in=12 * UNIT, s_out=12 * UNIT))
case("int16_leaky_relu")(unary("LEAKY_RELU", "LeakyRelu", alpha=0.3))
case("int16_softmax")(unary("SOFTMAX", "Softmax", shape=(3, 21), s_in=10 * UNIT, s_out=UNIT, beta=1.0))
case("int16_softmax_beta")(unary("SOFTMAX", "Softmax", shape=(1, 2, 3, 9), s_in=3 * UNIT, s_out=UNIT, beta=2.5))


def mean(op, shape, axes, keep):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 6 * UNIT, 0, "int16")
        out = [1 if d in axes else n for d, n in enumerate(shape) if keep or d not in axes]
        factor = 0.4 if op == "MEAN" else 0.5 * np.prod([shape[d] for d in axes])
        y = g.output(out, float(6 * UNIT * factor), 0, "int16")
        g.op(op, [x, g.ints(list(axes))], [y], "Reducer", keepDims=keep)
        return g
    return build


case("int16_mean_hw")(mean("MEAN", (1, 7, 6, 19), (1, 2), True))
case("int16_mean_last")(mean("MEAN", (3, 5, 9), (2,), False))
case("int16_sum_hw")(mean("SUM", (1, 5, 6, 7), (1, 2), True))


def moved(op, options, shape, out, constants, dtype="int16", **fields):
    def build(seed):
        g = Graph(seed)
        x, y = g.input(shape, 6 * UNIT, 0, dtype), g.output(out, 6 * UNIT, 0, dtype)
        g.op(op, [x, *(g.ints(c) for c in constants)], [y], options, **fields)
        return g
    return build


case("int16_strided_slice")(moved("STRIDED_SLICE", "StridedSlice", (3, 7, 5), (2, 3, 5),
                                  [[0, 1, 0], [2, 7, 5], [1, 2, 1]]))
case("int16_reshape")(moved("RESHAPE", "Reshape", (2, 3, 5), (5, 6), [[5, 6]], newShape=[5, 6]))


def transpose_conv(shape, kernel, channels, stride, padding, bias):
    def build(seed):
        g = Graph(seed)
        s_in, s_w = 8 * UNIT, [scale(g.rng, 0.002, 0.02) for _ in range(channels)]
        size = [n * s if padding == SAME else (n - 1) * s + k
                for n, k, s in zip(shape[1:3], kernel, stride)]
        out = (shape[0], *size, channels)
        x = g.input(shape, s_in, 0, "int16")
        inputs = [g.ints(out), g.weights((channels, *kernel, shape[3]), s_w), x]
        if bias:
            inputs.append(g.tensor((channels,), [s_in * s for s in s_w], dtype="int64",
                                   data=g.rng.integers(-10 ** 6, 10 ** 6, channels)))
        g.op("TRANSPOSE_CONV", inputs, [g.output(out, 16 * UNIT, 0, "int16")], "TransposeConv",
             padding=padding, strideH=stride[0], strideW=stride[1])
        return g
    return build


case("int16_transpose_conv_same")(transpose_conv((1, 4, 5, 6), (3, 3), 7, (2, 2), SAME, True))
case("int16_transpose_conv_valid")(transpose_conv((2, 3, 4, 3), (4, 2), 5, (2, 1), VALID, False))


def matmul(a, b, adj_x, adj_y):
    def build(seed):
        g = Graph(seed)
        left = a[:-2] + a[:-3:-1] if adj_x else a
        right = b[:-2] + b[:-3:-1] if adj_y else b
        out = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        x, y = g.input(left, 8 * UNIT, 0, "int16"), g.input(right, 5 * UNIT, 0, "int16")
        o = g.output(out, float(40 * UNIT * a[-1] ** 0.5 / 3), 0, "int16")
        g.op("BATCH_MATMUL", [x, y], [o], "BatchMatMul", adjX=adj_x, adjY=adj_y)
        return g
    return build


case("int16_batch_matmul")(matmul((2, 3, 5, 7), (2, 3, 7, 4), False, False))
case("int16_batch_matmul_transposed")(matmul((2, 5, 6), (2, 6, 3), True, True))


@case("int16_concatenation")
def concatenation(seed):
    g = Graph(seed)
    parts = [g.input((2, 3, n), 6 * UNIT, 0, "int16") for n in (4, 3, 5)]
    g.op("CONCATENATION", parts, [g.output((2, 3, 12), 6 * UNIT, 0, "int16")], "Concatenation", axis=2)
    return g


@case("int16_network")
def network(seed):
    """Convolution, average, fully connected and softmax: a whole small network."""
    g = Graph(seed)
    x = g.input((1, 9, 9, 2), 4 * UNIT, 0, "int16")
    w = g.weights((8, 3, 3, 2), [scale(g.rng, 0.002, 0.02) for _ in range(8)])
    b = g.tensor((8,), 1e-6, dtype="int64", data=g.rng.integers(-10 ** 5, 10 ** 5, 8))
    a = g.tensor((1, 5, 5, 8), 8 * UNIT, 0, "int16")
    g.op("CONV_2D", [x, w, b], [a], "Conv2D", padding=SAME, strideH=2, strideW=2,
         fusedActivationFunction=RELU)
    m = g.tensor((1, 8), 4 * UNIT, 0, "int16")
    g.op("MEAN", [a, g.ints([1, 2])], [m], "Reducer", keepDims=False)
    w = g.weights((6, 8), 0.02)
    b = g.tensor((6,), 4 * UNIT * 0.02, dtype="int64", data=g.rng.integers(-10 ** 4, 10 ** 4, 6))
    f = g.tensor((1, 6), 6 * UNIT, 0, "int16")
    g.op("FULLY_CONNECTED", [m, w, b], [f], "FullyConnected")
    g.op("SOFTMAX", [f], [g.output((1, 6), UNIT, 0, "int16")], "Softmax", beta=1.0)
    return g
