"""The optimizer of the variational recipes, as Keras has it."""

import keras


def muon(learning_rate, exclude_layers=None):
    """Muon for the kernels of dense layers and Adam for all else, no weight decay.

    Muon makes steps of equal length in all directions of a kernel (Jordan et al. 2024,
    "Muon: an optimizer for hidden layers in neural networks"). Variational
    autoencoders of dense layers learn several times faster by it than by Adam.

    Args:
        learning_rate: Float or schedule, of both.
        exclude_layers: Parts of the names of layers to leave to Adam: a step of Muon
            costs as much as some hundred samples where kernels are large.

    Returns:
        A `keras.optimizers.Muon`.

    Raises:
        RuntimeError: Keras before 3.13, whose Muon does not train on TensorFlow.

    Example:

    >>> optimizer = muon(1e-3, exclude_layers=["pixels"])  # doctest: +SKIP
    """
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
