"""A convolutional denoiser for photographs of faces, one model for noise up to 0.6.

Source: Vincent et al. 2010, "Stacked denoising autoencoders", with the network of
Ronneberger et al. 2015, "U-Net".
Command: ae-zoo train denoising_olivetti_faces
Wall time: 22 min on 2 cores of AMD EPYC, shared with other work.
Expected: PSNR on people not seen in training 27.79, 24.81 and 22.26 dB at noise 0.1,
0.25 and 0.5. The best baseline is non-local means at noise 0.1 (27.42), and the best
linear denoiser at the other two (23.62 and 22.07).
"""

import tensorflow as tf

from ae_zoo import DenoisingAutoencoder, Recipe, data, evaluation, networks, optimizers
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (64, 64, 1)
BASELINES = ("linear denoiser", "non-local means")


def build():
    encoder = networks.u_net_encoder(INPUT_SHAPE, [16, 32, 64, 128])
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 1, output="linear")
    return DenoisingAutoencoder(
        encoder,
        decoder,
        corruption=GaussianCorruption(stddev=(0.0, 0.6)),
        reconstruction_loss="gaussian",
        input_range=(0.0, 1.0),
    )


turn = data.random_affine(rotation=0.05, shear=0.03)
mirror = data.random_flip()


def another_photograph(images, seed):
    """Rotates, shears and flips faces at random, and changes their light."""
    seeds = tf.random.experimental.stateless_split(seed, 4)
    shape = (tf.shape(images)[0], 1, 1, 1)
    contrast = tf.random.stateless_uniform(shape, seeds[1], 0.7, 1.3)
    brightness = tf.random.stateless_uniform(shape, seeds[2], -0.15, 0.15)
    images = mirror(turn(images, seeds[3]), seeds[0])
    return tf.clip_by_value(contrast * (images - 0.5) + 0.5 + brightness, 0, 1)


recipe = Recipe(
    build=build,
    dataset="olivetti_faces",
    augment=another_photograph,
    task="Removes Gaussian noise with a standard deviation up to 0.6 from photographs "
    "of faces.",
    epochs=400,
    batch_size=15,
    optimizer=optimizers.adam(2e-3, decay="cosine"),
    metrics=tuple(
        evaluation.Denoising(stddev=stddev, headline_metric="psnr", baselines=BASELINES)
        for stddev in (0.25, 0.1, 0.5)
    ),
    paper="Vincent et al. 2010, JMLR 11",
    license="Apache-2.0",
    limits="For gray frontal faces of 64×64 pixels, with the noisy image clipped to "
    "[0, 1]. The people in the test split do not appear in the training split.",
)
