"""Callbacks: what they change while training, and what they leave behind."""

import keras
import numpy as np
import pytest

import ae_zoo
from ae_zoo import networks
from ae_zoo.callbacks import Anneal

SHAPE = (8, 8, 1)


def sparse():
    model = ae_zoo.SparseAutoencoder(
        networks.dense_encoder(SHAPE, [40]), "tied", sparsity="k", k=4
    )
    model.compile("sgd")
    return model


def variational():
    model = ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(SHAPE, [16], "relu", "relu"),
        networks.dense_decoder(3, [16], SHAPE),
        beta=2.0,
    )
    model.compile("sgd")
    return model


def watch(model, name):
    """A callback, and the list in which it notes the attribute in every epoch."""
    values = []

    def note(*_):
        values.append(float(np.asarray(model.annealed(name, training=True))))

    return values, keras.callbacks.LambdaCallback(on_epoch_end=note)


def test_k_falls_to_the_models_own(images):
    model = sparse()
    values, seen = watch(model, "k")
    model.fit(images, epochs=5, callbacks=[Anneal("k", 10, 3), seen], verbose=0)
    assert values == [10, 8, 6, 4, 4]
    assert model.annealed("k", training=True) == 4


def test_the_first_epoch_keeps_as_many_units_as_it_starts_with(images):
    model = sparse()
    code = model.encoder(images).numpy()
    tenth = np.sort(code, axis=1)[:, -10:-9]
    kept = model.decoder(np.where(code >= tenth, code, 0))
    expected = float(model.reconstruction_loss(images, kept))
    history = model.fit(images, callbacks=[Anneal("k", 10, 3)], verbose=0).history
    # All images are one batch: the epoch's loss is that before its one step.
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_validation_uses_the_models_own_weight(images):
    model = variational()
    history = model.fit(
        images,
        validation_data=(images, images),
        callbacks=[Anneal("penalty_weight", 0.0, 10)],
        verbose=0,
    ).history
    assert history["loss"][0] == pytest.approx(history["reconstruction"][0], rel=1e-5)
    expected = history["val_reconstruction"][0] + 2 * history["val_kl"][0]
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_a_later_fit_is_not_annealed(images):
    model = variational()
    model.fit(images, callbacks=[Anneal("penalty_weight", 0.0, 1)], verbose=0)
    history = model.fit(images, verbose=0).history
    expected = history["reconstruction"][0] + 2 * history["kl"][0]
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)


def test_annealing_may_start_with_all_units(images):
    for start in (40, 50):
        model = sparse()
        whole = model.decoder(model.encoder(images))
        expected = float(model.reconstruction_loss(images, whole))
        history = model.fit(images, callbacks=[Anneal("k", start, 3)], verbose=0)
        assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_an_interrupted_fit_is_not_annealed_any_more(images):
    def interrupt(*_):
        raise KeyboardInterrupt

    model = sparse()
    interrupting = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(images, callbacks=[Anneal("k", 10, 3), interrupting], verbose=0)
    assert model.annealed("k", training=True) == 4


@pytest.mark.parametrize(
    ("name", "start"), [("k", 0), ("k", 2.5), ("penalty_weight", -1.0)]
)
def test_a_start_that_makes_no_sense(name, start):
    with pytest.raises(ValueError, match="`start`"):
        Anneal(name, start, 3)


def test_anneals_across_replicas(images, two_replicas):
    with two_replicas.scope():
        model = variational()
    values, seen = watch(model, "penalty_weight")
    annealing = Anneal("penalty_weight", 0.0, 2)
    model.fit(images, epochs=3, callbacks=[annealing, seen], verbose=0)
    assert values == [0.0, 1.0, 2.0]


def test_nothing_to_anneal(images):
    with pytest.raises(ValueError, match=r"no 'k' to anneal.*penalty_weight"):
        variational().fit(images, callbacks=[Anneal("k", 10, 3)], verbose=0)
    with pytest.raises(ValueError, match="epochs"):
        Anneal("k", 10, 0)
