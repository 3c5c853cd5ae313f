"""The optimizer of recipes that Keras's plain ones do not train well enough."""

import keras


def muon(learning_rate, exclude_layers=None):
    """Keras's Muon without weight decay: kernels by Muon, all else by Adam.

    Muon makes steps of equal length in all directions of a kernel (Jordan et al. 2024,
    "Muon: an optimizer for hidden layers in neural networks"). Kernels of
    convolutions, which are no matrices, are left to Adam.

    Args:
        learning_rate: Float or schedule, of both.
        exclude_layers: List of regular expressions; weights whose path holds one are
            left to Adam. A step of Muon costs much where kernels are large.

    Returns:
        A `keras.optimizers.Muon`.

    Raises:
        TypeError: `exclude_layers` is a string.
        RuntimeError: Keras before 3.13, whose Muon does not train on TensorFlow.

    Example:

    >>> optimizer = muon(1e-3, exclude_layers=["pixels"])  # doctest: +SKIP
    """
    if isinstance(exclude_layers, str):
        raise TypeError(
            f"`exclude_layers` must be a list of strings. Received: {exclude_layers!r}"
        )
    if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13):
        raise RuntimeError(
            "The Muon of Keras before 3.13 does not train on TensorFlow. Upgrade Keras "
            f"(on Python 3.11 or later). Received: Keras {keras.__version__}"
        )
    return keras.optimizers.Muon(
        learning_rate,
        weight_decay=0.0,
        adam_weight_decay=0.0,
        exclude_layers=exclude_layers,
    )
