"""The study of own models: classifiers as tutorials write them, trained here, and what their exported files answer in the runtimes alone."""
