"""Sources of the user's own data: folders of images, tables, arrays, datasets."""

from ae_zoo.data.own.arrays import Arrays
from ae_zoo.data.own.base import OwnSource
from ae_zoo.data.own.images import Images
from ae_zoo.data.own.table import Table

__all__ = ["Arrays", "Images", "OwnSource", "Table"]
