"""Studies of whole models: whether cards hold, transfer, cost of exported files."""
