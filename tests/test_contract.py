"""What every variant promises, checked for each with non-default arguments.

A new variant needs one more entry of `ENTRIES` in tests/builders.py.
"""

import inspect
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from builders import (
    ENTRIES,
    SAME,
    SHAPE,
    VARIANTS,
    assert_same_weights,
    compiled,
    config_of,
    decoder,
    encoder,
    sequential,
    subclassed,
    through_file,
)
from scipy import stats
from workers import run_without

import ae_zoo

# `make quick` takes entries that differ much: noise; draws of the objective, a scaling.
QUICK = ["denoising", "variational_scaled"]
NAMES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in ENTRIES
]


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def trained(name, images):
    """A model after 16 steps, with its logs and weights from before and after."""
    keras.utils.set_random_seed(0)
    model = ENTRIES[name](noise=True)
    model.compile("adam", metrics=[keras.metrics.MeanAbsoluteError()])
    model.optimizer.learning_rate = 0.01
    model.before = model.evaluate(images, verbose=0, return_dict=True)
    model.weights_before = [w.numpy() for w in model.trainable_weights]
    model.history_logs = model.fit(images, batch_size=16, epochs=8, verbose=0).history
    model.after = model.evaluate(images, verbose=0, return_dict=True)
    return model


@pytest.fixture(scope="module")
def built():
    """A model of each entry."""
    return [build(True) for build in ENTRIES.values()]


