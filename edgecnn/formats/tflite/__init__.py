"""The .tflite format: reading and checking without running."""
