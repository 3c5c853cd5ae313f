"""TFLite files without TensorFlow: parity with Keras, and what is refused."""

import hashlib
import json
import math
import os
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from workers import run_without

import ae_zoo
from ae_zoo import layers, lite, penalties
from ae_zoo._reading import UnsafeModelError

BATCH = 4
PLAIN, VARIATIONAL = "contractive_digits", "variational_digits"
TOLERANCE = 1e-5  # of float32 sums in another order


def unchecked():
    return pytest.warns(UserWarning, match="is unchecked: there is no sidecar")


@pytest.fixture(scope="module")
def models():
    return {name: ae_zoo.load(name) for name in (PLAIN, VARIATIONAL)}


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    """Both entries as SavedModel, whose batch is open, and as TFLite."""
    folder = tmp_path_factory.mktemp("exported")
    for name, model in models.items():
        model.export(folder / name)
        model.export(folder / f"{name}.tflite", format="litert", batch_size=BATCH)
    return folder


@pytest.fixture(scope="module")
def x():
    return ae_zoo.data.arrays("digits", "test")[: 2 * BATCH + 3]


@pytest.fixture
def file(folder, tmp_path):
    """A copy of the plain file with a sidecar, for a test to damage."""
    return with_sidecar(
        tmp_path / "m.tflite", (folder / f"{PLAIN}.tflite").read_bytes()
    )


def with_sidecar(path, content, **changes):
    path.write_bytes(content)
    metadata = {
        "format_version": 1,
        "variant": "ContractiveAutoencoder",
        "input_range": [0.0, 1.0],
        "reconstruction_loss": "bernoulli",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(metadata | changes))
    return path


def convert(saved_model, signatures, **options):
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=signatures
    )
    for name, value in options.items():
        setattr(converter, name, value)
    return converter.convert()


def full_int8(folder, name, x, signatures=("reconstruct", "encode")):
    def calibration():
        for key in signatures:
            for image in x:
                yield key, {"x": image[None]}

    return convert(
        folder / name,
        list(signatures),
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=calibration,
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
    )


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, BATCH, 2 * BATCH + 3])
@pytest.mark.parametrize("name", [PLAIN, VARIATIONAL])
def test_agrees_with_keras(models, folder, x, name, samples):
    model, light, x = models[name], lite.load(folder / f"{name}.tflite"), x[:samples]
    z = model.encode(x)
    np.testing.assert_allclose(
        light.reconstruct(x), model.predict(x, verbose=0), atol=TOLERANCE
    )
    np.testing.assert_allclose(light.encode(x), z, atol=TOLERANCE)
    np.testing.assert_allclose(light.decode(z), model.decode(z), atol=TOLERANCE)


@pytest.mark.slow
def test_score_agrees_with_keras(models, folder, x):
    light = lite.load(folder / f"{PLAIN}.tflite")
    np.testing.assert_allclose(light.score(x), models[PLAIN].score(x), rtol=TOLERANCE)


def test_score_of_a_variational_model_draws_by_its_seed(models, folder, x):
    model, light = models[VARIATIONAL], lite.load(folder / f"{VARIATIONAL}.tflite")
    shape = (len(x), *model.latent_shape)
    eps = np.random.default_rng(3).standard_normal(shape, "float32")
    expected = model.endpoints()["score"].function(tf.constant(x), tf.constant(eps))
    np.testing.assert_allclose(light.score(x, seed=3), expected, rtol=TOLERANCE)


def test_sample_decodes_the_prior(models, folder):
    model, light = models[VARIATIONAL], lite.load(folder / f"{VARIATIONAL}.tflite")
    z = np.random.default_rng(1).standard_normal((5, model.latent_dim), "float32")
    sample = light.sample(5, seed=1)
    np.testing.assert_allclose(sample, model.decode(z), atol=TOLERANCE)
    np.testing.assert_array_equal(sample, light.sample(5, seed=1))
    with pytest.raises(ValueError, match="`n` must be an integer ≥ 1"):
        light.sample(0)


