"""A denoiser for gray photographs of any size, one model for noise up to 55 of 255.

Source: the residual learning and the training set of Zhang et al. 2017, "Beyond a
Gaussian denoiser" (DnCNN-B), with a residual U-Net as in Zhang et al. 2021,
"Plug-and-play image restoration with deep denoiser prior", but at half size and below.
Command: ae-zoo train denoising_photos
Wall time: 84 min on 2 cores of Intel Xeon with AMX, shared with other work.
Expected: mean PSNR on BSD68 at noise 15, 25 and 50 of 255: 31.51, 29.10 and 26.19 dB.
BM3D has 31.07, 28.57 and 25.62, and the blind DnCNN 31.61, 29.16 and 26.23.
"""

import keras
import tensorflow as tf

from ae_zoo import (
    DenoisingAutoencoder,
    Recipe,
    data,
    evaluation,
    networks,
    optimizers,
)
from ae_zoo.corruptions import GaussianCorruption

LARGEST_NOISE = 55 / 255
# Noise, and the mean PSNR on BSD68 that the repository of DnCNN states for BM3D and for
# DnCNN-B.
PUBLISHED = [(25, 28.57, 29.16), (15, 31.07, 31.61), (50, 25.62, 26.23)]
patch = data.random_patch(96)
symmetry = data.random_symmetry()


def build(filters=(64, 96, 128), blocks=(2, 2, 1)):
    encoder = networks.residual_u_net_encoder((None, None, 1), filters, blocks)
    decoder = networks.pixel_decoder(
        encoder.output_shape[1:], 1, output="linear", starts_from_input=True
    )
    return DenoisingAutoencoder(
        encoder,
        decoder,
        corruption=GaussianCorruption(stddev=(0.0, LARGEST_NOISE), clip=None),
        reconstruction_loss="gaussian",
        input_range=(0.0, 1.0),
    )


def turned_patches(images, seed):
    seeds = tf.random.experimental.stateless_split(seed, 2)
    return symmetry(patch(images, seeds[0]), seeds[1])


def training_callbacks(run):
    # Validates the averaged weights, with which the training ends.
    return [keras.callbacks.SwapEMAWeights()]


recipe = Recipe(
    build=build,
    dataset="bsds500_gray",
    augment=turned_patches,
    task="Removes Gaussian noise with a standard deviation up to 55 of 255 from gray "
    "photographs of any size.",
    epochs=50,
    steps_per_epoch=500,
    batch_size=12,
    optimizer=optimizers.muon(
        1e-3, decay="cosine", warmup=True, hold=0.6, ema_momentum=0.999
    ),
    callbacks=training_callbacks,
    metrics=(
        *(
            evaluation.PhotographDenoising(
                stddev=stddev, published=bm3d, source=f"BM3D; blind DnCNN has {dncnn}"
            )
            for stddev, bm3d, dncnn in PUBLISHED
        ),
        *(
            evaluation.PhotographDenoising(stddev=stddev, as_files=True)
            for stddev, *_ in PUBLISHED
        ),
    ),
    dtype_policy="mixed_bfloat16",
    paper="Zhang et al. 2017, IEEE TIP 26",
    license="non-commercial research and education, the terms of the training data",
    limits="Trained on photographs with Gaussian noise that is equal everywhere.",
)
