"""Measurements of whole models: whether cards hold, and what a model is worth."""