def test_attributes(folder):
    light = lite.load(folder / f"{VARIATIONAL}.tflite", num_threads=2)
    assert light.input_shape == (None, 8, 8, 1)
    assert light.latent_shape == (8,)
    assert light.metadata["name"] == VARIATIONAL
    assert {"reconstruct", "encode", "decode", "score"} < set(light.signatures)
    assert light.signatures["score"]["inputs"]["eps"] == {
        "shape": (BATCH, 8),
        "dtype": "float32",
    }


@pytest.mark.slow
def test_open_batch(models, folder, tmp_path, x):
    path = tmp_path / "open.tflite"
    path.write_bytes(convert(folder / PLAIN, ["reconstruct", "score"]))
    with unchecked():
        light = lite.load(path)
    assert light.signatures["reconstruct"]["inputs"]["x"]["shape"] == (None, 8, 8, 1)
    many = np.tile(x, (40, 1, 1, 1))  # more than are run at once
    for images in (many, x[:1], x):
        np.testing.assert_allclose(
            light.reconstruct(images), models[PLAIN].reconstruct(images), atol=TOLERANCE
        )


@pytest.mark.slow
# TensorFlow's own calibration runs its deprecated interpreter.
@pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated")
def test_full_int8(models, folder, tmp_path, x):
    """Eight bits resolve 1/256 of a range: a few steps of error are the format's."""
    model = models[PLAIN]
    content = full_int8(folder, PLAIN, x)
    light = lite.load(with_sidecar(tmp_path / "m.tflite", content))
    assert light.signatures["encode"]["outputs"]["z"]["dtype"] == "int8"
    reconstruction, z = light.reconstruct(x), light.encode(x)
    assert reconstruction.dtype == z.dtype == "float32"
    np.testing.assert_allclose(reconstruction, model.reconstruct(x), atol=0.1)
    np.testing.assert_allclose(z, model.encode(x), atol=0.02 * np.ptp(z))
    # The score is that of these reconstructions, by Keras's own loss.
    expected = model.reconstruction_loss.call(x, reconstruction)
    np.testing.assert_allclose(light.score(x), expected, rtol=TOLERANCE)
    # Said to be int8, its zeros count as less than a step, nearer to the float score.
    light = lite.load(with_sidecar(tmp_path / "m.tflite", content, quantization="int8"))
    np.testing.assert_allclose(light.score(x), model.score(x), rtol=0.01)


