"""The sparse autoencoder: few hidden units are active for each input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import keras

from ae_zoo import networks, penalties
from ae_zoo._checks import check_integer, check_number
from ae_zoo.layers import keep_largest
from ae_zoo.models.arguments import check_fixed_sizes
from ae_zoo.models.autoencoder import Autoencoder
from ae_zoo.models.objective import Annealable, Draws, ModelSpec, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import Decoder, SharedArguments

_KINDS = ("l1", "kl", "k")
_UNBOUNDED = ("linear", "relu", "gelu", "elu", "tanh", "softplus")


@keras.saving.register_keras_serializable("ae_zoo")
class SparseAutoencoder(Autoencoder):
    """An autoencoder with few active units; the code may be larger than the input.

    Args:
        encoder: See `Autoencoder`. `sparsity="kl"` needs activations in [0, 1], such as
            those of a sigmoid.
        decoder: See `Autoencoder`; also "tied".
        sparsity: "l1", the penalty Σ|zⱼ| of each sample; "kl", the divergence of each
            unit's mean activation from `rho` (Ng 2011); or "k", which keeps the `k`
            largest units of each sample (Makhzani & Frey 2013) and adds no penalty.
        penalty_weight: Weight of the L1 or KL penalty; the metric `sparsity` shows the
            penalty without it.
        rho: Target mean activation for "kl", in (0, 1).
        k: Number of units that "k" keeps in training. Fewer units die if k starts large
            and falls to this value; see `ae_zoo.callbacks.Anneal`.
        k_inference: Number of units that "k" keeps otherwise; None is `k`. The paper
            keeps more units to classify codes, which
            `ae_zoo.evaluation.LinearProbe(k=...)` does without changing the model.
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        ValueError: `sparsity` is unknown, or a weight, `rho` or `k` is out of range.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [1000])
    >>> model = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=25)
    """

    penalty_name: str | None = "sparsity"
    penalty_weight_argument = "penalty_weight"
    fixed_arguments = (*Autoencoder.fixed_arguments, "sparsity")

    def __init__(
        self,
        encoder: keras.Model,
        decoder: Decoder,
        *,
        sparsity: Literal["l1", "kl", "k"] = "l1",
        penalty_weight: float = 1e-3,
        rho: float = 0.05,
        k: int = 25,
        k_inference: int | None = None,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        if sparsity not in _KINDS:
            raise ValueError(
                f"`sparsity` must be one of {list(_KINDS)}. Received: {sparsity!r}"
            )
        if sparsity == "k":
            self.penalty_name = None
        super().__init__(encoder, decoder, **kwargs)
        self.sparsity = sparsity
        self.penalty_weight = penalty_weight
        self.rho = rho
        self.k = k
        self.k_inference = k_inference
        self.check_arguments()

    def check_arguments(self) -> None:
        super().check_arguments()
        check_number("penalty_weight", self.penalty_weight, least=0)
        check_number("rho", self.rho)
        if not 0 < self.rho < 1:
            raise ValueError(
                "`rho`, a mean activation, must lie strictly between 0 and 1. "
                f"Received: {self.rho}"
            )
        if self.sparsity != "l1":
            check_fixed_sizes(self, f"sparsity={self.sparsity!r} counts units")
        for name, k in (("k", self.k), ("k_inference", self.k_inference)):
            if name == "k" or k is not None:
                check_integer(name, k)
            if self.sparsity == "k" and k is not None and not 1 <= k <= self.latent_dim:
                raise ValueError(
                    f"`{name}` must be between 1 and the {self.latent_dim} units of "
                    f"the code. Received: {k}"
                )
        self._check_bounded()

    def _check_bounded(self) -> None:
        chain = networks.dense_chain(self.encoder)
        if self.sparsity != "kl" or not chain:
            return
        activation = keras.activations.serialize(chain[-1].activation)
        if activation in _UNBOUNDED:
            raise ValueError(
                "sparsity='kl' compares mean activations with `rho`, so the code must "
                f"lie in [0, 1]. Received an encoder that ends in {activation!r}; end "
                "it in a sigmoid."
            )

    def bottleneck(
        self, code: Tensor, training: bool = False, draws: Draws | None = None
    ) -> Tensor:
        if self.sparsity != "k":
            return code
        if training:
            return keep_largest(code, self.annealed("k", training))
        return keep_largest(code, self.k_inference or self.k)

    def penalty(
        self, x: Tensor, code: Tensor, z: Tensor, *, sample_weight: Tensor, **_: Any
    ) -> Tensor | None:
        if self.sparsity == "l1":
            return penalties.l1(code)
        if self.sparsity == "kl":
            return penalties.kl_sparsity(code, self.rho, sample_weight)
        return None

    @property
    def annealable(self) -> Mapping[str, Annealable]:
        return {"k": Annealable(int)} if self.sparsity == "k" else super().annealable

    def spec(self) -> ModelSpec:
        return (
            super()
            .spec()
            ._replace(
                has_exact_zeros=True,
                units_kept="k_inference" if self.sparsity == "k" else None,
                target_activation=self.rho if self.sparsity == "kl" else None,
                shows_code=True,
            )
        )
