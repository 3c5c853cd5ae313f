"""Tests of `ae_zoo.data.Table` and `Arrays`: rows, windows, arrays and datasets."""

import pathlib

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from ae_zoo import data
from ae_zoo.data.own.rows import FileRows, Spool

SPLITS = ("train", "validation", "test")


def csv(path, header, rows, delimiter=","):
    lines = [header, *(delimiter.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(line for line in lines if line) + "\n")
    return path


def everything(source):
    return np.concatenate([source.arrays(split) for split in SPLITS])


@pytest.fixture
def sensors(tmp_path):
    """200 rows of a time, two sensors, and an anomaly in the last rows."""
    rows = [(100 + t, t, t % 5, int(t >= 195)) for t in range(200)]
    return csv(tmp_path / "sensors.csv", "time,speed,current,anomaly", rows)


# Rows and windows


def test_rows_are_divided_at_random(sensors):
    source = data.Table(sensors, columns=["current", "speed"])
    assert source.shape == (2,) and source.columns == ("current", "speed")
    assert source.counts == {"train": 160, "validation": 20, "test": 20}
    x = everything(source)
    np.testing.assert_array_equal(np.sort(x[:, 1]), np.arange(200))
    np.testing.assert_array_equal(x[:, 0], x[:, 1] % 5)
    again = data.Table(sensors, columns=["current", "speed"], seed=1)
    assert not np.array_equal(source.arrays("test"), again.arrays("test"))


def test_windows_are_divided_by_time(sensors):
    source = data.Table(
        sensors, time="time", label="anomaly", sequence_length=10, sequence_stride=4
    )
    assert source.shape == (10, 2) and source.label == "anomaly"
    assert (
        "by time" in source.split_rule and "windows of 10 rows" in source.preprocessing
    )
    firsts = {split: source.arrays(split)[:, 0, 0] for split in SPLITS}
    np.testing.assert_array_equal(firsts["train"], np.arange(0, 151, 4))
    np.testing.assert_array_equal(firsts["validation"], [160, 164, 168])
    np.testing.assert_array_equal(firsts["test"], [180, 184, 188])
    x, label = source.arrays("test", labels=True)
    np.testing.assert_array_equal(x[0, :, 0], np.arange(180, 190))
    np.testing.assert_array_equal(label, [0, 0, 1])  # rows 188 to 197 hold an anomaly


def test_groups_are_series_of_their_own(tmp_path):
    rows = [(f"machine {t % 4}", t, t % 3) for t in range(80)]  # mixed
    path = csv(tmp_path / "x.csv", "machine,a,b", rows)
    source = data.Table(
        path,
        groups="machine",
        sequence_length=5,
        validation_split=0.25,
        test_split=0.25,
    )
    assert source.counts == {"train": 32, "validation": 16, "test": 16}
    machines = []
    for split in SPLITS:
        windows = source.arrays(split)[..., 0]
        assert (np.diff(windows, axis=1) == 4).all()
        machines.append(set((windows % 4).ravel()))
    assert len(set.union(*machines)) == sum(map(len, machines)) == 4
    assert "at random by groups of 'machine'" in source.split_rule


def test_other_tables_can_be_the_splits(tmp_path, sensors):
    test = csv(tmp_path / "t.csv", "current,anomaly,speed,time", [(1, 1, 7, 5)] * 3)
    with pytest.warns(UserWarning, match="same value in every row"):
        source = data.Table(sensors, time="time", label="anomaly", test=test)
        assert source.counts == {"train": 180, "validation": 20, "test": 3}
    x, label = source.arrays("test", labels=True)
    np.testing.assert_array_equal(x[0], [7, 1])  # matched by name
    np.testing.assert_array_equal(label, [1, 1, 1])


# Formats


def test_formats_hold_the_same_table(tmp_path):
    table = pa.table({"a": np.arange(50) / 4, "b": np.arange(50) % 7})
    parquet.write_table(table, tmp_path / "t.parquet")
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    csv(tmp_path / "t.csv", "a, b", rows)
    csv(tmp_path / "t.tsv", "a\tb", rows, "\t")
    csv(tmp_path / "semicolon.csv", "\ufeffa;b", rows, ";")
    expected = data.Table(table).arrays("train")
    for name in ("t.parquet", "t.csv", "t.tsv", "semicolon.csv"):
        source = data.Table(tmp_path / name)
        assert source.columns == ("a", "b")
        np.testing.assert_array_equal(source.arrays("train"), expected)
    csv(tmp_path / "index.csv", ",a,b", [(n, *row) for n, row in enumerate(rows)])
    assert data.Table(tmp_path / "index.csv").columns == ("a", "b")
    csv(tmp_path / "bare.csv", "", rows)
    bare = data.Table(tmp_path / "bare.csv")
    assert bare.columns == ("0", "1") and sum(bare.counts.values()) == 50
    np.testing.assert_array_equal(bare.arrays("train"), expected)


def test_real_tables_of_scikit_learn():
    from sklearn.datasets import load_breast_cancer, load_wine

    cancer = load_breast_cancer()
    table = pa.table(
        dict(zip(cancer.feature_names, cancer.data.T, strict=True))
        | {"diagnosis": [cancer.target_names[n] for n in cancer.target]}
    )
    source = data.Table(table, label="diagnosis", name="wdbc")
    assert source.label == "diagnosis: 0 benign, 1 malignant"
    assert source.shape == (30,) and sum(source.counts.values()) == 569
    labels = np.concatenate([source.arrays(s, labels=True)[1] for s in SPLITS])
    assert np.bincount(labels).tolist() == [357, 212]
    wine = load_wine()
    arrays = data.Arrays((wine.data, wine.target), name="wine")
    assert arrays.shape == (13,) and arrays.counts["train"] == 142
    with pytest.raises(ValueError, match="'diagnosis' .* holds text"):
        data.Table(table).shape  # noqa: B018


def test_a_later_block_may_hold_fractions(tmp_path, monkeypatch):
    monkeypatch.setattr("ae_zoo.data.own.reading._BLOCK", 64)
    rows = [(t, t % 3) for t in range(60)] + [(0.5, 1)] * 3
    source = data.Table(csv(tmp_path / "x.csv", "a,b", rows))
    assert (everything(source)[:, 0] == 0.5).sum() == 3
    csv(tmp_path / "x.csv", "a,b", [*rows, ("oops", 1)])
    with pytest.raises(ValueError, match="cannot be read as a table: .*oops"):
        data.Table(tmp_path / "x.csv").shape  # noqa: B018


# Missing values


@pytest.fixture
def gaps(tmp_path):
    rows = [(t, "" if t % 10 == 3 else t % 4) for t in range(40)]
    return csv(tmp_path / "gaps.csv", "a,b", rows)


def test_missing_values_are_an_error_by_default(gaps):
    with pytest.raises(
        ValueError, match="Row 4 of .*gaps.csv.* no value .*'b'.*`missing`"
    ):
        data.Table(gaps).shape  # noqa: B018


def test_missing_values_are_dropped_or_filled(gaps):
    dropped = data.Table(gaps, missing="drop")
    assert sum(dropped.counts.values()) == 36
    assert "4 rows with missing values left out" in dropped.preprocessing
    previous = everything(data.Table(gaps, missing="previous"))
    np.testing.assert_array_equal(
        np.sort(previous[previous[:, 0] % 10 == 3][:, 1]), [0, 0, 2, 2]
    )
    source = data.Table(gaps, missing="median")
    train = source.arrays("train")
    known = train[train[:, 0] % 10 != 3][:, 1]
    filled = everything(source)
    assert (filled[filled[:, 0] % 10 == 3][:, 1] == np.median(known)).all()


def test_no_window_spans_a_dropped_row(gaps):
    source = data.Table(
        gaps, missing="drop", sequence_length=3, validation_split=0.25, test_split=0.25
    )
    windows = everything(source)[..., 0]
    assert len(windows) and (np.diff(windows, axis=1) == 1).all()


# Memory


def test_large_tables_are_read_from_a_file(tmp_path, sensors, monkeypatch):
    options = {"time": "time", "label": "anomaly", "sequence_length": 10}
    expected = data.Table(sensors, **options)
    batches = [b.numpy() for b in expected.load(batch_size=8, shuffle=True).take(2)]
    monkeypatch.setattr("ae_zoo.data.batches.MEMORY_LIMIT", 100)
    source = data.Table(sensors, **options)
    assert source.contents.rows["train"].array is None
    received = [b.numpy() for b in source.load(batch_size=8, shuffle=True).take(2)]
    np.testing.assert_array_equal(received, batches)
    assert source.fingerprint == expected.fingerprint
    x, label = source.arrays("test", labels=True)
    np.testing.assert_array_equal(x, expected.arrays("test"))


def test_a_spool_moves_to_a_file_and_keeps_the_order():
    spool = Spool(limit=100)
    parts = [
        np.arange(n * 12, n * 12 + 12, dtype="float32").reshape(4, 3) for n in range(5)
    ]
    for part in parts:
        spool.append(part)
    rows = spool.rows()
    assert isinstance(rows, FileRows) and len(rows) == 20
    whole = np.concatenate(parts)
    np.testing.assert_array_equal(rows.read(np.array([19, 0, 7])), whole[[19, 0, 7]])
    np.testing.assert_array_equal(rows.span(2, 3), whole[2:5])


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_explained(sensors, monkeypatch):
    monkeypatch.setattr("ae_zoo.data.batches.MEMORY_LIMIT", 100)
    monkeypatch.setattr(
        "tempfile.TemporaryFile", lambda prefix: open("/dev/full", "wb", 0)
    )
    with pytest.raises(OSError, match="do not fit in memory.*set TMPDIR"):
        data.Table(sensors, time="time", label="anomaly").counts  # noqa: B018


def test_arrays_on_the_disk_stay_there(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(600, dtype="float32").reshape(100, 6))
    mapped = data.Arrays(np.load(tmp_path / "x.npy", mmap_mode="r"))
    whole = data.Arrays(np.load(tmp_path / "x.npy"))
    assert mapped.fingerprint == whole.fingerprint
    np.testing.assert_array_equal(mapped.arrays("test"), whole.arrays("test"))
    assert data.source(tmp_path / "x.npy").counts == whole.counts


# Arrays and datasets


def test_pairs_of_arrays_hold_labels_or_targets():
    x = np.random.default_rng(0).random((20, 4, 4, 3), np.float32)
    labeled = data.Arrays((x, np.arange(20)))
    found, label = labeled.arrays("test", labels=True)
    np.testing.assert_array_equal(found, x[label])
    pairs = data.Arrays((x, x[..., :1]), test=(x[:5], x[:5, ..., :1]))
    assert pairs.target_shape == (4, 4, 1) and pairs.counts["test"] == 5
    noisy, clean = next(iter(pairs.load("train", batch_size=4)))
    np.testing.assert_array_equal(noisy[..., :1], clean)


def test_a_tf_dataset_is_a_source():
    import tensorflow as tf

    x = np.arange(300, dtype="float32").reshape(50, 6)
    single = tf.data.Dataset.from_tensor_slices((x, np.arange(50)))
    for dataset in (single, single.batch(8), single.shuffle(50, seed=0).batch(8)):
        source = data.source(dataset)
        found, label = source.arrays("train", labels=True)
        np.testing.assert_array_equal(found, x[label])
        assert source.counts == {"train": 40, "validation": 5, "test": 5}
    with pytest.raises(ValueError, match="endless"):
        data.Arrays(single.repeat()).counts  # noqa: B018
    with pytest.raises(ValueError, match="is empty"):
        data.Arrays(single.take(0)).counts  # noqa: B018


def test_images_of_integers_are_scaled():
    x = np.full((10, 4, 4, 1), 51, "uint8")
    np.testing.assert_allclose(data.Arrays(x).arrays("test"), 0.2)
    np.testing.assert_allclose(data.Arrays(x.astype("uint16")).arrays(), 51 / 65535)
    assert data.Arrays(x.astype("float32")).arrays("test").max() == 51
    assert data.Arrays(x.reshape(10, 16)).arrays("test").max() == 51


def test_groups_and_time_divide_arrays():
    x = np.arange(60, dtype="float32").reshape(20, 3)
    ordered = data.Arrays(x, by_time=True)
    np.testing.assert_array_equal(ordered.arrays("test"), x[-2:])
    grouped = data.Arrays(x, groups=np.arange(20) // 5, test_split=0.25)
    values = {split: set(grouped.arrays(split)[:, 0] // 15) for split in SPLITS}
    assert sum(map(len, values.values())) == len(set.union(*values.values())) == 4


# Bad input


@pytest.mark.parametrize(
    "header, rows, options, expected",
    [
        ("a,b", [(t, f"x{t}") for t in range(9)], {}, "'b' .* holds text, not numbers"),
        ("a,a", [(1, 2)] * 9, {}, "have the same name: .'a'"),
        ("a,b", [(t, 2 * t) for t in range(9)], {"columns": ["A"]}, "Did you mean 'a'"),
        ("a,b", [(t, t) for t in range(9)], {"sequence_length": 4}, "has 9 rows.*12"),
        ("a,y", [(t, t % 2) for t in range(9)], {}, "'y' .* looks like a label"),
        (
            "a,t",
            [(t, -t) for t in range(9)],
            {"time": "t"},
            "row 2 is earlier than row 1",
        ),
        ("a", [("1e300",), (1,), (2,)], {}, "Row 1 .* holds 1e.300"),
        ("a,b", [], {}, "has no rows"),
        ("a,b", [(1, 2), (3,)], {}, "cannot be read as a table"),
        ("a", [(1,), (2,)], {}, "at least 3 rows. Received 2"),
        ("a,b", [(t, 1.5) for t in range(9)], {"label": "b"}, "'b' .* is no label"),
        (
            "a",
            [(t,) for t in range(9)],
            {"missing": "mean"},
            "`missing` must be one of",
        ),
        (
            "a,d",
            [(t, f"2024-01-0{t + 1}") for t in range(9)],
            {},
            "'d' .* holds time.*`time`",
        ),
    ],
)
def test_bad_tables_are_explained(tmp_path, header, rows, options, expected):
    path = csv(tmp_path / "x.csv", header, rows)
    with pytest.raises(ValueError, match=expected):
        data.Table(path, **options).counts  # noqa: B018


def test_constant_columns_are_named(tmp_path):
    path = csv(tmp_path / "x.csv", "a,b", [(t, 7) for t in range(9)])
    with pytest.warns(UserWarning, match="same value in every row: .'b'"):
        data.Table(path).counts  # noqa: B018


def test_a_table_that_is_not_there_is_named(tmp_path):
    source = data.Table(tmp_path / "nowhere.csv")  # another path may replace it
    with pytest.raises(FileNotFoundError, match=r"nowhere.csv"):
        source.load("train")
    with pytest.raises(TypeError, match="CSV or Parquet file, or a DataFrame"):
        data.Table(5)


@pytest.mark.parametrize(
    "make, error, expected",
    [
        (lambda: data.Arrays(None), TypeError, "Received None"),
        (lambda: data.Arrays(np.array(["a", "b"])), TypeError, "must hold numbers"),
        (
            lambda: data.Arrays(np.zeros((2, 3))).counts,
            ValueError,
            "at least 3 examples",
        ),
        (lambda: data.Arrays(np.full((9, 2), np.nan)).counts, ValueError, "Example 0"),
        (
            lambda: data.Arrays(np.zeros((9, 3)), test=np.zeros((2, 4))).counts,
            ValueError,
            "same shape and type",
        ),
        (
            lambda: data.Arrays((np.zeros((9, 3)), np.zeros(8, int))),
            ValueError,
            "9 inputs and 8 labels",
        ),
        (lambda: data.source(5), TypeError, "Expected the name of a data set"),
        (
            lambda: data.source("photoz/"),
            ValueError,
            "Found no data set named 'photoz/'",
        ),
    ],
)
def test_bad_arrays_are_explained(make, error, expected):
    with pytest.raises(error, match=expected):
        make()


def test_names_of_tensorflow_datasets(tmp_path):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def rows(count):
        numbers = np.arange(count)
        images = np.tile(5 * numbers[:, None, None, None], (1, 4, 4, 1))
        return tf.data.Dataset.from_tensor_slices(
            {"image": images.astype("uint8"), "label": numbers // 20}
        )

    tfds.dataset_builders.store_as_tfds_dataset(
        name="own_tiny_images",
        version="1.2.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(4, 4, 1)),
                "label": tfds.features.ClassLabel(names=["dark", "light"]),
            }
        ),
        split_datasets={"train": rows(40), "test": rows(10)},
        data_dir=tmp_path,
        homepage="https://a.b",
    )
    source = data.source("own_tiny_images", tmp_path)
    assert source.counts == {"train": 36, "validation": 4, "test": 10}
    assert (source.shape, source.homepage) == ((4, 4, 1), "https://a.b")
    assert (source.label, source.license) == ("0 dark, 1 light", "not stated")
    x, label = source.arrays("train", labels=True)
    np.testing.assert_array_equal(label, np.rint(x[:, 0, 0, 0] * 255) >= 100)
    assert set(source.fingerprint) == set(SPLITS)
    with pytest.raises(FileNotFoundError, match="ae-zoo prepare kmnist"):
        data.source("kmnist", tmp_path)
    bigger = data.source("own_tiny_images", tmp_path, image_size=(8, 6))
    assert bigger.shape == bigger.arrays("test").shape[1:] == (8, 6, 1)


def test_images_of_tensorflow_datasets_that_differ_in_size(tmp_path):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def rows(count):
        def images():
            for number in range(count):
                yield {"image": np.full((5 + number, 9, 3), 10 * number, np.uint8)}

        spec = {"image": tf.TensorSpec((None, None, 3), tf.uint8)}
        return tf.data.Dataset.from_generator(images, output_signature=spec)

    tfds.dataset_builders.store_as_tfds_dataset(
        name="own_photos",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {"image": tfds.features.Image(shape=(None, None, 3))}
        ),
        split_datasets={"train": rows(20), "test": rows(6)},
        data_dir=tmp_path,
    )
    with pytest.raises(ValueError, match=r"differ in size.*image_size=\(64, 64\)"):
        data.source("own_photos", tmp_path)
    source = data.source("own_photos", tmp_path, image_size=(4, 6))
    assert source.preprocessing == "resized to 4×6 (bilinear)"
    # Resizing keeps uniform images as they are.
    expected = np.broadcast_to(np.arange(6)[:, None, None, None] * 10, (6, 4, 6, 3))
    found = np.sort(np.rint(source.arrays("test") * 255), axis=0)
    np.testing.assert_array_equal(found, expected)
    # In place of other images, they get the size of these.
    own = data.Arrays(np.zeros((30, 4, 6, 3), np.float32))
    assert data.like("own_photos", own, tmp_path).shape == (4, 6, 3)
    with pytest.raises(ValueError, match="`image_size` is for folders of images"):
        data.source("digits", image_size=(4, 4))
