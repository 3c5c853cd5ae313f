"""Wrong arguments of networks, data and loaders end in one sentence that names them."""

import numpy as np
import pytest

import ae_zoo
from ae_zoo import cli, data, lite, networks
from ae_zoo.training.loading import load_with_recipe

IMAGE = (8, 8, 1)
WRONG = {
    "units": [
        lambda: networks.dense_encoder((8,), ""),
        lambda: networks.dense_encoder((8,), []),
        lambda: networks.dense_encoder((8,), 4),
        lambda: networks.dense_encoder((8,), [4, 0]),
        lambda: networks.dense_encoder((8,), [2.5]),
        lambda: networks.dense_decoder(4, [True], (8,)),
        lambda: networks.residual_encoder(IMAGE, 2, 4, 1, units=0),
    ],
    "latent_dim": [
        lambda: networks.dense_decoder(0, [4], (8,)),
        lambda: networks.dense_decoder("4", [4], (8,)),
        lambda: networks.convolutional_encoder(IMAGE, [4], latent_dim=-1),
        lambda: networks.convolutional_decoder(IMAGE, [4], latent_dim=0),
        lambda: networks.residual_decoder(0, 4, IMAGE, 2, 4, 1),
    ],
    "input_shape": [
        lambda: networks.dense_encoder(8, [4]),
        lambda: networks.dense_encoder((), [4]),
        lambda: networks.dense_encoder((None,), [4]),
        lambda: networks.convolutional_encoder((8, 8), [4]),
        lambda: networks.convolutional_encoder((None, None, 1), [4], latent_dim=2),
        lambda: networks.u_net_encoder((8, 8, 0), [4]),
        lambda: networks.u_net_encoder((None, None, None), [4, 8]),
        lambda: networks.residual_encoder("abc", 2, 4, 1, 4),
    ],
    "output_shape": [
        lambda: networks.dense_decoder(4, [], None),
        lambda: networks.dense_decoder(4, [], (8, -1)),
        lambda: networks.convolutional_decoder((8, 8), [4]),
    ],
    "filters": [
        lambda: networks.convolutional_encoder(IMAGE, []),
        lambda: networks.convolutional_decoder(IMAGE, "16"),
        lambda: networks.u_net_encoder(IMAGE, [4, None]),
    ],
    "kernel_size": [lambda: networks.convolutional_encoder(IMAGE, [4], kernel_size=0)],
    "patch_size": [lambda: networks.residual_encoder(IMAGE, 0, 4, 1, 4)],
    "blocks": [lambda: networks.residual_encoder(IMAGE, 2, 4, -1, 4)],
    "channels": [lambda: networks.pixel_decoder(IMAGE, 0)],
    "code_shape": [lambda: networks.pixel_decoder((8, 8), 1)],
    "shuffle": [lambda: data.load("digits", batch_size=2, shuffle="yes")],
    "labels": [lambda: data.load("digits", labels=1)],
    "repeat": [lambda: data.load("digits", batch_size=2, repeat=3)],
    "drop_remainder": [lambda: data.load("digits", drop_remainder=None)],
    "data_dir": [
        lambda: data.load("digits", data_dir=5),
        lambda: data.prepare("mnist", data_dir=b"folder"),
    ],
    "manual_dir": [lambda: data.prepare("mnist", manual_dir=5)],
    "share": [lambda: data.random_flip(share="x"), lambda: data.random_affine(share=2)],
    "rotation": [
        lambda: data.random_affine(rotation="x"),
        lambda: data.random_affine(rotation=float("nan")),
    ],
    "images": [
        lambda: data.mnist_style("x"),
        lambda: data.mnist_style(np.zeros((0, 8, 8, 1))),
        lambda: data.mnist_style(np.full((1, 8, 8, 1), np.nan)),
    ],
    "files": [lambda: data.tfrecords("a", lambda record: record, batch_size=2)],
    "parse": [lambda: data.tfrecords(["a.tfrecord"], 5, batch_size=2)],
    "num_threads": [
        lambda: lite.load("deep_digits", num_threads=2**63),
        lambda: lite.load("deep_digits", num_threads=0),
    ],
    "learning_rate": [
        lambda: ae_zoo.optimizers.adam("x"),
        lambda: ae_zoo.optimizers.muon(float("nan")),
    ],
    "alpha": [lambda: ae_zoo.optimizers.adam(1e-3, "cosine", alpha=2)],
    "output_dir": [lambda: ae_zoo.train("deep_digits", output_dir=5)],
    "keep": [lambda: ae_zoo.train("deep_digits", keep=0)],
    "samples": [
        lambda: ae_zoo.evaluation.read_splits(data.source("digits"), samples=-1),
        lambda: ae_zoo.evaluation.read_splits(data.source("digits"), samples=0),
    ],
}


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in WRONG.items() for call in calls]
)
def test_wrong_arguments_are_named(name, call):
    with pytest.raises((TypeError, ValueError), match=rf"`{name}`") as error:
        call()
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


@pytest.mark.parametrize("load", [ae_zoo.load, ae_zoo.info, lite.load])
@pytest.mark.parametrize("name", ["", None, 5, b"deep_digits", ["deep_digits"]])
def test_names_of_models_are_strings_or_paths(load, name):
    with pytest.raises((TypeError, ValueError), match="name of a model, or a path"):
        load(name)


def test_networks_take_numpy_integers_and_lists():
    encoder = networks.dense_encoder([np.int64(8), 8, 1], np.array([4, 2]))
    assert encoder.output_shape == (None, 2)
    encoder = networks.convolutional_encoder((None, None, 1), [4])
    assert encoder.output_shape == (None, None, None, 4)


@pytest.mark.parametrize("recipe", ["variational_digits", "contractive_mnist"])
def test_the_recipe_of_another_variant_is_refused(recipe, capsys):
    with pytest.raises(ValueError, match="It builds a .* the model is a Undercomplete"):
        load_with_recipe("undercomplete_digits", recipe)
    command = ["evaluate", "undercomplete_digits", "--recipe", recipe]
    assert cli.main(command) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_measurements_on_other_data_are_not_written(tmp_path, capsys):
    path = tmp_path / "faces.py"
    path.write_text(
        "import dataclasses\nfrom ae_zoo.training.recipe import load_recipe\n"
        "recipe = load_recipe('undercomplete_digits')[1]\n"
        "recipe = dataclasses.replace(recipe, dataset='olivetti_faces')\n"
    )
    command = ["evaluate", "undercomplete_digits", "--recipe", str(path), "--write"]
    assert cli.main(command) == 1
    assert "--write needs measurements on the data" in capsys.readouterr().err
