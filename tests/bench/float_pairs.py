"""Makes pairs of floating-point networks, before and after fine-tuning, as .safetensors of fp16, bf16 and fp32.

    float_pairs.py DIR    (in the benches' environment; about a minute)

The recipe, the same on every run but for the last bits of matrix products. The digits are those of fine_tune.py. A network
784-768-384-10 (ReLU) learns 20,000 of them by Adam (3 epochs, batch 128, rate 0.001). From it come, each by 10,000 digits
that are turned by 10 degrees more and noisier: `sgd` (1 epoch, momentum 0.9, rate 0.02 falling to 0), `adam` (1 epoch, rate
0.0003) and `lora` (1 epoch of Adam, rate 0.002, on the factors of rank 8 that are added to each of the two large matrices,
the first of them from normal numbers, the second from 0). `retrained` is the same network from other first weights. Of
`codebook`, each matrix of both networks (the base and `sgd`) has 32 numbers only, the new ones moved from the old ones.
"""

import json
import pathlib
import sys

import numpy as np
from fine_tune import BATCH, MOVED, Network, draw

SIZES = [784, 768, 384, 10]
RANK, LORA_LAYERS = 8, 2
CODES = 32


class Adam:
    def __init__(self, rate):
        self.rate, self.steps, self.state = rate, 0, {}

    def move(self, key, p, slope):
        m, s = self.state.setdefault(key, (np.zeros_like(p), np.zeros_like(p)))
        m += np.float32(0.1) * (slope - m)
        s += np.float32(0.001) * (slope * slope - s)
        pace = np.float32(self.rate * np.sqrt(1 - 0.999 ** self.steps) / (1 - 0.9 ** self.steps))
        p -= pace * m / (np.sqrt(s) + np.float32(1e-8))


def batches(rng, images, labels, epochs):
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            batch = order[start:start + BATCH]
            yield images[batch], labels[batch]


def by_adam(network, rng, images, labels, epochs, rate):
    adam = Adam(rate)
    for batch in batches(rng, images, labels, epochs):
        adam.steps += 1
        for i, of_weights, of_biases in list(network.slopes(*batch)):
            adam.move(i, network.weights[i], of_weights)
            adam.move(-1 - i, network.biases[i], of_biases)


def by_lora(network, rng, images, labels, epochs, rate):
    adam, kept = Adam(rate), [w.copy() for w in network.weights]
    first = [rng.normal(0, 1 / np.sqrt(w.shape[1]), (RANK, w.shape[1])).astype(np.float32) for w in kept[:LORA_LAYERS]]
    second = [np.zeros((w.shape[0], RANK), np.float32) for w in kept[:LORA_LAYERS]]
    for batch in batches(rng, images, labels, epochs):
        adam.steps += 1
        for i, slope, _ in list(network.slopes(*batch)):
            if i < LORA_LAYERS:
                of_first, of_second = second[i].T @ slope, slope @ first[i].T
                adam.move(("first", i), first[i], of_first)
                adam.move(("second", i), second[i], of_second)
                network.weights[i] = kept[i] + second[i] @ first[i]


def shared(weights, codes, rounds):
    """The weights, each as the nearest of the codes after so many rounds of k-means; and those codes."""
    flat = weights.ravel()
    for _ in range(rounds):
        codes = np.sort(codes)
        of = np.searchsorted((codes[1:] + codes[:-1]) / 2, flat)
        count = np.bincount(of, minlength=len(codes))
        codes = np.where(count > 0, np.bincount(of, flat, len(codes)) / np.maximum(count, 1), codes)
    codes = np.sort(codes).astype(np.float32)
    return codes[np.searchsorted((codes[1:] + codes[:-1]) / 2, flat)].reshape(weights.shape), codes


def with_codebooks(old, new):
    old, new = copy_of(old), copy_of(new)
    for i, weights in enumerate(old.weights):
        old.weights[i], codes = shared(weights, np.quantile(weights, np.linspace(0.01, 0.99, CODES)), 8)
        new.weights[i], _ = shared(new.weights[i], codes.astype(np.float64), 2)
    return old, new


def copy_of(network):
    other = Network(np.random.default_rng(0), SIZES)
    other.weights, other.biases = [w.copy() for w in network.weights], [b.copy() for b in network.biases]
    return other


def stored(values, form):
    if form == "BF16":
        bits = values.view(np.uint32)
        return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return values.astype(np.float16 if form == "F16" else np.float32)


def write(network, form, path):
    tensors, data = {}, b""
    for i, (w, b) in enumerate(zip(network.weights, network.biases)):
        for name, values in ((f"dense_{i}.weight", w), (f"dense_{i}.bias", b)):
            plain = stored(values, form).tobytes()
            tensors[name] = {"dtype": form, "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(plain)]}
            data += plain
    header = json.dumps(tensors).encode()
    header += b" " * (-len(header) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def main(folder):
    rng = np.random.default_rng(21)
    first, second = draw(rng, 20_000), draw(rng, 10_000, **MOVED)
    base = Network(rng, SIZES)
    by_adam(base, rng, *first, epochs=3, rate=0.001)
    made = {name: copy_of(base) for name in ("sgd", "adam", "lora")}
    made["sgd"].train(rng, *second, epochs=1, rate=0.02, momentum=0.9)
    by_adam(made["adam"], rng, *second, epochs=1, rate=0.0003)
    by_lora(made["lora"], rng, *second, epochs=1, rate=0.002)
    made["retrained"] = Network(rng, SIZES)
    by_adam(made["retrained"], rng, *first, epochs=3, rate=0.001)
    pairs = {name: (base, network) for name, network in made.items()} | {"codebook": with_codebooks(base, made["sgd"])}
    for name, (old, new) in pairs.items():
        for form, suffix in (("F16", "fp16"), ("BF16", "bf16"), ("F32", "fp32")):
            write(old, form, folder / f"{name}_{suffix}" / "old")
            write(new, form, folder / f"{name}_{suffix}" / "new")
    rows, labels = draw(rng, 5_000, **MOVED)
    for name, network in [("base", base), *made.items()]:
        print(name, f"{100 * (network.layers(rows)[-1].argmax(1) == labels).mean():.2f} %", file=sys.stderr)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
