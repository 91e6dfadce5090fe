"""Graphs for operators that move values, and for variables; imported for its effect."""

import numpy as np

from cases import case, scale, zero
from graph import RELU, SAME, VALID, Graph


def move(op, shape, outs, options=None, before=(), after=(), dtype="int8", **fields):
    """`before` and `after` are constants around the one computed input: lists of int32, or
    (type, values)."""
    def build(seed):
        g = Graph(seed)
        quantised = dtype in ("int8", "uint8", "int16")
        q = (scale(g.rng), zero(g.rng) if dtype == "int8" else 0) if quantised else (None, 0)
        x = g.input(shape, *q, dtype)

        def constant(values):
            if isinstance(values, tuple):
                return g.tensor((), *q, values[0], values[1])
            return g.ints(values)

        inputs = [constant(v) for v in before] + [x] + [constant(v) for v in after]
        outputs = [g.output(o, *q, dtype) for o in outs]
        g.op(op, inputs, outputs, options, **fields)
        return g
    return build


for kind in ("int8", "int16"):
    case(f"transpose_{kind}")(move("TRANSPOSE", (2, 3, 4, 5), [(5, 2, 4, 3)], "Transpose",
                                   after=[[3, 0, 2, 1]], dtype=kind))
case("transpose_2d")(move("TRANSPOSE", (6, 7), [(7, 6)], "Transpose", after=[[1, 0]]))
case("strided_slice")(move("STRIDED_SLICE", (3, 6, 7), [(2, 3, 3)], "StridedSlice",
                           after=[[0, 1, 5], [2, 6, -8], [1, 2, -2]], endMask=0))
case("strided_slice_masks")(move("STRIDED_SLICE", (3, 6, 7), [(6, 4)], "StridedSlice",
                                 after=[[1, 3, -6], [2, 1, -2], [1, 1, 1]], beginMask=2, endMask=2,
                                 shrinkAxisMask=1))
case("slice")(move("SLICE", (4, 5, 6), [(2, 4, 3)], "Slice", after=[[1, 1, 2], [2, -1, 3]]))
case("split")(move("SPLIT", (2, 9, 4), [(2, 3, 4)] * 3, "Split", before=[1], numSplits=3))
case("split_last")(move("SPLIT", (5, 8), [(5, 2)] * 4, "Split", before=[-1], numSplits=4))
case("split_v")(move("SPLIT_V", (3, 7, 2), [(3, 2, 2), (3, 4, 2), (3, 1, 2)], "SplitV",
                     after=[[2, 4, 1], 1], numSplits=3))
case("unpack")(move("UNPACK", (3, 4, 5), [(3, 5)] * 4, "Unpack", num=4, axis=1))
case("gather")(move("GATHER", (5, 6, 3), [(5, 4, 3)], "Gather", after=[[5, 0, 3, 3]], axis=1))
case("pad_int8")(move("PAD", (2, 3, 4), [(4, 3, 9)], "Pad", after=[[[1, 1], [0, 0], [2, 3]]]))
case("pad_int16")(move("PAD", (1, 3, 4, 2), [(1, 6, 5, 2)], "Pad",
                       after=[[[0, 0], [1, 2], [0, 1], [0, 0]]], dtype="int16"))
case("padv2")(move("PADV2", (3, 4), [(6, 6)], "PadV2", after=[[[1, 2], [2, 0]], ("int8", -77)]))
case("mirror_pad_reflect")(move("MIRROR_PAD", (4, 5), [(9, 8)], "MirrorPad",
                                after=[[[3, 2], [2, 1]]], mode=0))
case("mirror_pad_symmetric")(move("MIRROR_PAD", (3, 4, 2), [(8, 6, 2)], "MirrorPad",
                                  after=[[[3, 2], [2, 0], [0, 0]]], mode=1))
case("broadcast_to")(move("BROADCAST_TO", (3, 1, 4), [(2, 3, 5, 4)], "BroadcastTo",
                          after=[[2, 3, 5, 4]]))
case("reverse")(move("REVERSE_V2", (3, 4, 5), [(3, 4, 5)], "ReverseV2", after=[[1]]))
case("reshape")(move("RESHAPE", (2, 3, 4), [(4, 6)], "Reshape", after=[[4, 6]], newShape=[4, 6]))
case("squeeze")(move("SQUEEZE", (1, 6, 1, 4), [(6, 4)], "Squeeze", squeezeDims=[0, 2]))
case("expand_dims")(move("EXPAND_DIMS", (6, 4), [(6, 1, 4)], "ExpandDims", after=[[1]]))
case("space_to_depth")(move("SPACE_TO_DEPTH", (2, 4, 6, 3), [(2, 2, 3, 12)], "SpaceToDepth",
                            blockSize=2))
case("depth_to_space")(move("DEPTH_TO_SPACE", (2, 2, 3, 12), [(2, 4, 6, 3)], "DepthToSpace",
                            blockSize=2))
# Without padding: TFLite Micro fills it with a value that it never sets.
case("space_to_batch")(move("SPACE_TO_BATCH_ND", (2, 6, 6, 3), [(12, 3, 2, 3)], "SpaceToBatchND",
                            after=[[2, 3], [[0, 0], [0, 0]]]))
