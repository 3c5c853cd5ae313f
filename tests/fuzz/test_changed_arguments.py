"""Arguments changed between calls: each call computes what a new model would.

Each failure names its seed. To run one case again:
AE_ZOO_FUZZ_SEED=123 pytest -n 0 tests/fuzz/test_changed_arguments.py
"""

import keras
import numpy as np
import pytest
from builders import ENTRIES, compiled

from ae_zoo import corruptions

NUMBERS = ["beta", "penalty_weight", "variance", "visible_weight"]
SHARES = ["momentum", "rate", "rho"]
COUNTS = ["importance_samples", "k", "k_inference", "projections"]


def value_of(random, name):
    if name in NUMBERS:
        return random.choice([0, 0.5, 2.0, 7])
    if name in SHARES:
        return random.choice([0.1, 0.5, 0.9])
    if name in COUNTS:
        return random.choice([1, 2, 5])
    if name == "corruption":
        kinds = [
            corruptions.MaskingCorruption,
            corruptions.SaltAndPepperCorruption,
            corruptions.GaussianCorruption,
        ]
        return random.choice(kinds)(random.choice([0.1, 0.9]))
    return random.choice([(0.0, 1.0), (-1.0, 1.0)])  # `input_range`


def results(model, random, images):
    """What some of the methods return, in a random order."""
    calls = {
        "evaluate": lambda: model.evaluate(images, verbose=0),
        "train": lambda: model.train_on_batch(images),
        "encode": lambda: model.encode(images),
        "score": lambda: model.score(images),
    }
    names = random.sample(list(calls), random.randint(1, 3))
    return {name: calls[name]() for name in names}


def copy_of(model):
    fresh = compiled(type(model).from_config(model.get_config()))
    fresh.set_weights(model.get_weights())
    fresh._training_seeds.state.assign(model._training_seeds.state)
    return fresh


@pytest.mark.slow
def test_attributes(cases, images):
    entries = list(ENTRIES)
    for seed, random in cases:
        model = compiled(ENTRIES[entries[seed % len(entries)]](True))
        known = [*NUMBERS, *SHARES, *COUNTS, "corruption", "input_range"]
        names = [name for name in known if hasattr(model, name)]
        for _ in range(3):
            for name in random.sample(names, random.randint(1, min(2, len(names)))):
                setattr(model, name, value_of(random, name))
            fresh, order = copy_of(model), random.getstate()
            found = results(model, random, images)
            random.setstate(order)
            expected = results(fresh, random, images)
            keras.tree.map_structure(
                lambda mine, theirs, seed=seed: np.testing.assert_array_equal(
                    mine, theirs, err_msg=f"seed {seed}"
                ),
                found,
                expected,
            )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((8, 8, 8, 1)).astype("float32")
