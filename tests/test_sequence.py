"""The order of the data: where it starts, how workers share it, how it streams."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ae_zoo import data

DIGITS = {"batch_size": 100, "shuffle": True, "seed": 3, "repeat": True}
PASS = 13  # batches of 100 in 1,297 digits


def batches(dataset, number):
    return list(dataset.take(number).as_numpy_iterator())


def assert_equal(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def add_noise(x, seed):
    return x + tf.random.stateless_uniform(tf.shape(x), seed)


OPTIONS = pytest.mark.parametrize(
    "options", [{}, {"binarize": "dynamic"}, {"augment": add_noise}]
)


@pytest.mark.slow
@OPTIONS
def test_it_starts_anywhere(options):
    whole = batches(data.load("digits", **DIGITS, **options), 30)
    for skip in (0, 5, PASS, PASS + 4):
        part = data.load("digits", **DIGITS, skip=skip, **options)
        # Another pass over the same dataset is the same: nothing counts passes.
        for _ in range(2):
            assert_equal(batches(part, 30 - skip), whole[skip:])


def test_every_pass_is_whole_and_in_an_order_of_its_own():
    found = batches(data.load("digits", **DIGITS), 2 * PASS)
    assert [len(batch) for batch in found] == ([100] * 12 + [97]) * 2
    first, second = np.concatenate(found[:PASS]), np.concatenate(found[PASS:])
    everything = sorted(row.tobytes() for row in data.arrays("digits"))
    assert sorted(row.tobytes() for row in first) == everything
    assert sorted(row.tobytes() for row in second) == everything
    assert not np.array_equal(first, second)
    dataset = data.load("digits", **DIGITS)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("binarize", [None, "dynamic"])
@pytest.mark.parametrize("repeat", [False, True])
def test_workers_share_the_batches_of_one(workers, binarize, repeat):
    # Without end also the order is shared; a single pass has a fixed one.
    options = {"batch_size": 101, "binarize": binarize, "repeat": repeat}
    options["shuffle"] = repeat
    alone = batches(data.load("digits", **options), PASS)
    shares = [
        batches(data.load("digits", **options, shard=(index, workers)), PASS)
        for index in range(workers)
    ]
    assert_equal([np.concatenate(parts) for parts in zip(*shares, strict=True)], alone)
    sizes = {len(share[0]) for share in shares}
    assert max(sizes) - min(sizes) <= 1


def test_an_augmentation_draws_from_its_seed_alone():
    x = tf.constant(data.arrays("digits", "test")[:20])
    change = data.random_affine(share=1.0)
    first, again, other = (change(x, seed).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_optional_argument_of_an_augmentation_is_left_alone():
    def dim(x, factor=0.5):
        return x * factor

    found = batches(data.load("digits", batch_size=1297, augment=dim), 1)[0]
    np.testing.assert_array_equal(found, data.arrays("digits") * np.float32(0.5))


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"skip": 3}, "without repeat=True"),
        ({"repeat": True, "skip": -1}, "`skip` must be an integer ≥ 0"),
        ({"shard": (2, 2)}, "counted from 0"),
        ({"shard": (0, 0)}, "must be an integer ≥ 1"),
        ({"batch_size": None, "shard": (0, 2)}, "without batch_size"),
    ],
)
def test_a_wrong_place_in_the_sequence_is_refused(options, expected):
    with pytest.raises(ValueError, match=expected):
        data.load("digits", **{"batch_size": 10, **options})
    with pytest.raises(TypeError, match="pair \\(index"):
        data.load("digits", batch_size=10, shard=1)


# Streams.


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The numbers 0 to 59 in five files of unlike length."""
    folder, number = tmp_path_factory.mktemp("shards"), 0
    for index, length in enumerate([14, 10, 12, 16, 8]):
        with tf.io.TFRecordWriter(str(folder / f"{index}.tfrecord")) as writer:
            for _ in range(length):
                writer.write(str(number).encode())
                number += 1
    return sorted(folder.iterdir())


def parse(record):
    return tf.strings.to_number(record, tf.int32)


