"""Run a `.tflite` file in LiteRT for Microcontrollers; see `microcontrollers.py`.

    python benchmarks/in_tflm.py FILE.tflite INPUTS.npy OUTPUTS.npy

Writes the outputs, and prints the allocations of the arena. It needs only NumPy and
`tflite-micro`, and runs in an environment of its own.
"""

import sys

import numpy as np
from tflite_micro.python.tflite_micro import runtime

ARENA = 40_000_000  # bytes; more than any of the files needs


def main(path, inputs, outputs):
    """Run each of the inputs, (n, 1, ...), and write the outputs, (n, 1, ...)."""
    interpreter = runtime.Interpreter.from_file(path, arena_size=ARENA)
    results = []
    for x in np.load(inputs):
        interpreter.set_input(x, 0)
        interpreter.invoke()
        results.append(interpreter.get_output(0))
    np.save(outputs, np.stack(results))
    interpreter.print_allocations()


if __name__ == "__main__":
    main(*sys.argv[1:])
