"""Recipes, and the runs that train them."""

from ae_zoo.training.context import RunContext
from ae_zoo.training.recipe import Recipe, list_recipes, load_recipe
from ae_zoo.training.run import train

__all__ = ["Recipe", "RunContext", "list_recipes", "load_recipe", "train"]
