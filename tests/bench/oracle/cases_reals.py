"""Graphs with islands of float32 between DEQUANTIZE and QUANTIZE, as converters leave them, and of
comparisons and SELECT of int8; graphs whose batch the file leaves open. Imported for its effect."""

import numpy as np

from cases import case
from graph import RELU6, Graph

SHAPE = (1, 3, 4, 4)
LITERT_ALONE = {"POW", "SIGN", "RELU_0_TO_1", "RELU_N1_TO_1"}  # TFLite Micro has no such kernel


def real_tensor(g, shape=SHAPE):
    return g.tensor(shape, dtype="float32")


def dequantized(g, x, shape=SHAPE):
    real = real_tensor(g, shape)
    g.op("DEQUANTIZE", [x], [real], "Dequantize")
    return real


def number(g, value):
    return g.tensor((), dtype="float32", data=np.float32(value))


def quantize(g, real, scale, zero, shape=SHAPE, dtype="int8"):
    g.op("QUANTIZE", [real], [g.output(shape, scale, zero, dtype)], "Quantize")


# What comes out, in steps of the scale and around the zero point; scale of the input.
ONE_INPUT = {
    "ABS": (0.05, 0.03, -100), "NEG": (0.05, 0.06, 4), "SQUARE": (0.02, 0.03, -128), "SQRT": (0.05, 0.02, -120),
    "RSQRT": (0.05, 0.02, -128), "EXP": (0.03, 0.3, -128), "LOG": (0.04, 0.02, 40), "SIN": (0.05, 0.008, 0),
    "COS": (0.05, 0.008, 2), "FLOOR": (0.03, 0.05, 7), "CEIL": (0.03, 0.05, -3), "ROUND": (0.25, 0.5, 1),
    "SIGN": (0.05, 0.02, 0), "ELU": (0.05, 0.04, -90), "LOGISTIC": (0.12, 1 / 256, -128), "TANH": (0.03, 1 / 128, 0),
    "RELU": (0.05, 0.04, -128), "RELU6": (0.08, 0.03, -128), "RELU_N1_TO_1": (0.03, 0.01, 0),
    "RELU_0_TO_1": (0.03, 0.01, -90), "HARD_SWISH": (0.05, 0.04, -100),
}


def one_input(name, scales):
    def build(seed):
        g = Graph(seed)
        positive = name in ("SQRT", "RSQRT", "LOG")  # what of others is no number, the oracle leaves open
        real = dequantized(g, g.input(SHAPE, scales[0], -128 if positive else 5, "int8"))
        if positive:
            apart = real_tensor(g)
            g.op("ADD", [real, number(g, 0.01)], [apart], "Add")
            real = apart
        made = real_tensor(g)
        g.op(name, [real], [made])
        quantize(g, made, *scales[1:])
        g.oracle = "litert" if name in LITERT_ALONE else "tflm"
        return g
    return build


for name, scales in ONE_INPUT.items():
    case(f"real_{name.lower()}")(one_input(name, scales))


@case("real_leaky_relu_of_uint8")
def real_leaky_relu(seed):
    g = Graph(seed)
    real, made = dequantized(g, g.input(SHAPE, 0.05, 120, "uint8")), real_tensor(g)
    g.op("LEAKY_RELU", [real], [made], "LeakyRelu", alpha=0.3)
    quantize(g, made, 0.04, 60, dtype="uint8")
    g.oracle = "litert"
    return g


def two_inputs(name, scale, zero, shapes=(SHAPE, SHAPE), options=None, **fields):
    def build(seed):
        g = Graph(seed)
        a = dequantized(g, g.input(shapes[0], 0.03, -4), shapes[0])
        b = dequantized(g, g.input(shapes[1], 0.04, -128), shapes[1])
        apart, made = real_tensor(g, shapes[1]), real_tensor(g)
        g.op("ADD", [b, number(g, 0.5)], [apart], "Add")
        g.op(name, [a, apart], [made], options, **fields)
        quantize(g, made, scale, zero)
        g.oracle = "litert" if name in LITERT_ALONE else "tflm"
        return g
    return build


case("real_div")(two_inputs("DIV", 0.06, 0, (SHAPE, SHAPE), "Div"))
case("real_div_broadcast")(two_inputs("DIV", 0.06, 0, (SHAPE, (4, 1)), "Div", fusedActivationFunction=RELU6))
case("real_sub_of_columns")(two_inputs("SUB", 0.1, 90, ((1, 3, 1, 4), (4, 1)), "Sub"))
case("real_mul")(two_inputs("MUL", 0.3, 0, options="Mul"))
case("real_maximum")(two_inputs("MAXIMUM", 0.05, -90, options="MaximumMinimum"))
case("real_minimum")(two_inputs("MINIMUM", 0.05, 0, options="MaximumMinimum"))
case("real_squared_difference")(two_inputs("SQUARED_DIFFERENCE", 0.5, -128))
case("real_prelu")(two_inputs("PRELU", 0.2, 60, (SHAPE, (4,))))
case("real_floor_div")(two_inputs("FLOOR_DIV", 0.2, 10))
case("real_floor_mod")(two_inputs("FLOOR_MOD", 0.05, -128))


