"""Graphs for grouped convolutions, division, recurrent layers of int16 and what else came last; imported for
its effect."""

import numpy as np

import cases_uint8  # noqa: F401  its cases are there first
from cases import ALL, case, out_size, scale, seed_of, streamed, zero
from cases_more import unary
from cases_move import move
from graph import NONE, RELU, RELU6, SAME, TANH, Graph


def grouped(channels_in, channels, groups, kernel, stride=1, per_axis=True, dtype="int8", activation=NONE):
    def build(seed):
        g = Graph(seed)
        wide = dtype == "int16"
        s = scale(g.rng) / (256 if wide else 1)
        x = g.input((1, 6, 7, channels_in), s, 0 if wide else zero(g.rng), dtype)
        s_w = [scale(g.rng, 0.002, 0.02) for _ in range(channels)] if per_axis else 0.01
        w = g.weights((channels, kernel, kernel, channels_in // groups), s_w)
        b = g.tensor((channels,), [s * k for k in (s_w if per_axis else [s_w])],
                     dtype="int64" if wide else "int32", data=g.rng.integers(-2000, 2000, channels))
        size = out_size((6, 7), (kernel, kernel), (stride, stride), (1, 1), SAME)
        y = g.output((1, *size, channels), s * 0.6, 0 if wide else 3, dtype)
        g.op("CONV_2D", [x, w, b], [y], "Conv2D", padding=SAME, strideH=stride, strideW=stride, dilationHFactor=1,
             dilationWFactor=1, fusedActivationFunction=activation)
        return g
    return build


case("conv_two_groups")(grouped(8, 8, 2, 3))
case("conv_four_groups_s2")(grouped(16, 12, 4, 3, stride=2, activation=RELU6))
case("conv_groups_of_one_output")(grouped(12, 6, 6, 3))
case("conv_groups_per_tensor")(grouped(12, 6, 3, 1, per_axis=False))
case("conv_groups_of_one_input")(grouped(8, 16, 8, 3))
case("conv_many_groups")(grouped(256, 256, 128, 1))
case("int16_conv_groups")(grouped(12, 6, 3, 3, dtype="int16"))


def defined(a, b, multiplier_shift):
    """Whether the reference shifts by less than 32 bits where it divides: elsewhere C++ does not say what it gives."""
    a = -a if b < 0 else a
    headroom = 32 - (2 * -a - 1 if a < 0 else max(2 * a, 1)).bit_length()
    return b != 0 and int(abs(b)).bit_length() - 1 + headroom - multiplier_shift <= 31


def divide(z_a, z_b, z_out, other=(2, 40), dtype="int8", activation=NONE, oracle="tflm"):
    def build(seed):
        g = Graph(seed)
        s_a, s_b = scale(g.rng, 0.02, 0.2), scale(g.rng, 0.02, 0.2)
        s_out = float(np.float32(s_a / s_b * g.rng.uniform(0.5, 2)))
        x, y = g.input((2, 40), s_a, z_a, dtype), g.input(other, s_b, z_b, dtype)
        o = g.output((2, 40), s_out, z_out, dtype)
        g.op("DIV", [x, y], [o], "Div", fusedActivationFunction=activation)
        g.oracle = oracle
        shift = int(np.frexp(s_a / (s_b * s_out))[1])
        low, high = (-128, 128) if dtype == "int8" else (0, 256)
        pairs = [(a, b) for a in range(low, high) for b in range(low, high) if defined(a - z_a, b - z_b, shift)]
        by_divisor = {}
        for a, b in pairs:
            by_divisor.setdefault(b, []).append(a)

        def row():
            b = g.rng.choice(list(by_divisor), other)
            a = np.vectorize(lambda divisor: g.rng.choice(by_divisor[divisor]))(np.broadcast_to(b, (2, 40)))
            kind = np.int8 if dtype == "int8" else np.uint8
            return a.astype(kind).tobytes() + b.astype(kind).tobytes()
        g.rows = lambda rows: [row() for _ in range(rows)]
        return g
    return build


case("div")(divide(3, -9, 5))
case("div_channel")(divide(-128, -128, -20, (40,), activation=RELU))
case("uint8_div")(divide(120, 131, 117, dtype="uint8", oracle="litert"))


def wide_lstm(batch, steps, depth, units, clip, time_major, power=-11):
    """int16 activations, int8 weights, biases of 64 bits."""
    def build(seed):
        g = Graph(seed)
        s_in, s_h = scale(g.rng, 0.005, 0.03) / 256, 1 / 32768
        shape = (steps, batch, depth) if time_major else (batch, steps, depth)
        x = g.input(shape, s_in, 0, "int16")
        s_x = [scale(g.rng, 0.008, 0.04) for _ in range(4)]
        s_r = [scale(g.rng, 0.002, 0.01) for _ in range(4)]
        inputs = [x]
        inputs += [g.weights((units, depth), s) for s in s_x]
        inputs += [g.weights((units, units), s) for s in s_r]
        inputs += [-1, -1, -1]
        inputs += [g.tensor((units,), s_in * s, dtype="int64", data=g.rng.integers(-300000, 300000, units))
                   for s in s_x]
        inputs += [-1, -1, g.tensor((batch, units), s_h, 0, "int16", variable=True),
                   g.tensor((batch, units), 2.0 ** power, 0, "int16", variable=True)]
        inputs += [-1, -1, -1, -1]
        y = g.output((*shape[:2], units), s_h, 0, "int16")
        g.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], "UnidirectionalSequenceLSTM",
             fusedActivationFunction=TANH, cellClip=clip, timeMajor=time_major)
        return g
    return build


