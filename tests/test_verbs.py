"""Verbs that use models: files in, files out, with what the files held."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image, ImageCms

import ae_zoo
from ae_zoo import zoo
from ae_zoo.cli import _pictures, _restore, _tables, command_line

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def card(model, name):
    """The least card that `load` accepts."""
    metric = {"metric": "squared error", "value": 1.0, "higher_is_better": False}
    metric |= {"baseline": None, "baseline_name": "", "published": None, "source": ""}
    facts = zoo.info("denoising_digits") | {"name": name, "metrics": [metric]}
    facts |= {"limits": "For tests.", "input_shape": list(model.sample_shape)}
    facts.pop("typical_inputs", None)
    return facts


def halving(channels):
    """A model of open size that halves all values, so that outputs can be derived."""
    inputs = keras.Input((None, None, channels))
    layer = keras.layers.DepthwiseConv2D(1, use_bias=False)
    encoder = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.full((1, 1, channels, 1), 0.5, "float32")])
    codes = keras.Input((None, None, channels))
    decoder = keras.Model(codes, keras.layers.Activation("linear")(codes))
    return ae_zoo.DenoisingAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", input_range=(0, 1)
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, channels in (("gray", 1), ("color", 3)):
        model = halving(channels)
        zoo.save(model, folder / name, card(model, name))
    return folder


@pytest.fixture(scope="module")
def astronaut():
    skimage = pytest.importorskip("skimage.data")
    return skimage.astronaut()[100:180, 200:300]


def run(*words, status=0):
    assert command_line.main([str(word) for word in words]) == status


def saved(path, values, **options):
    Image.fromarray(values).save(path, **options)
    return path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("model", ["gray", "color"])
def test_color_files_keep_their_size_and_profile(
    suffix, model, models, astronaut, tmp_path
):
    extra = {} if suffix == ".bmp" else {"icc_profile": PROFILE}
    path = saved(tmp_path / f"a{suffix}", astronaut, **extra)
    run("denoise", path, tmp_path / f"b{suffix}", "--model", models / model)
    with Image.open(tmp_path / f"b{suffix}") as image:
        values = np.asarray(image)
        assert image.info.get("icc_profile") == extra.get("icc_profile")
    # Rounding of halves may differ.
    assert np.abs(values - astronaut / 2).max() <= 0.5


def test_alpha_is_kept_and_palettes_become_colors(models, astronaut, tmp_path):
    alpha = np.arange(80 * 100, dtype=np.uint8).reshape(80, 100, 1)
    values = np.concatenate([astronaut, alpha], axis=-1)
    run("denoise", saved(tmp_path / "a.png", values), tmp_path / "b.png", "--model",
        models / "color")  # fmt: skip
    output = pixels(tmp_path / "b.png")
    np.testing.assert_array_equal(output[..., 3:], alpha)
    palette = Image.fromarray(astronaut).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "p.png")
    run("denoise", tmp_path / "p.png", tmp_path / "q.png", "--model", models / "color")
    colors = np.asarray(palette.convert("RGB"))
    output = pixels(tmp_path / "q.png")
    assert np.abs(output - colors / 2).max() <= 0.5


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_stay_16_bits(suffix, channels, tmp_path):
    if suffix == ".tif" and channels > 1:
        pytest.importorskip("tifffile")
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**16, (12, 9, channels), dtype=np.uint16)
    alpha = values[..., 3:] if channels == 4 else None
    color = values[..., :3] if channels == 4 else values
    picture = _pictures.Picture(color / np.float32(65535), alpha, 16, PROFILE)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(_pictures.encode(picture, path))
    again = _pictures.read(path)
    assert again.bits == 16
    assert again.profile == PROFILE
    np.testing.assert_array_equal(np.rint(again.color * 65535), color)
    if alpha is not None:
        np.testing.assert_array_equal(again.alpha, alpha)


def test_pictures_come_out_upright_with_their_other_exif(tmp_path, models, astronaut):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"  # turned by 90°
    path = saved(tmp_path / "a.jpg", astronaut, exif=exif, quality=95)
    run("denoise", path, tmp_path / "b.jpg", "--model", models / "color")
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.size == (80, 100)  # (width, height): 100×80 turned
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getexif()[0x010F] == "Maker"
        upright = np.rot90(astronaut, -1)
        assert np.abs(np.asarray(image) - upright / 2.0).mean() < 3  # JPEG


def test_gray_files_of_a_color_model_stay_gray(models, astronaut, tmp_path, capsys):
    gray = astronaut[..., 0]
    path = saved(tmp_path / "a.png", gray)
    run("denoise", path, tmp_path / "b.png", "--model", models / "color", "--json")
    output, errors = capsys.readouterr()
    assert "mean of the output is gray" in json.loads(output)["notes"][0]
    assert "mean of the output is gray" in errors
    values = pixels(tmp_path / "b.png")
    assert values.shape == gray.shape
    assert np.abs(values - gray / 2).max() <= 0.5


def test_photographs_are_denoised_without_a_choice(astronaut, tmp_path, capsys):
    """By the model of the zoo, which has to leave little of the noise."""
    clean = astronaut / 255.0
    noise = np.random.default_rng(0).normal(scale=25 / 255, size=clean.shape)
    noisy = np.uint8(np.round(255 * np.clip(clean + noise, 0, 1)))
    run("denoise", saved(tmp_path / "a.png", noisy), tmp_path / "b.png", "--json")
    assert json.loads(capsys.readouterr().out)["model"] == "denoising_photos"
    output = pixels(tmp_path / "b.png") / 255.0
    before, after = (np.square(x - clean).mean() for x in (noisy / 255.0, output))
    # At least 5 dB. Whole photographs gain 8 to 9; this crop is small and full of
    # edges.
    assert after < before / 10**0.5


def test_folders_keep_their_structure_and_name_what_fails(
    models, astronaut, tmp_path, capsys
):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    saved(folder / "a.png", astronaut)
    saved(folder / "sub" / "b.png", astronaut[..., 0])
    (folder / "broken.png").write_bytes(b"not an image")
    (folder / "notes.txt").write_text("not one either")
    command = ["denoise", folder, tmp_path / "out", "--model", models / "gray"]
    run(*command, "--compare", status=1)
    output, errors = capsys.readouterr()
    assert "broken.png' is not an image" in errors
    assert "1 of 3 failed" in output
    names = sorted(p.relative_to(tmp_path / "out").as_posix()
                   for p in (tmp_path / "out").rglob("*.png"))  # fmt: skip
    assert names == ["a.png", "a_compare.png", "sub/b.png", "sub/b_compare.png"]
    both = pixels(tmp_path / "out" / "a_compare.png")
    np.testing.assert_array_equal(both[:, :100], astronaut)
    assert both.shape == (80, 204, 3)
    run(*command, status=1)
    assert "--overwrite" in capsys.readouterr().err
    run(*command, "--overwrite", status=1)


@pytest.mark.parametrize(
    "words, match",
    [
        (["{none}", "{out}", "--model", "{gray}"], "There is no file"),
        (["{in}", "{in}", "--model", "{gray}"], "exists"),
        (["{in}", "{text}", "--model", "{gray}"], "Name an image file or a folder"),
        (["{in}", "{in}", "{out}", "--model", "{gray}"], "to a folder"),
        (["{in}", "{out}", "--model", "denoising_mnist"], "28×28 pixels"),
        (["{in}", "{out}", "--model", "anomaly_ecg5000"], "takes inputs of shape"),
        (["{in}", "{out}", "--model", "{gray}", "--tile", "5"], "at least"),
        (["{empty}", "{folder}", "--model", "{gray}"], "holds no image"),
    ],
)
def test_what_does_not_suit_is_said_in_one_line(
    words, match, models, astronaut, tmp_path, capsys
):
    names = {"in": saved(tmp_path / "a.png", astronaut), "out": tmp_path / "b.png"}
    names |= {"none": tmp_path / "no.png", "text": tmp_path / "t.txt"}
    names |= {"gray": models / "gray", "empty": tmp_path / "empty"}
    names["folder"] = tmp_path / "folder"
    names["empty"].mkdir()
    names["text"].write_text("kept")
    run("denoise", *(word.format(**names) for word in words), status=1)
    lines = capsys.readouterr().err.strip().splitlines()
    assert match in lines[-1]
    assert not names["out"].exists()
    assert names["text"].read_text() == "kept"


def test_a_full_disk_leaves_nothing_half_written(
    models, astronaut, tmp_path, monkeypatch, capsys
):
    path = saved(tmp_path / "a.png", astronaut)

    def fail(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    run("denoise", path, tmp_path / "b.png", "--model", models / "gray", status=1)
    assert "cannot be written: No space left" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_inputs_with_the_same_name_are_refused(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        saved(tmp_path / folder / "a.png", np.zeros((4, 4), np.uint8))
    inputs = [tmp_path / "x", tmp_path / "y" / "a.png"]
    with pytest.raises(ValueError, match="would both be written"):
        _restore.pairs(inputs, tmp_path / "out")


# Arrays and tables.


@pytest.mark.slow
def test_arrays_and_tables_are_reconstructed(tmp_path):
    model = zoo.load("deep_digits")
    x = ae_zoo.data.arrays("digits", "test")[:5]
    np.save(tmp_path / "x.npy", x)
    run("reconstruct", "deep_digits", tmp_path / "x.npy", tmp_path / "y.npy")
    expected = model.reconstruct(x)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)
    header = [f"pixel {n}" for n in range(64)]
    (tmp_path / "x.csv").write_bytes(_tables.encode(x, ".csv", header))
    run("reconstruct", "deep_digits", tmp_path / "x.csv", tmp_path / "y.csv")
    again = _tables.read(tmp_path / "y.csv")
    assert again.header == header
    np.testing.assert_allclose(again.x, expected.reshape(5, 64), atol=1e-6)


@pytest.mark.slow
def test_codes_and_scores_of_several_files(tmp_path, capsys):
    model = zoo.load("deep_digits")
    x = ae_zoo.data.arrays("digits", "test")[:4]
    np.save(tmp_path / "x.npy", x[:3])
    levels = np.rint(x[3, ..., 0] * 255).astype(np.uint8)
    saved(tmp_path / "d.png", levels)
    files = [tmp_path / "x.npy", tmp_path / "d.png"]
    run("encode", "deep_digits", *files, tmp_path / "z.csv")
    x[3, ..., 0] = levels / 255
    codes = _tables.read(tmp_path / "z.csv").x
    np.testing.assert_allclose(codes, model.encode(x), rtol=1e-5, atol=1e-5)
    capsys.readouterr()
    run("score", "deep_digits", *files, "--json")
    rows = json.loads(capsys.readouterr().out)["scores"]
    np.testing.assert_allclose([r["score"] for r in rows], model.score(x), rtol=1e-4)
    assert rows[2]["sample"].endswith("x.npy:3")
    run("score", "deep_digits", files[1])
    assert capsys.readouterr().out.startswith("sample,score\n")


@pytest.mark.slow
def test_samples_and_lines_between_codes(tmp_path, capsys):
    command = ["sample", "variational_digits", tmp_path / "s.png", "-n", 5, "--seed", 3]
    run(*command)
    with Image.open(tmp_path / "s.png") as image:
        assert image.size == (3 * 10 - 2, 2 * 10 - 2)
    run(*command, status=1)  # it exists
    run("sample", "variational_digits", tmp_path / "s.npy", "-n", 5, "--seed", 3)
    model = zoo.load("variational_digits")
    expected = model.sample(5, seed=3)
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), expected, atol=1e-6)
    run("sample", "deep_digits", tmp_path / "t.npy", status=1)
    assert "no prior" in capsys.readouterr().err
    x = ae_zoo.data.arrays("digits", "test")[:2]
    for name, image in zip("ab", x, strict=True):
        np.save(tmp_path / f"{name}.npy", image)
    ends = tmp_path / "a.npy", tmp_path / "b.npy"
    run("interpolate", "variational_digits", *ends, tmp_path / "i.npy", "--steps", 4)
    expected = model.interpolate(*x, steps=4)
    np.testing.assert_allclose(np.load(tmp_path / "i.npy"), expected, atol=1e-5)


@pytest.mark.parametrize(
    "text, match",
    [
        ("", "is empty"),
        ("a,b\n", "no rows"),
        ("1,2\n3\n", "line 2: expected 2 values"),
        ("a,b\n1,x\n", "column 'b' holds 'x'"),
        ("1,nan\n", "holds 'nan'"),
        ("1,2\n", "holds samples of shape"),
    ],
)
def test_bad_tables_are_named(text, match, tmp_path, capsys):
    (tmp_path / "x.csv").write_text(text)
    run("reconstruct", "deep_digits", tmp_path / "x.csv", tmp_path / "y.csv", status=1)
    assert match in capsys.readouterr().err
    assert not (tmp_path / "y.csv").exists()


def test_arrays_of_objects_are_not_unpickled(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    run("score", "deep_digits", tmp_path / "x.npy", status=1)
    assert "no array of numbers" in capsys.readouterr().err


def test_an_unknown_suffix_is_refused():
    picture = _pictures.Picture(np.zeros((2, 2, 1), np.float32))
    with pytest.raises(ValueError, match="not the suffix"):
        _pictures.encode(picture, Path("a.xyz"))