@case("real_pow")
def real_pow(seed):
    g = Graph(seed)
    real, made = dequantized(g, g.input(SHAPE, 0.01, -128)), real_tensor(g)
    g.op("POW", [real, number(g, 1.7)], [made], "Pow")
    quantize(g, made, 0.02, -128)
    g.oracle = "litert"
    return g


@case("real_chain")
def real_chain(seed):
    """Two tensors and numbers through several operators; what two islands share is read twice."""
    g = Graph(seed)
    a, b = (dequantized(g, g.input(SHAPE, 0.03, zero)) for zero in (3, -60))
    squares, sum_, root, wave = (real_tensor(g) for _ in range(4))
    g.op("MUL", [a, a], [squares], "Mul")
    g.op("ADD", [squares, number(g, 0.25)], [sum_], "Add")
    g.op("SQRT", [sum_], [root])
    g.op("SIN", [b], [wave])
    made = real_tensor(g)
    g.op("MUL", [wave, root], [made], "Mul")
    quantize(g, made, 0.03, 2)
    quantize(g, root, 0.02, -128)
    return g


@case("real_output")
def real_output(seed):
    """An island that does not end: what it gives leaves as float32, and is read before that."""
    g = Graph(seed)
    real = dequantized(g, g.input(SHAPE, 0.05, 3))
    made = g.output(SHAPE, dtype="float32")
    g.op("LOGISTIC", [real], [made])
    flat = g.output((12, 4), dtype="float32")
    g.op("RESHAPE", [made, g.ints([12, 4])], [flat], "Reshape", newShape=[12, 4])
    return g


@case("real_select")
def real_select(seed):
    """ELU by hand."""
    g = Graph(seed)
    real = dequantized(g, g.input(SHAPE, 0.05, 3))
    above, below, made = g.tensor(SHAPE, dtype="bool"), real_tensor(g), real_tensor(g)
    g.op("GREATER", [real, number(g, 0)], [above], "Greater")
    g.op("EXP", [real], [below])
    less = real_tensor(g)
    g.op("SUB", [below, number(g, 1)], [less], "Sub")
    g.op("SELECT_V2", [above, real, less], [made], "SelectV2")
    quantize(g, made, 0.05, -100)
    return g


OPTIONS = {"LESS": "Less", "LESS_EQUAL": "LessEqual", "GREATER": "Greater", "GREATER_EQUAL": "GreaterEqual",
           "EQUAL": "Equal", "NOT_EQUAL": "NotEqual"}


def chosen(name, first=(0.05, 3), second=(0.05, 3), compared=SHAPE, number_of=None):
    """int8 values, where two tensors compare so; else those of another."""
    def build(seed):
        g = Graph(seed)
        a = g.input(SHAPE, *first)
        b = g.input(compared, *second) if number_of is None else g.tensor((), *second, data=np.int8(number_of))
        c, truth = g.input(SHAPE, 0.05, 3), g.tensor(SHAPE, dtype="bool")
        g.op(name, [a, b], [truth], OPTIONS[name])
        g.op("SELECT_V2", [truth, a, c], [g.output(SHAPE, 0.05, 3)], "SelectV2")
        return g
    return build


for name in OPTIONS:
    case(f"select_{name.lower()}")(chosen(name))
case("select_other_scales")(chosen("LESS", (0.031, -7), (0.047, 11)))
case("select_by_columns")(chosen("GREATER_EQUAL", (0.031, -7), (0.047, 11), (4,)))
case("select_by_number")(chosen("GREATER", (0.05, 3), (0.02, -9), number_of=41))


@case("select_numbers")
def select_numbers(seed):
    g = Graph(seed)
    x, truth = g.input(SHAPE, 0.05, 3), g.tensor(SHAPE, dtype="bool")
    low, kept = (g.tensor((), 0.05, 3, data=np.int8(v)) for v in (-20, 77))
    g.op("LESS", [x, low], [truth], "Less")
    g.op("SELECT_V2", [truth, kept, x], [g.output(SHAPE, 0.05, 3)], "SelectV2")
    return g


@case("resize_bilinear_to_another_scale")
def resize_bilinear_scale(seed):
    """The reference interpolates stored values and looks at no scale."""
    g = Graph(seed)
    x = g.input((1, 3, 5, 2), 0.1, 3)
    g.op("RESIZE_BILINEAR", [x, g.ints([7, 8])], [g.output((1, 7, 8, 2), 0.17, -20)], "ResizeBilinear")
    return g


