"""Measure the speedup from a second worker, where each worker has one core.

    python benchmarks/scaling.py [--rounds 5] [--steps 40] [--batch 1000]

The model is that of the recipe `deep_mnist`, the batches are random images, and the
global batch size is the same for all measurements. Each pair runs all measurements
below in alternating order, so that a slow period of the machine affects all of them.
The table shows the median and the range over the pairs.

- one: one worker, pinned to one core, the whole batch, 20 steps per call as in recipes;
- two: two workers, pinned to one core each, half the batch each, MultiWorkerMirrored;
- bfloat16: as "two", with gradients sent as bfloat16;
- apart: the same two halves at the same time, in two independent processes. "two"
  takes longer because of communication: the all-reduce, waiting for the slower worker,
  and one call from Python per step;
- reduce: two workers only sum one vector of the size of the gradients. This is the
  all-reduce without overlap with the backward pass.

Run it on an idle machine of at least two cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import common

MEASUREMENTS = {  # name: (role of a process, processes, is a cluster, options)
    "one": ("fit", 1, False),
    "two": ("fit", 2, True),
    "bfloat16": ("fit", 2, True, "--gradient-dtype", "bfloat16"),
    "apart": ("fit", 2, False),
    "reduce": ("reduce", 2, True),
}
QUIET = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
TWO_CORES = 2


def main():
    options = _options()
    if options.role:
        return _work(options)
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < TWO_CORES:
        sys.exit("benchmarks/scaling.py needs two cores.")
    facts = common.machine()
    print(common.describe(facts), flush=True)
    arms = {
        name: lambda name=name: {"seconds": _measure(name, cores, options)}
        for name in MEASUREMENTS
    }
    results = common.alternate(arms, options.rounds, "scaling")
    seconds = {name: [run["seconds"] for run in runs] for name, runs in results.items()}
    _report(seconds, options)
    common.write(
        "scaling", options.output_dir, facts, results, lambda f: _draw(f, seconds)
    )


def _options():
    parser = common.parser(__doc__)
    parser.add_argument("--steps", type=int, default=40, help="a multiple of 20")
    parser.add_argument("--batch", type=int, default=1000, help="global batch size")
    parser.add_argument("--recipe", default="deep_mnist")
    parser.add_argument("--role", choices=["fit", "reduce"], help=argparse.SUPPRESS)
    parser.add_argument("--gradient-dtype", default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(name, cores, options):
    """Seconds per step of the slowest process."""
    from ae_zoo.distribution import cluster, local_workers

    role, count, is_cluster, *further = MEASUREMENTS[name]
    addresses = [f"127.0.0.1:{port}" for port in local_workers.free_ports(count)]
    share = options.batch if is_cluster else options.batch // count
    workers = []
    for index in range(count):
        config = cluster.to_tf_config(addresses, index) if is_cluster else ""
        workers.append(
            subprocess.Popen(
                [sys.executable, __file__, "--role", role, "--core", str(cores[index])]
                + ["--share", str(share), "--steps", str(options.steps)]
                + ["--recipe", options.recipe, *further],
                env=os.environ | {"TF_CONFIG": config} | QUIET,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    for worker in workers:
        assert worker.stdout.readline() == "ready\n", "a worker did not start"
    for worker in workers:  # start all at the same time
        worker.stdin.write("go\n")
        worker.stdin.flush()
    results = [json.loads(worker.stdout.readline()) for worker in workers]
    for worker in workers:
        worker.wait()
    return max(results)


def _work(options):
    os.sched_setaffinity(0, {options.core})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from ae_zoo.distribution.strategies import get_strategy

    strategy = get_strategy("multi_worker" if os.environ["TF_CONFIG"] else "default")
    seconds = {"fit": _time_fit, "reduce": _time_reduce}[options.role](
        strategy, options
    )
    print(json.dumps(seconds), flush=True)


def _wait_for_go():
    print("ready", flush=True)
    sys.stdin.readline()


def _build(strategy, options):
    from ae_zoo.training.recipe import load_recipe

    _, recipe = load_recipe(options.recipe)
    with strategy.scope():
        model = recipe.build()
        model.compile(
            recipe.optimizer(1000),
            steps_per_execution=20,
            gradient_dtype=options.gradient_dtype,
        )
    return model


def _time_fit(strategy, options):
    import keras
    import numpy as np
    import tensorflow as tf

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:  # epoch 0 traces and warms up
                _wait_for_go()
                self.started = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.seconds = time.perf_counter() - self.started

    model = _build(strategy, options)
    shape = (options.share, *model.input_shape[1:])
    x = np.random.default_rng(0).random(shape, dtype="float32")
    dataset = tf.data.Dataset.from_tensors(x).repeat()
    clock = Clock()
    model.fit(
        dataset, steps_per_epoch=options.steps, epochs=2, verbose=0, callbacks=[clock]
    )
    return clock.seconds / options.steps


def _time_reduce(strategy, options):
    import tensorflow as tf

    size = sum(weight.size for weight in _sizes(strategy, options))

    with strategy.scope():
        values = tf.Variable(tf.ones([size]))

    def step():
        context = tf.distribute.get_replica_context()
        return context.all_reduce("SUM", values.read_value())

    @tf.function
    def reduce():
        return strategy.experimental_local_results(strategy.run(step))[0]

    for _ in range(5):
        reduce()
    _wait_for_go()
    started = time.perf_counter()
    for _ in range(options.steps):
        reduce()
    return (time.perf_counter() - started) / options.steps


def _sizes(strategy, options):
    return [w.numpy() for w in _build(strategy, options).trainable_weights]


def _report(seconds, options):
    from ae_zoo.training.recipe import load_recipe

    parameters = load_recipe(options.recipe)[1].build().count_params()
    print(f"\n{options.recipe}: {parameters:,} parameters, batch {options.batch}\n")
    rows = []
    for name, values in seconds.items():
        rate = "" if name == "reduce" else f"{options.batch / _median(values):,.0f}"
        speedup = "" if name == "reduce" else common.spread(_speedups(seconds, name))
        rows.append([name, common.spread([1000 * v for v in values]), rate, speedup])
    header = ["measurement", "ms per step, median (range)", "samples/s", "one / it"]
    print(common.table(header, rows), end="\n\n")
    together = [a - b for a, b in zip(seconds["two"], seconds["apart"], strict=True)]
    share = _median(together) / _median(seconds["two"])
    print(
        f"Communication costs {1000 * _median(together):.2f} ms per step (two − "
        f"apart), {share:.1%} of a step; the all-reduce alone takes "
        f"{1000 * _median(seconds['reduce']):.2f} ms."
    )


def _speedups(seconds, name):
    return common.ratios(seconds["one"], seconds[name])


def _draw(figure, seconds):
    names = [name for name in seconds if name not in ("one", "reduce")]
    bars = {"speedup": {name: _speedups(seconds, name) for name in names}}
    common.draw_ratios(figure, "time of one worker / time of two", bars)


def _median(values):
    return statistics.median(values)


if __name__ == "__main__":
    main()