@pytest.fixture(scope="module")
def variational_int8(models, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "m.tflite"
    calibration = ae_zoo.data.arrays("digits", "train")[:200]
    models[VARIATIONAL].export(
        path,
        format="litert",
        batch_size=BATCH,
        quantization="int8",
        calibration=calibration,
    )
    return path


@pytest.mark.slow
def test_score_of_a_variational_model_in_full_int8(models, folder, variational_int8):
    x = ae_zoo.data.arrays("digits", "test")[:200]
    light = lite.load(variational_int8)
    assert "score" not in light.signatures
    score = light.score(x, seed=3)
    # By Keras's own KL and loss, of the same draws; an int8 0 counts as 1/1024.
    posterior = light.run("posterior", x=x)
    mean, log_var = posterior["mean"], posterior["log_var"]
    eps = np.random.default_rng(3).standard_normal(mean.shape, "float32")
    reconstruction = light.decode(mean + np.exp(0.5 * log_var) * eps)
    reconstruction = np.clip(reconstruction, 1 / 1024, 1 - 1 / 1024)
    kl = penalties.gaussian_kl(mean, log_var)
    expected = kl + models[VARIATIONAL].reconstruction_loss.call(x, reconstruction)
    np.testing.assert_allclose(score, expected, rtol=TOLERANCE)
    # The float file of the same draws: eight bits move z and x̂ by steps of 1/256 of
    # their range, and the score of one sample of these 200 by 3 % at most, either way.
    exact = lite.load(folder / f"{VARIATIONAL}.tflite").score(x, seed=3)
    np.testing.assert_allclose(score, exact, rtol=0.05)
    np.testing.assert_allclose(score.mean(), exact.mean(), rtol=0.002)


@keras.saving.register_keras_serializable("ae_zoo_tests")
class SameObjective(ae_zoo.VariationalAutoencoder):
    """A subclass that changes nothing of the score."""


@keras.saving.register_keras_serializable("ae_zoo_tests")
class HalfOfTheKL(ae_zoo.VariationalAutoencoder):
    """A subclass with a score that no sidecar can name."""

    def penalty(self, x, code, z, **step):
        return 0.5 * super().penalty(x, code, z, **step)


@pytest.mark.slow
def test_the_int8_score_of_a_subclass(models, tmp_path):
    """It has the KL of its base class, or there is none, but never a wrong one."""
    original = models[VARIATIONAL]
    x = ae_zoo.data.arrays("digits", "test")[:20]
    scores = []
    for variant in (ae_zoo.VariationalAutoencoder, SameObjective, HalfOfTheKL):
        model = variant.from_config(original.get_config())
        model.set_weights(original.get_weights())
        path = tmp_path / f"{variant.__name__}.tflite"
        options = {"quantization": "int8", "calibration": x}
        model.export(path, format="litert", **options)
        light = lite.load(path)
        if variant is HalfOfTheKL:
            with pytest.raises(ValueError, match="no signature 'score'"):
                light.score(x)
        else:
            scores.append(light.score(x, seed=3))
    np.testing.assert_array_equal(*scores)


@pytest.mark.slow
def test_a_variational_score_needs_the_sidecar(variational_int8, tmp_path, x):
    path = shutil.copy(variational_int8, tmp_path)
    with unchecked(), pytest.raises(ValueError, match="no signature 'score'.*sidecar"):
        lite.load(path).score(x)


@pytest.mark.slow
def test_sample_of_full_int8(models, variational_int8):
    z = np.random.default_rng(1).standard_normal((5, 8), "float32")
    sample = lite.load(variational_int8).sample(5, seed=1)
    np.testing.assert_allclose(sample, models[VARIATIONAL].decode(z), atol=0.1)


@pytest.fixture(scope="module")
def learned_prior(models):
    """The zoo's digits model with a prior that is far from N(0, I)."""
    model, prior = models[VARIATIONAL], layers.RealNVP(couplings=2, units=4)
    changed = ae_zoo.VariationalAutoencoder(model.encoder, model.decoder, prior=prior)
    for seed, weight in enumerate(prior.weights):
        random = np.random.default_rng(seed)
        weight.assign(0.5 * random.normal(size=weight.shape))
    return changed


@pytest.mark.slow
def test_sample_of_a_learned_prior(learned_prior, tmp_path):
    learned_prior.export(tmp_path / "m.tflite", format="litert")
    eps = np.random.default_rng(1).standard_normal((5, 8), "float32")
    expected = learned_prior.decode(learned_prior.prior.from_normal(eps))
    light = lite.load(tmp_path / "m.tflite")
    np.testing.assert_allclose(light.sample(5, seed=1), expected, atol=TOLERANCE)
    assert np.abs(learned_prior.decode(eps) - expected).max() > 0.1


@pytest.mark.slow
def test_full_int8_has_no_score_under_a_learned_prior(learned_prior, tmp_path, x):
    calibration = ae_zoo.data.arrays("digits", "train")[:200]
    path = tmp_path / "m.tflite"
    learned_prior.export(
        path, format="litert", quantization="int8", calibration=calibration
    )
    with pytest.raises(ValueError, match="learned prior, RealNVP here.*float32"):
        lite.load(path).score(x)


@pytest.mark.slow
def test_gaussian_score_without_its_signature(models, folder, tmp_path, x):
    content = convert(folder / PLAIN, ["reconstruct"])
    path = tmp_path / "m.tflite"
    with_sidecar(path, content, reconstruction_loss="gaussian", input_range=None)
    difference = x - models[PLAIN].reconstruct(x)
    expected = 0.5 * np.sum(np.square(difference), axis=(1, 2, 3))
    np.testing.assert_allclose(lite.load(path).score(x), expected, rtol=TOLERANCE)


@pytest.mark.slow
def test_score_that_cannot_be_computed(folder, tmp_path, x):
    content = convert(folder / VARIATIONAL, ["reconstruct"])
    (tmp_path / "alone.tflite").write_bytes(content)
    with unchecked():
        light = lite.load(tmp_path / "alone.tflite")
    with pytest.raises(ValueError, match=r"(?s)'score'.*\['reconstruct'\].*sidecar"):
        light.score(x)
    with pytest.raises(ValueError, match="no signature 'sample'"):
        light.sample(3)
    path = tmp_path / "m.tflite"
    with_sidecar(path, content, variant="VariationalAutoencoder")
    with pytest.raises(ValueError, match="no signature 'score'"):
        lite.load(path).score(x)


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda x: x[..., 0], ValueError, r"\(batch, 8, 8, 1\).*x\[\.\.\., None\]"),
        (lambda x: x[0], ValueError, r"x\[None\]"),
        (lambda x: x[:0], ValueError, "empty"),
        (lambda x: x * np.nan, ValueError, "finite"),
        (lambda x: x * 255, ValueError, "x / 255"),
        (lambda x: (x * 255).astype("uint8"), TypeError, r"\[0, 1\].*uint8"),
        (lambda x: x.astype(str), TypeError, "numbers"),
        (lambda x: [[0.0], [0.0, 1.0]], TypeError, "rows differ in shape"),
    ],
    ids=["rank", "single", "empty", "nan", "0-255", "uint8", "str", "ragged"],
)
@pytest.mark.parametrize("method", ["reconstruct", "encode", "score"])
def test_bad_input(file, x, method, change, error, message):
    with pytest.raises(error, match=message):
        getattr(lite.load(file), method)(change(x))