@case("leaky_relu_int16_between_scales")
def leaky_relu_int16(seed):
    """Scales whose quotient in float32 is another multiplier than in float64; found by search."""
    g = Graph(seed)
    x = g.input((1, 9, 25), 0.0097403172, 0, "int16")
    g.op("LEAKY_RELU", [x], [g.output((1, 9, 25), 0.0074851187, 0, "int16")], "LeakyRelu", alpha=0.3)
    hits = np.array([23703, -14330, 12239, 18668, 23006], np.int16)
    g.rows = lambda rows: [np.concatenate([hits, g.rng.integers(-32768, 32768, 220).astype(np.int16)]).tobytes()
                           for _ in range(rows)]
    return g


@case("open_batch_blocks")
def open_batch_blocks(seed):
    """A dilated convolution, as converters write it where the batch is open."""
    g = Graph(seed)
    g.oracle = "litert"
    x = g.input((0, 8, 8, 3), 0.05, 3, open=True)
    apart, made = g.tensor((0, 6, 6, 3), 0.05, 3, open=True), g.tensor((0, 4, 4, 4), 0.2, 4, open=True)
    block, around, none = g.ints([2, 2]), g.ints([[2, 2], [2, 2]]), g.ints([[0, 0], [0, 0]])
    g.op("SPACE_TO_BATCH_ND", [x, block, around], [apart])
    g.op("CONV_2D", [apart, g.weights((4, 3, 3, 3), 0.01), g.tensor((4,), 0.0005, dtype="int32",
                                                                    data=g.rng.integers(-900, 900, 4))],
         [made], "Conv2D", padding=1, strideH=1, strideW=1)
    g.op("BATCH_TO_SPACE_ND", [made, block, none], [g.output((0, 8, 8, 4), 0.2, 4, open=True)])
    return g


@case("open_batch_flattened")
def open_batch_flattened(seed):
    """As converters multiply more than two axes by a matrix: the shapes are computed."""
    g = Graph(seed)
    g.oracle = "litert"
    x = g.input((0, 5, 3, 4), 0.05, 3, open=True)
    shape, kept, count = g.tensor((4,), dtype="int32"), g.tensor((3,), dtype="int32"), g.tensor((), dtype="int32")
    last, size, flat = g.tensor((1,), dtype="int32"), g.tensor((), dtype="int32"), g.tensor((2,), dtype="int32")
    g.op("SHAPE", [x], [shape], "Shape", outType=2)
    g.op("GATHER", [shape, g.ints([0, 1, 2])], [kept], "Gather")
    g.op("REDUCE_PROD", [kept, g.ints([0])], [count], "Reducer")
    g.op("GATHER", [shape, g.ints([3])], [last], "Gather")
    g.op("REDUCE_PROD", [last, g.ints([0])], [size], "Reducer")
    g.op("PACK", [count, size], [flat], "Pack", valuesCount=2)
    rows, turned = g.tensor((0, 0), 0.05, 3, open=True), g.tensor((4, 0), 0.05, 3, open=True)
    g.op("RESHAPE", [x, flat], [rows], "Reshape")
    g.op("TRANSPOSE", [rows, g.ints([1, 0])], [turned], "Transpose")
    back, again = g.tensor((0, 4), 0.05, 3, open=True), g.tensor((4,), dtype="int32")
    g.op("TRANSPOSE", [turned, g.ints([1, 0])], [back], "Transpose")
    g.op("CONCATENATION", [kept, g.ints([4])], [again], "Concatenation")
    whole = g.tensor((0, 0, 0, 4), 0.05, 3, open=True)
    g.op("RESHAPE", [back, again], [whole], "Reshape")
    g.op("MUL", [whole, x], [g.output((0, 5, 3, 4), 0.1, -9, open=True)], "Mul")
    return g


@case("open_batch_first_state")
def open_batch_first_state(seed):
    """An unrolled recurrent layer begins with a state that is filled for the batch."""
    g = Graph(seed)
    g.oracle = "litert"
    x = g.input((0, 6), 0.05, 3, open=True)
    shape, batch, extents = g.tensor((2,), dtype="int32"), g.tensor((), dtype="int32"), g.tensor((2,), dtype="int32")
    g.op("SHAPE", [x], [shape], "Shape", outType=2)
    one = g.ints([1])
    g.op("STRIDED_SLICE", [shape, g.ints([0]), one, one], [batch], "StridedSlice", shrinkAxisMask=1)
    g.op("PACK", [batch, g.ints(6)], [extents], "Pack", valuesCount=2)
    state = g.tensor((0, 6), 0.04, -7, open=True)
    g.op("FILL", [extents, g.tensor((), 0.04, -7, data=np.int8(20))], [state])
    g.op("ADD", [x, state], [g.output((0, 6), 0.06, 2, open=True)], "Add")
    return g
