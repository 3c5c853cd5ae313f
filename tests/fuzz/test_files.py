"""Damaged and crafted files are loaded or refused: quickly, and with one error.

Each failure names its seed. To run one case again:
AE_ZOO_FUZZ_SEED=123 pytest -n 0 tests/fuzz/test_files.py
"""

import contextlib
import hashlib
import io
import json
import shutil
import time
import traceback
import zipfile

import h5py
import numpy as np
import pytest
from mutations import as_json, mutate, mutate_bytes

import ae_zoo
from ae_zoo import lite, zoo
from ae_zoo.cli import main
from ae_zoo.zoo import UnsafeModelError, cards

resource = pytest.importorskip("resource")  # Windows does not measure the memory
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
NAMES = ["denoising_digits", "variational_digits", "sparse_digits", "anomaly_ecg5000"]
MAX_SECONDS = 10
MAX_GROWTH = 2**20  # in KiB, the unit of `ru_maxrss`
ALLOWED = (UnsafeModelError, FileNotFoundError)


@pytest.fixture(scope="module")
def entries():
    return {name: zoo.entry._find(name) for name in NAMES}


@pytest.fixture(scope="module", autouse=True)
def loaded(entries):
    """What every process pays once is paid before the cases are measured."""
    for name in entries:
        ae_zoo.load(name)


@contextlib.contextmanager
def bounded(seed, allowed=ALLOWED):
    """Check the time, the memory and the error of one case."""
    start, before = time.monotonic(), peak()
    try:
        yield
    except allowed as error:
        assert len(str(error)) <= 2000, seed
        assert not set(map(chr, [*range(32), *range(127, 160)])) & set(str(error)), seed
    except Exception as error:
        traceback.print_exc()
        pytest.fail(f"seed {seed}: {type(error).__name__}: {str(error)[:500]}")
    assert time.monotonic() - start < MAX_SECONDS, seed
    assert peak() - before < MAX_GROWTH, seed


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def copied(entry, folder, members=None, **files):
    """A folder with the files of an entry, some of them replaced, and checksums."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    contents = {n: (entry / n).read_bytes() for n in ("card.json", "model.keras")}
    if members:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in (members_of(entry) | members).items():
                archive.writestr(name, data)
        contents["model.keras"] = buffer.getvalue()
    contents |= {f"{name}.json": data for name, data in files.items()}
    sums = ""
    for name, data in contents.items():
        (folder / name).write_bytes(data)
        sums += f"{hashlib.sha256(data).hexdigest()}  {name}\n"
    (folder / "SHA256SUMS").write_text(sums)
    return folder


def members_of(entry):
    with zipfile.ZipFile(entry / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def load(folder):
    model = ae_zoo.load(folder)
    assert isinstance(model, ae_zoo.models.Autoencoder)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_configurations(cases, entries, tmp_path):
    for seed, random in cases:
        entry = entries[random.choice(NAMES)]
        config = mutate(json.loads(members_of(entry)[CONFIG]), random)
        folder = copied(entry, tmp_path / "model", {CONFIG: as_json(config)})
        with bounded(seed):
            load(folder)


def test_bytes_of_archives(cases, entries, tmp_path):
    for seed, random in cases:
        entry = entries[random.choice(NAMES)]
        folder = copied(entry, tmp_path / "model")
        data = mutate_bytes((folder / "model.keras").read_bytes(), random)
        (folder / "model.keras").write_bytes(data)
        (folder / "SHA256SUMS").write_text(
            f"{hashlib.sha256(data).hexdigest()}  model.keras\n"
        )
        with bounded(seed):
            load(folder)


def test_bytes_of_weights(cases, entries, tmp_path):
    for seed, random in cases:
        entry = entries[random.choice(NAMES)]
        data = members_of(entry)[WEIGHTS]
        # Most of the file are numbers; its structure lies in front of and behind them.
        edge = random.choice([0, 512, 4096, len(data) // 2])
        damaged = mutate_bytes(data[:edge], random) + data[edge:]
        with bounded(seed):
            load(copied(entry, tmp_path / "model", {WEIGHTS: damaged}))


def test_arrays_of_weights(cases, entries, tmp_path):
    for seed, random in cases:
        entry = entries[random.choice(NAMES)]
        buffer = io.BytesIO(members_of(entry)[WEIGHTS])
        with h5py.File(buffer, "a") as file:
            damage(file, random)
        with bounded(seed):
            load(copied(entry, tmp_path / "model", {WEIGHTS: buffer.getvalue()}))


def damage(file, random):
    """Change one array or group of an HDF5 file."""
    names = []
    file.visit(names.append)
    arrays = [name for name in names if isinstance(file[name], h5py.Dataset)]
    name = random.choice(arrays)
    values = np.array(file[name])
    kind = random.choice(["nan", "shape", "dtype", "remove", "group", "attr", "empty"])
    del file[random.choice(names) if kind == "remove" else name]
    if kind == "nan":
        values = np.full_like(values, random.choice([0, np.nan, np.inf, 1e30]))
    elif kind == "shape":
        values = np.zeros(random.choice([(), (0,), (1, 1), values.shape[::-1], (9,)]))
    elif kind == "dtype":
        values = values.astype(random.choice(["float64", "int8", "S4", "complex64"]))
    elif kind == "group":
        file.create_group(name)
    if kind not in ("remove", "group"):
        file[name] = h5py.Empty("f") if kind == "empty" else values
    if kind == "attr":
        odd = ["bfloat16", 7, np.zeros(100)]
        file[name].attrs["dtype"] = random.choice(odd)


def test_cards(cases, entries, tmp_path, capsys):
    for seed, random in cases:
        entry = entries[random.choice(NAMES)]
        card = as_json(mutate(json.loads((entry / "card.json").read_bytes()), random))
        if random.random() < 0.2:
            card = mutate_bytes(card, random)
        folder = copied(entry, tmp_path / "model", card=card)
        with bounded(seed):
            cards.render(zoo.info(folder))
        status = main(["info", str(folder)])
        output = "".join(capsys.readouterr())
        assert status in (0, 1), seed
        assert "\x1b" not in output and "Traceback" not in output, seed


def test_checksums(cases, entries, tmp_path):
    for seed, random in cases:
        folder = copied(entries[NAMES[0]], tmp_path / "model")
        sums = mutate_bytes((folder / "SHA256SUMS").read_bytes(), random)
        (folder / "SHA256SUMS").write_bytes(sums)
        with bounded(seed):
            load(folder)


def test_sidecars(cases, entries, tmp_path):
    allowed = (*ALLOWED, ValueError)
    for seed, random in cases:
        entry = entries[random.choice(NAMES)]
        path = shutil.copy(entry / "model.tflite", tmp_path / "m.tflite")
        metadata = json.loads((entry / "model.json").read_bytes())
        changed = mutate(metadata, random)
        if isinstance(changed, dict) and random.random() < 0.8:
            changed |= {key: metadata[key] for key in ("format_version", "sha256")}
        (tmp_path / "m.json").write_bytes(as_json(changed))
        with bounded(seed):
            light = lite.load(path)
            x = np.full((2, *light.input_shape[1:]), 0.5, "float32")
            with contextlib.suppress(*allowed):
                assert np.isfinite(light.score(x)).all(), seed
