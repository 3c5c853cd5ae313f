"""Trains a model of each variant on one or several replicas and saves the results.

python replica_job.py FILE alone | mirrored COUNT | multi_worker
"""

import sys

import numpy as np


def images():
    return np.random.default_rng(5).random((27, 8, 8, 1)).astype("float32")


def train(build, strategy):
    """Trains with noise and sample weights. The last batches hold 3 and 1 samples.

    Returns:
        Arrays by name.
    """
    import keras
    import tensorflow as tf
    from builders import compiled

    import ae_zoo

    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = compiled(build(noise=True))
    x, weight = images(), np.linspace(0.0, 2.0, 27).astype("float32")
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    results = {}
    history = model.fit(x[:25], epochs=2, validation_data=(x, x), **options).history
    weighted = model.fit(x, sample_weight=weight, **options).history
    for name, values in (
        history | {f"weighted_{k}": weighted[k] for k in weighted}
    ).items():
        results[name] = np.array(values)
    logs = model.evaluate(x[:9], batch_size=8, verbose=0, return_dict=True)
    results |= {f"evaluate_{name}": np.array(value) for name, value in logs.items()}
    if isinstance(model, ae_zoo.ConvolutionalAutoencoder):
        # Every sample once, in any order: the workers must agree on a seed.
        model.optimizer.learning_rate = 0.0
        tf.random.set_seed(None)
        shuffled = model.fit(x, x, **options | {"shuffle": True}).history
        results["shuffled"] = np.array(shuffled["loss"])
    results["predict"] = model.predict(x[:9], batch_size=8, verbose=0)
    for number, value in enumerate(model.get_weights()):
        results[f"weight_{number}"] = value
    return results


def main(path, kind, count=1):
    import tensorflow as tf

    if kind == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * int(count),
        )
        # Each replica that waits for the others occupies a thread.
        tf.config.threading.set_inter_op_parallelism_threads(4 * int(count))
    from ae_zoo.distribution.strategies import get_strategy

    strategy = get_strategy(kind)
    from builders import ENTRIES, ONE_PER_VARIANT

    results = {}
    for name in ONE_PER_VARIANT:
        for key, value in train(ENTRIES[name], strategy).items():
            results[f"{name}/{key}"] = value
    np.savez(path, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