def test_the_table_holds_every_variant(built):
    assert {type(model) for model in built} == set(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_the_table_leaves_no_argument_at_its_default(variant, built):
    for argument in inspect.signature(variant).parameters.values():
        if argument.default is inspect.Parameter.empty:
            continue
        values = [getattr(m, argument.name) for m in built if type(m) is variant]
        default = argument.default
        if argument.name == "reconstruction_loss":
            default, values = "Bernoulli", [type(value).__name__ for value in values]
        assert any(value != default for value in values), argument.name


# Shapes and the parts.


def test_output_has_the_shape_of_the_input(trained, images):
    assert trained.input_shape == trained.output_shape == (None, *SHAPE)
    assert trained.predict(images, verbose=0).shape == images.shape


def test_decoding_the_code_is_what_predict_does(trained, images):
    code = trained.encode(images)
    assert code.shape == (32, trained.latent_dim)
    expected = trained.predict(images, verbose=0)
    np.testing.assert_allclose(trained.decode(code), expected, **SAME)
    np.testing.assert_allclose(trained.reconstruct(images), expected, **SAME)


def test_parts_in_small_batches_agree_with_one_batch(trained, images):
    np.testing.assert_allclose(
        trained.encode(images, batch_size=5), trained.encode(images), **SAME
    )
    np.testing.assert_allclose(
        trained.score(images, batch_size=5), trained.score(images), **SAME
    )


def test_predict_and_evaluate_repeat_themselves(trained, images):
    np.testing.assert_array_equal(
        trained.predict(images, verbose=0), trained.predict(images, verbose=0)
    )
    assert trained.evaluate(images, verbose=0, return_dict=True) == trained.after


# Training.


def test_the_loss_falls(trained):
    assert trained.after["loss"] < trained.before["loss"]


def test_every_trainable_weight_learns_and_stays_finite(trained):
    after = [w.numpy() for w in trained.trainable_weights]
    for weight, before, now in zip(
        trained.trainable_weights, trained.weights_before, after, strict=True
    ):
        assert np.isfinite(now).all(), weight.path
        assert (before != now).any(), weight.path


def test_logs_name_the_terms_and_add_up(trained):
    penalty = [trained.penalty_name] if trained.penalty_name else []
    names = {"loss", "reconstruction", "mean_absolute_error", *penalty}
    assert set(trained.history_logs) == set(trained.after) == names
    if getattr(trained, "importance_samples", 1) > 1:
        return  # the loss is a bound, not a sum: tests/test_variants.py
    terms = trained.after["reconstruction"]
    if penalty:
        weight = getattr(trained, trained.penalty_weight_argument)
        terms += weight * trained.after[trained.penalty_name]
    np.testing.assert_allclose(trained.after["loss"], terms, **SAME)


def test_metrics_compare_with_the_target(trained, images):
    """Also if only x is given, when Keras itself passes no target to its metrics."""
    logs = trained.evaluate(images, images, verbose=0, return_dict=True)
    if isinstance(trained, ae_zoo.VariationalAutoencoder):
        return  # evaluates a draw, not the mean that `predict` returns
    reconstruction = trained.predict(images, verbose=0)
    error = np.abs(trained.scale(reconstruction) - trained.scale(images)).mean()
    np.testing.assert_allclose(logs["mean_absolute_error"], error, **SAME)
    score = np.mean(trained.score(images))
    np.testing.assert_allclose(logs["reconstruction"], score, **SAME)


def test_datasets_and_arrays_agree(trained, images):
    weight = np.linspace(0.0, 2.0, 32, dtype="float32")
    for parts in [(images,), (images, images), (images, images, weight)]:
        tensors = parts if len(parts) > 1 else images
        dataset = tf.data.Dataset.from_tensor_slices(tensors).batch(32)
        arrays = dict(zip(("x", "y", "sample_weight"), parts, strict=False))
        np.testing.assert_array_equal(
            trained.evaluate(dataset, verbose=0), trained.evaluate(**arrays, verbose=0)
        )


@pytest.fixture(scope="module")
def reference(name, images):
    """Weights before, and the model after, three steps on 8 images without weights."""
    keras.utils.set_random_seed(0)
    model = compiled(ENTRIES[name](noise=False))
    start = model.get_weights()
    model.history_logs = model.fit(
        images[:8], batch_size=8, epochs=3, verbose=0
    ).history
    return start, model


def diluted(images):
    """8 images with weight 2, each followed by another image with weight 0."""
    x = np.stack([images[:8], images[8:16]], axis=1).reshape(16, *SHAPE)
    return x, np.tile([2.0, 0.0], 8).astype("float32")


def assert_same_history(history, expected):
    assert set(history) == set(expected)
    for metric in set(expected) - {"mean_absolute_error"}:  # an unweighted metric
        np.testing.assert_allclose(history[metric], expected[metric], **SAME)


def test_zero_weights_leave_samples_out(name, reference, images):
    """The mean is over all 16 images, so weight 2 restores the mean of the 8."""
    start, expected = reference
    model = compiled(ENTRIES[name](noise=False))
    model.set_weights(start)
    x, weight = diluted(images)
    history = model.fit(
        x, batch_size=16, epochs=3, sample_weight=weight, verbose=0
    ).history
    assert_same_history(history, expected.history_logs)
    assert_same_weights(model, expected)


def run_with_few_samples(model, images, weighted):
    """Trains with a last batch of 1 image, which leaves a replica without.

    Both kinds of steps compute the loss alike, so one of them is given weights.
    """
    weight = np.linspace(0.0, 2.0, 11, dtype="float32")
    fitted = {"sample_weight": weight[:9]} if weighted else {}
    evaluated = {} if weighted else {"sample_weight": weight}
    options = {"batch_size": 8, "verbose": 0}
    logs = model.fit(images[:9], epochs=2, shuffle=False, **fitted, **options).history
    tested = model.evaluate(images[:11], return_dict=True, **evaluated, **options)
    return logs | {f"evaluate_{name}": value for name, value in tested.items()}


@pytest.mark.slow
def test_two_replicas_learn_what_one_does(name, images, two_replicas):
    """Also with equal noise. tests/test_multi_worker.py tests several machines."""
    with two_replicas.scope():
        model = compiled(ENTRIES[name](noise=True))
    alone = compiled(ENTRIES[name](noise=True))
    alone.set_weights(model.get_weights())
    weighted = list(ENTRIES).index(name) % 2 == 1
    logs = run_with_few_samples(model, images, weighted)
    expected = run_with_few_samples(alone, images, weighted)
    assert set(logs) == set(expected)
    for metric, value in expected.items():
        np.testing.assert_allclose(logs[metric], value, **SAME, err_msg=metric)
    assert_same_weights(model, alone)
    np.testing.assert_allclose(
        model.predict(images[:9], batch_size=8, verbose=0),
        alone.predict(images[:9], batch_size=8, verbose=0),
        **SAME,
    )


def test_mixed_precision(name, images, mixed_bfloat16):
    model = compiled(ENTRIES[name](noise=True))
    history = model.fit(images, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.compute_dtype == "bfloat16"
    assert model.predict(images, verbose=0).dtype == np.float32


# Saving.


def test_save_and_load_keep_everything(trained, images, tmp_path):
    loaded = through_file(trained, tmp_path)
    assert type(loaded) is type(trained)
    assert config_of(loaded) == config_of(trained)
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), trained.predict(images, verbose=0)
    )
    assert loaded.evaluate(images, verbose=0, return_dict=True) == trained.after
    history = loaded.fit(
        tf.data.Dataset.from_tensor_slices(images).batch(16), epochs=3, verbose=0
    ).history
    assert set(history) == set(trained.history_logs)
    # Training continues from the saved state.
    assert history["loss"][-1] < trained.history_logs["loss"][0]


