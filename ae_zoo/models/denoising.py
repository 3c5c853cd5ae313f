"""The denoising autoencoder: reconstruct the clean input from a corrupted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from ae_zoo.corruptions import Corruption, GaussianCorruption
from ae_zoo.distribution import replicas
from ae_zoo.models.autoencoder import Autoencoder
from ae_zoo.models.objective import ModelSpec, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import Decoder, SharedArguments


@keras.saving.register_keras_serializable("ae_zoo")
class DenoisingAutoencoder(Autoencoder):
    """Minimizes E[ℓ(x, x̂(x̃))], with a new draw x̃ ~ q(x̃|x) at every step.

    Vincent et al. 2010, section 3.1. `fit(x)` and `evaluate(x)` corrupt x and compare
    with the clean x, `evaluate` with the same noise each time it is called;
    `fit(noisy, clean)` uses your pairs as they are; `predict` never corrupts.

    Args:
        encoder: See `Autoencoder`.
        decoder: See `Autoencoder`; also "tied".
        corruption: `GaussianCorruption`, `MaskingCorruption` or
            `SaltAndPepperCorruption` of `ae_zoo.corruptions`, or your own `Corruption`.
            None means `GaussianCorruption(0.5)` with results clipped to the
            `input_range` of the model, if it has one. With a scaling, the noise is
            added to scaled values, and clipped to [0, 1] for "min_max" and "pixels".
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        TypeError: `corruption` is not a `Corruption`.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((64,), [100], latent_activation="relu")
    >>> corruption = ae_zoo.corruptions.MaskingCorruption(0.3)
    >>> model = ae_zoo.DenoisingAutoencoder(encoder, "tied", corruption=corruption)
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: Decoder,
        *,
        corruption: Corruption | None = None,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        if corruption is None:
            clip = self.input_range
            if self.scaling is not None:
                clip = self.scaling.scaled_range
            corruption = GaussianCorruption(0.5, clip=clip)
        self.corruption = corruption
        self.check_arguments()

    def check_arguments(self) -> None:
        super().check_arguments()
        if not isinstance(self.corruption, Corruption):
            raise TypeError(
                "`corruption` must be an ae_zoo.corruptions.Corruption, such as "
                f"GaussianCorruption(0.5). Received: {self.corruption!r}"
            )
        clip = getattr(self.corruption, "clip", None)
        has_signs = self.scaling is not None and self.scaling.scaled_range is None
        if has_signs and clip is not None and clip[0] >= 0:
            raise ValueError(
                f"The corruption clips scaled values to {clip}, but this scaling gives "
                "values of both signs. Pass clip=None to the corruption."
            )

    def corrupt(self, x: Tensor, training: bool) -> Tensor:
        seed = self.next_seed(training, shared=True)
        return replicas.of_global_batch(lambda x: self.corruption(x, seed=seed), x)

    def spec(self) -> ModelSpec:
        corruption = self.corruption if self.scaling is None else self._corrupt_in_units
        return super().spec()._replace(corruption=corruption)

    def _corrupt_in_units(self, x: Tensor, seed: Tensor) -> Tensor:
        """Corrupt inputs in the user's units."""
        return self.unscale(self.corruption(self.scale(x), seed=seed))
