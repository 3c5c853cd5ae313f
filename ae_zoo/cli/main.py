"""The command line `ae-zoo`."""

import argparse
import os
import pathlib
import sys

from ae_zoo import __version__


def main(arguments=None):
    """Runs the command line; returns its exit status."""
    # TensorFlow's remarks on every step of a conversion bury what the command says.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        print(f"ae-zoo: {error}", file=sys.stderr)
        return 1
    except FloatingPointError as error:
        print(f"ae-zoo: training diverged. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ae-zoo: interrupted", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="ae-zoo", description="Pretrained autoencoders for Keras and TensorFlow."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, help):
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        return added

    added = command("list", _list, "Show the zoo as a table.")
    added.add_argument("--markdown", action="store_true", help="with links, for a page")
    added = command("info", _info, "Show the card of a model.")
    added.add_argument("model", help="name or folder")
    added = command("train", _train, "Train a recipe.")
    added.add_argument("recipe", help="name of a recipe or path of a recipe file")
    added.add_argument(
        "--strategy",
        default="default",
        help="auto, default, one_device, mirrored, multi_worker or tpu",
    )
    added.add_argument(
        "--local-workers",
        type=int,
        metavar="N",
        help="train in N processes on the CPUs of this machine",
    )
    added.add_argument("--epochs", type=int, help="in place of the recipe's")
    added.add_argument("--seed", type=int, help="in place of the recipe's")
    added.add_argument("--output-dir", help="default: runs/NAME[-seedSEED]")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint"
    )
    added = command("evaluate", _evaluate, "Measure a model by its recipe's protocols.")
    added.add_argument("model", help="name or folder")
    added.add_argument("--recipe", help="name or file; default: the model's own name")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added.add_argument("--samples", type=int, help="only the first test samples")
    added.add_argument(
        "--quick", action="store_true", help="leave out protocols that train networks"
    )
    added.add_argument(
        "--write", action="store_true", help="put the table on the model's card"
    )
    added = command("verify", _verify, "Measure again whether cards hold.")
    added.add_argument(
        "models", nargs="*", metavar="MODEL", help="name or folder; default: the zoo"
    )
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added.add_argument(
        "--subset", action="store_true", help="the headline on few samples alone"
    )
    added.add_argument("--recipe", help="name or file; default: the model's own name")
    added = command(
        "one-class", _one_class, "Train on each class alone and find all the others."
    )
    added.add_argument("recipe", help="name of a recipe or path of a recipe file")
    added.add_argument(
        "--classes", type=int, nargs="+", metavar="LABEL", help="default: all there are"
    )
    added.add_argument("--epochs", type=int, help="in place of the recipe's")
    added.add_argument("--seed", type=int, help="in place of the recipe's")
    added.add_argument("--output-dir", help="default: runs/NAME-one-class")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added.add_argument(
        "--resume", action="store_true", help="leave out the classes that are finished"
    )
    added = command("spread", _spread, "Put mean and spread over seeds on a card.")
    added.add_argument("model", help="name or folder")
    added.add_argument("runs", nargs="+", metavar="RUN", help="folders of two seeds")
    added = command("transfer", _transfer, "Fine-tune on other data and from scratch.")
    added.add_argument("model", help="name or folder")
    added.add_argument("dataset", help="with samples of the same shape")
    added.add_argument("--epochs", type=int, default=3, help="default: 3")
    added.add_argument("--samples", type=int, help="train on the first ones only")
    added.add_argument("--recipe", help="name or file; default: the model's own name")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added.add_argument(
        "--write", action="store_true", help="put the result on the model's card"
    )
    _export_arguments(command("export", _export, "Write a model for deployment."))
    added = command("package", _package, "Add files for deployment to a model folder.")
    added.add_argument("model", help="name or folder")
    added.add_argument("--recipe", help="name or file; default: the model's own name")
    added.add_argument("--samples", type=int, help="test samples of the figures")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added = command("draw", _draw, "Draw the pictures of a model's card again.")
    added.add_argument("model", help="name or folder")
    added.add_argument("--recipe", help="name or file; default: the model's own name")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added = command("prepare", _prepare, "Download and prepare a dataset.")
    added.add_argument("dataset")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")
    added.add_argument("--manual-dir", help="folder with the raw files, if downloaded")
    added = command("demo", _demo, "Denoise, fine-tune, export; draw a picture.")
    added.add_argument("--output-dir", default="demo")
    return parser


def _export_arguments(added):
    added.add_argument("model", help="name or folder")
    added.add_argument(
        "path", help="directory, or file name that ends in .tflite or .onnx"
    )
    added.add_argument(
        "--format",
        choices=["tf_saved_model", "litert", "onnx"],
        help="default: that of the path's suffix",
    )
    added.add_argument(
        "--quantization",
        choices=["float16", "dynamic", "int8", "int8_io"],
        help="of a .tflite file; the int8 kinds calibrate on the training data",
    )
    added.add_argument("--batch-size", help="static batch size, or dynamic")
    added.add_argument(
        "--pixels", action="store_true", help="add a signature of uint8 images"
    )
    added.add_argument("--signature", default="reconstruct", help="of an .onnx file")
    added.add_argument(
        "--report",
        action="store_true",
        help="measure size, quality, speed and memory of the .tflite file",
    )
    added.add_argument("--recipe", help="name or file; default: the model's own name")
    added.add_argument("--samples", type=int, help="test samples of the report")
    added.add_argument("--data-dir", help="default: $TFDS_DATA_DIR")


def _list(options):
    from ae_zoo.zoo import tables

    print(tables.zoo_markdown() if options.markdown else tables.zoo_table())


def _info(options):
    from ae_zoo import zoo
    from ae_zoo.zoo import cards

    print(cards.render(zoo.info(options.model)))


