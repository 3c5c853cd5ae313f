"""Recipes, and the runs that train them."""

from ae_zoo.training.recipe import Recipe, list_recipes, load_recipe
from ae_zoo.training.run import train

__all__ = ["Recipe", "list_recipes", "load_recipe", "train"]
