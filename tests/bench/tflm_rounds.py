"""TFLite Micro's reference kernels (PyPI's tflite-micro) as a runner of rounds.py: tflm_rounds.py MODEL.tflite."""

import statistics
import sys
import time

import numpy as np
from tflite_micro.python.tflite_micro import runtime

ROUND_S = 0.15

interpreter = runtime.Interpreter.from_file(sys.argv[1])
details = interpreter.get_input_details(0)
interpreter.set_input(np.random.default_rng(1).integers(-128, 128, details["shape"]).astype(details["dtype"]), 0)
interpreter.invoke()
print("{}", flush=True)
for _ in sys.stdin:
    times, end = [], time.perf_counter() + ROUND_S
    while len(times) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        interpreter.invoke()
        times.append((time.perf_counter() - began) * 1e6)
    print(statistics.median(times), flush=True)
