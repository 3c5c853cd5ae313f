"""An autoencoder of a pump's eight sensors that detects faults of the pump.

Source: the Skoltech Anomaly Benchmark (Katser & Kozitsin 2020). Related
to the multivariate state estimation of Singer et al. 1997, which is among the best in
the table of the benchmark. Here a network estimates each sensor from the other seven.
Command: ae-zoo train anomaly_skab
Wall time: 5 min on 2 cores of Intel Xeon that also did other work.
Expected: F1 0.745 ± 0.005, ROC-AUC 0.818 and PR-AUC 0.831 over three seeds; PCA with 32
components has 0.255, 0.513 and 0.606, and flagging every row an F1 of 0.698.
Width, optimizer and epochs were chosen by the loss on the validation split, on which
`UNEXPLAINED` was measured, and which also sets the threshold. For a model of each run,
as in the table of the benchmark, see benchmarks/skab.py.
"""

import keras
import numpy as np
from keras import layers

from ae_zoo import Recipe, UndercompleteAutoencoder, evaluation, optimizers
from ae_zoo.layers import Scaling

WINDOW, SENSORS = 60, 8
NORMAL = (0,)
# Shares of the standard deviations of the sensors that the others do not explain, on
# the windows that validate. An error counts by how unusual it is for the sensor.
UNEXPLAINED = (0.05, 0.03, 0.55, 1.0, 0.08, 0.13, 1.0, 0.02)


def hidden(x):
    return layers.Dense(128, "gelu", kernel_initializer="he_normal")(x)


def build():
    """The code is the mean of each sensor in the window, estimated from the others."""
    window = keras.Input((WINDOW, SENSORS))
    means = layers.GlobalAveragePooling1D()(window)
    estimates, selections = [], []
    for _ in range(SENSORS):
        others = layers.Dense(SENSORS - 1, use_bias=False, trainable=False)
        selections.append(others)
        # In the units of the scaling, values are up to 50: back to about 1.
        estimates.append(layers.Dense(1)(hidden(hidden(others(means)))))
    code = layers.Concatenate()(estimates)
    encoder = keras.Model(window, code, name="encoder")
    for sensor, others in enumerate(selections):
        weights = np.diag(UNEXPLAINED).astype("float32")
        others.set_weights([np.delete(weights, sensor, axis=1)])

    inputs = keras.Input((SENSORS,))
    repeated = layers.RepeatVector(WINDOW)(inputs)
    # From standard deviations, the unit of the code, to the unit of the scaling.
    back = layers.Rescaling(1 / np.array(UNEXPLAINED))(repeated)
    decoder = keras.Model(inputs, back, name="decoder")
    return UndercompleteAutoencoder(
        encoder,
        decoder,
        reconstruction_loss="gaussian",
        scaling=Scaling("standard", factors=UNEXPLAINED),
    )


recipe = Recipe(
    build=build,
    dataset="skab",
    classes=NORMAL,
    task="Detects faults of a water pump in windows of its eight sensors, after "
    "training on normal operation only.",
    epochs=60,
    batch_size=256,
    optimizer=optimizers.muon(5e-3, decay="cosine"),
    metrics=(evaluation.WindowDetection(normal=NORMAL),),
    paper="Katser & Kozitsin 2020, Skoltech Anomaly Benchmark",
    license="GPL-3.0",
    limits="For one pump, with one row a second, in states of operation like those of "
    "the training data. Choose the threshold on normal rows of your own.",
)
