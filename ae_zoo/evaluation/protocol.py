"""The base class of protocols, their results, and the functions that run them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_number
from ae_zoo.evaluation.splits import Split, Splits
from ae_zoo.models.scaling import in_scaled_values

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

# Test samples of the subset on which a card's headline can be checked in seconds.
SUBSET_SAMPLES = 200


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One row of a card's table.

    Attributes:
        metric: What was measured, with its unit.
        value: The value on the test split.
        baseline: The value that a trivial method reaches, or None.
        baseline_name: The name of that method.
        published: The number in a paper, or None.
        source: The paper.
        higher_is_better: Whether a larger value is better; None if neither is.
        tolerance: Absolute difference that other hardware may cause, for metrics that
            are more sensitive to rounding than most; None uses the default of
            `ae_zoo.studies.verify`.
        mean: Mean over runs with different seeds, or None.
        spread: Standard deviation over those runs, or None.
        seeds: Number of those runs.
    """

    metric: str
    value: float
    baseline: float | None = None
    baseline_name: str = ""
    published: float | None = None
    source: str = ""
    higher_is_better: bool | None = False
    tolerance: float | None = None
    mean: float | None = None
    spread: float | None = None
    seeds: int = 1

    def __post_init__(self) -> None:
        for field in ("value", "baseline", "published", "tolerance", "mean", "spread"):
            number = getattr(self, field)
            # JSON cannot hold NumPy scalars.
            object.__setattr__(self, field, None if number is None else float(number))


def check_tuple(
    name: str, values: object, check: Callable[[str, Any], object], size: int | None
) -> None:
    """Check an argument that is a tuple, or a list, and each value in it.

    Args:
        name: Name of the argument, for the message.
        values: What was received.
        check: Function of the name and one value.
        size: Number of values, or None for one or more.

    Raises:
        TypeError: It is no tuple or list, or a value has the wrong type.
        ValueError: The number of values is another one, or a value is out of range.
    """
    expected = "at least one value" if size is None else f"{size} values"
    message = f"`{name}` must be a tuple of {expected}. Received: {values!r}"
    if not isinstance(values, tuple | list):
        raise TypeError(f"{message} of type {type(values).__name__}")
    if not values or size not in (None, len(values)):
        raise ValueError(message)
    for value in values:
        check(name, value)


