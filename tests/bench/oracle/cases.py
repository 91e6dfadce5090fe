"""One small graph or more for every operator that the engine runs. A case is a function of a seed."""

import zlib

import numpy as np

from graph import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, SIGMOID, TANH, VALID, Graph

ALL = {}


def seed_of(name):
    return zlib.crc32(name.encode())


def case(name):
    def keep(function):
        assert name not in ALL
        ALL[name] = function
        return function
    return keep


def scale(rng, low=0.02, high=0.3):
    return float(np.float32(rng.uniform(low, high)))


def zero(rng):
    return int(rng.integers(-128, 128))


# Convolutions: (name, input, kernel [h, w], channels, stride, dilation, padding, activation)
CONVS = [
    ("conv_1x1", (1, 5, 6, 7), (1, 1), 9, (1, 1), (1, 1), VALID, NONE),
    ("conv_3x3_s2_same", (1, 9, 8, 3), (3, 3), 17, (2, 2), (1, 1), SAME, RELU6),
    ("conv_dilated", (1, 11, 9, 4), (3, 3), 8, (1, 1), (3, 2), SAME, RELU),
    ("conv_10x4", (1, 25, 10, 1), (10, 4), 8, (2, 2), (1, 1), SAME, RELU_N1_TO_1),
    ("conv_6x6_s2", (2, 12, 10, 3), (6, 6), 5, (2, 2), (1, 1), SAME, NONE),
]


def conv(shape, kernel, channels, stride, dilation, padding, activation, weights_type="int8",
         per_axis=True):
    def build(seed):
        g = Graph(seed)
        batch, height, width, depth = shape
        s_in, z_in = scale(g.rng), zero(g.rng)
        s_w = ([scale(g.rng, 0.002, 0.02) for _ in range(channels)] if per_axis
               else scale(g.rng, 0.002, 0.02))
        x = g.input(shape, s_in, z_in)
        bound = 127 if weights_type == "int8" else 7
        w = g.weights((channels, *kernel, depth), s_w, bound=bound)
        b = g.tensor((channels,), [s_in * s for s in (s_w if per_axis else [s_w])], dtype="int32",
                     data=g.rng.integers(-2000, 2000, channels))
        out = (batch, *out_size((height, width), kernel, stride, dilation, padding), channels)
        spread = s_in * np.mean(s_w) * 74 * 73 * (kernel[0] * kernel[1] * depth) ** 0.5 / 60
        y = g.output(out, float(np.float32(spread)), int(g.rng.integers(-40, 40)))
        g.op("CONV_2D", [x, w, b], [y], "Conv2D", padding=padding, strideH=stride[0],
             strideW=stride[1], dilationHFactor=dilation[0], dilationWFactor=dilation[1],
             fusedActivationFunction=activation)
        return g
    return build


