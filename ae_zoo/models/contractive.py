"""The contractive autoencoder: a code that changes little when the input does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import keras

from ae_zoo import networks, penalties
from ae_zoo._checks import check_count, check_number
from ae_zoo.models.arguments import check_fixed_sizes
from ae_zoo.models.autoencoder import Autoencoder
from ae_zoo.models.objective import Draw, Draws, ModelSpec, Parts, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import Decoder, SharedArguments

_METHODS = ("auto", "closed_form", "exact", "projection")


@keras.saving.register_keras_serializable("ae_zoo")
class ContractiveAutoencoder(Autoencoder):
    """Minimizes ℓ(x, x̂) + λ‖J_f(x)‖²_F, where J_f is the Jacobian of the encoder.

    Rifai et al. 2011.

    Args:
        encoder: See `Autoencoder`.
        decoder: See `Autoencoder`; also "tied", as in the paper.
        penalty_weight: λ ≥ 0. The metric `contraction` shows ‖J_f‖²_F without it.
        jacobian: How ‖J_f‖²_F is computed: "closed_form" for an encoder of one dense
            layer (fast); "exact" for any encoder, with one backward pass for each of
            the d units; "projection", an unbiased estimate from `projections` backward
            passes, for large d; "auto", the closed form if there is one, otherwise
            "exact".
        projections: Number of random projections to average over.
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        ValueError: An argument is out of range, or the encoder has no closed form.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder(
    ...     (784,), [1000], latent_activation="sigmoid"
    ... )
    >>> model = ae_zoo.ContractiveAutoencoder(encoder, "tied", penalty_weight=0.1)
    """

    penalty_name = "contraction"
    penalty_weight_argument = "penalty_weight"

    def __init__(
        self,
        encoder: keras.Model,
        decoder: Decoder,
        *,
        penalty_weight: float = 0.1,
        jacobian: Literal["auto", "closed_form", "exact", "projection"] = "auto",
        projections: int = 1,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.penalty_weight = penalty_weight
        self.jacobian = jacobian
        self.projections = projections
        self._has_closed_form = _has_closed_form(encoder)
        self.check_arguments()

    @property
    def _method(self) -> str:
        if self.jacobian != "auto":
            return self.jacobian
        return "closed_form" if self._has_closed_form else "exact"

    def check_arguments(self) -> None:
        super().check_arguments()
        check_fixed_sizes(self, "The Jacobian of the encoder has fixed sizes")
        check_number("penalty_weight", self.penalty_weight, least=0)
        check_count("projections", self.projections)
        if self.jacobian not in _METHODS:
            raise ValueError(
                f"`jacobian` must be one of {list(_METHODS)}. "
                f"Received: {self.jacobian!r}"
            )
        if self.jacobian == "closed_form" and not self._has_closed_form:
            raise ValueError(
                "jacobian='closed_form' needs an encoder with a single Dense layer and "
                f"one of the activations {sorted(penalties.SLOPES)}. Use 'exact' or "
                "'projection' for this encoder."
            )

    def draws(self, training: bool) -> Mapping[str, Draw]:
        if self._method != "projection":
            return {}
        return {"signs": Draw(self.latent_shape, "sign", self.projections)}

    def penalty(
        self,
        x: Tensor,
        code: Tensor,
        z: Tensor,
        *,
        parts: Parts,
        draws: Draws,
        **_: Any,
    ) -> Tensor:
        if self._method == "closed_form":
            dense = networks.dense_chain(self.encoder)[0]
            return penalties.jacobian_closed_form(dense, code)
        if self._method == "exact":
            return penalties.jacobian_exact(parts.encode, x)
        return penalties.jacobian_projection(parts.encode, x, draws["signs"])

    def spec(self) -> ModelSpec:
        return super().spec()._replace(shows_code=True)


def _has_closed_form(encoder: keras.Model) -> bool:
    chain = networks.dense_chain(encoder)
    # Dropout scales the Jacobian by a mask that the code does not reveal.
    return (
        len(chain) == 1
        and penalties.has_known_slope(chain[0])
        and not any(isinstance(layer, keras.layers.Dropout) for layer in encoder.layers)
    )
