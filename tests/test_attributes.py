"""Constructor arguments that are changed later, and changes behind the model's back."""

import keras
import numpy as np
import pytest
from builders import ENTRIES, ONE_PER_VARIANT, compiled, decoder, encoder, through_file

import ae_zoo
from ae_zoo import corruptions
from ae_zoo._checks import argument_names
from ae_zoo.models import Autoencoder

# A valid other value of each argument that can be changed.
CHANGED = {
    "beta": 2.5,
    "corruption": corruptions.MaskingCorruption(0.9),
    "importance_samples": 4,
    "input_range": (0.0, 2.0),
    "jacobian": "exact",
    "k": 2,
    "k_inference": 3,
    "momentum": 0.1,
    "penalty_weight": 2.5,
    "projections": 1,
    "rate": 0.9,
    "rho": 0.7,
    "variance": 0.5,
    "vectors": 5,
    "visible_weight": 0.1,
}


def results(model, images):
    """What all public methods that compute something return."""
    values = {
        "evaluate": model.evaluate(images, verbose=0),
        "predict": model.predict(images, verbose=0),
        "encode": model.encode(images),
        "score": model.score(images),
        "fit": model.fit(images, batch_size=32, verbose=0, shuffle=False).history,
        "trained": model.get_weights(),
    }
    return keras.tree.map_structure(np.asarray, values)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [*ONE_PER_VARIANT, "sparse_k"])
def test_changed_arguments_are_used(entry, images):
    """The results are those of a model that was built with the new values."""
    model = compiled(ENTRIES[entry](True))
    start = model.get_weights()
    results(model, images)  # all graphs are traced here
    model.set_weights(start)
    for name in set(argument_names(type(model), Autoencoder)) & set(CHANGED):
        setattr(model, name, CHANGED[name])
    fresh = compiled(type(model).from_config(model.get_config()))
    fresh.set_weights(start)
    # The seeds of training have advanced; those of evaluation restart.
    fresh._training_seeds.state.assign(model._training_seeds.state)
    keras.tree.map_structure(
        np.testing.assert_array_equal, results(model, images), results(fresh, images)
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_other_arguments_cannot_be_changed(entry):
    model = ENTRIES[entry](True)
    names = set(argument_names(type(model), Autoencoder))
    assert names - set(CHANGED) == set(model.fixed_arguments)
    for name in model.fixed_arguments:
        before = getattr(model, name)
        with pytest.raises(AttributeError, match=f"`{name}`.*cannot be changed"):
            setattr(model, name, "other")
        assert getattr(model, name) is before


@pytest.mark.parametrize(
    ("entry", "name", "value"),
    [
        ("variational", "beta", -1.0),
        ("variational", "beta", "1"),
        ("variational", "importance_samples", 2.5),
        ("sparse_k", "k", 71),
        ("sparse_kl", "rho", 1.0),
        ("contractive_exact", "jacobian", "closed_form"),
        ("contractive_projection", "projections", True),
        ("denoising", "corruption", None),
        ("undercomplete", "input_range", (1.0, 0.0)),
        ("undercomplete", "input_range", 1),
    ],
)
def test_a_wrong_change_is_refused(entry, name, value):
    model = ENTRIES[entry](True)
    before = getattr(model, name)
    with pytest.raises((TypeError, ValueError), match=name):
        setattr(model, name, value)
    assert getattr(model, name) is before


@pytest.mark.slow
def test_a_callback_changes_an_argument_while_fit_runs(images):
    model = ENTRIES["variational"](True)
    model.compile(keras.optimizers.SGD(0.0))
    warm_up = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model, "beta", epoch)
    )
    logs = model.fit(
        images, batch_size=32, epochs=3, callbacks=[warm_up], verbose=0
    ).history
    used = (np.array(logs["loss"]) - logs["reconstruction"]) / logs["kl"]
    # The difference of two losses of about 50 loses some of its 7 digits.
    np.testing.assert_allclose(used, [0, 1, 2], atol=1e-4)


def enable_lora(model):
    layer = model.encoder.layers[-1]
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))


def replace_activation(model):
    model.encoder.layers[-1].activation = keras.activations.relu


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        enable_lora,
        replace_activation,
        lambda model: model.quantize("int8"),
        lambda model: model.compile("sgd"),
    ],
)
@pytest.mark.parametrize("tied", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_methods_agree_after_a_change_of_layers(change, tied, images):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), "tied" if tied else decoder())
    model.compile("sgd")
    results(model, images)
    change(model)
    z = model.encoder(images)
    reconstruction = model.decoder(z)
    loss = model.reconstruction_loss.call(images, reconstruction)
    # int8 activations may be rounded differently in a graph.
    close = {"rtol": 1e-3, "atol": 1e-3}
    np.testing.assert_allclose(model.encode(images), z, **close)
    np.testing.assert_allclose(model.reconstruct(images), reconstruction, **close)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), reconstruction, **close
    )
    np.testing.assert_allclose(model.score(images), loss, **close)
    loss = float(np.mean(loss))
    assert model.evaluate(images, verbose=0)[0] == pytest.approx(loss, rel=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_quantizing_a_tied_model_keeps_its_reconstructions(images, tmp_path):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), "tied")
    before = model.predict(images, verbose=0)
    model.quantize("int8")
    after = model.predict(images, verbose=0)
    # 8 bits for weights of about 0.3 and codes of about 1: two digits.
    np.testing.assert_allclose(after, before, atol=0.02)
    loaded = through_file(model, tmp_path)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), after)
    with pytest.raises(ValueError, match="int8 and float8 only.*'int4'"):
        model.quantize("int4")


