"""The contractive autoencoder: a code that moves little when the input does."""

import keras

from ae_zoo import networks, penalties
from ae_zoo._checks import check_at_least, check_count
from ae_zoo.models.autoencoder import Autoencoder

_METHODS = ("auto", "closed_form", "exact", "projection")


@keras.saving.register_keras_serializable("ae_zoo")
class ContractiveAutoencoder(Autoencoder):
    """ℓ(x, x̂) + λ‖J_f(x)‖²_F, J_f the Jacobian of the encoder (Rifai et al. 2011).

    Args:
        encoder: See `Autoencoder`, as for all other arguments.
        decoder: Also "tied", as in the paper.
        penalty_weight: λ. The metric `contraction` shows ‖J_f‖²_F without it.
        jacobian: How ‖J_f‖²_F is computed: "closed_form" for an encoder of one dense
            layer (cheap); "exact" for any encoder, one backward pass for each of the d
            units; "projection", an unbiased estimate from `projections` backward passes
            for large d; "auto", closed form where there is one, else exact.
        projections: Random projections to average over.
        **kwargs: `reconstruction_loss`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: An argument out of range, or no closed form for this encoder.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder(
    ...     (784,), [1000], latent_activation="sigmoid"
    ... )
    >>> model = ae_zoo.ContractiveAutoencoder(encoder, "tied", penalty_weight=0.1)
    """

    penalty_name = "contraction"

    def __init__(
        self,
        encoder,
        decoder,
        penalty_weight=0.1,
        jacobian="auto",
        projections=1,
        **kwargs,
    ):
        super().__init__(encoder, decoder, **kwargs)
        self.penalty_weight = penalty_weight
        self.jacobian = jacobian
        self.projections = projections
        has_closed_form = _has_closed_form(encoder)
        self._check_arguments(has_closed_form)
        if jacobian == "auto":
            jacobian = "closed_form" if has_closed_form else "exact"
        self._method = jacobian

    def _check_arguments(self, has_closed_form):
        check_at_least("penalty_weight", self.penalty_weight, 0)
        check_count("projections", self.projections)
        if self.jacobian not in _METHODS:
            raise ValueError(
                f"`jacobian` must be one of {list(_METHODS)}. "
                f"Received: {self.jacobian!r}"
            )
        if self.jacobian == "closed_form" and not has_closed_form:
            raise ValueError(
                "jacobian='closed_form' needs an encoder of a single Dense layer with "
                f"an activation among {sorted(penalties.SLOPES)}. Use 'exact' or "
                "'projection' for this encoder."
            )

    def penalty(self, x, code, sample_weight, training):
        if self._method == "closed_form":
            dense = networks.dense_chain(self.encoder)[0]
            return penalties.jacobian_closed_form(dense, code)
        if self._method == "exact":
            return penalties.jacobian_exact(self.encoder, x, training)
        seed = self.next_seed(training, shared=True)
        return penalties.jacobian_projection(
            self.encoder, x, seed, self.projections, training
        )


def _has_closed_form(encoder):
    chain = networks.dense_chain(encoder)
    # Dropout scales the Jacobian by a mask that the code does not tell.
    return (
        len(chain) == 1
        and penalties.has_known_slope(chain[0])
        and not any(isinstance(layer, keras.layers.Dropout) for layer in encoder.layers)
    )
