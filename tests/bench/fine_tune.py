"""Makes a fine-tuned network: an int8 .tflite as deployed, the new weights as float32, and what a converter makes of them.

    fine_tune.py DIR    (in the benches' environment; some three minutes)

The recipe, the same on every run but for the last bits of matrix products. Digits are drawn: a font of 5 x 7, turned,
sheared, scaled and moved at random, with noise. A network 784-2048-1536-10 (ReLU) learns 30,000 of them: 4 epochs of
SGD (batch 128, momentum 0.9, rate 0.1 falling to 0). It is fine-tuned on 10,000 others, turned by 10 degrees more and
noisier: 2 epochs of SGD without momentum, rate 0.05. Weights are quantised for each row, activations by their range on
rows that were learned; 10,000 more digits of the second kind are for evaluation.
"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).with_name("oracle")))
from graph import NONE, RELU, Graph  # noqa: E402

SIZES = [784, 2048, 1536, 10]
BATCH = 128
SIDE = 28
MOVED = {"turn_degrees": 10, "noise": 0.15}
FONT = [  # rows of five dots
    "01110 10001 10011 10101 11001 10001 01110", "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111", "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010", "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110", "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110", "01110 10001 10001 01111 00001 00010 01100"]


def glyphs():
    """10 x 9 x 7, with a border of zeros."""
    dots = np.array([[[int(dot) for dot in row] for row in digit.split()] for digit in FONT], np.float32)
    return np.pad(dots, ((0, 0), (1, 1), (1, 1)))


def sample(images, which, y, x):
    """Bilinear, zero outside."""
    height, width = images.shape[1:]
    y, x = np.clip(y, 0, height - 1.001), np.clip(x, 0, width - 1.001)
    top, left = y.astype(int), x.astype(int)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    at = lambda i, j: images[which[:, None, None], top + i, left + j]
    return (at(0, 0) * (1 - down) * (1 - right) + at(0, 1) * (1 - down) * right + at(1, 0) * down * (1 - right) +
            at(1, 1) * down * right)


def draw(rng, count, turn_degrees=0.0, noise=0.1):
    labels = rng.integers(0, 10, count)
    angle = np.deg2rad(turn_degrees + rng.normal(0, 10, count))[:, None, None]
    size = rng.uniform(2.0, 3.2, count)[:, None, None]
    shear = rng.normal(0, 0.2, count)[:, None, None]
    shift = rng.normal(0, 1.5, (2, count))[:, :, None, None]
    y, x = np.meshgrid(np.arange(SIDE) - 13.5, np.arange(SIDE) - 13.5, indexing="ij")
    y, x = y[None] - shift[0], x[None] - shift[1]
    turned_y = (np.cos(angle) * y - np.sin(angle) * x) / size
    turned_x = (np.sin(angle) * y + np.cos(angle) * x) / size + shear * turned_y
    images = sample(glyphs(), labels, turned_y + 4, turned_x + 3)
    strokes = rng.uniform(0.5, 1.0, count)[:, None, None].astype(np.float32)
    images = images * strokes + rng.normal(0, noise, images.shape).astype(np.float32)
    return np.clip(images, 0, 1).reshape(count, -1).astype(np.float32), labels


class Network:
    def __init__(self, rng, sizes=SIZES):
        self.weights = [(rng.normal(0, np.sqrt(2 / cols), (rows, cols))).astype(np.float32)
                        for cols, rows in zip(sizes, sizes[1:])]
        self.biases = [np.zeros(rows, np.float32) for rows in sizes[1:]]

    def layers(self, x):
        values = [x]
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = x @ w.T + b
            if i + 1 < len(self.weights):
                x = np.maximum(x, 0)
            values.append(x)
        return values

    def slopes(self, images, labels):
        """Of the mean loss of a batch, for each layer from the last: its index, of its weights, of its biases."""
        values = self.layers(images)
        scores = np.exp(values[-1] - values[-1].max(1, keepdims=True))
        error = scores / scores.sum(1, keepdims=True)
        error[np.arange(len(images)), labels] -= 1
        error /= len(images)
        for i in reversed(range(len(self.weights))):
            down = (error @ self.weights[i]) * (values[i] > 0) if i else None
            yield i, error.T @ values[i], error.sum(0)
            error = down

    def train(self, rng, images, labels, epochs, rate, momentum):
        moving = [np.zeros_like(p) for p in self.weights + self.biases]
        steps, step = epochs * (len(images) // BATCH), 0
        for _ in range(epochs):
            order = rng.permutation(len(images))
            for start in range(0, len(images) - BATCH + 1, BATCH):
                batch = order[start:start + BATCH]
                pace = np.float32(rate * (1 - step / steps))
                step += 1
                for i, of_weights, of_biases in self.slopes(images[batch], labels[batch]):
                    for k, p, slope in ((i, self.weights[i], of_weights), (len(self.weights) + i, self.biases[i], of_biases)):
                        moving[k] *= np.float32(momentum)
                        moving[k] += slope
                        p -= pace * moving[k]


def activation(values):
    """Scale and zero point of a range that holds zero, as converters choose them."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)