case("int16_lstm")(wide_lstm(1, 6, 9, 11, 10.0, False))
case("int16_lstm_time_major")(wide_lstm(2, 5, 17, 8, 0.5, True, -15))
case("int16_lstm_stream")(streamed(wide_lstm(1, 2, 9, 6, 0.0, False)))


def every_byte(build, oracle="tflm"):
    """Each row has all values of a byte, in another order."""
    def of_all(seed):
        g = build(seed)
        g.oracle = oracle
        g.rows = lambda rows: [g.rng.permutation(256).astype(np.uint8).tobytes() for _ in range(rows)]
        return g
    return of_all


for k, alpha in enumerate((0.1, -0.3, 0.01)):
    case(f"leaky_relu_every_byte_{k}")(every_byte(unary("LEAKY_RELU", "LeakyRelu", shape=(256,), alpha=alpha)))
for k in range(2):
    case(f"sqrt_every_byte_{k}")(every_byte(unary("SQRT", shape=(256,), z_in=-128), "litert"))


def l2_of_uint8(shape, z_in):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 0.1, z_in, "uint8")
        g.op("L2_NORMALIZATION", [x], [g.output(shape, 1 / 128, 128, "uint8")], "L2Norm")
        g.oracle = "litert"
        return g
    return build


case("uint8_l2_normalization")(l2_of_uint8((3, 2, 19), 120))
case("uint8_l2_normalization_long")(l2_of_uint8((2, 300), 7))

@case("uint8_depthwise_float_product")
def depthwise_float_product(seed):
    """Scales whose product in float32 gives another byte than that in float64 would."""
    g = ALL["uint8_depthwise_multiplier"](seed_of("uint8_depthwise_multiplier") + 7 * 7919)
    g.oracle = "litert"
    return g


def four_bits(shape, channels, bias, activation=NONE):
    """With one scale: TFLite Micro refuses four bits with one for each channel."""
    def build(seed):
        g = Graph(seed)
        depth, s = shape[-1], scale(g.rng)
        s_w = scale(g.rng, 0.02, 0.2)
        x = g.input(shape, s, zero(g.rng))
        inputs = [x, g.weights((channels, depth), s_w, "int4", bound=7)]
        if bias:
            inputs.append(g.tensor((channels,), s * s_w, dtype="int32", data=g.rng.integers(-900, 900, channels)))
        y = g.output((shape[0], channels), s * depth ** 0.5 * 0.6, zero(g.rng) // 4)
        g.op("FULLY_CONNECTED", inputs, [y], "FullyConnected", fusedActivationFunction=activation)
        return g
    return build


case("four_bits")(four_bits((1, 68), 13, True))
case("four_bits_rows")(four_bits((3, 70), 9, True, RELU))
case("four_bits_long")(four_bits((1, 300), 5, False))
case("four_bits_odd")(four_bits((2, 35), 5, True, RELU6))  # which the compiler unpacks

case("gather_many_axes")(move("GATHER", (2, 6, 8), [(2, 2, 3, 8)], "Gather", after=[[[0, 5, 2], [1, 1, 3]]], axis=1))
case("gather_nd_lines")(move("GATHER_ND", (2, 6, 8), [(2, 8)], after=[[[0, 5], [1, 2]]]))
case("gather_nd_values")(move("GATHER_ND", (2, 6, 8), [(2, 2)],
                              after=[[[[0, 5, 1], [1, 0, 0]], [[1, 2, 7], [0, 0, 3]]]]))


@case("arg_max_of_int64")
def arg_max_of_int64(seed):
    """TensorFlow's own type of places, cast as converters do."""
    g = Graph(seed)
    x, places = g.input((3, 5, 9), 0.1, 3), g.tensor((3, 5), dtype="int64")
    g.op("ARG_MAX", [x, g.ints(2)], [places], "ArgMax", outputType=4)
    g.op("CAST", [places], [g.output((3, 5), dtype="int32")], "Cast")
    g.oracle = "litert"
    return g