def test_a_stream_keeps_the_order_of_the_files(files):
    found = batches(data.tfrecords(files, parse, batch_size=7), 100)
    np.testing.assert_array_equal(np.concatenate(found), np.arange(60))


@pytest.mark.slow
def test_a_shuffled_stream_starts_anywhere(files):
    options = {"batch_size": 7, "shuffle": True, "window": 20, "repeat": True}
    whole = batches(data.tfrecords(files, parse, **options), 27)
    for first in (0, 9):  # 9 batches are a pass
        one = np.concatenate(whole[first : first + 9])
        np.testing.assert_array_equal(np.sort(one), np.arange(60))
        assert not np.array_equal(one, np.arange(60))
    assert not np.array_equal(np.concatenate(whole[:9]), np.concatenate(whole[9:18]))
    for skip in (3, 9, 20):
        part = data.tfrecords(files, parse, **options, skip=skip)
        assert_equal(batches(part, 27 - skip), whole[skip:])


@pytest.mark.slow
def test_a_data_service_gives_the_same_batches(files):
    """tf.data's: reading and parsing move to other machines, the order stays."""
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    address = dispatcher.target.removeprefix("grpc://")
    worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=address))
    stream = data.tfrecords(
        files, parse, batch_size=7, shuffle=True, repeat=True, skip=2
    )
    served = stream.apply(
        service.distribute(service.ShardingPolicy.OFF, dispatcher.target)
    )
    assert_equal(batches(served, 20), batches(stream, 20))
    del worker, dispatcher


def test_workers_read_files_of_their_own(files):
    shares = [
        np.concatenate(
            batches(
                data.tfrecords(
                    files, parse, batch_size=6, shuffle=True, shard=(index, 2)
                ),
                100,
            )
        )
        for index in range(2)
    ]
    assert sorted(np.concatenate(shares)) == list(range(60))
    assert set(shares[1]) == {*range(14, 24), *range(36, 52)}  # files 1 and 3
    with pytest.raises(ValueError, match="6 workers need at least.*Received 5"):
        data.tfrecords(files, parse, batch_size=6, shard=(0, 6))


def test_an_endless_sequence_needs_a_batch(files, tmp_path):
    empty = tmp_path / "empty.tfrecord"
    tf.io.TFRecordWriter(str(empty)).close()
    options = {"batch_size": 8, "repeat": True}
    with pytest.raises(ValueError, match="worker 0 must hold 1 records or more.*empty"):
        data.tfrecords([empty], parse, **options)
    with pytest.raises(ValueError, match="worker 0 must hold 61 records or more"):
        data.tfrecords(files, parse, batch_size=61, repeat=True, drop_remainder=True)
    found = batches(data.tfrecords([empty, *files], parse, **options), 9)
    assert sorted(np.concatenate(found[:8])) == list(range(60))


# 512 MB of records read with room for 256 MB of addresses beyond what TensorFlow
# itself has taken once a small stream has run: holding the set would fail.
READ = """
import resource, sys
import tensorflow as tf
from ae_zoo import data

files = sys.argv[1:]

def parse(record):
    return tf.io.decode_raw(record, tf.uint8)

def stream(files):
    return data.tfrecords(files, parse, batch_size=64, shuffle=True, window=256)

def read(dataset):
    zero = tf.constant(0, tf.int64)
    return int(dataset.reduce(zero, lambda n, x: n + tf.shape(x, tf.int64)[0]))

read(stream(files[:1]))
taken = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (taken + 256 * 2**20, resource.RLIM_INFINITY))
print(read(stream(files)))
try:
    held = bytearray(512 * 2**20)
except MemoryError:
    print("the limit holds")
"""


@pytest.mark.slow
def test_a_stream_larger_than_memory(tmp_path):
    record = os.urandom(2**16)
    files = [str(tmp_path / f"{number}.tfrecord") for number in range(16)]
    for file in files:
        with tf.io.TFRecordWriter(file) as writer:
            for _ in range(512):
                writer.write(record)
    path = os.pathsep.join(
        [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )
    run = subprocess.run(
        [sys.executable, "-c", READ, *files],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.split("\n")[:2] == [str(16 * 512), "the limit holds"]
