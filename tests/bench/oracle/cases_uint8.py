"""Graphs of TensorFlow Lite's older form: uint8 activations, uint8 weights with a zero point. TFLite
Micro has no kernels for them any more: LiteRT's reference kernels answer, or, where those round once
(FULLY_CONNECTED) or compute in float32 (SOFTMAX), TFLite Micro's for int8 on the graph moved by 128.
Imported for its effect."""

import numpy as np

from cases import SHAPES, case, out_size, scale
from graph import NONE, RELU, RELU6, SAME, VALID, Graph


def zero8(rng):
    return int(rng.integers(0, 256))


def uint8_case(name, oracle="litert"):
    def keep(build):
        def with_oracle(seed):
            g = build(seed)
            g.oracle = oracle
            return g
        case(f"uint8_{name}")(with_oracle)
    return keep


def weights(g, shape, s, spread=255):
    """Over the whole range, so that no zero point fits int8 when it is taken off."""
    zero = int(g.rng.integers(100, 156))
    low = max(0, zero - spread) if spread < 255 else 0
    data = g.rng.integers(low, min(256, low + 2 * spread + 1) if spread < 255 else 256, shape)
    return g.tensor(shape, s, zero, "uint8", data=data)


def conv(depthwise, shape, kernel, channels, stride, dilation, padding, activation, spread=255):
    def build(seed):
        g = Graph(seed)
        s_in, s_w = scale(g.rng), scale(g.rng, 0.002, 0.02)
        x = g.input(shape, s_in, zero8(g.rng), "uint8")
        w = weights(g, (1, *kernel, channels) if depthwise else (channels, *kernel, shape[3]), s_w, spread)
        b = g.tensor((channels,), s_in * s_w, dtype="int32", data=g.rng.integers(-2000, 2000, channels))
        taps = kernel[0] * kernel[1] * (1 if depthwise else shape[3])
        out = (shape[0], *out_size(shape[1:3], kernel, stride, dilation, padding), channels)
        y = g.output(out, float(np.float32(s_in * s_w * 74 * 73 * taps ** 0.5 / 50)), zero8(g.rng), "uint8")
        fields = {"padding": padding, "strideH": stride[0], "strideW": stride[1],
                  "dilationHFactor": dilation[0], "dilationWFactor": dilation[1],
                  "fusedActivationFunction": activation}
        if depthwise:
            g.op("DEPTHWISE_CONV_2D", [x, w, b], [y], "DepthwiseConv2D",
                 depthMultiplier=channels // shape[3], **fields)
        else:
            g.op("CONV_2D", [x, w, b], [y], "Conv2D", **fields)
        return g
    return build


uint8_case("conv_3x3_same")(conv(False, (1, 9, 8, 3), (3, 3), 17, (2, 2), (1, 1), SAME, RELU6))
uint8_case("conv_1x1")(conv(False, (2, 5, 6, 19), (1, 1), 9, (1, 1), (1, 1), VALID, NONE))
uint8_case("conv_dilated")(conv(False, (1, 9, 9, 4), (3, 3), 5, (1, 1), (2, 3), SAME, RELU))
uint8_case("conv_narrow_weights")(conv(False, (1, 6, 7, 8), (3, 3), 16, (1, 1), (1, 1), SAME, NONE, 60))
uint8_case("depthwise_3x3")(conv(True, (1, 7, 9, 18), (3, 3), 18, (1, 1), (1, 1), SAME, RELU6))
uint8_case("depthwise_multiplier")(conv(True, (1, 8, 8, 3), (3, 5), 12, (2, 2), (1, 1), SAME, NONE))


def fully_connected(shape, channels, activation):
    def build(seed):
        g = Graph(seed)
        s_in, s_w, depth = scale(g.rng), scale(g.rng, 0.002, 0.02), shape[-1]
        x = g.input(shape, s_in, zero8(g.rng), "uint8")
        w = weights(g, (channels, depth), s_w)
        b = g.tensor((channels,), s_in * s_w, dtype="int32", data=g.rng.integers(-2000, 2000, channels))
        y = g.output((int(np.prod(shape[:-1])), channels), s_in * 0.9 * depth ** 0.5, zero8(g.rng), "uint8")
        g.op("FULLY_CONNECTED", [x, w, b], [y], "FullyConnected", fusedActivationFunction=activation)
        return g
    return build


uint8_case("fully_connected", "tflm moved")(fully_connected((1, 67), 13, NONE))
uint8_case("fully_connected_rows", "tflm moved")(fully_connected((5, 40), 17, RELU))


def binary(op, shapes, same=False, activation=NONE):
    def build(seed):
        g = Graph(seed)
        a, b = SHAPES[shapes]
        s_a, z_a = scale(g.rng), zero8(g.rng)
        s_b, z_b = (s_a, z_a) if same else (scale(g.rng), zero8(g.rng))
        x, y = g.input(a, s_a, z_a, "uint8"), g.input(b, s_b, z_b, "uint8")
        s_out = s_a * s_b * 60 if op == "MUL" else s_a + s_b
        o = g.output(np.broadcast_shapes(a, b), s_a if same else s_out, z_a if same else zero8(g.rng),
                     "uint8")
        options = "MaximumMinimum" if same else op.title()
        g.op(op, [x, y], [o], options, **({} if same else {"fusedActivationFunction": activation}))
        return g
    return build


for op in ("ADD", "SUB", "MUL"):
    uint8_case(f"{op.lower()}_same")(binary(op, "same", activation=RELU if op == "ADD" else NONE))
    uint8_case(f"{op.lower()}_channel")(binary(op, "channel"))
uint8_case("maximum")(binary("MAXIMUM", "same", same=True))
uint8_case("minimum")(binary("MINIMUM", "channel", same=True))


def pool(op, shape, size, stride, padding, activation):
    def build(seed):
        g = Graph(seed)
        s, z = scale(g.rng), zero8(g.rng)
        x = g.input(shape, s, z, "uint8")
        y = g.output((shape[0], *out_size(shape[1:3], size, stride, (1, 1), padding), shape[3]), s, z, "uint8")
        g.op(op, [x], [y], "Pool2D", padding=padding, strideH=stride[0], strideW=stride[1],
             filterHeight=size[0], filterWidth=size[1], fusedActivationFunction=activation)
        return g
    return build


for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
    uint8_case(f"{op.lower()}_same")(pool(op, (1, 7, 9, 5), (2, 2), (2, 2), SAME, NONE))
    uint8_case(f"{op.lower()}_valid")(pool(op, (2, 8, 6, 17), (2, 3), (1, 3), VALID, NONE))


def unary(op, options=None, shape=(2, 3, 17), s_in=0.05, z_in=113, s_out=0.04, z_out=120, **fields):
    def build(seed):
        g = Graph(seed)
        x, y = g.input(shape, s_in, z_in, "uint8"), g.output(shape, s_out, z_out, "uint8")
        g.op(op, [x], [y], options, **fields)
        return g
    return build


uint8_case("logistic")(unary("LOGISTIC", s_out=1 / 256, z_out=0))
uint8_case("tanh")(unary("TANH", s_out=1 / 128, z_out=128))
uint8_case("relu")(unary("RELU"))
uint8_case("relu6")(unary("RELU6"))
uint8_case("leaky_relu")(unary("LEAKY_RELU", "LeakyRelu", alpha=0.3))
uint8_case("hard_swish")(unary("HARD_SWISH"))
uint8_case("softmax", "tflm moved")(
    unary("SOFTMAX", "Softmax", shape=(3, 21), s_in=0.1, s_out=1 / 256, z_out=0, beta=1.0))


def mean(shape, axes, keep, same):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 0.05, 113, "uint8")
        out = [1 if d in axes else n for d, n in enumerate(shape) if keep or d not in axes]
        y = g.output(out, 0.05 if same else 0.021, 113 if same else 97, "uint8")
        g.op("MEAN", [x, g.ints(list(axes))], [y], "Reducer", keepDims=keep)
        return g
    return build


