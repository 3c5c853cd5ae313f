"""Seeded changes of files: of JSON values, of bytes, and of arrays in HDF5 files."""

import copy
import json

# Values that have surprised readers of JSON before.
ODD = [
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    10**6,
    10**9,
    2**63,
    10**400,
    0.5,
    -0.0,
    1e-300,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "zeros",
    "relu",
    "float32",
    "bfloat16",
    "string",
    "ae_zoo>RealNVP",
    "\x1b[2J\x07",
    "\u202e",
    "\ud800",
    "a" * 5000,
    "../../etc/passwd",
    [],
    [0],
    [None],
    [[]],
    [10**9, 10**9],
    [None, 10**6, 10**6],
    {},
    {"class_name": "Dense"},
    {"class_name": "Lambda", "module": "keras.layers", "config": {}},
]


def paths(value, path=()):
    """The path of every value inside a JSON value."""
    yield path
    pairs = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, item in pairs:
        yield from paths(item, (*path, key))


def at(value, path):
    """The value at a path."""
    for key in path:
        value = value[key]
    return value


def mutate(value, random, changes=None):
    """A copy of a JSON value with some changes, one to three if not given."""
    value = copy.deepcopy(value)
    for _ in range(changes or random.randint(1, 3)):
        everywhere = [path for path in paths(value) if path]
        if not everywhere:
            return random.choice(ODD)
        path = random.choice(everywhere)
        parent, key = at(value, path[:-1]), path[-1]
        _change(parent, key, value, everywhere, random)
    return value


def _change(parent, key, whole, everywhere, random):
    kind = random.choice(["odd", "odd", "remove", "copy", "swap", "repeat", "rename"])
    if kind == "odd":
        parent[key] = copy.deepcopy(random.choice(ODD))
    elif kind == "remove":
        del parent[key]
    elif kind == "copy":
        parent[key] = copy.deepcopy(at(whole, random.choice(everywhere)))
    elif kind == "swap":
        other = random.choice(everywhere)
        there = at(whole, other[:-1])
        there[other[-1]], parent[key] = (
            copy.deepcopy(parent[key]),
            copy.deepcopy(there[other[-1]]),
        )
    elif kind == "repeat" and isinstance(parent, list):
        parent.extend(copy.deepcopy(parent[key]) for _ in range(random.randint(1, 50)))
    elif kind == "rename" and isinstance(parent, dict):
        parent[random.choice(["name", "x", "units", "shape"])] = parent.pop(key)
    elif isinstance(parent[key], (int, float)):
        parent[key] *= random.choice([-1, 2, 10, 1000])


def mutate_bytes(data, random):
    """A copy of some bytes, damaged as by a disk, a download or an attacker."""
    data = bytearray(data)
    for _ in range(random.randint(1, 8)):
        kind, place = random.choice(["flip", "cut", "insert", "word"]), 0
        if data:
            place = random.randrange(len(data))
        if kind == "flip" and data:
            data[place] ^= 1 << random.randrange(8)
        elif kind == "cut":
            del data[place : place + random.choice([1, 100, len(data)])]
        elif kind == "insert":
            data[place:place] = random.randbytes(random.randint(1, 9))
        elif kind == "word":
            size = random.choice([4, 8])
            word = random.choice([0, 1, 2**31, 2**32 - 1]).to_bytes(size, "little")
            data[place : place + size] = word
    return bytes(data)


def as_json(value):
    """The bytes of a JSON value, with what only Python's own reader accepts."""
    return json.dumps(value).encode("utf-8", errors="surrogatepass")
