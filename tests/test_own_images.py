"""Tests of `ae_zoo.data.Images`: folders of image files as a source."""

import importlib.util
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from ae_zoo import data

SPLITS = ("train", "validation", "test")
# Photographs and scans that come with scikit-image: gray and color, some with alpha.
PHOTOS = pathlib.Path(importlib.util.find_spec("skimage").origin).parent / "data"


def gray(value, size=(4, 6), dtype="uint8"):
    return np.full(size, value, dtype)


def write(folder, count=10, suffix=".png", size=(4, 6)):
    """Write gray images whose value is ten times their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(gray(10 * number, size)).save(folder / f"{number}{suffix}")
    return folder


def everything(source):
    """All values of all splits, in any order."""
    return np.concatenate([source.arrays(split) for split in SPLITS])


# Splits


def test_splits_are_disjoint_seeded_and_stated(tmp_path):
    folder = write(tmp_path / "numbers", 20)
    source = data.Images(folder)
    assert source.counts == {"train": 16, "validation": 2, "test": 2}
    assert source.shape == (4, 6, 1)
    found = np.sort(np.rint(everything(source)[:, 0, 0, 0] * 25.5))
    np.testing.assert_array_equal(found, np.arange(20))
    again, other = data.Images(folder), data.Images(folder, seed=1)
    assert source.files("test") == again.files("test") != other.files("test")
    assert "at random by file, 0.1 for validation and 0.1 for test, seed 0" in (
        source.split_rule
    )


def test_copies_of_a_file_are_in_one_split(tmp_path):
    folder = write(tmp_path / "numbers", 6)
    for number in range(6):
        shutil.copy(folder / f"{number}.png", folder / f"copy of {number}.png")
    source = data.Images(folder, validation_split=0.3, test_split=0.3)
    for split in SPLITS:
        values, counts = np.unique(source.arrays(split)[:, 0, 0, 0], return_counts=True)
        assert (counts == 2).all() and len(values)


@pytest.mark.parametrize("groups", ["folder", lambda path: path.split("/")[0]])
def test_groups_are_in_one_split(tmp_path, groups):
    for person in range(5):
        write(tmp_path / f"person {person}", 2 + person)
        for path in (tmp_path / f"person {person}").glob("*.png"):
            value = 40 * person + int(path.stem)
            Image.fromarray(gray(value)).save(path)
    source = data.Images(tmp_path, groups=groups, validation_split=0.2, test_split=0.2)
    people = [{path.split("/")[0] for path in source.files(split)} for split in SPLITS]
    assert sum(map(len, people)) == len(set.union(*people)) == 5
    assert sum(source.counts.values()) == 20
    with pytest.raises(ValueError, match="at least 3 folders. Received 1"):
        data.Images(tmp_path / "person 4", groups="folder").counts  # noqa: B018


def test_folders_of_splits_are_the_splits(tmp_path):
    write(tmp_path / "train", 9)
    write(tmp_path / "test" / "deep", 3, size=(5, 6))
    source = data.Images(tmp_path, validation_split=0.34, image_size=(4, 6))
    assert source.counts == {"train": 6, "validation": 3, "test": 3}
    assert source.files("test") == [f"test/deep/{n}.png" for n in range(3)]
    assert source.split_rule.startswith("test as given; the rest at random")


def test_copies_in_given_splits_are_reported(tmp_path):
    write(tmp_path / "train", 5)
    write(tmp_path / "test", 1)
    with pytest.warns(UserWarning, match="1 images in .* have copies in another split"):
        data.Images(tmp_path).counts  # noqa: B018


def test_labels_are_the_names_of_folders(tmp_path):
    for name, value in {"dogs": 10, "cats": 200}.items():
        folder = tmp_path / name
        folder.mkdir()
        for number in range(5):
            Image.fromarray(gray(value + number)).save(folder / f"{number}.png")
    source = data.Images(tmp_path, labels="inferred")
    assert source.label == "folder: 0 cats, 1 dogs"
    for split in SPLITS:
        x, label = source.arrays(split, labels=True)
        np.testing.assert_array_equal(label, x[:, 0, 0, 0] < 0.5)
    only = next(iter(source.load("train", batch_size=20, classes=[0])))
    assert 0 < len(only) < source.counts["train"]


# Reading


def test_real_photographs_of_all_kinds(tmp_path):
    names = ["astronaut.png", "coffee.png", "horse.png", "camera.png", "rocket.jpg"]
    for name in names:
        shutil.copy(PHOTOS / name, tmp_path)
    source = data.Images(
        tmp_path, image_size=(32, 48), color_mode="rgb", crop_to_aspect_ratio=True
    )
    x = everything(source)
    assert x.shape == (5, 32, 48, 3) and x.dtype == "float32"
    assert x.min() >= 0 and 0.9 < x.max() <= 1
    # The mean of an image hardly changes if it is made smaller.
    files = [name for split in SPLITS for name in source.files(split)]
    with Image.open(PHOTOS / "coffee.png") as image:
        mean = np.asarray(image).mean(axis=(0, 1)) / 255
    found = x[files.index("coffee.png")].mean(axis=(0, 1))
    np.testing.assert_allclose(found, mean, atol=0.01)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".JPEG"])
def test_formats(tmp_path, suffix):
    source = data.Images(write(tmp_path / "x", 5, suffix))
    channels = 3 if suffix == ".webp" else 1  # WebP has no gray images
    assert source.shape == (4, 6, channels)
    values = np.sort(everything(source)[:, 0, 0, 0] * 255)
    np.testing.assert_allclose(values, [0, 10, 20, 30, 40], atol=1.5)  # lossy


def test_16_bits_are_kept_and_mix_with_8(tmp_path):
    deep = (np.arange(24).reshape(4, 6) * 2000).astype("uint16")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(gray(51)).save(tmp_path / "flat.png")
    Image.fromarray(gray(0)).save(tmp_path / "black.png")
    source = data.Images(tmp_path)
    names = [name for split in SPLITS for name in source.files(split)]
    found = dict(zip(names, everything(source)[..., 0], strict=True))
    np.testing.assert_allclose(found["deep.png"], deep / 65535, rtol=1e-6)
    np.testing.assert_allclose(found["flat.png"], 0.2, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colors_of_16_bits_are_not_reduced_to_8(tmp_path, suffix):
    deep = (np.arange(60).reshape(4, 5, 3) * 1001).astype("uint16")
    for number in range(3):
        path = tmp_path / f"{number}{suffix}"
        if suffix == ".png":
            import tensorflow as tf

            tf.io.write_file(str(path), tf.io.encode_png(deep + number))
        else:
            import tifffile

            tifffile.imwrite(path, deep + number, photometric="rgb")
    source = data.Images(tmp_path)
    number = int(pathlib.Path(source.files("train")[0]).stem)
    stored, _ = source.stored("train")
    np.testing.assert_array_equal(stored[0], deep + number)


def test_palettes_and_alpha(tmp_path):
    color = np.zeros((4, 6, 4), "uint8")
    color[..., 0], color[..., 3] = 200, 100
    Image.fromarray(color).save(tmp_path / "alpha.png")
    Image.fromarray(color[..., :3]).quantize(4).save(tmp_path / "palette.png")
    Image.fromarray(gray(90)).save(tmp_path / "gray.png")
    values = {}
    for mode in ("rgb", "rgba", "grayscale"):
        source = data.Images(tmp_path, color_mode=mode)
        names = [name for split in SPLITS for name in source.files(split)]
        pixels = np.rint(everything(source)[:, 0, 0] * 255).astype(int).tolist()
        values[mode] = dict(zip(names, pixels, strict=True))
    assert values["rgb"] == {
        "alpha.png": [200, 0, 0],
        "palette.png": [200, 0, 0],
        "gray.png": [90, 90, 90],
    }
    assert values["rgba"]["alpha.png"] == [200, 0, 0, 100]
    assert values["rgba"]["gray.png"] == [90, 90, 90, 255]
    assert values["grayscale"]["alpha.png"] == [60]  # 0.299 · 200, rounded


def test_exif_turns_images_upright(tmp_path):
    for number in range(3):
        image = Image.fromarray(gray(10 * number, (4, 6)))
        exif = image.getexif()
        exif[0x0112] = 6  # turned by 90°
        image.save(tmp_path / f"{number}.jpg", exif=exif)
    assert data.Images(tmp_path).shape == (6, 4, 1)


def test_resizing_pads_or_crops_as_asked(tmp_path):
    for number in range(3):
        image = gray(0, (4, 8))
        image[:, 2:6] = 255 - number
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    cropped = data.Images(tmp_path, image_size=(4, 4), crop_to_aspect_ratio=True)
    assert everything(cropped).min() > 0.98
    padded = data.Images(
        tmp_path, image_size=(8, 8), pad_to_aspect_ratio=True, interpolation="nearest"
    )
    x = everything(padded)[0, ..., 0]
    assert x[:2].max() == x[6:].max() == 0 and x[2:6, 2:6].min() > 0.98
    squeezed = everything(data.Images(tmp_path, image_size=(4, 4)))
    assert squeezed[0, 0, 0, 0] < 0.5 < squeezed[0, 0, 1, 0]


def test_random_crops_are_new_in_every_pass_and_seeded(tmp_path):
    ramp = np.arange(64, dtype="uint8").reshape(8, 8)
    for number in range(10):
        Image.fromarray(ramp + number).save(tmp_path / f"{number}.png")
    source = data.Images(tmp_path, image_size=(4, 4), crop="random")
    options = {"batch_size": 8, "repeat": True, "shuffle": True}

    def passes(seed, skip=0):
        batches = source.load("train", seed=seed, skip=skip, **options)
        return [batch.numpy() for batch in batches.take(3)]

    first, again = passes(0), passes(0)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(np.sort(first[0].ravel()), np.sort(first[1].ravel()))
    np.testing.assert_array_equal(passes(0, skip=1)[0], first[1])
    # Each is a part of the picture: rows are 8 apart, columns 1.
    pixels = np.rint(255 * first[0][0, ..., 0])
    assert (np.diff(pixels, axis=0) == 8).all() and (np.diff(pixels, axis=1) == 1).all()
    test = np.rint(255 * source.arrays("test")[0, ..., 0])
    number = int(pathlib.Path(source.files("test")[0]).stem)
    np.testing.assert_array_equal(test, (ramp + number)[2:6, 2:6])


def test_larger_than_memory_gives_the_same_batches(tmp_path, monkeypatch):
    folder = write(tmp_path / "x", 12)
    options = {"batch_size": 4, "shuffle": True, "repeat": True, "labels": False}
    expected = [b.numpy() for b in data.Images(folder).load(**options).take(5)]
    monkeypatch.setattr("ae_zoo.data.batches.MEMORY_LIMIT", 20)
    streamed = data.Images(folder)
    assert streamed.contents.rows["train"].array is None
    received = [b.numpy() for b in streamed.load(**options).take(5)]
    for one, other in zip(expected, received, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(
        streamed.arrays("test"), data.Images(folder).arrays("test")
    )


# Pairs


def test_pairs_are_made_by_file_name(tmp_path):
    clean, noisy = write(tmp_path / "clean", 10), tmp_path / "noisy"
    noisy.mkdir()
    for number in range(10):
        image = np.stack([gray(10 * number + c) for c in range(3)], axis=-1)
        Image.fromarray(image).save(noisy / f"{number}.bmp")
    source = data.Images(noisy, target=clean)
    assert source.shape == (4, 6, 3) and source.target_shape == (4, 6, 1)
    for x, y in [source.arrays("test"), next(iter(source.load(batch_size=8)))]:
        assert x.shape[1:] == (4, 6, 3) and y.shape[1:] == (4, 6, 1)
        np.testing.assert_allclose(x[..., :1], y)
    mirror = data.random_flip(1.0)
    x, y = next(iter(source.load(batch_size=8, augment=mirror)))
    np.testing.assert_allclose(x[..., :1], y)
    for options in ({"labels": True}, {"pair": lambda x: (x, x)}):
        with pytest.raises(ValueError, match="pairs"):
            source.load(**options)


def test_pairs_that_do_not_match_are_named(tmp_path):
    noisy, clean = write(tmp_path / "noisy", 6), write(tmp_path / "clean", 5)
    with pytest.raises(ValueError, match="1 of the 6 images .* no file .*: 5.png"):
        data.Images(noisy, target=clean).counts  # noqa: B018
    write(tmp_path / "clean", 7)
    with pytest.warns(UserWarning, match="1 images .* no input .*: 6.png"):
        assert sum(data.Images(noisy, target=clean).counts.values()) == 6


def test_targets_inside_the_folder_are_no_inputs(tmp_path):
    write(tmp_path / "all", 4)
    write(tmp_path / "all" / "clean", 4)
    source = data.Images(tmp_path / "all", target=tmp_path / "all" / "clean")
    assert sum(source.counts.values()) == 4


# Content


def test_the_fingerprint_is_of_the_content(tmp_path):
    folder = write(tmp_path / "here", 10)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    source = data.Images(folder)
    assert source.fingerprint == data.Images(moved).fingerprint
    assert all(len(digest) == 64 for digest in source.fingerprint.values())
    other_split = data.Images(folder, seed=3).fingerprint
    assert other_split["images (10 files)"] == source.fingerprint["images (10 files)"]
    assert other_split["splits"] != source.fingerprint["splits"]
    Image.fromarray(gray(99)).save(moved / "3.png")
    assert data.Images(moved).fingerprint != source.fingerprint


def test_facts_are_those_of_the_user(tmp_path):
    folder = write(tmp_path / "x", 5)
    plain = data.Images(folder)
    assert (plain.name, plain.license, plain.citation) == ("x", "not stated", "")
    told = data.Images(
        folder, name="mine", license="CC0", citation="@misc{a}", homepage="https://a.b"
    )
    assert (told.name, told.license, told.homepage) == ("mine", "CC0", "https://a.b")
    with pytest.raises(TypeError, match="`license` must be a string"):
        data.Images(folder, license=3)


# Bad input


def test_damaged_files_are_named_and_left_out(tmp_path):
    folder = write(tmp_path / "x", 10, size=(40, 60))
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "4.png").write_bytes(b"no image")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("left alone")
    with pytest.warns(UserWarning, match="3 of the 11 images .* 3.png .*4.png") as seen:
        assert sum(data.Images(folder).counts.values()) == 8
    assert "empty.jpg" in str(seen[0].message)
    for path in folder.glob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="None of the 11 images"):
        data.Images(folder).counts  # noqa: B018


@pytest.mark.parametrize(
    "make, expected",
    [
        (lambda x: data.Images(x / "empty"), "holds no image. Expected files that end"),
        (
            lambda x: data.Images(x / "sizes").shape,
            "differ in size: 4×6 .*8×6 .*Set image",
        ),
        (
            lambda x: data.Images(x / "colors").shape,
            "different channels.*Set color_mode",
        ),
        (lambda x: data.Images(x / "few").shape, "at least 3 files. Received 2"),
        (
            lambda x: data.Images(x / "few", color_mode="bgr"),
            "`color_mode` must be one",
        ),
        (lambda x: data.Images(x / "few", crop="random"), "`crop` needs `image_size`"),
        (lambda x: data.Images(x / "few", labels="inferred").shape, "at least 3 files"),
        (
            lambda x: data.Images(
                x, image_size=(2, 2), crop="center", pad_to_aspect_ratio=True
            ),
            "exclude each other",
        ),
        (lambda x: data.Images(x, validation_split=0.5, test_split=0.5), "below 1"),
    ],
)
def test_bad_folders_and_options_are_explained(tmp_path, make, expected):
    (tmp_path / "empty").mkdir()
    for name in ("sizes", "colors"):
        write(tmp_path / name, 3)
    Image.fromarray(gray(9, (8, 6))).save(tmp_path / "sizes" / "9.png")
    Image.fromarray(np.zeros((4, 6, 3), "uint8")).save(tmp_path / "colors" / "9.png")
    write(tmp_path / "few", 2)
    with pytest.raises(ValueError, match=expected):
        make(tmp_path)


def test_a_folder_that_is_not_there_is_named_when_it_is_needed(tmp_path):
    source = data.Images(tmp_path / "nowhere")  # another path may replace it
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        source.load("train")
    path = write(tmp_path / "x", 1) / "0.png"
    with pytest.raises(NotADirectoryError, match="is a file. Expected a folder"):
        data.Images(path)