def test_noise_may_leave_the_range_of_the_target(file, x):
    light = lite.load(file)
    assert light.reconstruct(x + 0.5).shape == x.shape
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        light.score(x + 0.5)


def test_pixels_without_a_sidecar(file, x):
    file.with_suffix(".json").unlink()
    with unchecked():
        light = lite.load(file)
    with pytest.raises(TypeError, match="must hold floats. Received uint8"):
        light.reconstruct((x * 255).astype("uint8"))


def test_inputs_of_a_signature(folder, x):
    light = lite.load(folder / f"{VARIATIONAL}.tflite")
    with pytest.raises(ValueError, match=r"takes the inputs \['eps', 'x'\]"):
        light.run("score", x=x)
    with pytest.raises(ValueError, match="equally many"):
        light.run("score", x=x, eps=np.zeros((1, 8)))
    with pytest.raises(ValueError, match="no signature 'log_likelihood'"):
        light.run("log_likelihood", x=x)
    with pytest.raises(ValueError, match="no signature 'train'"):
        light.train(x=x)


def test_sample_needs_a_prior(file):
    with pytest.raises(ValueError, match="variational"):
        lite.load(file).sample(1)


def test_num_threads(file):
    with pytest.raises(
        ValueError, match="`num_threads` must be an integer ≥ 1 .*Received: 0"
    ):
        lite.load(file, num_threads=0)


def test_missing_file_and_directory(folder):
    with pytest.raises(FileNotFoundError, match="no file 'no/such.tflite'"):
        lite.load("no/such.tflite")
    with pytest.raises(ValueError, match="directory"):
        lite.load(folder / PLAIN)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(500)])
