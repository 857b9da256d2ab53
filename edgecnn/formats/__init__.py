"""File formats: what is in a model file, read and checked without running it."""
