"""Makes ONNX graphs of int8 .tflite models with the same weights, for ONNX Runtime: run with the peers' Python.

    to_onnx.py MODEL.tflite OUT.onnx u8|s8      QDQ; activations uint8 (+128) or int8, weights int8 per channel
    to_onnx.py MODEL.tflite OUT.tflite fixed    per-axis dimensions that LiteRT refuses set right, where that is all it lacks
    to_onnx.py lstm OUT.onnx STEPS INPUTS UNITS float|int8      a recurrent layer of that shape (weights random)
Prints what bench_onnxruntime takes as its inputs and outputs. Exits 3 if the model has an operator that is not known here.
"""

import pathlib
import sys

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

OPERATORS = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
DTYPES = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8, schema.TensorType.INT32: np.int32}
SAME, RELU, RELU6 = 0, 1, 3


class Converter:
    """One graph; activations are kept as NCHW, and what flattens them permutes the weights behind it instead."""

    def __init__(self, path: str, signed: bool):
        self.model = schema.ModelT.InitFromPackedBuf(pathlib.Path(path).read_bytes(), 0)
        self.graph = self.model.subgraphs[0]
        self.signed = signed
        self.nodes, self.constants = [], []
        self.names = {}  # tensor -> name of its quantised value
        self.flattened = {}  # tensor -> the H, W, C that became its columns

    # Tensors ---------------------------------------------------------------------------------------------------------

    def tensor(self, index: int):
        return self.graph.tensors[index]

    def constant(self, index: int):
        tensor = self.tensor(index)
        data = self.model.buffers[tensor.buffer].data
        return None if data is None else np.asarray(data, np.uint8).view(DTYPES[tensor.type]).reshape(tensor.shape)

    def keep(self, array, name: str) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list, output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def scale_and_zero(self, index: int) -> list[str]:
        """Of an activation. An int8 tensor becomes uint8 by +128, or the other way round."""
        q = self.tensor(index).quantization
        unsigned_already = self.tensor(index).type == schema.TensorType.UINT8
        zero = int(q.zeroPoint[0]) - (128 if unsigned_already else 0)
        zero = np.int8(zero) if self.signed else np.uint8(zero + 128)
        return [self.keep(np.float32(q.scale[0]), f"s{index}_{len(self.constants)}"),
                self.keep(zero, f"z{index}_{len(self.constants)}")]

    def real(self, index: int) -> str:
        return self.node("DequantizeLinear", [self.names[index], *self.scale_and_zero(index)], f"r{index}_{len(self.nodes)}")

    def quantise(self, real: str, index: int, activation: int = 0):
        q = self.tensor(index).quantization
        lowest = (-128 - int(q.zeroPoint[0])) * float(q.scale[0])
        highest = (127 - int(q.zeroPoint[0])) * float(q.scale[0])
        if activation in (RELU, RELU6) and lowest < 0:
            real = self.node("Relu", [real], real + "_relu")
        if activation == RELU6 and highest > 6.05:
            real = self.node("Clip", [real, "", self.keep(np.float32(6), f"six{index}")], real + "_six")
        self.names[index] = self.node("QuantizeLinear", [real, *self.scale_and_zero(index)], f"q{index}")

    def weights(self, index: int, array, axis: int) -> str:
        scales = np.asarray(self.tensor(index).quantization.scale, np.float32)
        name = self.keep(array, f"w{index}")
        if len(scales) == 1:
            return self.node("DequantizeLinear", [name, self.keep(scales[0], f"ws{index}"),
                                                  self.keep(np.int8(0), f"wz{index}")], f"wr{index}")
        return self.node("DequantizeLinear", [name, self.keep(scales, f"ws{index}"),
                                              self.keep(np.zeros(len(scales), np.int8), f"wz{index}")], f"wr{index}", axis=axis)

    def bias(self, index: int, x: int, w: int, count: int) -> list[str]:
        if index < 0:
            return []
        scales = np.float32(self.tensor(x).quantization.scale[0]) * np.asarray(self.tensor(w).quantization.scale, np.float32)
        if len(scales) == 1:
            scales = np.repeat(scales, count)
        return [self.node("DequantizeLinear", [self.keep(self.constant(index).reshape(-1), f"b{index}"),
                                               self.keep(scales, f"bs{index}")], f"br{index}", axis=0)]

    # Operators -------------------------------------------------------------------------------------------------------

    def convolution(self, op, depthwise: bool):
        x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
        b = op.inputs[2] if len(op.inputs) > 2 else -1
        o, kernel = op.builtinOptions, self.constant(w)
        array = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)
        channels = self.tensor(x).shape[3]
        groups = channels if depthwise else 1
        dilations = [o.dilationHFactor, o.dilationWFactor]
        real = self.node("Conv", [self.real(x), self.weights(w, array, 0), *self.bias(b, x, w, array.shape[0])], f"c{y}",
                         kernel_shape=list(array.shape[2:]), group=int(groups), strides=[o.strideH, o.strideW], dilations=dilations,
                         pads=self.pads(x, y, o, array.shape[2:], dilations))
        self.quantise(real, y, o.fusedActivationFunction)

    def pads(self, x, y, o, kernel, dilations) -> list[int]:
        if o.padding != SAME:
            return [0, 0, 0, 0]
        totals = [max(0, (self.tensor(y).shape[1 + d] - 1) * stride + (kernel[d] - 1) * dilations[d] + 1 - self.tensor(x).shape[1 + d])
                  for d, stride in enumerate((o.strideH, o.strideW))]
        return [int(total // 2) for total in totals] + [int(total - total // 2) for total in totals]

    def fully_connected(self, op):
        x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
        b = op.inputs[2] if len(op.inputs) > 2 else -1
        array = self.constant(w)
        real = self.real(x)
        shape = list(self.tensor(x).shape)
        flattened = shape[1:] if len(shape) == 4 else self.flattened.get(x)
        if flattened:  # columns in the order H, W, C there, C, H, W here
            array = array.reshape(-1, *flattened).transpose(0, 3, 1, 2).reshape(array.shape)
        if len(shape) == 4:
            real = self.node("Flatten", [real], f"f{y}")
        real = self.node("Gemm", [real, self.weights(w, array.T, 1), *self.bias(b, x, w, array.shape[0])], f"g{y}")
        self.quantise(real, y, op.builtinOptions.fusedActivationFunction)

    def add(self, op):
        y = op.outputs[0]
        self.quantise(self.node("Add", [self.real(x) for x in op.inputs], f"a{y}"), y, op.builtinOptions.fusedActivationFunction)

    def average_pool(self, op):
        x, y, o = op.inputs[0], op.outputs[0], op.builtinOptions
        if [o.filterHeight, o.filterWidth] == list(self.tensor(x).shape[1:3]):
            real = self.node("GlobalAveragePool", [self.real(x)], f"p{y}")
        else:
            kernel = [o.filterHeight, o.filterWidth]
            real = self.node("AveragePool", [self.real(x)], f"p{y}", kernel_shape=kernel, strides=[o.strideH, o.strideW],
                             pads=self.pads(x, y, o, kernel, [1, 1]))
        self.quantise(real, y, o.fusedActivationFunction)

    def mean(self, op):
        x, y = op.inputs[0], op.outputs[0]
        if sorted(self.constant(op.inputs[1]).reshape(-1).tolist()) != [1, 2]:
            raise KeyError("MEAN over other axes")
        real = self.node("GlobalAveragePool", [self.real(x)], f"p{y}")
        if len(self.tensor(y).shape) == 2:
            real = self.node("Flatten", [real], f"f{y}")
        self.quantise(real, y)

    def reshape(self, op):
        x, y = op.inputs[0], op.outputs[0]
        old, new = list(self.tensor(x).shape), list(self.tensor(y).shape)
        if len(old) == 4 and len(new) == 2:
            self.flattened[y] = old[1:]
        if len(new) == 4:
            if new[3] != 1 and new[1] * new[2] != 1:
                raise KeyError("RESHAPE to several channels")
            new = [new[0], new[3], new[1], new[2]]
        shape = self.keep(np.asarray(new, np.int64), f"shape{y}")
        self.quantise(self.node("Reshape", [self.real(x), shape], f"h{y}"), y)

    def softmax(self, op):
        self.quantise(self.node("Softmax", [self.real(op.inputs[0])], f"m{op.outputs[0]}", axis=-1), op.outputs[0])

    def quantize(self, op):
        """Between uint8 and int8 it is our +128, which is there already; else a change of scale."""
        x, y = op.inputs[0], op.outputs[0]
        if self.tensor(x).quantization.scale[0] == self.tensor(y).quantization.scale[0]:
            self.names[y] = self.names[x]
        else:
            self.quantise(self.real(x), y)

    # The whole -------------------------------------------------------------------------------------------------------

    def shape(self, index: int) -> list[int]:
        shape = [int(size) for size in self.tensor(index).shape]
        return [shape[0], shape[3], shape[1], shape[2]] if len(shape) == 4 else shape

    def convert(self):
        kinds = {"CONV_2D": lambda op: self.convolution(op, False), "DEPTHWISE_CONV_2D": lambda op: self.convolution(op, True),
                 "FULLY_CONNECTED": self.fully_connected, "ADD": self.add, "AVERAGE_POOL_2D": self.average_pool,
                 "MEAN": self.mean, "RESHAPE": self.reshape, "SOFTMAX": self.softmax, "QUANTIZE": self.quantize}
        element = TensorProto.INT8 if self.signed else TensorProto.UINT8
        inputs, outputs = [], []
        for index in self.graph.inputs:
            if self.tensor(index).type not in (schema.TensorType.INT8, schema.TensorType.UINT8):
                raise KeyError("inputs of another type")
            self.names[index] = f"in{index}"
            inputs.append(helper.make_tensor_value_info(f"in{index}", element, self.shape(index)))
        for op in self.graph.operators:
            code = self.model.operatorCodes[op.opcodeIndex]
            kinds[OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]](op)
        for index in self.graph.outputs:
            outputs.append(helper.make_tensor_value_info(self.names[index], element, self.shape(index)))
        graph = helper.make_graph(self.nodes, "int8", inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def lstm(steps: int, inputs: int, units: int):
    random = np.random.default_rng(1)
    arrays = {"w": (1, 4 * units, inputs), "r": (1, 4 * units, units), "b": (1, 8 * units)}
    constants = [numpy_helper.from_array(random.normal(0, 0.2, shape).astype(np.float32), name) for name, shape in arrays.items()]
    graph = helper.make_graph(
        [helper.make_node("LSTM", ["x", "w", "r", "b"], ["", "h"], hidden_size=units)], "lstm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, 1, inputs])],
        [helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, 1, units])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def fixed(path: str, out: str):
    """Tensors of one scale per channel whose channels the file places wrongly: on the first axis, where the sizes say so."""
    import flatbuffers
    model = schema.ModelT.InitFromPackedBuf(pathlib.Path(path).read_bytes(), 0)
    for tensor in model.subgraphs[0].tensors:
        q = tensor.quantization
        if q is not None and q.scale is not None and tensor.shape is not None and len(tensor.shape) and \
                len(q.scale) <= 1 and q.quantizedDimension >= len(tensor.shape):
            q.quantizedDimension = 0
        elif q is not None and q.scale is not None and len(q.scale) > 1 and \
                (q.quantizedDimension >= len(tensor.shape) or tensor.shape[q.quantizedDimension] != len(q.scale)):
            q.quantizedDimension = 0
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    pathlib.Path(out).write_bytes(builder.Output())


def describe(model) -> str:
    def words(values):
        return [f"{v.name}:{v.type.tensor_type.elem_type}:" + ",".join(str(d.dim_value) for d in v.type.tensor_type.shape.dim)
                for v in values]
    return " ".join([*words(model.graph.input), "--", *words(model.graph.output)])


def main(arguments: list[str]) -> int:
    if arguments[0] == "lstm":
        model = lstm(*map(int, arguments[2:5]))
        onnx.save(model, arguments[1])
        if arguments[5] == "int8":
            from onnxruntime.quantization import quantize_dynamic
            quantize_dynamic(arguments[1], arguments[1], op_types_to_quantize=["LSTM"])
    elif arguments[2] == "fixed":
        fixed(arguments[0], arguments[1])
        return 0
    else:
        try:
            model = Converter(arguments[0], arguments[2] == "s8").convert()
        except KeyError as unknown:
            print(f"not converted: {unknown}", file=sys.stderr)
            return 3
        onnx.save(model, arguments[1])
    print(describe(model))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