def test_file_in_another_format(file, content):
    file.with_suffix(".json").unlink()
    file.write_bytes(content)
    with pytest.raises(ValueError, match="no TFLite file"):
        lite.load(file)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda content: content[:8], "truncated"),
        (lambda content: content[: len(content) // 2], "truncated"),
        (lambda content: content[:-1], "truncated"),
        (lambda content: content[:4] + b"TFL3" + bytes(500), "truncated"),
    ],
    ids=["head", "half", "last byte", "zeros"],
)
def test_damaged_file(file, damage, message):
    file.with_suffix(".json").unlink()
    file.write_bytes(damage(file.read_bytes()))
    with unchecked(), pytest.raises(ValueError, match=message):
        lite.load(file)


def test_foreign_model(tmp_path):
    double = tf.function(
        lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec((1, 2), name="x")]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [double.get_concrete_function()], tf.Module()
    )
    (tmp_path / "double.tflite").write_bytes(converter.convert())
    with unchecked(), pytest.raises(ValueError, match=r"It has \['serving_default'\]"):
        lite.load(tmp_path / "double.tflite")


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "must be the sidecar of 'm.tflite'"),
        ("[]", "must be the sidecar of 'm.tflite'"),
        ('{"name": "m"}', "must be the sidecar of 'm.tflite'"),
        ('{"format_version": 2, "sha256": ""}', "Update ae_zoo"),
        ('{"format_version": 1, "sha256": "00"}', "belongs to another file"),
        ('{"format_version": 1, "sha256": 7}', "'sha256' of the sidecar has another"),
        ('{"format_version": true, "sha256": ""}', "has another type. Received: True"),
        ("[" * 100_000, "nests too deeply"),
        (" " * 2**20 + "{}", "larger than the 1,048,576 bytes"),
        ("\ud800", "cannot be read"),
    ],
)
def test_sidecar_that_does_not_belong(file, text, message):
    data = text.encode("utf-8", errors="surrogatepass")
    file.with_suffix(".json").write_bytes(data)
    with pytest.raises(UnsafeModelError, match=message) as caught:
        lite.load(file)
    assert caught.value.file == file.with_suffix(".json")


@pytest.mark.parametrize(
    "field, value",
    [
        ("input_range", [0.0, math.nan]),
        ("input_range", [1.0, 0.0]),
        ("input_range", [0.0]),
        ("input_range", [0, 10**400]),
        ("input_range", "[0, 1]"),
        ("score_terms", ["bernouli"]),
        ("score_terms", ["gaussian_kl"]),
        ("score_terms", ["bernoulli", "bernoulli"]),
        ("score_terms", "bernoulli"),
        ("score_terms", []),
        ("prior", {"class_name": "RealNVP"}),
        ("quantization", 8),
        ("signatures", {"encode": []}),
    ],
)
def test_forged_sidecar(file, field, value):
    """What the methods read is checked when it is loaded, not in the middle of one."""
    with_sidecar(file, file.read_bytes(), **{field: value})
    with pytest.raises(UnsafeModelError, match=f"'{field}'"):
        lite.load(file)


def test_control_characters_of_a_sidecar_are_escaped(file):
    with_sidecar(file, file.read_bytes(), task="\x1b[2J", name="a\u202eb")
    metadata = lite.load(file).metadata
    assert (metadata["task"], metadata["name"]) == ("\\x1b[2J", "a\\u202eb")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("suffix", [".json", ".tflite"])
def test_a_pipe_is_no_file(file, suffix):
    file.with_suffix(suffix).unlink()
    os.mkfifo(file.with_suffix(suffix))
    with pytest.raises(UnsafeModelError, match="not a regular file"):
        lite.load(file)