@keras.saving.register_keras_serializable("tests")
class Nested(corruptions.Corruption):
    """A corruption whose settings are inside other objects."""

    def __init__(self, inner, factors, options):
        self.inner = inner
        self.factors = factors
        self.options = options

    def __call__(self, x, seed):
        x = self.inner(x, seed=seed)
        return self.factors[0] * self.options["shift"][0] * x


class Scaled(ae_zoo.UndercompleteAutoencoder):
    """A user's variant, with an argument and with other attributes."""

    penalty_name = "scaled"

    def __init__(self, encoder, decoder, *, gain=1.0, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.gain = gain
        self.extra = 1.0
        self.options = {"weight": 1.0}

    def penalty(self, x, code, z, **_):
        weight = self.gain * self.extra * self.options["weight"]
        return weight * keras.ops.ones(keras.ops.shape(x)[:1])


def corruption_of(value):
    inner = corruptions.MaskingCorruption(0.1)
    return Nested(inner, [value], {"shift": [1.0]})


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda corruption: setattr(corruption.inner, "rate", 0.9),
        lambda corruption: corruption.factors.__setitem__(0, 0.1),
        lambda corruption: corruption.options["shift"].__setitem__(0, 0.1),
    ],
    ids=["object", "list", "dictionary"],
)
def test_what_an_argument_contains_may_change(change, images):
    model = ae_zoo.DenoisingAutoencoder(
        encoder(), decoder(), corruption=corruption_of(1.0)
    )
    model.compile("sgd")
    before = model.evaluate(images, verbose=0)
    assert model.evaluate(images, verbose=0) == before
    change(model.corruption)
    assert model.evaluate(images, verbose=0) != before


@pytest.mark.slow
def test_attributes_of_own_variants_may_change(images):
    model = Scaled(encoder(), decoder())
    model.compile("sgd")

    def penalty():
        return model.evaluate(images, verbose=0, return_dict=True)["scaled"]

    assert penalty() == 1
    model.gain = 2.0
    assert penalty() == 2
    model.extra = 3.0
    assert penalty() == 6
    model.options["weight"] = 5.0
    assert penalty() == 30


@pytest.mark.slow
def test_loss_and_optimizer_may_change(images):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), decoder())
    model.compile(keras.optimizers.SGD(0.1), loss=keras.losses.Huber(delta=1.0))
    before = model.evaluate(images, verbose=0)
    model.loss._fn_kwargs["delta"] = 0.01
    assert model.evaluate(images, verbose=0) != before
    model.fit(images, verbose=0)
    model.optimizer.clipnorm = 1e-12
    start = model.get_weights()
    model.fit(images, verbose=0)
    for mine, theirs in zip(model.get_weights(), start, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)  # rate * norm * steps


def test_the_weight_of_a_regularizer_may_change(images):
    regularizer = keras.regularizers.L2(0.0)
    layers = [
        keras.layers.Dense(64, "sigmoid", kernel_regularizer=regularizer),
        keras.layers.Reshape((8, 8, 1)),
    ]
    own = keras.Sequential([keras.Input((6,)), *layers])
    model = ae_zoo.UndercompleteAutoencoder(encoder(), own)
    model.compile("sgd")
    before = model.evaluate(images, verbose=0)
    regularizer.l2 = 10.0
    assert model.evaluate(images, verbose=0) != before


@pytest.mark.slow
def test_a_callback_freezes_a_layer_between_epochs(images):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), decoder())
    model.compile(keras.optimizers.SGD(0.1))
    seen = []

    class Freeze(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(model.encoder.get_weights())
            model.encoder.trainable = epoch == 0

    model.fit(images, epochs=3, verbose=0, callbacks=[Freeze()])
    assert any((a != b).any() for a, b in zip(seen[0], seen[1], strict=True))
    for mine, theirs in zip(seen[1], model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_weights_that_the_optimizer_does_not_know_are_named(images):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), decoder())
    model.compile("sgd")
    model.fit(images, verbose=0)
    layer = next(la for la in model.decoder.layers if hasattr(la, "kernel"))
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="lora_kernel_a.*Call compile again"):
        model.fit(images, verbose=0)
    model.compile("sgd")
    model.fit(images, verbose=0)


@pytest.mark.slow
def test_a_frozen_layer_is_not_trained_by_the_next_fit(images):
    model = compiled(ENTRIES["convolutional"](True))
    model.fit(images, verbose=0)
    model.encoder.trainable = False
    before = model.encoder.get_weights()
    model.fit(images, verbose=0)
    for mine, theirs in zip(model.encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_graphs_are_traced_again_only_after_a_change(images):
    """Calls of all methods leave what they traced as it is."""
    model = compiled(ENTRIES["variational"](True))
    results(model, images)
    model.get_config()
    kept = {**model._endpoints, "train": model.train_function}
    results(model, images)
    assert kept == {**model._endpoints, "train": model.train_function}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("entry", ["variational", "vector_quantized", "convolutional"])
def test_a_quantized_model_can_be_saved(entry, images, tmp_path):
    model = compiled(ENTRIES[entry](True))
    model.quantize("int8")
    loaded = through_file(model, tmp_path)
    expected = model.predict(images, verbose=0)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), expected)
