"""Strategies of `tf.distribute` by name."""

import tensorflow as tf

from ae_zoo.names import unknown_name

_STRATEGIES = {
    "default": tf.distribute.get_strategy,
    "one_device": lambda: tf.distribute.OneDeviceStrategy(_first_device()),
    "mirrored": lambda: tf.distribute.MirroredStrategy(_all_devices()),
}
NAMES = tuple(_STRATEGIES)


def get_strategy(strategy):
    """The strategy of a name in `NAMES`, or the strategy passed in.

    "one_device" is the first GPU, else the CPU; "mirrored" is every GPU, else every
    logical CPU device.

    Raises:
        ValueError: An unknown name.
    """
    if isinstance(strategy, tf.distribute.Strategy):
        return strategy
    if strategy not in _STRATEGIES:
        raise unknown_name("strategy", strategy, NAMES)
    return _STRATEGIES[strategy]()


def _all_devices():
    for kind in ("GPU", "CPU"):
        devices = tf.config.list_logical_devices(kind)
        if devices:
            break
    return [f"{kind}:{index}" for index in range(len(devices))]


def _first_device():
    return f"/{_all_devices()[0]}"
