"""Trains a recipe that needs everything a checkpoint must hold, with faults.

python resume_job.py OUTPUT_DIR [FAULT] [--resume]; FAULT is one of
kill:STEP (SIGKILL after that step of this process), term:STEP (SIGTERM),
write:N (SIGKILL with the files of the Nth checkpoint cut in half, not yet renamed),
rename:N (SIGKILL after the Nth checkpoint was renamed, before old ones are removed),
full:N (from the Nth checkpoint on no file can grow beyond a kilobyte).
"""

import os
import pathlib
import resource
import signal
import sys

import keras

import ae_zoo
from ae_zoo import data, evaluation, networks
from ae_zoo.distribution.strategies import get_strategy

EPOCHS = 9


def build():
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(24, "relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(8, "relu"),
        ]
    )
    decoder = networks.dense_decoder(8, [24], (8, 8, 1))
    return ae_zoo.DenoisingAutoencoder(encoder, decoder)


class Fault(keras.callbacks.Callback):
    def __init__(self, number, signal):
        super().__init__()
        self.number, self.signal, self.seen = number, signal, 0

    def on_train_batch_end(self, batch, logs=None):
        before, self.seen = self.seen, self.seen + 7  # steps in one call
        if before < self.number <= self.seen:
            os.kill(os.getpid(), self.signal)


def break_writing(kind, number):
    """Kills this process around the renaming that completes the Nth checkpoint."""
    rename, count = os.rename, 0

    def broken(source, target):
        nonlocal count
        count += pathlib.Path(target).name.isdigit()
        if kind == "write" and count == number:
            for file in pathlib.Path(source).iterdir():
                os.truncate(file, file.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)
        if count == number:
            if kind == "rename":
                os.kill(os.getpid(), signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))

    os.rename = broken


def callbacks(kind, number):
    made = [
        keras.callbacks.ReduceLROnPlateau(
            factor=0.5, patience=1, min_delta=1.0, cooldown=1
        )
    ]
    if kind in ("kill", "term"):
        made.append(Fault(number, getattr(signal, f"SIG{kind.upper()}")))
    return made


def main(output_dir, fault="none:0", *options):
    strategy = get_strategy("auto")  # before any other use of TensorFlow
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    if fault == "--resume":
        fault, options = "none:0", [fault]
    kind, number = fault.split(":")
    number = int(number)
    if kind in ("write", "rename", "full"):
        break_writing(kind, number)
    recipe = ae_zoo.Recipe(
        build=build,
        dataset="digits",
        binarize="dynamic",
        augment=data.random_affine(),
        task="Remove noise.",
        epochs=EPOCHS,
        batch_size=64,
        optimizer=lambda steps: keras.optimizers.Adam(3e-3),
        metrics=(evaluation.Denoising(stddev=0.5),),
        paper="Vincent et al. 2010",
        patience=3,
        steps_per_execution=7,
        callbacks=lambda run: callbacks(kind, number),
    )
    ae_zoo.train(
        recipe, strategy, output_dir=output_dir, resume="--resume" in options, verbose=0
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