class Counter(tf.Module):
    """The signatures of a file that learns, as simple as they can be: x̂ = w."""

    def __init__(self):
        self.w = tf.Variable(tf.zeros((1, 2)))
        x = tf.TensorSpec((1, 2), name="x")
        self.functions = {
            "train": tf.function(self.train, input_signature=[x]),
            "infer": tf.function(self.infer, input_signature=[x]),
            "save": tf.function(self.save, input_signature=[]),
            "restore": tf.function(
                self.restore, input_signature=[tf.TensorSpec((1, 2), name="w")]
            ),
        }

    def train(self, x):
        loss = 0.5 * tf.reduce_sum(tf.square(x - self.w))
        self.w.assign_add(0.5 * (x - self.w))
        return {"loss": loss}

    def infer(self, x):
        return {"reconstruction": 0 * x + self.w}

    def save(self):
        return {"w": self.w.read_value()}

    def restore(self, w):
        self.w.assign(w)
        return {"restored": tf.reduce_sum(w)}


@pytest.fixture(scope="module")
def trainable(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainable")
    module = Counter()
    tf.saved_model.save(module, str(folder / "saved"), signatures=module.functions)
    names = list(module.functions)
    content = convert(
        folder / "saved", names, experimental_enable_resource_variables=True
    )
    return with_sidecar(folder / "m.tflite", content)


@pytest.mark.slow
def test_train_save_and_restore(trainable, tmp_path):
    light, x = lite.load(trainable), np.ones((1, 2), "float32")
    assert [light.train(x=x)["loss"].item() for _ in range(2)] == [1.0, 0.25]
    np.testing.assert_array_equal(light.reconstruct(x), 0.75 * x)
    light.save_weights(tmp_path / "w.npz")
    fresh = lite.load(trainable)
    fresh.restore_weights(tmp_path / "w.npz")
    np.testing.assert_array_equal(fresh.reconstruct(x), light.reconstruct(x))
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.slow
def test_bad_training_input(trainable, tmp_path):
    light, x = lite.load(trainable), np.ones((1, 2), "float32")
    with pytest.raises(ValueError, match=r"the shape \(1, 2\). Received: \(2, 2\)"):
        light.train(x=np.repeat(x, 2, axis=0))
    with pytest.raises(ValueError, match=r"takes the inputs \['x'\]"):
        light.train(x=x, y=x)
    with pytest.raises(TypeError, match="uint8"):
        light.train(x=x.astype("uint8"))
    with pytest.raises(ValueError, match="Call `save_weights`"):
        light.run("save")
    with pytest.raises(FileNotFoundError):
        light.restore_weights(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", v=x)
    with pytest.raises(ValueError, match=r"takes the inputs \['w'\]"):
        light.restore_weights(tmp_path / "other.npz")
    np.savez(tmp_path / "nan.npz", w=x * np.nan)
    with pytest.raises(ValueError, match="finite"):
        light.restore_weights(tmp_path / "nan.npz")
    np.savez(tmp_path / "pickled.npz", w=np.array([{}]))
    (tmp_path / "half.npz").write_bytes((tmp_path / "nan.npz").read_bytes()[:100])
    for name in ("pickled", "half"):
        with pytest.raises(ValueError, match="cannot be read"):
            light.restore_weights(tmp_path / f"{name}.npz")


RUN = """
import numpy as np
from ae_zoo import lite

light = lite.load(sys.argv[1])
x = np.load(sys.argv[2])
print(np.abs(light.reconstruct(x) - np.load(sys.argv[3])).max())
light.decode(light.encode(x)), light.score(x), light.sample(3, seed=0)
"""


def test_runs_without_tensorflow(models, folder, tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", models[VARIATIONAL].reconstruct(x))
    files = folder / f"{VARIATIONAL}.tflite", tmp_path / "x.npy", tmp_path / "y.npy"
    heavy = ("tensorflow", "keras", "sklearn", "scipy", "h5py")
    root = pathlib.Path(ae_zoo.__file__).parents[1]
    done = run_without(heavy, RUN, *files, cwd=root)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < TOLERANCE
    done = run_without([*heavy, "ai_edge_litert"], RUN, *files, cwd=root)
    assert "ImportError" in done.stderr and "pip install 'ae-zoo[lite]'" in done.stderr