uint8_case("mean_hw")(mean((1, 7, 6, 19), (1, 2), True, True))
uint8_case("mean_hw_rescaled")(mean((1, 5, 6, 7), (1, 2), True, False))
uint8_case("mean_last")(mean((3, 5, 9), (2,), False, False))


def resize(shape, size, align, half):
    def build(seed):
        g = Graph(seed)
        x, y = g.input(shape, 0.1, 113, "uint8"), g.output((shape[0], *size, shape[3]), 0.1, 113, "uint8")
        g.op("RESIZE_BILINEAR", [x, g.ints(size)], [y], "ResizeBilinear", alignCorners=align,
             halfPixelCenters=half)
        return g
    return build


uint8_case("resize_bilinear")(resize((1, 4, 5, 3), (9, 7), False, False))
uint8_case("resize_bilinear_align")(resize((2, 5, 4, 2), (8, 3), True, False))
uint8_case("resize_bilinear_half")(resize((1, 3, 6, 4), (7, 12), False, True))


@uint8_case("concatenation")
def concatenation(seed):
    g = Graph(seed)
    parts = [g.input((2, 3, n), s, z, "uint8") for n, s, z in ((4, 0.05, 100), (3, 0.031, 140), (5, 0.07, 128))]
    g.op("CONCATENATION", parts, [g.output((2, 3, 12), 0.05, 100, "uint8")], "Concatenation", axis=2)
    return g


