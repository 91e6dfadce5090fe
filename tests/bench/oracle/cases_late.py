"""Graphs of operators that choose values as they run, of casts between wide types, and of the custom
operator that ends detectors; imported for its effect."""

import numpy as np
from flatbuffers import flexbuffers

from cases import case
from graph import Graph


def indices(g, count, limit, shape):
    """Rows of int8 values and of int32 indices within `limit`."""
    def row():
        values = g.rng.integers(-128, 128, shape, dtype=np.int8)
        return values.tobytes() + g.rng.integers(0, limit, count, dtype=np.int32).tobytes()
    return lambda rows: [row() for _ in range(rows)]


def gather(shape, chosen, axis, batch_dims, dtype="int8"):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, 0.1, 3, "int8")
        i = g.input(chosen, dtype="int32")
        out = (*shape[:axis], *chosen[batch_dims:], *shape[axis + 1:])
        g.op("GATHER", [x, i], [g.output(out, 0.1, 3)], "Gather", axis=axis, batchDims=batch_dims)
        g.rows = indices(g, int(np.prod(chosen)), shape[axis], shape)
        return g
    return build


case("gather_computed")(gather((5, 7, 3), (4,), 1, 0))
case("gather_computed_rows")(gather((9, 6), (2, 3), 0, 0))
case("gather_computed_batches")(gather((3, 6, 4), (3, 5), 1, 1))


def cast(kind_in, kind_out):
    def build(seed):
        g = Graph(seed)
        x = g.input((3, 11), dtype=kind_in)
        g.op("CAST", [x], [g.output((3, 11), dtype=kind_out)], "Cast")
        if kind_in == "float32":
            bound = {"int8": 100, "int16": 30000, "int32": 2e9}[kind_out]
            g.rows = lambda rows: [g.rng.uniform(-bound, bound, (3, 11)).astype(np.float32).tobytes()
                                   for _ in range(rows)]
        return g
    return build


for kind_in, kind_out in (("int32", "float32"), ("int32", "int16"), ("int32", "int8"), ("int16", "int32"),
                          ("int16", "float32"), ("float32", "int32"), ("float32", "int16"), ("float32", "int8")):
    case(f"cast_wide_{kind_in}_{kind_out}")(cast(kind_in, kind_out))


@case("arg_max_then_gather")
def arg_max_then_gather(seed):
    """The greatest value's place chooses a line of a table, as decoders do."""
    g = Graph(seed)
    x, table = g.input((4, 9), 0.1, 3), g.input((9, 5), 0.2, -7)
    place = g.tensor((4,), dtype="int32")
    g.op("ARG_MAX", [x, g.ints(1)], [place], "ArgMax", outputType=2)
    g.op("GATHER", [table, place], [g.output((4, 5), 0.2, -7)], "Gather", axis=0)
    return g


