"""Times of files on a phone: TensorFlow Lite's benchmark_model run over adb, and its figures in a report."""
