"""Tests of `ae_zoo.data`: the data it returns, and its error messages."""

import dataclasses
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from sklearn.model_selection import train_test_split

from ae_zoo import data, evaluation
from ae_zoo.data import archives, catalog, preparing
from ae_zoo.data import batches as dealing
from ae_zoo.data.catalog import skab

SPLITS = ("train", "validation", "test")
SEED = (1, 2)


def values(dataset):
    """All examples of a batched dataset, in order."""
    return np.concatenate(list(dataset.as_numpy_iterator()))


def message(*parts):
    """A pattern that matches `parts`, in this order, with anything between."""
    return "(?s)" + ".*".join(re.escape(part) for part in parts)


# Facts


def test_facts_need_no_tensorflow():
    code = (
        "import sys; from ae_zoo import data; data.names(); data.info('mnist'); "
        "heavy = {'tensorflow', 'tensorflow_datasets', 'keras'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", data.names())
def test_facts_are_complete(name):
    facts = data.info(name)
    assert facts.name == name
    assert tuple(facts.counts) == tuple(facts.splits) == SPLITS
    assert facts.license and facts.split_rule and "author=" in facts.citation
    assert facts.homepage.startswith("http")
    assert all(url.startswith("http") for url in facts.urls)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in facts.sha256.values())


# Sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(data.Source):
    """A source as a user may write it: images that are their own numbers."""

    name: str = "mine"
    shape: tuple = (2, 3, 1)
    counts: dict = dataclasses.field(default_factory=lambda: {"train": 40, "test": 10})
    label: str | None = "the last digit"
    divisor: float = 100.0

    @property
    def fingerprint(self):
        return {"mine.npz": "0" * 64}

    def stored(self, split):
        numbers = np.arange(self.counts[split])
        images = np.tile(numbers[:, None, None, None], (1, *self.shape))
        return images.astype("uint8"), numbers % 10


def test_a_source_of_the_catalog_describes_and_reads_a_set():
    source = data.source("digits")
    assert source.counts["test"] == len(source.arrays("test")) == 250
    assert source.shape == source.arrays("test").shape[1:]
    for field in ("name", "label", "license", "citation", "homepage", "split_rule"):
        assert getattr(source, field) == getattr(data.info("digits"), field)
    x, label = source.arrays("test", labels=True)
    expected, expected_label = data.arrays("digits", "test", labels=True)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(label, expected_label)
    options = {"batch_size": 60, "shuffle": True, "seed": 5, "binarize": "dynamic"}
    np.testing.assert_array_equal(
        values(source.load("test", **options)),
        values(data.load("digits", "test", **options)),
    )


def test_the_fingerprint_of_the_catalog_is_that_of_the_raw_files():
    for name in data.names():
        files = data.info(name).files
        found = data.source(name).fingerprint
        assert found == {file.name: file.sha256[0] for file in files}


