"""The only package that relies on private parts of Keras and TensorFlow.

The docstring of each item names the private part and the reason for using it.
`tests/test_keras_patches.py` has a test for each item, which fails if a release of
Keras or TensorFlow removes the private part or makes the item unnecessary.
"""

import keras

from ae_zoo.distribution.keras_patches.attributes import (
    attributes_of_layer,
    attributes_of_model,
    attributes_of_optimizer,
)
from ae_zoo.distribution.keras_patches.files import (
    TFLiteOperator,
    TFLiteTensor,
    operators_of,
    set_per_channel_dense,
    tflite_operators,
    unpack_tflite,
)
from ae_zoo.distribution.keras_patches.layers import (
    all_layers,
    clear_losses,
    clear_own_losses,
    logits_of,
    mask_of,
    names_kept,
    with_logits,
)
from ae_zoo.distribution.keras_patches.metering import (
    Meter,
    metered,
)
from ae_zoo.distribution.keras_patches.optimizers import (
    MatrixMuon,
    disable_gradient_sum,
    fused_update,
    learning_rate_or_schedule,
    weights_without_optimizer,
)
from ae_zoo.distribution.keras_patches.training import (
    CALLBACK_STATE,
    FROM_FIT,
    MultiWorkerModel,
    enable_heartbeats,
    plan_calls,
    set_initial_epoch,
)

if keras.config.backend() != "tensorflow":
    raise ImportError(
        "ae_zoo trains with Keras on TensorFlow. Received the Keras backend "
        f"{keras.config.backend()!r}. Set the environment variable "
        "KERAS_BACKEND=tensorflow before keras is imported."
    )

# First and last release that passed the tests. The bounds in setup.py are the same.
TESTED = {"keras": ("3.12", "3.15"), "tensorflow": ("2.20", "2.21")}

__all__ = [
    "CALLBACK_STATE",
    "FROM_FIT",
    "MatrixMuon",
    "Meter",
    "MultiWorkerModel",
    "TESTED",
    "TFLiteOperator",
    "TFLiteTensor",
    "all_layers",
    "attributes_of_layer",
    "attributes_of_model",
    "attributes_of_optimizer",
    "clear_losses",
    "clear_own_losses",
    "disable_gradient_sum",
    "enable_heartbeats",
    "fused_update",
    "learning_rate_or_schedule",
    "logits_of",
    "mask_of",
    "metered",
    "names_kept",
    "operators_of",
    "plan_calls",
    "set_initial_epoch",
    "set_per_channel_dense",
    "tflite_operators",
    "unpack_tflite",
    "weights_without_optimizer",
    "with_logits",
]
