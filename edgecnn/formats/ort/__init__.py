"""Files of ONNX Runtime's own format, .ort."""