case("batch_to_space")(move("BATCH_TO_SPACE_ND", (12, 3, 2, 3), [(2, 5, 4, 3)], "BatchToSpaceND",
                            after=[[2, 3], [[1, 0], [0, 2]]]))


def join(op, shapes, out, axis, options, **fields):
    def build(seed):
        g = Graph(seed)
        q = (scale(g.rng), zero(g.rng))
        inputs = [g.input(shape, *q) for shape in shapes]
        g.op(op, inputs, [g.output(out, *q)], options, axis=axis, **fields)
        return g
    return build


case("concatenation")(join("CONCATENATION", [(2, 3, 4), (2, 1, 4), (2, 5, 4)], (2, 9, 4), 1,
                           "Concatenation"))
case("concatenation_last")(join("CONCATENATION", [(2, 3, 4), (2, 3, 1)], (2, 3, 5), -1,
                                "Concatenation"))
case("pack")(join("PACK", [(3, 4)] * 3, (3, 3, 4), 1, "Pack", valuesCount=3))


@case("dilated_convolution_as_space_to_batch")
def dilated(seed):
    """How TensorFlow writes a dilated convolution: to the batch, convolve, and back."""
    g = Graph(seed)
    s, z = 0.05, -3
    x = g.input((1, 12, 12, 3), s, z)
    a = g.tensor((4, 6, 6, 3), s, z)
    g.op("SPACE_TO_BATCH_ND", [x, g.ints([2, 2]), g.ints([[0, 0], [0, 0]])], [a], "SpaceToBatchND")
    w = g.weights((5, 3, 3, 3), [0.01 + 0.001 * k for k in range(5)])
    b = g.tensor((5,), [s * (0.01 + 0.001 * k) for k in range(5)], dtype="int32",
                 data=g.rng.integers(-500, 500, 5))
    c = g.tensor((4, 4, 4, 5), 0.2, 4)
    g.op("CONV_2D", [a, w, b], [c], "Conv2D", padding=VALID, strideH=1, strideW=1,
         dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=RELU)
    y = g.output((1, 7, 8, 5), 0.2, 4)
    g.op("BATCH_TO_SPACE_ND", [c, g.ints([2, 2]), g.ints([[0, 1], [0, 0]])], [y], "BatchToSpaceND")
    return g


@case("variables_stream")
def variables(seed):
    """A streaming model's ring of past frames: read, join, use, and keep the last ones."""
    g = Graph(seed)
    q = (0.07, 9)
    x = g.input((1, 1, 5), *q)
    init = g.subgraph()
    for graph in (g.main, init):
        handle = g.tensor((), dtype="resource", graph=graph)
        g.op("VAR_HANDLE", [], [handle], "VarHandle", graph=graph, sharedName="past", container="")
    past = g.main.operators[0].outputs[0]
    zeros = g.tensor((1, 3, 5), *q, data=np.full((1, 3, 5), q[1]), graph=init)
    g.op("ASSIGN_VARIABLE", [init.operators[0].outputs[0], zeros], [], "AssignVariable", graph=init)
    g.op("CALL_ONCE", [], [], "CallOnce", initSubgraphIndex=1)
    before = g.tensor((1, 3, 5), *q)
    g.op("READ_VARIABLE", [past], [before], "ReadVariable")
    joined = g.tensor((1, 4, 5), *q)
    g.op("CONCATENATION", [before, x], [joined], "Concatenation", axis=1)
    kept = g.tensor((1, 3, 5), *q)
    g.op("STRIDED_SLICE", [joined, g.ints([0, 1, 0]), g.ints([1, 4, 5]), g.ints([1, 1, 1])], [kept],
         "StridedSlice")
    g.op("ASSIGN_VARIABLE", [past, kept], [], "AssignVariable")
    y = g.output((1, 5), 0.05, -4)
    g.op("MEAN", [joined, g.ints([1])], [y], "Reducer", keepDims=False)
    g.stream = True
    return g


@case("computed_shape")
def computed_shape(seed):
    """Keras writes a reshape with an open batch as SHAPE, STRIDED_SLICE and PACK: all known here."""
    g = Graph(seed)
    q = (0.07, 9)
    x = g.input((2, 3, 4), *q)
    shape, one = g.tensor((3,), dtype="int32"), g.tensor((), dtype="int32")
    g.op("SHAPE", [x], [shape], "Shape", outType=2)
    g.op("STRIDED_SLICE", [shape, g.ints([0]), g.ints([1]), g.ints([1])], [one], "StridedSlice",
         shrinkAxisMask=1)
    wanted = g.tensor((2,), dtype="int32")
    g.op("PACK", [one, g.ints(12)], [wanted], "Pack", valuesCount=2, axis=0)
    flat = g.tensor((2, 12), *q)
    g.op("RESHAPE", [x, wanted], [flat], "Reshape", newShape=[])
    y = g.output((2, 12), 0.03, -20)
    g.op("RELU", [flat], [y])
    return g