def test_a_source_knows_its_folder(synthetic_frey, tmp_path):
    here = data.source("frey_faces", data_dir=synthetic_frey)
    assert here.arrays("test").shape == (200, 28, 20, 1)
    elsewhere = data.source("frey_faces", data_dir=tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        elsewhere.arrays("test")
    assert data.source(here) is here


@pytest.mark.slow
def test_a_source_of_ones_own_can_be_loaded_like_the_catalog():
    mine = Mine()
    assert data.source(mine) is mine
    np.testing.assert_array_equal(
        data.arrays(mine, "test")[:, 0, 0, 0], np.arange(10, dtype="float32") / 100
    )
    options = {"batch_size": 16, "labels": True, "shuffle": True, "repeat": True}
    for load in (mine.load, lambda *a, **k: data.load(mine, *a, **k)):
        x, label = next(iter(load("train", **options)))
        assert x.shape == (16, 2, 3, 1) and x.dtype == "float32"
        numbers = np.rint(x[:, 0, 0, 0].numpy() * 100)
        np.testing.assert_array_equal(label, numbers % 10)
    chosen = mine.load("train", batch_size=50, classes=[3], binarize="fixed")
    assert next(iter(chosen)).shape == (4, 2, 3, 1)
    halves = [mine.load("test", batch_size=4, shard=(n, 2)) for n in range(2)]
    both = [np.concatenate(parts) for parts in zip(*halves, strict=True)]
    np.testing.assert_array_equal(np.concatenate(both), mine.arrays("test"))


def test_a_source_of_ones_own_goes_where_the_catalog_goes():
    splits = evaluation.read_splits(Mine(counts=dict.fromkeys(SPLITS, 20)), samples=5)
    assert splits.train.x.shape == (20, 2, 3, 1) and len(splits.test.labels) == 5


@pytest.mark.parametrize("limit", [None, 30])
def test_the_head_of_a_source_is_the_same_streamed(monkeypatch, limit):
    """A source that does not fit in memory is read in batches."""
    if limit is not None:
        monkeypatch.setattr(dealing, "MEMORY_LIMIT", limit)
    stored, label = Mine().head("train", 7)
    np.testing.assert_allclose(stored[:, 0, 0, 0], np.arange(7), rtol=1e-6)
    np.testing.assert_array_equal(label, np.arange(7))


def test_a_source_refuses_what_it_does_not_have():
    with pytest.raises(ValueError, match="split of 'mine' named 'validation'"):
        Mine().load("validation")
    with pytest.raises(ValueError, match="'mine' has no labels"):
        Mine(label=None).arrays("test", labels=True)
    with pytest.raises(TypeError, match="stored"):
        data.Source(name="half", shape=(1,), counts={})


# Splits


def test_digits_splits_make_up_the_published_set():
    from sklearn.datasets import load_digits

    parts = [data.arrays("digits", split, labels=True) for split in SPLITS]
    assert [len(x) for x, _ in parts] == [1297, 250, 250]
    published = load_digits()
    # Sixteenths are exact in float32.
    np.testing.assert_array_equal(
        np.concatenate([x for x, _ in parts])[..., 0], published.images / 16
    )
    np.testing.assert_array_equal(
        np.concatenate([label for _, label in parts]), published.target
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, per_class, mean",
    [
        # Published class sizes of the 60,000 training digits, and published means.
        (
            "mnist",
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            0.1307,
        ),
        ("fashion_mnist", [6000] * 10, 0.2860),
        # Mean of the three published channel means 0.4914, 0.4822 and 0.4465.
        ("cifar10", [5000] * 10, 0.4734),
    ],
)
def test_train_and_validation_make_up_the_published_train(
    prepared, name, per_class, mean
):
    facts = data.info(name)
    if not (prepared / name / facts.version).is_dir():
        pytest.skip(f"{name} {facts.version} is not among the prepared data")
    x, label = data.arrays(name, labels=True, data_dir=prepared)
    held_out, held_out_label = data.arrays(
        name, "validation", labels=True, data_dir=prepared
    )
    sizes = facts.counts["train"], facts.counts["validation"]
    assert (len(x), len(held_out)) == sizes
    # An overlap would count some examples twice and miss others.
    assert np.bincount(np.append(label, held_out_label)).tolist() == per_class
    # Published with four digits, hence half a unit of the last one.
    total = np.average([x.mean(), held_out.mean()], weights=sizes)
    assert total == pytest.approx(mean, abs=5e-5)
    test = data.arrays(name, "test", data_dir=prepared)
    assert test.shape == (10000, *facts.shape)


# Pipelines


def test_elements_have_the_promised_types():
    batch, label = next(iter(data.load("digits", batch_size=32, labels=True)))
    assert (batch.dtype, label.dtype) == ("float32", "int64")
    assert (batch.shape, label.shape) == ((32, 8, 8, 1), (32,))
    assert 0 <= batch.numpy().min() and batch.numpy().max() == 1
    single = data.load("digits", "test")
    assert len(single) == 250
    assert next(iter(single)).shape == (8, 8, 1)


def test_order_is_fixed_without_shuffle():
    expected = data.arrays("digits", "test")
    for size in (7, 250):
        dataset = data.load("digits", "test", batch_size=size)
        np.testing.assert_array_equal(values(dataset), expected)


def test_drop_remainder_leaves_out_the_smaller_batch():
    for drop, batches in ((False, 3), (True, 2)):
        dataset = data.load("digits", "test", batch_size=100, drop_remainder=drop)
        assert len(list(dataset)) == len(dataset) == batches


@pytest.fixture
def streamed(monkeypatch):
    """Makes `load` stream: no set of the zoo is too large for memory."""
    monkeypatch.setattr(dealing, "MEMORY_LIMIT", 0)


@pytest.fixture
def source(request):
    """Name and folder of a set: digits in memory, or synthetic faces streamed."""
    if request.param == "memory":
        return {"name": "digits"}
    request.getfixturevalue("streamed")
    return {"name": "frey_faces", "data_dir": request.getfixturevalue("synthetic_frey")}


both_ways = pytest.mark.parametrize("source", ["memory", "stream"], indirect=True)


@pytest.mark.slow
@both_ways
def test_shuffle_is_seeded_and_new_on_every_pass(source):
    def passes(seed):
        dataset = data.load(**source, batch_size=64, shuffle=True, seed=seed)
        return values(dataset), values(dataset)

    first, second = passes(seed=3)
    assert not np.array_equal(first, second)
    for again, expected in zip(passes(seed=3), (first, second), strict=True):
        np.testing.assert_array_equal(again, expected)
    assert not np.array_equal(passes(seed=4)[0], first)
    # Whole-set shuffle: every pass holds every example once.
    everything = sorted(row.tobytes() for row in data.arrays(**source))
    assert sorted(row.tobytes() for row in second) == everything


@pytest.mark.slow
@both_ways
def test_fixed_binarization_is_the_same_on_every_pass_and_batch_size(source):
    def binary(size, seed=0):
        return data.load(**source, batch_size=size, seed=seed, binarize="fixed")

    dataset = binary(100)
    first = values(dataset)
    assert set(np.unique(first)) == {0, 1}
    np.testing.assert_array_equal(values(dataset), first)
    np.testing.assert_array_equal(values(binary(33)), first)
    assert not np.array_equal(values(binary(100, seed=1)), first)


@pytest.mark.parametrize("binarize", ["dynamic", "fixed"])
def test_binarization_draws_with_the_right_mean(binarize):
    x = data.arrays("digits")
    drawn = values(data.load("digits", batch_size=100, binarize=binarize))
    # A mean of independent draws has the variance sum x(1-x) / n^2; five standard
    # errors are exceeded once in two million seeds, and the seed is fixed.
    error = np.sqrt((x * (1 - x)).sum()) / x.size
    assert abs(drawn.mean() - x.mean()) < 5 * error
    # Certain pixels stay what they are.
    assert drawn[x == 0].max() == 0 and drawn[x == 1].min() == 1


def test_dynamic_binarization_is_seeded_and_new_on_every_pass():
    def passes(seed):
        dataset = data.load("digits", batch_size=100, binarize="dynamic", seed=seed)
        return values(dataset), values(dataset)

    first, second = passes(seed=3)
    assert not np.array_equal(first, second)
    for again, expected in zip(passes(seed=3), (first, second), strict=True):
        np.testing.assert_array_equal(again, expected)
    assert not np.array_equal(passes(seed=4)[0], first)


@pytest.mark.slow
def test_augment_takes_a_keras_layer_and_keeps_labels():
    import keras

    def augmented():
        shift = keras.layers.RandomTranslation(0.3, 0.3, fill_mode="constant", seed=1)
        return data.load("digits", batch_size=100, labels=True, augment=shift)

    dataset = augmented()
    first, second = (list(dataset.as_numpy_iterator()) for _ in range(2))
    plain, label = data.arrays("digits", labels=True)
    assert not np.array_equal(first[0][0], plain[:100])
    assert not np.array_equal(first[0][0], second[0][0])
    np.testing.assert_array_equal(np.concatenate([y for _, y in first]), label)
    np.testing.assert_array_equal(next(iter(augmented()))[0], first[0][0])


@pytest.mark.slow
def test_pair_is_applied_last():
    dataset = data.load(
        "digits", batch_size=10, binarize="dynamic", pair=lambda x: (1 - x, x)
    )
    negative, x = next(iter(dataset))
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_array_equal(negative, 1 - x)


@pytest.mark.parametrize("limit", [dealing.MEMORY_LIMIT, 0])
@pytest.mark.parametrize("binarize", [None, "fixed"])
def test_classes_leave_the_other_labels_out(monkeypatch, binarize, limit):
    options = {"labels": True, "binarize": binarize, "seed": 2}
    x, label = next(iter(data.load("digits", batch_size=2000, **options)))
    chosen = np.isin(label, (3, 7))
    monkeypatch.setattr(dealing, "MEMORY_LIMIT", limit)
    dataset = data.load("digits", batch_size=50, classes=(3, 7), **options)
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == dataset.cardinality() == -(-chosen.sum() // 50)
    for parts, expected in zip(zip(*batches, strict=True), (x, label), strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), expected.numpy()[chosen])
    assert data.load("digits", classes=(3, 7)).cardinality() == chosen.sum()


@pytest.mark.parametrize(
    "name, classes, error, expected",
    [
        ("digits", "3", TypeError, ("sequence of integer labels", "'3'")),
        ("digits", 3, TypeError, ("sequence of integer labels", "3")),
        ("digits", (11,), ValueError, ("no example of the classes [11]", "0-9")),
        ("frey_faces", (1,), ValueError, ("'frey_faces' has no labels",)),
    ],
)
def test_wrong_classes_are_refused(name, classes, error, expected):
    with pytest.raises(error, match=message(*expected)):
        data.load(name, classes=classes)


# Our own builders


def put(monkeypatch, folder, name, contents):
    """Writes synthetic raw files and makes their checksums the expected ones."""
    facts = data.info(name)
    files = []
    for file, content in zip(facts.files, contents, strict=True):
        (folder / file.name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(dataclasses.replace(file, sha256=(digest,)))
    changed = dataclasses.replace(facts, files=tuple(files))
    monkeypatch.setitem(catalog.SOURCES, name, changed)


def mat_file(folder, **variables):
    from scipy.io import savemat

    savemat(folder / "synthetic.mat", variables)
    return (folder / "synthetic.mat").read_bytes()


@pytest.fixture
def synthetic_frey(monkeypatch, tmp_path):
    """1,965 noise frames in the layout of frey_rawface.mat, prepared."""
    frames = np.random.RandomState(0).randint(0, 256, (560, 1965)).astype(np.uint8)
    put(monkeypatch, tmp_path, "frey_faces", [mat_file(tmp_path, ff=frames)])
    data.prepare("frey_faces", data_dir=tmp_path, manual_dir=tmp_path, download=False)
    return tmp_path


@pytest.mark.slow
def test_frey_keeps_the_frames_in_time_order(synthetic_frey):
    frames = np.random.RandomState(0).randint(0, 256, (560, 1965)).astype(np.uint8)
    parts = [data.arrays("frey_faces", s, data_dir=synthetic_frey) for s in SPLITS]
    assert [len(part) for part in parts] == [1565, 200, 200]
    x = np.concatenate(parts)
    assert x.shape == (1965, 28, 20, 1)
    expected = frames.T.reshape(-1, 28, 20, 1) / np.float32(255)
    np.testing.assert_array_equal(x, expected)


def test_olivetti_is_split_by_person(monkeypatch, tmp_path):
    # Photograph k is everywhere k // 10, but its top right pixel is 255.
    faces = np.tile((np.arange(400) // 10).astype(np.uint8), (4096, 1))
    faces[np.ravel_multi_index((63, 0), (64, 64))] = 255  # column by column
    put(monkeypatch, tmp_path, "olivetti_faces", [mat_file(tmp_path, faces=faces)])
    data.prepare("olivetti_faces", data_dir=tmp_path, manual_dir=tmp_path)
    for split, people in zip(SPLITS, [(0, 30), (30, 35), (35, 40)], strict=True):
        x, person = data.arrays("olivetti_faces", split, labels=True, data_dir=tmp_path)
        assert x.shape == (10 * (people[1] - people[0]), 64, 64, 1)
        np.testing.assert_array_equal(person, np.repeat(np.arange(*people), 10))
        np.testing.assert_allclose(x[:, 5, 5, 0] * 255, person, rtol=1e-6)
        np.testing.assert_array_equal(x[:, 0, 63, 0], 1)


@pytest.mark.slow
def test_ecg_holds_out_a_mixed_validation_set(monkeypatch, tmp_path):
    def text(first, classes):
        rows = [f"{c} " + f"{first + i} " * 140 for i, c in enumerate(classes)]
        return "\n".join(rows).encode()

    published = [1] * 292 + [2] * 177 + [3] * 10 + [4] * 19 + [5] * 2
    contents = [text(0, published), text(1000, [1, 5] * 2250)]
    put(monkeypatch, tmp_path, "ecg5000", contents)
    data.prepare("ecg5000", data_dir=tmp_path, manual_dir=tmp_path)
    (x, y), (held_out, held_out_y), (test, test_y) = (
        data.arrays("ecg5000", split, labels=True, data_dir=tmp_path)
        for split in SPLITS
    )
    assert (x.shape, held_out.shape) == ((450, 140), (50, 140))
    rows = np.append(x[:, 0], held_out[:, 0])
    np.testing.assert_array_equal(np.sort(rows), np.arange(500))
    np.testing.assert_array_equal(np.append(y, held_out_y)[rows.argsort()], published)
    # 29 normal heartbeats of 50 are expected, for 292 of 500.
    assert 20 < np.count_nonzero(held_out_y == 1) < 38
    np.testing.assert_array_equal(test[:, 7], np.arange(1000, 5500))
    assert test_y.dtype == np.int64 and set(test_y) == {1, 5}


def jpeg(number, size):
    file = io.BytesIO()
    PIL.Image.new("RGB", size, (number % 256, 0, 255)).save(file, "JPEG")
    return file.getvalue()


def tar_file(files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def test_bsds500_keeps_bsd68_for_the_test(monkeypatch, tmp_path):
    landscape, portrait = (481, 321), (321, 481)
    numbers = {"train": [5, 6], "test": [7], "val": [3096, 12084, 9, 10, 11]}
    files = {
        f"{part}/{number}.jpg": jpeg(number, portrait if number == 9 else landscape)
        for part in numbers
        for number in numbers[part]
    }
    source = catalog.SOURCES["bsds500"]
    splits = source.read([_written(tmp_path / "photos.tar", tar_file(files))])
    found = {name: images[:, 0, 0, 0].tolist() for name, (images,) in splits.items()}
    near = {name: sorted(reds) for name, reds in found.items()}
    assert [len(near[split]) for split in SPLITS] == [3, 3, 2]
    assert near["validation"] == pytest.approx([9, 10, 11], abs=2)  # JPEG's rounding
    assert near["test"] == pytest.approx(sorted([3096 % 256, 12084 % 256]), abs=2)
    gray = catalog.SOURCES["bsds500_gray"].read([tmp_path / "photos.tar"])
    assert gray["validation"][0].shape == (3, 321, 481, 1)


def png(gray, size):
    file = io.BytesIO()
    PIL.Image.new("L", size, gray).save(file, "PNG")
    return file.getvalue()


def test_documents_are_split_by_font_or_as_in_public(tmp_path):
    """Dirty page n is n everywhere, and its clean page is the first of its four."""
    clean = [12 * font + page for font in range(18) for page in (2, 3)]
    small, large = (540, 258), (540, 420)
    size = {number: small if number < 74 else large for number in clean}
    files = {f"clean/{n}.png": png(n, size[n]) for n in clean}
    files |= {
        f"dirty/{n + step}.png": png(n + step, size[n])
        for n in clean
        for step in (0, 3, 6, 9)
    }
    path = _written(tmp_path / "pages.tar", tar_file(files))
    numbers = {}
    for name in ("dirty_documents", "dirty_documents_public"):
        source = catalog.SOURCES[name]
        splits = source.read([path])
        for split in SPLITS:
            (pages,) = splits[split]
            assert pages.shape == (source.counts[split], 420, 540, 2)
            dirty, behind = pages[:, 0, 0].T
            assert set(dirty - behind) <= {0, 3, 6, 9}
            # White rows complete short pages, dirty and clean.
            is_short = behind < 74
            assert (pages[is_short, 258:] == 255).all()
            assert (pages[~is_short, 419, 0, 0] == dirty[~is_short]).all()
            numbers[name, split] = dirty.tolist()
    # The numbers of a font are 2 to 12, 14 to 24 and so on.
    fonts = [
        {(number - 2) // 12 for number in numbers["dirty_documents", split]}
        for split in SPLITS
    ]
    assert fonts[1:] == [{5, 14}, {3, 7, 11, 15}]
    assert fonts[0] == set(range(18)) - fonts[1] - fonts[2]
    everything = sorted(n for split in SPLITS for n in numbers[source.name, split])
    texts = sorted(f"dirty/{number}.png" for number in everything)
    _, test = train_test_split(texts, test_size=0.2, random_state=0)
    expected = [int(text[6:-4]) for text in test]
    assert numbers["dirty_documents_public", "test"] == expected


def test_skab_labels_windows_by_their_last_row(tmp_path):
    """Sensors are the row and the run; a fault begins in row 500."""

    def text(run, rows, has_labels=True):
        header = ["datetime", *skab.SENSORS, *["anomaly", "changepoint"] * has_labels]
        lines = [
            f"t;{row};{run};0;0;0;0;0;0" + f";{float(row >= 500)};0.0" * has_labels
            for row in rows
        ]
        return "\n".join([";".join(header), *lines]).encode()

    files = {"anomaly-free/anomaly-free.csv": text(0, range(8100), has_labels=False)}
    files |= {f"other/{run}.csv": text(run, range(600)) for run in (1, 2, 10)}
    # The last run begins with tested rows of the one before.
    overlap = text(2, range(550, 600)).splitlines()
    files["other/11.csv"] = b"\n".join(
        [*overlap, *text(11, range(550)).splitlines()[1:]]
    )
    path = _written(tmp_path / "skab.tar", tar_file(files))
    names = ["other/1", "other/2", "other/10", "other/11"]
    assert list(skab.runs(path))[1:] == names
    splits = catalog.SOURCES["skab"].read([path])
    ends = {split: x[:, -1, 0].astype(int) for split, (x, _) in splits.items()}
    x, label = splits["test"]
    np.testing.assert_array_equal(ends["test"][:600], np.tile(np.arange(400, 600), 3))
    np.testing.assert_array_equal(label[:600], ends["test"][:600] >= 500)
    np.testing.assert_array_equal(x[0, :, 0], np.arange(341, 401))
    free, run = np.arange(59, 8000), np.arange(59, 320)
    expected = [*free, *run, *run, *run, *run[:-50]]
    np.testing.assert_array_equal(ends["train"], expected)
    # No row is in two splits, but for the history of the tested rows.
    rows = {
        split: {
            row.tobytes() for row in (x[:, -1] if split == "test" else x.reshape(-1, 8))
        }
        for split, (x, _) in splits.items()
    }
    assert len(set.union(*rows.values())) == sum(map(len, rows.values()))
    assert not splits["train"][1].any() and not splits["validation"][1].any()


def _written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("layout", ["tar", "zip", "folder"])
def test_members_count_and_not_how_they_were_packed(tmp_path, layout):
    contents = {
        "b/2.jpg": b"two",
        "a/1.jpg": b"one",
        "a/Thumbs.db": b"other",
        "c/3.jpg": b"three",
    }
    path = tmp_path / "packed"
    if layout == "tar":
        path.write_bytes(tar_file(contents))
    for name, content in contents.items():
        if layout == "zip":
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(f"set-master/images/{name}", content)
        elif layout == "folder":
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    found = archives.members(path, ["a/*.jpg", "b/*.jpg"])
    assert found == {"a/1.jpg": b"one", "b/2.jpg": b"two"}
    # sha256sum a/1.jpg b/2.jpg | sha256sum
    listed = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in found.items()
    )
    assert archives.digest(found) == hashlib.sha256(listed.encode()).hexdigest()
    file = data.RawFile(
        "packed", "http://x", (archives.digest(found),), members=("[ab]/*.jpg",)
    )
    preparing.verify(path, file)
    changed = dataclasses.replace(file, sha256=("0" * 64,))
    with pytest.raises(ValueError, match="damaged or another version"):
        preparing.verify(path, changed)


def test_an_unpacked_folder_stands_for_its_archive(tmp_path):
    file = data.info("bsds500").files[0]
    assert preparing.locate(file, tmp_path) is None
    (tmp_path / "BSDS500_images").mkdir()
    assert preparing.locate(file, tmp_path) == tmp_path / "BSDS500_images"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "frey_faces",
        "olivetti_faces",
        "ecg5000",
        "bsds500_gray",
        "dirty_documents",
        "skab",
    ],
)
def test_published_files_can_be_prepared(manual, tmp_path, name):
    facts = data.info(name)
    if not all((manual / file.name).is_file() for file in facts.files):
        pytest.skip(f"the raw files of {name} are not in the manual folder")
    folder = data.prepare(name, data_dir=tmp_path, manual_dir=manual, download=False)
    assert folder == tmp_path / name / facts.version
    # Prepared is prepared: a second call needs no raw files.
    assert data.prepare(name, data_dir=tmp_path, download=False) == folder
    parts = [data.arrays(name, split, data_dir=tmp_path) for split in SPLITS]
    if facts.target_shape is not None:
        parts = [x for x, _ in parts]
    assert [len(part) for part in parts] == list(facts.counts.values())
    # Two runs of SKAB share 80 rows, and the 21 windows in them, that validate.
    repeated = 21 if name == "skab" else 0
    different = {row.tobytes() for row in np.concatenate(parts)}
    assert len(different) + repeated == sum(map(len, parts))
    if name == "ecg5000":
        # z-normalized with the sample standard deviation, hence 139 in 140.
        np.testing.assert_allclose(parts[2].std(axis=1), np.sqrt(139 / 140), rtol=1e-5)


def test_a_download_is_verified_too(tmp_path):
    from ae_zoo.data import builders

    class Downloads:
        """A download manager without manual folder whose download is damaged."""

        @property
        def manual_dir(self):
            raise AssertionError("Manual directory not enabled.")

        def download_and_extract(self, url):
            (tmp_path / "ECG5000_TEST.txt").write_text("damaged")
            return tmp_path  # an unpacked archive

    file = data.info("ecg5000").files[1]
    with pytest.raises(ValueError, match=message("damaged", file.sha256[0], file.url)):
        builders._fetch(Downloads(), file)


def test_digits_needs_no_preparation():
    assert data.prepare("digits", download=False) is None


# Errors


@pytest.mark.parametrize("function", ["info", "load", "arrays", "prepare"])
def test_an_unknown_name_is_refused(function):
    call = getattr(data, function)
    expected = message("data set named 'mnits'", "mean 'mnist'?", "'ecg5000'")
    with pytest.raises(ValueError, match=expected):
        call("mnits")
    with pytest.raises(TypeError, match=message("as a string", "7", "int", "'mnist'")):
        call(7)


@pytest.mark.parametrize("function", ["load", "arrays"])
def test_an_unknown_split_or_missing_labels_are_refused(function):
    call = getattr(data, function)
    expected = message("'mnist' named 'valid'", "mean 'validation'?", "'train'")
    with pytest.raises(ValueError, match=expected):
        call("mnist", "valid")
    with pytest.raises(
        TypeError, match=message("`split` must be a string", "None", "'test'")
    ):
        call("mnist", None)
    with pytest.raises(ValueError, match=message("'frey_faces' has no labels")):
        call("frey_faces", labels=True)


@pytest.mark.parametrize(
    "options, error, expected",
    [
        ({"batch_size": 0}, ValueError, ["`batch_size` must be an integer ≥ 1", "0"]),
        ({"batch_size": 2.5}, TypeError, ["batch_size", "2.5", "float"]),
        ({"batch_size": True}, TypeError, ["batch_size", "True", "bool"]),
        ({"seed": -1}, ValueError, ["`seed`", "≥ 0", "-1"]),
        ({"seed": None}, TypeError, ["seed", "None"]),
        ({"binarize": "dynamc"}, ValueError, ["'dynamic'", "'fixed'", "'dynamc'"]),
        ({"binarize": True}, TypeError, ["'dynamic', 'fixed' or None", "True"]),
        ({"augment": 3}, TypeError, ["`augment` must be a function", "3"]),
        ({"pair": "x"}, TypeError, ["`pair` must be a function", "'x'"]),
        ({"pair": abs, "labels": True}, ValueError, ["labels=True and pair"]),
        ({"binarize": "fixed", "augment": abs}, ValueError, ["'dynamic', which"]),
    ],
)
def test_a_wrong_option_is_refused(options, error, expected):
    with pytest.raises(error, match=message(*expected)):
        data.load("digits", **options)


def test_a_series_cannot_be_binarized():
    with pytest.raises(ValueError, match=message("Cannot binarize 'ecg5000'")):
        data.load("ecg5000", binarize="dynamic")


@pytest.mark.parametrize("function", ["load", "arrays"])
def test_data_that_are_not_there_are_explained(monkeypatch, tmp_path, function):
    call = getattr(data, function)
    command = "`ae-zoo prepare frey_faces`, with `--manual-dir FOLDER`"
    given = str(tmp_path / "given" / "frey_faces" / "1.0.0")
    with pytest.raises(
        FileNotFoundError, match=message(given, "TFDS_DATA_DIR", command)
    ):
        call("frey_faces", data_dir=tmp_path / "given")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    places = [str(tmp_path / "named"), str(tmp_path / "home" / "tensorflow_datasets")]
    with pytest.raises(FileNotFoundError, match=message(*places)):
        call("frey_faces")


def test_a_missing_or_damaged_raw_file_is_explained(tmp_path):
    file = data.info("frey_faces").files[0]
    where = {"data_dir": tmp_path, "manual_dir": tmp_path}
    missing = message(file.name, file.url, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=missing):
        data.prepare("frey_faces", **where)
    (tmp_path / file.name).write_bytes(b"damaged")
    damaged = message(file.name, "Expected sha256: " + file.sha256[0], "Received")
    with pytest.raises(ValueError, match=damaged):
        data.prepare("frey_faces", **where)
    assert not (tmp_path / "frey_faces").exists()


def test_without_download_the_files_must_be_given(tmp_path):
    expected = message("download=False", "manual_dir", "train-images-idx3-ubyte.gz")
    with pytest.raises(FileNotFoundError, match=expected):
        data.prepare("mnist", data_dir=tmp_path, download=False)


def test_files_that_need_an_account_are_never_downloaded(tmp_path, monkeypatch):
    download = "tensorflow_datasets.download.DownloadManager.download_and_extract"
    monkeypatch.setattr(download, lambda *a: pytest.fail("used the network"))
    expected = message("dirty_documents.tar", "log in", "train.zip")
    for where in ({}, {"manual_dir": tmp_path}):
        with pytest.raises(FileNotFoundError, match=expected) as caught:
            data.prepare("dirty_documents", data_dir=tmp_path, **where)
        assert "without manual_dir to" not in str(caught.value)
    assert not any(tmp_path.iterdir())


# Augmentation


def test_random_flip_mirrors_its_share_of_the_images():
    x = data.arrays("digits", "test")
    mirrored = x[:, :, ::-1]
    np.testing.assert_array_equal(data.random_flip(share=0.0)(x, SEED), x)
    np.testing.assert_array_equal(data.random_flip(share=1.0)(x, SEED), mirrored)
    half = data.random_flip()(x, SEED).numpy()
    is_mirrored = np.all(half == mirrored, axis=(1, 2, 3))
    assert np.all(is_mirrored | np.all(half == x, axis=(1, 2, 3)))
    # 250 coins: standard error √(0.25 / 250) = 0.03.
    assert abs(is_mirrored.mean() - 0.5) < 4 * 0.032


def test_random_affine_changes_its_share_of_the_images():
    x = data.arrays("digits", "test")
    kept = data.random_affine(share=0.0)(x, SEED).numpy()
    np.testing.assert_array_equal(kept, x)
    changed = data.random_affine(share=0.5)(x, SEED).numpy()
    share = np.any(changed != x, axis=(1, 2, 3)).mean()
    # 250 coins: standard error √(0.25 / 250) = 0.03.
    assert abs(share - 0.5) < 4 * 0.032
    assert changed.min() >= 0 and changed.max() <= 1


@pytest.mark.parametrize("shape", [(5, 12, 9, 2), (2, 6, 81, 1)])
@pytest.mark.parametrize("is_known", [True, False])
def test_random_affine_samples_an_enlarged_image(shape, is_known):
    """Whether two products enlarge the images or, for large ones, `tf.image.resize`."""
    x = np.random.default_rng(0).random(shape, dtype="float32")
    augment = data.random_affine(rotation=0, shear=0, scale=0.3, share=1)
    spec = tf.TensorSpec(shape if is_known else [None] * 3 + [shape[3]])
    specs = [spec, tf.TensorSpec([2], "int32")]
    changed = tf.function(augment, input_signature=specs)(x, SEED).numpy()
    first = tf.random.experimental.stateless_split(SEED, 2)[0]
    scales = np.exp(0.3 * tf.random.stateless_normal((4, len(x)), first)[2:])
    large = tf.image.resize(x, (3 * shape[1], 3 * shape[2]), "bicubic").numpy()
    for image, received, scale in zip(large, changed, scales.T, strict=True):
        for axis in (0, 1):
            size = shape[1 + axis]
            center = (size - 1) / 2
            # Pixel u of the image is pixel 3u + 1 of the enlarged image.
            places = 3 * (center + scale[axis] * (np.arange(size) - center)) + 1
            image = along(image, places, axis)
        # The places are computed in float32.
        np.testing.assert_allclose(received, image.clip(0, 1), atol=1e-4)


def along(image, places, axis):
    """Interpolate between neighbors along an axis, with zeros outside."""
    known = np.arange(-1, image.shape[axis] + 1)
    return np.apply_along_axis(
        lambda values: np.interp(places, known, np.pad(values, 1)), axis, image
    )


def test_random_affine_of_nothing_is_the_identity():
    x = data.arrays("digits", "test")
    same = data.random_affine(rotation=0, shear=0, scale=0, share=1)(x, SEED).numpy()
    # Bilinear interpolation at the pixels themselves, their positions in float32.
    np.testing.assert_allclose(same, x, atol=1e-5)


@pytest.mark.parametrize(
    "augmentation, options, name",
    [
        (data.random_flip, {"share": 1.5}, "share"),
        (data.random_affine, {"share": -0.1}, "share"),
        (data.random_affine, {"rotation": -0.1}, "rotation"),
        (data.random_shift, {"height": -0.1}, "height"),
        (data.random_shift, {"fill_mode": "wrap"}, "fill_mode"),
        (data.random_crop, {"least": 0}, "least"),
        (data.random_patch, {"size": 0}, "size"),
    ],
)
def test_augmentation_checks_its_options(augmentation, options, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        augmentation(**options)


def test_random_shift_moves_whole_pixels_both_ways():
    ramp = np.arange(1, 101, dtype="float32").reshape(10, 10, 1)
    images = np.tile(ramp, (500, 1, 1, 1))
    moved = data.random_shift(0.2, 0.1, "constant")(images, SEED).numpy()[..., 0]
    center = moved[:, 5, 5].astype(int) - 1  # ten times its row, plus its column
    rows, columns = (center // 10 - 5).tolist(), (center % 10 - 5).tolist()
    assert set(rows) == {-2, -1, 0, 1, 2} and set(columns) == {-1, 0, 1}
    # 500 draws of 5 values: 100 ± 9 each; five standard deviations are allowed.
    assert all(55 < rows.count(row) < 145 for row in set(rows))
    one = moved[rows.index(2)]
    assert (one[8:] == 0).all() and (one[:8, 1:9] > 0).all()
    kept = data.random_shift(0.2, 0.2, "reflect")(images, SEED).numpy()
    assert kept.min() >= 1
    np.testing.assert_array_equal(data.random_shift(0, 0)(images, SEED), images)


def test_random_crop_enlarges_a_part():
    ramp = np.linspace(0, 1, 11, dtype="float32")
    images = np.tile(ramp[:, None, None], (200, 1, 11, 1))
    parts = data.random_crop(0.5)(images, SEED).numpy()[..., 0]
    slopes = np.diff(parts, axis=1)  # of the ramp: 0.1 in the image
    np.testing.assert_allclose(slopes.std(axis=(1, 2)), 0, atol=1e-5)
    sides = slopes[:, 0, 0] / 0.1
    assert 0.5 <= sides.min() < 0.55 and 0.95 < sides.max() <= 1.0001
    assert parts.min() >= 0 and parts.max() <= 1.0001
    assert 0.2 < parts[:, 5, 5].min() + 0.1 < parts[:, 5, 5].max() < 0.8
    whole = data.random_crop(1.0)(images, SEED)
    np.testing.assert_allclose(whole, images, atol=1e-5)


def test_random_patch_cuts_every_place():
    image = np.arange(35, dtype="float32").reshape(5, 7, 1)
    images = np.tile(image, (300, 1, 1, 1))
    parts = data.random_patch(3)(images, SEED).numpy()
    corners = parts[:, 0, 0, 0].astype(int)
    # 300 draws of 15 places: each is missing with a chance of 1e-9.
    assert set(corners) == {7 * row + column for row in range(3) for column in range(5)}
    expected = image[None, :3, :3] + corners[:, None, None, None]
    np.testing.assert_array_equal(parts, expected)
    whole = data.random_patch(5)(images[:, :, :5], SEED)
    np.testing.assert_array_equal(whole, images[:, :, :5])
    with pytest.raises(ValueError, match="larger than the images"):
        data.random_patch(6)(images, SEED)


def test_random_symmetry_draws_each_of_eight():
    image = np.arange(9, dtype="float32").reshape(3, 3, 1)
    images = np.tile(image, (400, 1, 1, 1))
    turned = data.random_symmetry()(images, SEED).numpy()
    turns = [np.rot90(image, k) for k in range(4)]
    all_eight = {t.tobytes() for turn in turns for t in (turn, turn[:, ::-1])}
    found = [t.tobytes() for t in turned]
    assert set(found) == all_eight
    # 400 draws of 8: 50 ± 7 each; five standard deviations are allowed.
    assert all(15 < found.count(t) < 85 for t in all_eight)
    with pytest.raises(ValueError, match="square"):
        data.random_symmetry()(images[:, :2], SEED)


def test_random_affine_turns_about_the_center():
    x = np.zeros((64, 9, 9, 1), "float32")
    x[:, 4, 4] = 1
    turned = data.random_affine(scale=0, share=1)(x, SEED).numpy()
    np.testing.assert_allclose(turned[:, 4, 4], 1, atol=1e-5)
