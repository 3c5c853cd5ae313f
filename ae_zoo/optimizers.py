"""Optimizers of Keras as several recipes set them up."""

import re

import keras
from keras import ops


def adam_with_warmup(steps, learning_rate):
    """Adam whose learning rate rises from 1e-5 to a peak and falls by a cosine.

    It rises for 200 steps, or a tenth of a short run. At full rate from the first step
    the output bias of a convolutional decoder, shared by all pixels, can saturate a
    sigmoid for good.

    Args:
        steps: Of the whole run.
        learning_rate: At the peak.

    Returns:
        A `keras.optimizers.Adam`.

    Example:

    >>> optimizer = adam_with_warmup(steps=1000, learning_rate=2e-3)
    >>> float(optimizer.learning_rate)  # of the first step
    9.999999747378752e-06
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-5, steps, warmup_target=learning_rate, warmup_steps=min(200, steps // 10)
    )
    return keras.optimizers.Adam(schedule)


def accumulate_gradients(optimizer, parts):
    """Lets an optimizer sum the gradients of so many parts of a batch for each step.

    Keras hands a schedule the number of parts seen, in place of the number of steps;
    here the rate is that of the step all the same.

    Args:
        optimizer: A Keras optimizer, not yet built. It is changed.
        parts: Of a batch, 2 or more.

    Example:

    >>> optimizer = keras.optimizers.SGD(0.1)
    >>> accumulate_gradients(optimizer, 4)
    >>> optimizer.gradient_accumulation_steps
    4
    """
    optimizer.gradient_accumulation_steps = parts
    schedule = optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        optimizer.learning_rate = _ScheduleOfSteps(schedule, parts)


@keras.saving.register_keras_serializable("ae_zoo")
class _ScheduleOfSteps(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, schedule, parts):
        self.schedule = schedule
        self.parts = parts

    def __call__(self, step):
        return self.schedule(step // self.parts)

    def get_config(self):
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "parts": self.parts,
        }

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["parts"])


def muon(learning_rate, exclude_layers=None):
    """Keras's Muon without weight decay: kernels by Muon, all else by Adam.

    Muon makes steps of equal length in all directions of a kernel (Jordan et al. 2024,
    "Muon: an optimizer for hidden layers in neural networks"). The kernel of a
    convolution, which Keras's own leaves to Adam, counts as the matrix from a patch to
    the filters, if there are several; depthwise ones so stay with Adam.

    Args:
        learning_rate: Float or schedule, of both.
        exclude_layers: List of regular expressions; weights whose path holds one are
            left to Adam. A step of Muon costs much where kernels are large.

    Returns:
        A `keras.optimizers.Muon` that takes convolutions too.

    Raises:
        TypeError: `exclude_layers` is a string.
        RuntimeError: Keras before 3.13, whose Muon does not train on TensorFlow.

    Example:

    >>> optimizer = muon(1e-3, ["from_input", "to_output"])  # doctest: +SKIP
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
    return ConvolutionalMuon(
        learning_rate,
        weight_decay=0.0,
        adam_weight_decay=0.0,
        exclude_layers=exclude_layers,
    )


@keras.saving.register_keras_serializable("ae_zoo")
class ConvolutionalMuon(keras.optimizers.Muon):
    """Muon, also for the kernels of convolutions; see `muon`, which makes it.

    It overrides what Keras 3.13 to 3.15 ask for each variable and each step.
    """

    def _should_use_adamw(self, variable):
        if len(variable.shape) <= 2:
            return super()._should_use_adamw(variable)
        is_kernel = variable.path.endswith("/kernel") and variable.shape[-1] > 1
        return not is_kernel or any(
            re.search(name, variable.path) for name in self.exclude_layers
        )

    def zeropower_via_newtonschulz5(self, x, steps):
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        update = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.reshape(update, x.shape)

    def lr_adjust(self, x):
        matrix = super().lr_adjust(ops.reshape(x, (-1, x.shape[-1])))
        return ops.reshape(matrix, x.shape)
