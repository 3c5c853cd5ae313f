"""The deep autoencoder: two symmetric stacks of several layers."""

import keras

from ae_zoo.models.autoencoder import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo")
class DeepAutoencoder(Autoencoder):
    """Encoder and decoder of several layers each, mirror images of each other.

    Hinton & Salakhutdinov 2006, figure 1; `decoder="tied"` is their "unrolled" network
    before fine-tuning lets the two halves part.

    Args:
        encoder: See `Autoencoder`, as for all other arguments.
        decoder: As many weight layers as the encoder, or "tied".
        **kwargs: `reconstruction_loss`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: Fewer than two weight layers, or stacks of unequal depth.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [1000, 500, 250, 30])
    >>> ae_zoo.DeepAutoencoder(encoder, "tied").latent_dim
    30
    """

    def __init__(self, encoder, decoder, reconstruction_loss="bernoulli", **kwargs):
        super().__init__(encoder, decoder, reconstruction_loss, **kwargs)
        depths = _depth(self.encoder), _depth(self.decoder)
        if min(depths) < 2 or depths[0] != depths[1]:
            raise ValueError(
                "A deep autoencoder has at least two layers in its encoder and as many "
                f"in its decoder. Received {depths[0]} and {depths[1]}. For single "
                "layers use UndercompleteAutoencoder."
            )


def _depth(model):
    kernels = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if getattr(layer, "kernel", None) is not None
        or hasattr(layer, "_shared_kernel")
    ]
    return len(kernels)
