"""Writes small .tflite files: a graph of tensors and operators, through the object form of the
published schema (schema_py_generated.py of PyPI's ai-edge-litert)."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

DTYPES = {
    "int8": (np.int8, schema.TensorType.INT8),
    "uint8": (np.uint8, schema.TensorType.UINT8),
    "int4": (np.int8, schema.TensorType.INT4),
    "int16": (np.int16, schema.TensorType.INT16),
    "int32": (np.int32, schema.TensorType.INT32),
    "int64": (np.int64, schema.TensorType.INT64),
    "float32": (np.float32, schema.TensorType.FLOAT32),
    "resource": (None, schema.TensorType.RESOURCE),
    "bool": (np.bool_, schema.TensorType.BOOL),
}
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6, TANH, SIGMOID = 0, 1, 2, 3, 4, 6


class Graph:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.model.subgraphs = []
        self.codes = {}
        self.main = self.subgraph()

    def subgraph(self):
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
        self.model.subgraphs.append(graph)
        return graph

    def tensor(self, shape, scale=None, zero=0, dtype="int8", data=None, axis=0, variable=False,
               graph=None, open=False):
        """A tensor, a constant where it has data. `scale` may be a list: one for each index of
        `axis`. `open`: the file leaves open what `shape` has 0 for, and says 1 as converters do."""
        graph = graph or self.main
        tensor = schema.TensorT()
        tensor.shape = [extent or 1 for extent in shape]
        if open:
            tensor.shapeSignature = [extent or -1 for extent in shape]
        tensor.type = DTYPES[dtype][1]
        tensor.name = f"t{len(graph.tensors)}".encode()
        tensor.isVariable = variable
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            values = np.ascontiguousarray(data, DTYPES[dtype][0])
            if dtype == "int4":  # two in a byte, the first one in its lower half
                flat = np.append(values.ravel(), np.zeros(values.size % 2, np.int8)) & 0xf
                values = (flat[::2] | flat[1::2] << 4).astype(np.uint8)
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale is not None:
            quantization = schema.QuantizationParametersT()
            scales = scale if isinstance(scale, (list, np.ndarray)) else [scale]
            quantization.scale = [float(s) for s in scales]
            quantization.zeroPoint = [zero] * len(scales)
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def input(self, *args, **kwargs):
        index = self.tensor(*args, **kwargs)
        self.main.inputs.append(index)
        return index

    def output(self, *args, **kwargs):
        index = self.tensor(*args, **kwargs)
        self.main.outputs.append(index)
        return index

    def ints(self, values, dtype="int32"):
        values = np.array(values)
        return self.tensor(values.shape, dtype=dtype, data=values)

    def weights(self, shape, scale, dtype="int8", axis=0, bound=127, zero=0):
        low, high = (-bound, bound) if dtype != "uint8" else (0, 255)
        return self.tensor(shape, scale, zero, dtype, axis=axis,
                           data=self.rng.integers(low, high + 1, shape))

    def op(self, name, inputs, outputs, options=None, graph=None, **fields):
        """`options` names the table of the schema without its ending: "Conv2D"."""
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = code
            entry.deprecatedBuiltinCode = min(code, 127)
            entry.version = 1
            self.codes[code] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes[code]
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options:
            kind = options + "Options"
            table = getattr(schema, kind + "T")()
            for field, value in fields.items():
                assert hasattr(table, field), (kind, field)
                setattr(table, field, value)
            operator.builtinOptions = table
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        (graph or self.main).operators.append(operator)

    def custom(self, name, inputs, outputs, options):
        """`options` are bytes of the operator's own form."""
        entry = schema.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        entry.customCode, entry.version = name.encode(), 1
        self.model.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        operator.customOptions = np.frombuffer(options, np.uint8)
        self.main.operators.append(operator)

    def bytes(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