AnyProtocol = Callable[["Autoencoder", Splits], Sequence[Measurement]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """Base class of protocols: `protocol(model, splits)` returns measurements.

    A protocol need not inherit from it: any function of a model and `Splits` that
    returns a list of `Measurement` can be one.

    Attributes:
        published: The number in a paper that the headline is compared with.
        source: The paper.
    """

    published: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if self.published is not None:
            check_number(self.argument("published"), self.published)
        if not isinstance(self.source, str):
            raise TypeError(
                f"`{self.argument('source')}` must be a string. Received: "
                f"{self.source!r} of type {type(self.source).__name__}"
            )

    def argument(self, name: str) -> str:
        """Name an argument with its protocol, for messages: "Likelihood.samples"."""
        return f"{type(self).__name__}.{name}"

    @property
    def noise_levels(self) -> tuple[float, ...]:
        """Standard deviations of the Gaussian noise that it adds to inputs."""
        return ()

    @property
    def is_slow(self) -> bool:
        """Whether it trains networks, so that `evaluate(quick=True)` skips it."""
        return False

    @property
    def takes_pairs(self) -> bool:
        """Whether it measures models of pairs, whose target is not their input."""
        return False

    @property
    def needs_every_class(self) -> bool:
        """Whether the first test samples, which may be of one class, do not suffice."""
        return False

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        raise TypeError(
            f"{type(self).__name__} must implement `__call__(model, splits)` and "
            "return a list of Measurement."
        )

    def rehearsal(self) -> AnyProtocol:
        """Return a quicker protocol that fails wherever this one would.

        `ae_zoo.train` runs it once on a few samples, before the training.
        """
        return self

    def without_baselines(self) -> AnyProtocol:
        """Return a protocol of the same values that may leave out slow baselines."""
        return self

    def headline(self, metric: str, value: float, **fields: Any) -> Measurement:
        """Return the measurement that the published number belongs to."""
        return Measurement(
            metric, value, published=self.published, source=self.source, **fields
        )


def evaluate(
    model: Autoencoder,
    protocols: Iterable[AnyProtocol],
    splits: Splits,
    quick: bool = False,
) -> list[Measurement]:
    """Measure a model by several protocols.

    The protocols see scaled values if the model has a scaling, as its loss does.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        protocols: The protocols, such as `Recipe.metrics`.
        splits: The arrays to measure on; see `read_splits`.
        quick: Skip the protocols that train networks.

    Returns:
        A list of `Measurement`, those of the first protocol first. A metric that two
        protocols measure, such as the PSNR at one noise level, is listed once.

    Raises:
        ValueError: Two protocols report different values under the same name.

    Example:

    >>> splits = ae_zoo.evaluation.read_splits(ae_zoo.data.source("digits"))
    >>> model = ae_zoo.load("undercomplete_digits")
    >>> evaluate(model, [ae_zoo.evaluation.SquaredError()], splits)[0].metric
    'squared error'
    """
    # Any object with the methods that the protocols call is measured.
    scaling = getattr(model, "scaling", None)
    with in_scaled_values(scaling) as scale:
        if scaling is not None:
            splits = Splits(*(_scaled(split, scale) for split in splits))
        return without_repeats(
            row
            for protocol in protocols
            if not (quick and getattr(protocol, "is_slow", False))
            for row in measure_one(model, protocol, splits)
        )


def _scaled(split: Split, scale: Callable[[Any], Any]) -> Split:
    target = None if split.target is None else scale(split.target)
    return split._replace(x=scale(split.x), target=target)


def measure_one(
    model: Autoencoder, protocol: AnyProtocol, splits: Splits
) -> Sequence[Measurement]:
    """Measure a model by one protocol.

    Raises:
        ValueError: The data are pairs, and the protocol compares outputs with inputs,
            or the other way around.
    """
    if isinstance(protocol, Protocol):
        has_pairs = splits.test.target is not None
        name = type(protocol).__name__
        if has_pairs and not protocol.takes_pairs:
            raise ValueError(
                f"The data are pairs (input, target), and {name} measures models whose "
                "target is their input. Use evaluation.Restoration()."
            )
        if protocol.takes_pairs and not has_pairs:
            raise ValueError(
                f"{name} measures models of pairs (input, target). Received data "
                "without targets; see `target` of ae_zoo.data.Images."
            )
    return protocol(model, splits)


def measure_subset(
    model: Autoencoder,
    protocols: Sequence[AnyProtocol],
    splits: Splits,
    samples: int | None = None,
) -> dict[str, Any]:
    """Measure the headline on the first test samples, to check a card quickly.

    Baselines that take long, such as PCA of the training split, are left out.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        protocols: The protocols; only the first one is run.
        splits: The arrays to measure on; see `read_splits`.
        samples: Number of test samples. By default 200, or all of them if the protocol
            needs every class.

    Returns:
        {"samples", "metric", "value"}, as on a card.
    """
    if samples is None:
        needs_all = getattr(protocols[0], "needs_every_class", False)
        available = len(splits.test.x)
        samples = available if needs_all else min(SUBSET_SAMPLES, available)
    subset = splits._replace(test=splits.test.first(samples))
    headline = measure_headline(model, protocols, subset)
    return {"samples": samples, "metric": headline.metric, "value": headline.value}


def measure_headline(
    model: Autoencoder, protocols: Sequence[AnyProtocol], splits: Splits
) -> Measurement:
    """Measure the first value of the first protocol, without slow baselines."""
    first = protocols[0]
    if isinstance(first, Protocol):
        first = first.without_baselines()
    return evaluate(model, [first], splits)[0]


def without_repeats(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Keep one row of each metric: the first with a published number, or the first."""
    rows: dict[str, Measurement] = {}
    for row in measurements:
        known = rows.setdefault(row.metric, row)
        if known is row:
            continue
        if not math.isclose(known.value, row.value, rel_tol=1e-3):
            raise ValueError(
                f"Two protocols report different values of {row.metric!r}: "
                f"{known.value:g} and {row.value:g}. A card shows one value for each "
                "name. Remove one of the two protocols."
            )
        if known.published is None and row.published is not None:
            rows[row.metric] = row
    return list(rows.values())