def _train(options):
    if options.local_workers is not None:
        return _train_locally(options)
    from ae_zoo.distribution.strategies import TRY_AGAIN, WorkerLostError
    from ae_zoo.training.run import train

    try:
        train(
            options.recipe,
            options.strategy,
            epochs=options.epochs,
            seed=options.seed,
            output_dir=options.output_dir,
            resume=options.resume,
            data_dir=options.data_dir,
        )
    except WorkerLostError as error:
        # On a line of its own: the progress bar leaves one unfinished.
        print(f"\nae-zoo: {error}", file=sys.stderr, flush=True)
        os._exit(TRY_AGAIN)  # an orderly end would wait for the lost worker


def _train_locally(options):
    from ae_zoo.distribution import local_workers

    if options.strategy not in ("auto", "default", "multi_worker"):
        raise ValueError(
            "--local-workers makes a cluster for --strategy multi_worker. Received: "
            f"--strategy {options.strategy}"
        )
    arguments = ["train", options.recipe, "--strategy", "multi_worker"]
    for name in ("epochs", "seed", "output_dir", "data_dir"):
        value = getattr(options, name)
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    if options.resume:
        arguments.append("--resume")
    return local_workers.run(arguments, options.local_workers)


def _evaluate(options):
    from ae_zoo import evaluation
    from ae_zoo.studies import verify
    from ae_zoo.training.recipe import load_with_recipe
    from ae_zoo.zoo import tables

    model, recipe = load_with_recipe(options.model, options.recipe)
    if options.write and (options.samples or options.quick):
        raise ValueError("--write takes the whole table: leave out --samples, --quick.")
    rows = evaluation.evaluate(
        model, recipe, options.data_dir, options.samples, options.quick
    )
    print(tables.metrics_text(rows))
    if options.write:
        verify.write_metrics(options.model, model, recipe, rows, options.data_dir)


def _verify(options):
    from ae_zoo import zoo
    from ae_zoo.studies import verify
    from ae_zoo.zoo import tables

    names = options.models or zoo.list_models()
    failed = []
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} …", flush=True)
        try:
            checks = verify.verify(
                name, options.data_dir, options.subset, options.recipe
            )
        except (ValueError, OSError, ImportError) as error:
            print(f"ae-zoo: {error}", file=sys.stderr)
            failed.append(name)
            continue
        print(tables.checks_text(checks), end="\n\n", flush=True)
        if not all(check.holds for check in checks):
            failed.append(name)
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(names)} cards do not hold: {', '.join(failed)}"
        )
    print(f"All {len(names)} cards hold.")


def _one_class(options):
    from ae_zoo.studies.one_class import one_class

    report = one_class(
        options.recipe,
        options.classes,
        epochs=options.epochs,
        seed=options.seed,
        output_dir=options.output_dir,
        resume=options.resume,
        data_dir=options.data_dir,
    )
    print(report.markdown())


def _spread(options):
    from ae_zoo.studies import verify
    from ae_zoo.zoo import cards

    card = verify.add_spread(options.model, options.runs)
    print(cards.metrics_table(card["metrics"]))


def _transfer(options):
    from ae_zoo.studies.transfer import transfer
    from ae_zoo.zoo import cards, tables

    facts = transfer(
        options.model,
        options.dataset,
        epochs=options.epochs,
        samples=options.samples,
        recipe=options.recipe,
        write=options.write,
        data_dir=options.data_dir,
    )
    print(tables.text_table(*cards.transfer_rows([facts])))


def _export(options):
    from ae_zoo import zoo
    from ae_zoo.studies import file_cost
    from ae_zoo.training.recipe import load_with_recipe

    suffixes = {".tflite": "litert", ".onnx": "onnx"}
    suffix = pathlib.Path(options.path).suffix
    format = options.format or suffixes.get(suffix, "tf_saved_model")
    if options.report and format != "litert":
        raise ValueError(
            f"--report measures LiteRT files. Received: format {format!r}. Give a path "
            "that ends in .tflite."
        )
    size = options.batch_size
    needs_data = options.report or (options.quantization or "").startswith("int8")
    recipe = calibration = None
    if needs_data or options.recipe:
        model, recipe = load_with_recipe(options.model, options.recipe)
    else:
        model = zoo.load(options.model)
    if needs_data:
        calibration = file_cost.calibration_data(model, recipe, options.data_dir)
    model.export(
        options.path,
        format=format,
        batch_size=int(size) if (size or "").isdigit() else size,
        quantization=options.quantization,
        calibration=calibration,
        pixels=options.pixels,
        signature=options.signature,
    )
    print(f"Wrote {options.path}")
    if options.report:
        _report(options, model, recipe, calibration)


def _report(options, model, recipe, calibration):
    from ae_zoo.studies import file_cost
    from ae_zoo.zoo import cards, tables

    kinds = dict.fromkeys([None, options.quantization])
    reports = [
        file_cost.measure(
            model, recipe, kind, calibration, options.data_dir, options.samples
        )
        for kind in kinds
    ]
    rows = [report.row(reports[0]) for report in reports]
    print(tables.text_table(*cards.deployment_rows(rows)))


def _package(options):
    from ae_zoo.studies.package import package

    package(options.model, options.recipe, options.data_dir, options.samples)


def _draw(options):
    from ae_zoo.studies.redraw import redraw

    print("Drawn:", *redraw(options.model, options.recipe, options.data_dir))


def _prepare(options):
    from ae_zoo import data

    data.prepare(
        options.dataset, data_dir=options.data_dir, manual_dir=options.manual_dir
    )


def _demo(options):
    from ae_zoo.cli import demo

    demo.run(options.output_dir)
