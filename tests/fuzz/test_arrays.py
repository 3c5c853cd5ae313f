"""Arrays of all kinds through all methods: a result without NaN, or a clear error.

Each failure names its seed. To run one case again:
AE_ZOO_FUZZ_SEED=123 pytest -n 0 tests/fuzz/test_arrays.py
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import ENTRIES, SHAPE, compiled

DTYPES = ["float16", "float32", "float64", "bool", "uint8", "int8", "int64"]
ODD_DTYPES = ["complex64", "str", "object", "datetime64[s]"]
METHODS = ["fit", "evaluate", "predict", "encode", "decode", "reconstruct", "score"]
BATCH_METHODS = ["__call__", "train_on_batch", "test_on_batch", "predict_on_batch"]
MESSAGE = ("`", "batch", "Step ", "Received")  # each error names what was wrong


@pytest.fixture(scope="module")
def models():
    return {name: compiled(build(True)) for name, build in ENTRIES.items()}


def shape_of(random, sample_shape):
    shape = [random.choice([1, 3, 8, 11]), *sample_shape]
    if random.random() < 0.3:
        shape = random.choice(
            [shape[1:], shape[:-1], [*shape, 1], [0, *shape[1:]], [], [7], [2, 2]]
        )
    return shape


def array_of(random, sample_shape):
    values = np.random.default_rng(random.getrandbits(32)).random(
        shape_of(random, sample_shape)
    )
    if values.size and random.random() < 0.4:
        wrong = random.choice([np.nan, np.inf, -np.inf, 300.0, -40.0, 1e15, 1e-45])
        values.flat[random.randrange(values.size)] = wrong
    if random.random() < 0.15:
        return values.astype(random.choice(ODD_DTYPES))
    with np.errstate(all="ignore"):
        return values.astype(random.choice(DTYPES))


def kind_of(random, x):
    kinds = [
        lambda x: x,
        lambda x: x.tolist(),
        tf.convert_to_tensor,
        lambda x: tf.data.Dataset.from_tensor_slices(x).batch(4),
        lambda x: tf.data.Dataset.from_tensors(x),
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2] if x.ndim else x,
        lambda x: {"image": x},
        lambda x: (x,),
        lambda x: None,
    ]
    try:
        return random.choice(kinds)(x)
    except (TypeError, ValueError, tf.errors.OpError):
        return x  # TensorFlow has no such tensor


def arguments_of(random, model, method):
    sample = model.latent_shape if method == "decode" else SHAPE
    x = kind_of(random, array_of(random, sample))
    options = {}
    if method in ("fit", "evaluate", "predict"):
        options["verbose"] = 0
    if method in ("fit", "evaluate", "train_on_batch") and random.random() < 0.4:
        options["sample_weight"] = array_of(random, random.choice([(), SHAPE, (8, 8)]))
    if method in ("fit", "evaluate", "train_on_batch") and random.random() < 0.4:
        options["y"] = kind_of(random, array_of(random, SHAPE))
    if random.random() < 0.2 and method not in BATCH_METHODS:
        options["batch_size"] = random.choice([1, 5, 0, -2, 1.5, None, "4", True])
        if method not in ("fit", "evaluate", "predict") and not options["batch_size"]:
            options["batch_size"] = 0
    return x, options


@pytest.mark.filterwarnings("ignore")
def test_arrays(models, cases):
    names = list(models)
    for seed, random in cases:
        model = models[names[seed % len(names)]]
        method = random.choice([*METHODS, *BATCH_METHODS])
        x, options = arguments_of(random, model, method)
        description = f"seed {seed}: {method} of {model.name}, {type(x).__name__}"
        try:
            result = getattr(model, method)(x, **options)
        except (TypeError, ValueError, FloatingPointError) as error:
            assert any(part in str(error) for part in MESSAGE), f"{description} {error}"
            assert len(str(error)) < 2000, description
        except Exception as error:
            pytest.fail(f"{description}: {type(error).__name__}: {error}")
        else:
            result = getattr(result, "history", result)
            for values in keras.tree.flatten(result):
                assert np.isfinite(values).all(), description
        assert all(np.isfinite(w).all() for w in model.get_weights()), description
