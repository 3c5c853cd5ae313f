"""Arguments that several verbs share, and types of arguments."""

from __future__ import annotations

import argparse

from ae_zoo._checks import SEED_LIMIT

# TensorFlow counts steps and samples in integers of 32 bits in some places.
_LIMIT = 2**31


def positive_integer(text: str) -> int:
    """Convert an argument to a positive integer.

    Raises:
        argparse.ArgumentTypeError: `text` is anything else.
    """
    return _integer(text, "a positive integer", 1, _LIMIT)


def natural_number(text: str) -> int:
    """Convert an argument to an integer of at least 0, such as a label.

    Raises:
        argparse.ArgumentTypeError: `text` is anything else.
    """
    return _integer(text, "an integer of at least 0", 0, _LIMIT)


def seed(text: str) -> int:
    """Convert an argument to the seed of a run.

    Raises:
        argparse.ArgumentTypeError: `text` is anything else.
    """
    return _integer(text, "an integer of at least 0", 0, SEED_LIMIT)


def _integer(text: str, kind: str, least: int, limit: int) -> int:
    # No more digits than Python converts without an error of its own.
    number = int(text) if text.isdecimal() and len(text) < 100 else -1
    if not least <= number < limit:
        raise argparse.ArgumentTypeError(
            f"expected {kind} and below {limit}, received {text!r}"
        )
    return number


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument `model`."""
    parser.add_argument("model", help="name or folder of a model")


def add_recipe_to_run(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument `recipe`, for verbs that train one."""
    parser.add_argument("recipe", help="name of a recipe, or path of a recipe file")


def add_recipe_of_model(parser: argparse.ArgumentParser) -> None:
    """Add `--recipe`, for verbs that use the recipe of a trained model."""
    parser.add_argument(
        "--recipe",
        help="name or file of the model's recipe; default: the model's name",
    )


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add `--data-dir`."""
    parser.add_argument(
        "--data-dir", help="folder of the datasets; default: $TFDS_DATA_DIR"
    )


def add_data(parser: argparse.ArgumentParser, help: str) -> None:
    """Add `--data`; verbs differ in what it does."""
    parser.add_argument("--data", metavar="PATH", help=help)


OWN_DATA = "folder or table of the card's data, if it is not where the recipe says"


def add_samples(parser: argparse.ArgumentParser, help: str) -> None:
    """Add `--samples`; verbs differ in what they take fewer samples of."""
    parser.add_argument("--samples", type=positive_integer, metavar="N", help=help)


def add_training(parser: argparse.ArgumentParser, output_dir: str) -> None:
    """Add the options that override settings of a recipe.

    Args:
        parser: Parser of the verb.
        output_dir: The default of `--output-dir`, for the help.
    """
    parser.add_argument(
        "--epochs", type=positive_integer, metavar="N", help="overrides the recipe"
    )
    parser.add_argument("--seed", type=seed, metavar="N", help="overrides the recipe")
    parser.add_argument("--output-dir", help=f"default: {output_dir}")
    add_data(
        parser, "folder of images, table or dataset to use instead of the recipe's"
    )
    add_data_dir(parser)
