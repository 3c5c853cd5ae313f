"""A convolutional network that removes stains and folds from scanned pages of text.

Source: pairs of a dirty and a clean page (Castro-Bleda et al. 2019, "The NoisyOffice
database"), with the network of denoising_photos, but smaller.
Command: ae-zoo train cleaning_documents
Wall time: 29 min on 2 cores of Intel Xeon with AMX, shared with other work.
Expected: root-mean-square error 0.0255 on pages in fonts not seen in training;
background subtraction has 0.0470, and the pages as they are 0.1568. For the split of
MLE-bench, where the clean page of each test page is also behind a training page, train
with --data dirty_documents_public: 0.0184; background subtraction has 0.0484. (The
medals of MLE-bench, 0.0179, 0.0261 and 0.0452, come from the leaderboard of the
competition, which scored other pages.)
"""

import keras
import tensorflow as tf

from ae_zoo import (
    ConvolutionalAutoencoder,
    Recipe,
    data,
    evaluation,
    networks,
    optimizers,
)

patch = data.random_patch(96)


def build():
    encoder = networks.residual_u_net_encoder(
        (None, None, 1), filters=[32, 48, 64], blocks=[1, 2, 2]
    )
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 1)
    return ConvolutionalAutoencoder(
        encoder, decoder, reconstruction_loss="bernoulli", input_range=(0.0, 1.0)
    )


def lit_patches(pages, seed):
    """Cuts a patch out of each pair, and changes the light of the dirty page."""
    seeds = tf.random.experimental.stateless_split(seed, 2)
    dirty, clean = tf.split(patch(pages, seeds[0]), 2, axis=-1)
    shape = (tf.shape(pages)[0], 1, 1, 1)
    power = tf.exp(tf.random.stateless_uniform(shape, seeds[1], -0.2, 0.2))
    return tf.concat([dirty**power, clean], axis=-1)


def training_callbacks(run):
    # Validates the averaged weights, with which the training ends.
    return [keras.callbacks.SwapEMAWeights()]


recipe = Recipe(
    build=build,
    dataset="dirty_documents",
    augment=lit_patches,
    task="Removes stains, folds and the tone of the paper from scanned pages of text.",
    epochs=10,
    steps_per_epoch=300,
    batch_size=8,
    optimizer=optimizers.muon(3e-3, decay="cosine", ema_momentum=0.99),
    callbacks=training_callbacks,
    metrics=(evaluation.DocumentCleaning(),),
    dtype_policy="mixed_bfloat16",
    paper="Castro-Bleda et al. 2019, The Computer Journal",
    license="Apache-2.0",
    limits="For gray pages of printed dark text on light paper, with lines of text "
    "about 20 to 40 pixels high. The test pages have the same stains as the training "
    "pages, with text in other fonts.",
)
