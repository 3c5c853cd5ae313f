"""Checks for a run that is already in the output folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ae_zoo import zoo
from ae_zoo.training.model import build, check_same_network
from ae_zoo.training.plan import run_settings

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.plan import Job


def check_is_new(job: Job) -> None:
    """Check that the output folder of a job holds no run.

    Raises:
        FileExistsError: It holds one.
    """
    if job.model_folder.exists() or job.checkpoint_folder.exists():
        raise FileExistsError(
            f"'{job.output_dir}' holds a run already. Resume it if it is unfinished "
            "(--resume), or choose another output directory (--output-dir)."
        )


def load_finished(job: Job) -> Autoencoder:
    """Load the model of a finished run.

    Raises:
        ValueError: The run has other settings, or another network, than the job.
    """
    model = zoo.load(job.model_folder, job.own_classes)
    advice = "Use the same settings, or choose another output directory."
    expected = {"epochs": job.recipe.epochs, **run_settings(job)}
    found = _settings_on_card(zoo.info(job.model_folder), job)
    differing = [field for field in expected if expected[field] != found[field]]
    if differing:
        raise ValueError(
            f"The run in '{job.output_dir}' is finished, with "
            f"{ {field: found[field] for field in differing} }. Expected: "
            f"{ {field: expected[field] for field in differing} }. {advice}"
        )
    check_same_network(
        build(job.recipe, "float32"),
        model,
        f"The run in '{job.output_dir}' is finished, with another network. {advice}",
    )
    if job.is_writer and job.verbose:
        print(f"The run in '{job.output_dir}' is finished; its model is loaded.")
    return model


def _settings_on_card(card: dict[str, Any], job: Job) -> dict[str, Any]:
    """Return the same settings of a finished run."""
    training = card["training"]
    return {
        "batch_size": training["batch_size"],
        "seed": training["seed"],
        # Cards of earlier versions lack `epochs_at_most` and `classes`.
        "epochs": training.get("epochs_at_most", job.recipe.epochs),
        "classes": card["dataset"].get("classes"),
        "dataset": card["dataset"]["name"],
        "fingerprint": card["dataset"]["sha256"],
    }