@uint8_case("pad_then_conv")
def pad_then_conv(seed):
    g = Graph(seed)
    s, z = 0.05, 77
    x = g.input((1, 6, 5, 4), s, z, "uint8")
    padded = g.tensor((1, 8, 8, 4), s, z, "uint8")
    g.op("PAD", [x, g.ints([[0, 0], [1, 1], [2, 1], [0, 0]])], [padded], "Pad")
    w = weights(g, (6, 3, 3, 4), 0.01)
    b = g.tensor((6,), s * 0.01, dtype="int32", data=g.rng.integers(-2000, 2000, 6))
    y = g.output((1, 6, 6, 6), 0.3, 130, "uint8")
    g.op("CONV_2D", [padded, w, b], [y], "Conv2D", padding=VALID, strideH=1, strideW=1)
    return g


@uint8_case("mobilenet_block")
def mobilenet_block(seed):
    """Convolution, depthwise, pointwise, a sum, an average and a classifier: a whole small network."""
    g = Graph(seed)
    scales = iter((0.0235, 0.0212, 0.0244, 0.0301, 0.0301))
    x = g.input((1, 12, 12, 3), 1 / 128, 128, "uint8")

    def layer(source, s_in, code, options, shape, w_shape, **fields):
        s_out, s_w = next(scales), scale(g.rng, 0.004, 0.01)
        w = weights(g, w_shape, s_w)
        channels = shape[3]
        b = g.tensor((channels,), s_in * s_w, dtype="int32", data=g.rng.integers(-900, 2500, channels))
        y = g.tensor(shape, s_out, 0, "uint8")
        g.op(code, [source, w, b], [y], options, fusedActivationFunction=RELU6, padding=SAME, **fields)
        return y, s_out

    a, s = layer(x, 1 / 128, "CONV_2D", "Conv2D", (1, 6, 6, 8), (8, 3, 3, 3), strideH=2, strideW=2)
    d, s_d = layer(a, s, "DEPTHWISE_CONV_2D", "DepthwiseConv2D", (1, 6, 6, 8), (1, 3, 3, 8), strideH=1,
                   strideW=1, depthMultiplier=1)
    p, s_p = layer(d, s_d, "CONV_2D", "Conv2D", (1, 6, 6, 8), (8, 1, 1, 8), strideH=1, strideW=1)
    total = g.tensor((1, 6, 6, 8), 0.04, 10, "uint8")
    g.op("ADD", [a, p], [total], "Add", fusedActivationFunction=NONE)
    average = g.tensor((1, 1, 1, 8), 0.04, 10, "uint8")
    g.op("AVERAGE_POOL_2D", [total], [average], "Pool2D", padding=VALID, strideH=1, strideW=1,
         filterHeight=6, filterWidth=6)
    w = weights(g, (5, 1, 1, 8), 0.01)
    b = g.tensor((5,), 0.04 * 0.01, dtype="int32", data=g.rng.integers(-900, 900, 5))
    logits = g.tensor((1, 1, 1, 5), 0.02, 120, "uint8")
    g.op("CONV_2D", [average, w, b], [logits], "Conv2D", padding=SAME, strideH=1, strideW=1)
    y = g.output((1, 5), 0.02, 120, "uint8")
    g.op("RESHAPE", [logits, g.ints([1, 5])], [y], "Reshape", newShape=[1, 5])
    return g