def out_size(size, kernel, stride, dilation, padding):
    if padding == SAME:
        return tuple(-(-n // s) for n, s in zip(size, stride))
    return tuple((n - (k - 1) * d - 1) // s + 1
                 for n, k, s, d in zip(size, kernel, stride, dilation))


for name, *parameters in CONVS:
    case(name)(conv(*parameters))
case("conv_per_tensor")(conv((1, 6, 6, 5), (3, 3), 6, (1, 1), (1, 1), VALID, NONE, per_axis=False))


def depthwise(shape, kernel, multiplier, stride, dilation, padding, activation):
    def build(seed):
        g = Graph(seed)
        channels = shape[3] * multiplier
        s_in, s_w = scale(g.rng), [scale(g.rng, 0.002, 0.02) for _ in range(channels)]
        x = g.input(shape, s_in, zero(g.rng))
        w = g.weights((1, *kernel, channels), s_w, axis=3)
        b = g.tensor((channels,), [s_in * s for s in s_w], dtype="int32",
                     data=g.rng.integers(-2000, 2000, channels))
        out = (shape[0], *out_size(shape[1:3], kernel, stride, dilation, padding), channels)
        y = g.output(out, s_in * 0.6 * (kernel[0] * kernel[1]) ** 0.5, zero(g.rng) // 4)
        g.op("DEPTHWISE_CONV_2D", [x, w, b], [y], "DepthwiseConv2D", padding=padding,
             strideH=stride[0], strideW=stride[1], depthMultiplier=multiplier,
             dilationHFactor=dilation[0], dilationWFactor=dilation[1],
             fusedActivationFunction=activation)
        return g
    return build


case("depthwise_3x3")(depthwise((1, 7, 9, 18), (3, 3), 1, (1, 1), (1, 1), SAME, RELU6))
case("depthwise_3x3_s2")(depthwise((1, 8, 8, 5), (3, 3), 1, (2, 2), (1, 1), SAME, NONE))
case("depthwise_10x8_multiplier_8")(
    depthwise((1, 20, 16, 1), (10, 8), 8, (2, 2), (1, 1), SAME, RELU))
case("depthwise_5x5_dilated")(depthwise((2, 12, 11, 3), (5, 5), 2, (1, 1), (2, 2), SAME, NONE))


def transpose_conv(shape, kernel, channels, stride, padding, bias, activation):
    def build(seed):
        g = Graph(seed)
        s_in, s_w = scale(g.rng), [scale(g.rng, 0.002, 0.02) for _ in range(channels)]
        size = [n * s if padding == SAME else (n - 1) * s + k
                for n, k, s in zip(shape[1:3], kernel, stride)]
        out = (shape[0], *size, channels)
        x = g.input(shape, s_in, zero(g.rng))
        w = g.weights((channels, *kernel, shape[3]), s_w)
        inputs = [g.ints(out), w, x]
        if bias:
            inputs.append(g.tensor((channels,), [s_in * s for s in s_w], dtype="int32",
                                   data=g.rng.integers(-2000, 2000, channels)))
        y = g.output(out, s_in * 1.5, zero(g.rng) // 4)
        g.op("TRANSPOSE_CONV", inputs, [y], "TransposeConv", padding=padding, strideH=stride[0],
             strideW=stride[1], fusedActivationFunction=activation)
        return g
    return build


case("transpose_conv_same")(transpose_conv((1, 4, 5, 6), (3, 3), 7, (2, 2), SAME, True, NONE))
case("transpose_conv_valid")(transpose_conv((2, 3, 4, 3), (4, 2), 5, (2, 1), VALID, False, RELU))
case("transpose_conv_2x2")(transpose_conv((1, 5, 5, 8), (2, 2), 4, (2, 2), SAME, True, NONE))


def fully_connected(shape, channels, per_axis, bias, activation, keep=False):
    def build(seed):
        g = Graph(seed)
        depth = shape[-1]
        s_in = scale(g.rng)
        s_w = ([scale(g.rng, 0.002, 0.02) for _ in range(channels)] if per_axis
               else scale(g.rng, 0.002, 0.02))
        x = g.input(shape, s_in, zero(g.rng))
        inputs = [x, g.weights((channels, depth), s_w)]
        if bias:
            inputs.append(g.tensor((channels,), [s_in * s for s in np.ravel(s_w)], dtype="int32",
                                   data=g.rng.integers(-2000, 2000, channels)))
        out = (*shape[:-1], channels) if keep else (int(np.prod(shape[:-1])), channels)
        y = g.output(out, s_in * 0.9 * depth ** 0.5, zero(g.rng) // 4)
        g.op("FULLY_CONNECTED", inputs, [y], "FullyConnected", keepNumDims=keep,
             fusedActivationFunction=activation)
        return g
    return build


case("fully_connected")(fully_connected((1, 67), 13, False, True, NONE))
case("fully_connected_per_axis")(fully_connected((3, 40), 17, True, True, RELU))
case("fully_connected_keep_dims")(fully_connected((2, 3, 31), 5, False, False, RELU6, True))


def lstm(batch, steps, depth, units, clip, time_major, power=-11, bound=127):
    def build(seed):
        g = Graph(seed)
        s_in, z_in, s_h, z_h = scale(g.rng, 0.005, 0.03), zero(g.rng), 1 / 128, 3
        shape = (steps, batch, depth) if time_major else (batch, steps, depth)
        x = g.input(shape, s_in, z_in)
        coarse = 127 / bound
        s_x = [coarse * scale(g.rng, 0.002, 0.01) for _ in range(4)]
        s_r = [coarse * scale(g.rng, 0.002, 0.01) for _ in range(4)]
        inputs = [x]
        inputs += [g.weights((units, depth), s, bound=bound) for s in s_x]
        inputs += [g.weights((units, units), s, bound=bound) for s in s_r]
        inputs += [-1, -1, -1]
        inputs += [g.tensor((units,), s_in * s, dtype="int32",
                            data=g.rng.integers(-3000, 3000, units)) for s in s_x]
        inputs += [-1, -1]
        inputs += [g.tensor((batch, units), s_h, z_h, variable=True),
                   g.tensor((batch, units), 2.0 ** power, 0, "int16", variable=True)]
        inputs += [-1, -1, -1, -1]
        y = g.output((*shape[:2], units), s_h, z_h)
        g.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], "UnidirectionalSequenceLSTM",
             fusedActivationFunction=TANH, cellClip=clip, timeMajor=time_major)
        return g
    return build


case("lstm")(lstm(1, 6, 9, 11, 10.0, False))
case("lstm_time_major")(lstm(3, 4, 5, 7, 0.0, True, -12))
case("lstm_batches")(lstm(2, 5, 17, 8, 0.5, False, -15))


def streamed(build):
    def stream(seed):
        g = build(seed)
        g.stream = True
        return g
    return stream


case("lstm_stream")(streamed(lstm(1, 2, 9, 6, 10.0, False)))
case("lstm_four_bits")(lstm(2, 5, 18, 10, 0.0, True, bound=7))
case("lstm_four_bits_stream")(streamed(lstm(1, 2, 140, 36, 10.0, False, bound=7)))


def svdf(batch, depth, rank, units, memory, wide, z_state):
    def build(seed):
        g = Graph(seed)
        filters = units * rank
        kind = "int16" if wide else "int8"
        s_in, s_f = scale(g.rng, 0.01, 0.1), scale(g.rng, 0.002, 0.01)
        s_state, s_t = (scale(g.rng, 0.001, 0.002), 0.001) if wide else (scale(g.rng), 0.01)
        x = g.input((batch, depth), s_in, zero(g.rng))
        feature = g.weights((filters, depth), s_f)
        time = g.weights((filters, memory), s_t, kind, bound=32767 if wide else 127)
        bias = g.tensor((units,), s_state * s_t, dtype="int32",
                        data=g.rng.integers(-2000, 2000, units))
        state = g.tensor((batch, filters * memory), s_state, 0 if wide else z_state, kind,
                         variable=True)
        y = g.output((batch, units), s_state * s_t * (60 * 2e4 if wide else 3000), 5)
        g.op("SVDF", [x, feature, time, bias, state], [y], "SVDF", rank=rank,
             fusedActivationFunction=RELU)
        return g
    return build


case("svdf_int8")(svdf(1, 12, 1, 9, 6, False, -21))
case("svdf_int8_stream")(streamed(svdf(2, 7, 2, 5, 4, False, 0)))
case("svdf_int16_stream")(streamed(svdf(1, 10, 2, 6, 5, True, 0)))


# Two inputs that broadcast.
SHAPES = {"same": ((2, 3, 5), (2, 3, 5)), "channel": ((1, 4, 3, 7), (7,)),
          "both": ((1, 4, 1, 6), (3, 1, 5, 6)), "scalar": ((2, 9), (1,))}


def binary(op, options, shapes, ranges=(0.02, 0.3), constant=False, same=False, activation=NONE):
    def build(seed):
        g = Graph(seed)
        a, b = SHAPES[shapes]
        out = np.broadcast_shapes(a, b)
        s, z = scale(g.rng, *ranges), zero(g.rng)
        x = g.input(a, s, z)
        s_b, z_b = (s, z) if same else (scale(g.rng, *ranges), zero(g.rng))
        y = (g.weights(b, s_b, zero=z_b) if constant else g.input(b, s_b, z_b))
        s_out = {"MUL": s * s_b * 60, "SQUARED_DIFFERENCE": (s + s_b) ** 2 * 150}.get(op, s + s_b)
        if op == "PRELU":
            s_out = max(s, s * s_b * 40)
        o = g.output(out, s if same else float(np.float32(s_out)), z if same else zero(g.rng) // 3)
        fields = {"fusedActivationFunction": activation} if options in ("Add", "Sub", "Mul") else {}
        g.op(op, [x, y], [o], options, **fields)
        return g
    return build


for op, options in (("ADD", "Add"), ("SUB", "Sub"), ("MUL", "Mul")):
    for shapes in SHAPES:
        case(f"{op.lower()}_{shapes}")(binary(op, options, shapes))
    case(f"{op.lower()}_constant")(binary(op, options, "channel", constant=True, activation=RELU6))
for op in ("MAXIMUM", "MINIMUM"):
    case(f"{op.lower()}_same")(binary(op, "MaximumMinimum", "same", same=True))
    case(f"{op.lower()}_channel")(binary(op, "MaximumMinimum", "channel", same=True, constant=True))
case("squared_difference")(binary("SQUARED_DIFFERENCE", "SquaredDifference", "same"))
case("squared_difference_channel")(binary("SQUARED_DIFFERENCE", "SquaredDifference", "channel"))
case("prelu")(binary("PRELU", None, "channel", constant=True))