def detection(boxes, classes, background, by_class, most, dtype="int8", anchors="float32", iou=0.5,
              threshold=0.0):
    def build(seed):
        g = Graph(seed)
        low = 0 if dtype == "uint8" else -128
        x = g.input((1, boxes, 4), 0.05, low + 131, dtype)
        s = g.input((1, boxes, classes + background), 1 / 256, low, dtype)
        reals = np.concatenate([g.rng.uniform(0.1, 0.9, (boxes, 2)), g.rng.uniform(0.05, 0.4, (boxes, 2))], 1)
        if anchors == "float32":
            a = g.tensor((boxes, 4), dtype="float32", data=reals.astype(np.float32))
        else:
            a = g.tensor((boxes, 4), 0.004, 3, "uint8", data=np.clip(reals / 0.004 + 3, 0, 255).astype(np.uint8))
        sources = [x, s]
        if dtype == "int8":  # TFLite Micro takes float32 alone.
            sources = [g.tensor((1, boxes, 4), dtype="float32"),
                       g.tensor((1, boxes, classes + background), dtype="float32")]
            for quantised, real in zip((x, s), sources):
                g.op("DEQUANTIZE", [quantised], [real], "Dequantize")
        outputs = [g.output(shape, dtype="float32") for shape in ((1, most, 4), (1, most), (1, most), (1,))]
        g.custom("TFLite_Detection_PostProcess", [*sources, a], outputs, flexbuffers.Dumps({
            "max_detections": most, "max_classes_per_detection": 1, "detections_per_class": 5,
            "use_regular_nms": by_class, "nms_score_threshold": threshold, "nms_iou_threshold": iou,
            "num_classes": classes, "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}))
        if dtype == "uint8":
            g.oracle = "litert"
        return g
    return build


case("detection_by_box")(detection(60, 3, 1, False, 4))
case("detection_by_class")(detection(50, 4, 1, True, 8))
case("detection_without_background")(detection(40, 5, 0, True, 6, iou=0.3, threshold=0.6))
case("uint8_detection_by_box")(detection(60, 3, 1, False, 4, "uint8", "uint8"))
case("uint8_detection_by_class")(detection(50, 4, 1, True, 8, "uint8", "uint8", threshold=0.4))


def detector(seed):
    """The end of a detector as the older ones are: two heads, joined, and outputs of open shapes."""
    g = Graph(seed)
    x = g.input((1, 4, 4, 6), 0.02, 128, "uint8")
    heads = {}
    for name, per_anchor in (("boxes", 4), ("scores", 4)):
        parts = []
        for size, stride in ((16, 1), (4, 2)):
            z_w = int(g.rng.integers(100, 156))
            w = g.tensor((2 * per_anchor, 3, 3, 6), 0.01, z_w, "uint8",
                         data=g.rng.integers(0, 256, (2 * per_anchor, 3, 3, 6)))
            b = g.tensor((2 * per_anchor,), 0.0002, dtype="int32", data=g.rng.integers(-900, 900, 2 * per_anchor))
            side = 4 // stride
            y = g.tensor((1, side, side, 2 * per_anchor), 0.06, 130, "uint8")
            g.op("CONV_2D", [x, w, b], [y], "Conv2D", padding=0, strideH=stride, strideW=stride)
            flat = g.tensor((1, 2 * size, per_anchor), 0.06, 130, "uint8")
            g.op("RESHAPE", [y, g.ints([1, 2 * size, per_anchor])], [flat], "Reshape",
                 newShape=[1, 2 * size, per_anchor])
            parts.append(flat)
        heads[name] = g.tensor((1, 40, per_anchor), 0.06, 130, "uint8")
        g.op("CONCATENATION", parts, [heads[name]], "Concatenation", axis=1)
    scores = g.tensor((1, 40, 4), 1 / 256, 0, "uint8")
    g.op("LOGISTIC", [heads["scores"]], [scores])
    anchors = g.tensor((40, 4), 0.004, 3, "uint8", data=g.rng.integers(20, 230, (40, 4)))
    outputs = [g.output((), dtype="float32") for _ in range(4)]
    g.custom("TFLite_Detection_PostProcess", [heads["boxes"], scores, anchors], outputs, flexbuffers.Dumps({
        "max_detections": 5, "max_classes_per_detection": 1, "nms_score_threshold": 1e-8,
        "nms_iou_threshold": 0.6, "num_classes": 3, "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0,
        "w_scale": 5.0}))
    g.oracle = "litert"
    return g


case("uint8_detector")(detector)


def log_softmax(shape, s_in):
    def build(seed):
        g = Graph(seed)
        x = g.input(shape, s_in, -5, "int8")
        g.op("LOG_SOFTMAX", [x], [g.output(shape, 1 / 16, 127)], "LogSoftmax")
        return g
    return build


case("log_softmax")(log_softmax((3, 11), 0.1))
case("log_softmax_near")(log_softmax((2, 3, 40), 0.01))
case("log_softmax_far")(log_softmax((1, 300), 0.7))
