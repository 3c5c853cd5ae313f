"""Data of the user: image files."""
