"""The pictures on a card: which of `ae_zoo.plots` fit a model, drawn of its test split.

Needs matplotlib: pip install 'ae-zoo[plots]'.
"""

import numpy as np

from ae_zoo import data, networks, plots
from ae_zoo.models import ContractiveAutoencoder, SparseAutoencoder


def draw(model, recipe, folder, data_dir=None):
    """Draws what fits a model into a folder.

    What it makes of inputs; of a variational model its latent space, of one that knows
    normal samples their scores, of a dense layer on images its filters, of a sparse or
    contractive model its code.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        recipe: Its `Recipe`.
        folder: Path of a folder.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
    """
    x = data.arrays(recipe.dataset, "test", data_dir=data_dir)
    kinds = {"input": x}
    if recipe.classes is not None:
        _, labels = data.arrays(recipe.dataset, "test", labels=True, data_dir=data_dir)
        is_normal = np.isin(labels, recipe.classes)
        kinds = {"normal": x[is_normal], "anomalous": x[~is_normal]}
        scores = [model.score(samples).numpy() for samples in kinds.values()]
        plots.scores(*scores, folder / "scores.png")
    if len(model.input_shape) == 2:
        rows = {name: samples[:6] for name, samples in kinds.items()}
        plots.series(model, rows, folder / "picture.png")
    if len(model.input_shape) == 4:
        if hasattr(model, "sample"):
            plots.manifold(model, x, folder / "manifold.png")
        if _has_filters(model):
            plots.filters(model, folder / "filters.png")
        few, target = (x[:12], None) if recipe.pair is None else recipe.pair(x[:12])
        plots.reconstructions(model, few, folder / "picture.png", target=target)
    if isinstance(model, SparseAutoencoder | ContractiveAutoencoder):
        inputs = x if recipe.pair is None else recipe.pair(x)[0]
        plots.code_histogram(model, inputs, folder / "code_histogram.png")


def _has_filters(model):
    # Deeper layers undo what the first one does: its weights alone look like noise.
    is_shallow = len(networks.dense_chain(model.encoder)) == 1
    is_grey = model.input_shape[-1] == 1
    return is_grey and (is_shallow or networks.dictionary(model.decoder) is not None)