def float_model(network):
    graph = Graph(0)
    value = graph.input([1, SIZES[0]], dtype="float32")
    for i, (w, b) in enumerate(zip(network.weights, network.biases)):
        last = i + 1 == len(network.weights)
        weights = named(graph, graph.tensor(w.shape, dtype="float32", data=w), f"dense_{i}/kernel")
        bias = named(graph, graph.tensor(b.shape, dtype="float32", data=b), f"dense_{i}/bias")
        out = (graph.output if last else graph.tensor)([1, len(b)], dtype="float32")
        graph.op("FULLY_CONNECTED", [value, weights, bias], [out], "FullyConnected",
                 fusedActivationFunction=NONE if last else RELU)
        value = out
    return graph.bytes()


def int8_model(network, images):
    ranges = [activation(values) for values in network.layers(images)]
    graph = Graph(0)
    value = graph.input([1, SIZES[0]], *ranges[0])
    for i, (w, b) in enumerate(zip(network.weights, network.biases)):
        last = i + 1 == len(network.weights)
        scales = np.abs(w).max(1) / 127
        codes = np.clip(np.rint(w / scales[:, None]), -127, 127)
        steps = scales.astype(np.float64) * ranges[i][0]
        weights = named(graph, graph.tensor(w.shape, scales, data=codes), f"dense_{i}/kernel")
        bias = named(graph, graph.tensor(b.shape, steps, dtype="int32", data=np.rint(b / steps)), f"dense_{i}/bias")
        out = (graph.output if last else graph.tensor)([1, len(b)], *ranges[i + 1])
        graph.op("FULLY_CONNECTED", [value, weights, bias], [out], "FullyConnected",
                 fusedActivationFunction=NONE if last else RELU)
        value = out
    return graph.bytes(), ranges[0]


def named(graph, tensor, name):
    graph.main.tensors[tensor].name = name.encode()
    return tensor


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    network = Network(rng)
    first, first_labels = draw(rng, 30_000)
    network.train(rng, first, first_labels, epochs=4, rate=0.1, momentum=0.9)
    deployed, (scale, zero) = int8_model(network, first[:2000])
    (folder / "deployed.tflite").write_bytes(deployed)
    second, second_labels = draw(rng, 10_000, **MOVED)
    network.train(rng, second, second_labels, epochs=2, rate=0.05, momentum=0)
    (folder / "new-float32.tflite").write_bytes(float_model(network))
    (folder / "new-int8.tflite").write_bytes(int8_model(network, second[:2000])[0])
    rows, labels = draw(rng, 10_000, **MOVED)
    codes = np.clip(np.rint(rows / scale) + zero, -128, 127).astype(np.int8)
    (folder / "rows.bin").write_bytes(codes.tobytes())
    (folder / "labels.u8").write_bytes(labels.astype(np.uint8).tobytes())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