def test_a_frozen_encoder_does_not_move(name, images, tmp_path):
    model = ENTRIES[name](noise=True)
    model.encoder.trainable = False
    model = compiled(through_file(model, tmp_path))
    frozen = [w.numpy() for w in model.encoder.weights]
    others = [w.numpy() for w in model.trainable_weights]
    # Several steps: weights below a kernel of zeros get a gradient after it has moved.
    model.fit(images, epochs=2, verbose=0)
    for before, weight in zip(frozen, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(before, weight)
    assert others
    for before, weight in zip(others, model.trainable_weights, strict=True):
        assert (before != weight.numpy()).any(), weight.path


@pytest.mark.slow
@pytest.mark.parametrize("parts", [subclassed, sequential])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_own_encoders_and_decoders(variant, parts, images, tmp_path):
    model = variant(*parts())
    loaded = through_file(model, tmp_path)
    assert type(loaded.encoder) is type(model.encoder)
    assert loaded.latent_dim == 5
    assert config_of(loaded) == config_of(model)
    np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
    logs = [compiled(m).evaluate(images, verbose=0) for m in (model, loaded)]
    assert np.isfinite(logs).all()
    assert logs[0] == logs[1]


@pytest.mark.parametrize("entry", ["deep_tied", "denoising", "contractive_closed_form"])
def test_ties_hold_after_loading(entry, images, tmp_path):
    model = ENTRIES[entry](noise=True)
    loaded = through_file(model, tmp_path)
    code = loaded.encode(images)
    before = loaded.decode(code)
    for weight in loaded.encoder.weights:
        if "kernel" in weight.path:
            weight.assign(2 * weight)
    assert np.abs(loaded.decode(code) - before).max() > 1e-3
    # Each layer has one kernel, and a bias in each direction.
    kernels = [w for w in model.encoder.weights if "kernel" in w.path]
    assert len(model.weights) == 3 * len(kernels)
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    matrices = []
    with h5py.File(tmp_path / "model.weights.h5") as file:
        file.visititems(
            lambda _, item: (
                matrices.append(item.shape)
                if isinstance(item, h5py.Dataset) and len(item.shape) == 2
                else None
            )
        )
    assert sorted(matrices) == sorted(tuple(kernel.shape) for kernel in kernels)


OVERCOMPLETE = [v for v in VARIANTS if v is not ae_zoo.UndercompleteAutoencoder]


@pytest.mark.parametrize("variant", OVERCOMPLETE, ids=lambda variant: variant.__name__)
def test_codes_may_be_larger_than_the_input(variant, images):
    model = variant(encoder((70, 80), "sigmoid"), decoder(80, (70,)))
    model.compile()
    assert model.latent_dim == 80
    assert np.isfinite(model.evaluate(images, verbose=0)).all()


# Deployment.


def expected_outputs(model, x, eps):
    """Inputs and outputs of each signature, by the public methods and given noise."""
    z = model.encode(x)
    outputs = {
        "reconstruct": ({"x": x}, model.predict(x, verbose=0)),
        "encode": ({"x": x}, z),
        "decode": ({"z": np.asarray(z)}, model.decode(z)),
    }
    if isinstance(model, ae_zoo.VariationalAutoencoder):
        mean, log_var = model.posterior(tf.constant(x))
        z = mean + tf.exp(log_var / 2) * eps
        drawn = model.decode(z)
        kl = -0.5 * np.sum(1 + log_var - mean**2 - np.exp(log_var), axis=1)
        if model.prior is not None:
            entropy = stats.norm(0, np.exp(log_var / 2)).entropy().sum(axis=1)
            kl = -entropy - model.prior.log_prob(z)
        loss = model.reconstruction_loss.call(model.scale(x), model.scale(drawn))
        outputs["score"] = ({"x": x, "eps": eps}, kl + loss)
    else:
        outputs["score"] = ({"x": x}, model.score(x))
    return outputs


def assert_runs_alike(runners, expected):
    for signature, (inputs, output) in expected.items():
        received = runners[signature](**{k: tf.constant(v) for k, v in inputs.items()})
        assert len(received) == 1
        # float32 arithmetic in a different order; scores are sums of 64 such terms.
        np.testing.assert_allclose(
            next(iter(received.values())), output, rtol=1e-4, atol=1e-5
        )


def draws(trained, n):
    shape = (n, trained.latent_dim)
    return np.random.default_rng(1).standard_normal(shape, dtype="float32")


@pytest.mark.slow
def test_saved_model_agrees(trained, images, tmp_path):
    trained.export(tmp_path / "saved")
    signatures = tf.saved_model.load(tmp_path / "saved").signatures
    expected = expected_outputs(trained, images[:3], draws(trained, 3))
    assert_runs_alike(signatures, expected)
    assert_runs_alike(
        {"serving_default": signatures["serving_default"]},
        {"serving_default": expected["reconstruct"]},
    )


@pytest.mark.slow
def test_tflite_agrees(trained, images, tmp_path):
    trained.export(tmp_path / "m.tflite", format="litert")
    interpreter = Interpreter(str(tmp_path / "m.tflite"))
    runners = {
        signature: interpreter.get_signature_runner(signature)
        for signature in interpreter.get_signature_list()
    }
    is_variational = isinstance(trained, ae_zoo.VariationalAutoencoder)
    further = {"posterior", "sample"} if is_variational else set()
    assert set(runners) == {"reconstruct", "encode", "decode", "score"} | further
    assert_runs_alike(runners, expected_outputs(trained, images[:1], draws(trained, 1)))
    assert_terms_add_up_to_the_score(trained, tmp_path / "m.tflite", images[:4])


def assert_terms_add_up_to_the_score(trained, path, x):
    """What the sidecar says of the score, computed in NumPy from the other outputs."""
    file = ae_zoo.lite.load(path)
    names = file.metadata["score_terms"]
    if getattr(trained, "prior", None) is not None:
        assert names is None  # the KL to a learned prior has no closed form
        return
    eps = draws(trained, len(x))
    own = [eps] if trained.score_draws() else []
    expected = trained.endpoints()["score"].function(tf.constant(x), *own)
    scaling = file.metadata["scaling"]
    received = ae_zoo.lite.terms.score(
        names, file.run, x, {"eps": eps}, scaling=scaling
    )
    np.testing.assert_allclose(received, expected, rtol=1e-4)


RUN = """
import numpy as np, tensorflow as tf
encode = tf.saved_model.load(sys.argv[1]).signatures["encode"]
np.save(sys.argv[3], encode(x=tf.constant(np.load(sys.argv[2])))["z"])
"""


@pytest.mark.slow
def test_saved_model_runs_without_the_library(images, tmp_path):
    model = ENTRIES["variational"](noise=True)
    model.export(tmp_path / "saved")
    np.save(tmp_path / "x.npy", images)
    names = [tmp_path / part for part in ("saved", "x.npy", "z.npy")]
    done = run_without(["ae_zoo"], RUN, *names)
    assert done.returncode == 0, done.stderr
    z = np.load(tmp_path / "z.npy")
    np.testing.assert_allclose(z, model.encode(images), rtol=1e-4, atol=1e-5)
