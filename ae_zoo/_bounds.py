"""The bounds on what a model may hold and may cost to load, all in one place.

A file that exceeds one of them is refused before the work begins. Together they keep
loading a folder of up to 200 MB below 10 seconds and 1 GB of memory. Each bound is far
above what the models of the zoo need; the comments state their maximum.
"""

from __future__ import annotations

MIB = 2**20

# Messages: what a file says is quoted in at most this many characters.
MAX_MESSAGE = 2_000
MAX_QUOTE = 80

# Files of a folder.
MAX_LIST = MIB  # bytes of SHA256SUMS; the zoo: 900
MAX_LISTED = 1_000  # files; the zoo: 10
MAX_FOLDER = 1536 * MIB  # bytes of the listed files together; the zoo: 37 million
MAX_CARD = MIB  # bytes of card.json; the zoo: 12,000
MAX_SIDECAR = MIB  # bytes of the description of a .tflite file; the zoo: 3,000
MAX_LITE = 512 * MIB  # bytes of a .tflite file; the zoo: 14 million

# The maximum number of bytes that each member of a `.keras` file may unpack to.
MEMBERS = {
    "metadata.json": MIB // 16,
    "config.json": 4 * MIB,  # the zoo: 21,000
    "model.weights.h5": 1024 * MIB,  # the zoo: 11 million
}
MAX_ARCHIVE = sum(MEMBERS.values()) + MIB
MAX_ENTRIES = 1_000  # three, and byte patterns in the weights that look like an entry
# Keras stores its members uncompressed. A zip that compresses them stays below these:
# below the first ratio, and above the size below the second.
MAX_EXPANSION = 100
MAX_EXPANDED = 64 * MIB
MAX_EXPANSION_ABOVE = 1.25

# config.json.
MAX_DEPTH = 64  # levels of nesting; the zoo: about 20
MAX_VALUES = 50_000  # numbers, strings, lists and objects; the zoo: 1,400
MAX_OBJECTS = 3_000  # layers, initializers, ...; the zoo: 110
MAX_CALLS = 10_000  # of layers, when the model is called once; the zoo: 120
MAX_TEXT = 1_000  # characters of a name or another string; the zoo: 60
MAX_ATTEMPTS = 20_000  # to call the layers of a graph in the order of the file
# Values of one sample at any place of the model; the zoo: 66,000.
MAX_TENSOR = 2**25

# model.weights.h5.
MAX_HDF5_OBJECTS = 4_000  # groups and arrays; the zoo: 210
MAX_HDF5_DEPTH = 64  # levels of groups; the zoo: 6

# Layers, operations, their calls and variables that Keras makes while it builds a
# model. For a `Sequential` of n layers, it makes n²/2 calls. The zoo: 280.
MAX_WORK = 4_000
# Variables that the weights file does not store, such as the state of an optimizer that
# was never used: this many bytes, and twice those that it does store; this many of
# them, and three times those that it does store.
MAX_UNPAID = 16 * MIB
MAX_UNPAID_VARIABLES = 100
