#!/usr/bin/env python3
"""Golden pairs of TFLite Micro's reference kernels for small generated graphs, one set or more for
every operator.

    oracle.py OUT [--rows N] [NAME...]     write NAME.tflite, NAME.out.bin (and NAME.in.bin)
    oracle.py --model FILE.tflite OUT.bin [--rows N] [--seed S]
                                           only the outputs, for a model that is there

Inputs are the engine's golden inputs of a seed (docs/format-model.md), so that nothing but the seed
must be kept: seed 1, unless the first lines of OUT/seeds.txt say otherwise. Where such bytes make
no sense (float32) they are written to NAME.in.bin.

Needs PyPI's tflite-micro 0.dev20261023182759 (the oracle) and ai-edge-litert 2.3.0 (the schema, and
the oracle of what TFLite Micro has no kernels for); the product and its ordinary tests do not.
"""
import argparse
import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_micro.python.tflite_micro import runtime

import cases
import cases_groups  # noqa: F401
import cases_late  # noqa: F401
import cases_more  # noqa: F401  adds to cases.ALL
import cases_reals  # noqa: F401
import cases_uint8  # noqa: F401
import cases_wide  # noqa: F401

MASK = (1 << 64) - 1
ARENA_BYTES = 256 << 20  # left to itself the interpreter takes ten times the size of the model


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed & MASK

    def byte(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return (z ^ z >> 31) >> 56


def golden_input(seed, row, size):
    """fill_golden_input of agent/engine/golden.cpp."""
    random = Random(seed + row * 0xD1342543DE82EF95)
    base = level = random.byte()
    out = bytearray(size)
    for i in range(size):
        if row % 4 == 0:
            out[i] = random.byte()
        elif row % 4 == 1:
            level = min(255, max(0, level + (random.byte() & 15) - 7))
            out[i] = level
        elif row % 4 == 2:
            out[i] = (base + (random.byte() & 31)) & 255
        else:
            out[i] = random.byte() if random.byte() < 16 else base
    return bytes(out)


class Reference:
    def __init__(self, model):
        self.interpreter = runtime.Interpreter.from_bytes(
            model, arena_size=ARENA_BYTES,
            intrepreter_config=runtime.InterpreterConfig.kAllocationRecording)
        self.inputs, self.outputs = [], []
        for details, out in ((self.interpreter.get_input_details, self.inputs),
                             (self.interpreter.get_output_details, self.outputs)):
            while True:
                try:
                    out.append(details(len(out)))
                except (IndexError, ValueError, RuntimeError):  # No method tells how many there are.
                    break
        self.row_bytes = sum(self.size(d) for d in self.inputs)

    @staticmethod
    def size(details):
        return int(np.prod(details["shape"])) * np.dtype(details["dtype"]).itemsize

    def run(self, row):
        for i, details in enumerate(self.inputs):
            size = self.size(details)
            value = np.frombuffer(row[:size], details["dtype"]).reshape(details["shape"])
            self.interpreter.set_input(value, i)
            row = row[size:]
        self.interpreter.invoke()
        return b"".join(np.array(self.interpreter.get_output(i)).tobytes()
                        for i in range(len(self.outputs)))


    def reset(self):
        self.interpreter.reset()


class LiteRtReference:
    """LiteRT's reference kernels, for forms that TFLite Micro has no kernels for."""

    def __init__(self, model):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
        self.interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        self.interpreter.allocate_tensors()
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()
        self.row_bytes = sum(Reference.size(d) for d in self.inputs)

    def run(self, row):
        for details in self.inputs:
            size = Reference.size(details)
            value = np.frombuffer(row[:size], details["dtype"]).reshape(details["shape"])
            self.interpreter.set_tensor(details["index"], value)
            row = row[size:]
        self.interpreter.invoke()
        return b"".join(self.interpreter.get_tensor(d["index"]).tobytes() for d in self.outputs)

    def reset(self):
        self.interpreter.reset_all_variables()


class MovedReference(Reference):
    """TFLite Micro's kernels for int8 on a graph of uint8 that was moved by 128."""

    def __init__(self, model):
        super().__init__(graph_of_int8(model))

    def run(self, row):
        return bytes(b ^ 0x80 for b in super().run(bytes(b ^ 0x80 for b in row)))


def graph_of_int8(model):
    whole = schema.ModelT.InitFromPackedBuf(model, 0)
    for tensor in whole.subgraphs[0].tensors:
        if tensor.type != schema.TensorType.UINT8:
            continue
        tensor.type = schema.TensorType.INT8
        tensor.quantization.zeroPoint = [z - 128 for z in tensor.quantization.zeroPoint]
        buffer = whole.buffers[tensor.buffer]
        if buffer.data is not None:
            buffer.data = np.asarray(buffer.data, np.uint8) ^ 0x80
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


ORACLES = {"tflm": Reference, "litert": LiteRtReference, "tflm moved": MovedReference}


def outputs_of(model, rows, stream, oracle="tflm"):
    reference = ORACLES[oracle](model)
    out = []
    for row in rows(reference.row_bytes):
        if not stream:
            reference.reset()
        out.append(reference.run(row))
    return out


def write_case(folder, name, case, count):
    graph = case(cases.seed_of(name))
    model = graph.bytes()
    made = getattr(graph, "rows", None)  # inputs of its own
    seeds = [1] if made else range(1, 9)
    for seed in seeds:
        rows = made(count) if made else None
        out = outputs_of(model, lambda size: rows or [golden_input(seed, r, size)
                                                      for r in range(count)],
                         getattr(graph, "stream", False), getattr(graph, "oracle", "tflm"))
        distinct = len(set(out))
        if distinct >= min(16, count):
            break
    (folder / f"{name}.tflite").write_bytes(model)
    (folder / f"{name}.out.bin").write_bytes(b"".join(out))
    if made:
        (folder / f"{name}.in.bin").write_bytes(b"".join(rows))
    print(f"{name}: {count} rows, {distinct} distinct, seed {seed}, {len(model)} bytes")
    return seed, distinct


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.model:
        out = outputs_of(arguments.model.read_bytes(),
                         lambda size: [golden_input(arguments.seed, r, size)
                                       for r in range(arguments.rows)], False)
        arguments.out.write_bytes(b"".join(out))
        print(f"{len(out)} rows, {len(set(out))} distinct")
        return 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds, poor = {}, []
    for name, case in cases.ALL.items():
        if arguments.names and name not in arguments.names:
            continue
        try:
            seeds[name], distinct = write_case(arguments.out, name, case, arguments.rows)
        except Exception as error:  # one that the oracle refuses must not hide the others
            print(f"{name}: REFUSED: {str(error).splitlines()[0][:200]}")
            poor.append(name)
            continue
        if distinct < 16:
            poor.append(name)
    listed = arguments.out / "seeds.txt"
    known = dict(line.split() for line in listed.read_text().splitlines()) if listed.exists() else {}
    known = {name: seed for name, seed in {**known, **seeds}.items() if name in cases.ALL}
    listed.write_text("".join(f"{name} {seed}\n" for name, seed in sorted(known.items())))
    print(f"{len(seeds)} sets; refused or with fewer than 16 distinct outputs: {poor or 'none'}")
    return bool(poor)


if __name__ == "__main__":
    sys.exit(main())
