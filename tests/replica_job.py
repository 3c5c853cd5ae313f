"""Trains a model of each variant on one or several replicas and saves the results.

python replica_job.py FILE mirrored | multi_worker
"""

import sys

import numpy as np

REPLICAS = 3  # of "mirrored"
BATCH_SIZE = 6  # which three and two divide


def images():
    return np.random.default_rng(5).random((27, 8, 8, 1)).astype("float32")


def train_all(strategy):
    """Trains the models of `ONE_PER_VARIANT`; returns arrays by name."""
    from builders import ENTRIES, ONE_PER_VARIANT

    return {
        f"{name}/{key}": value
        for name in ONE_PER_VARIANT
        for key, value in train(ENTRIES[name], strategy).items()
    }


def train(build, strategy):
    """Trains with noise and sample weights. The last batches hold 3 samples and 1.

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
    options = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
    history = model.fit(x[:25], validation_data=(x, x), **options).history
    weighted = model.fit(x[:25], sample_weight=weight[:25], **options).history
    weighted = {f"weighted_{name}": values for name, values in weighted.items()}
    results = {name: np.array(values) for name, values in (history | weighted).items()}
    logs = model.evaluate(x[:7], batch_size=BATCH_SIZE, verbose=0, return_dict=True)
    results |= {f"evaluate_{name}": np.array(value) for name, value in logs.items()}
    if isinstance(model, ae_zoo.ConvolutionalAutoencoder):
        # Every sample once, in any order: the workers must agree on a seed.
        model.optimizer.learning_rate = 0.0
        tf.random.set_seed(None)
        shuffled = model.fit(x, x, **options | {"shuffle": True}).history
        results["shuffled"] = np.array(shuffled["loss"])
    results["predict"] = model.predict(x[:7], batch_size=BATCH_SIZE, verbose=0)
    for number, value in enumerate(model.get_weights()):
        results[f"weight_{number}"] = value
    return results


def main(path, kind):
    import tensorflow as tf

    if kind == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * REPLICAS,
        )
        # Each replica that waits for the others occupies a thread.
        tf.config.threading.set_inter_op_parallelism_threads(4 * REPLICAS)
    from ae_zoo.distribution.strategies import get_strategy

    np.savez(path, **train_all(get_strategy(kind)))


if __name__ == "__main__":
    main(*sys.argv[1:])
