"""TABLE The metadata schema of TensorFlow Lite, version 1.5.0, as data: which fields each table has, in the order of their slots.

Source: https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/tasks/metadata/metadata_schema.fbs
"""

from __future__ import annotations

IDENTIFIER = b"M001"
ROOT = "ModelMetadata"

# Table -> (field, kind). A kind is a scalar, `string`, the name of a table, any of these in brackets for a vector, or names of tables with | between for a
# union, which takes two slots: the number of its kind, then the table.
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "ModelMetadata": (
        ("name", "string"), ("description", "string"), ("version", "string"), ("subgraph_metadata", "[SubGraphMetadata]"), ("author", "string"),
        ("license", "string"), ("associated_files", "[AssociatedFile]"), ("min_parser_version", "string"),
    ),
    "SubGraphMetadata": (
        ("name", "string"), ("description", "string"), ("input_tensor_metadata", "[TensorMetadata]"), ("output_tensor_metadata", "[TensorMetadata]"),
        ("associated_files", "[AssociatedFile]"), ("input_process_units", "[ProcessUnit]"), ("output_process_units", "[ProcessUnit]"),
        ("input_tensor_groups", "[TensorGroup]"), ("output_tensor_groups", "[TensorGroup]"), ("custom_metadata", "[CustomMetadata]"),
    ),
    "TensorMetadata": (
        ("name", "string"), ("description", "string"), ("dimension_names", "[string]"), ("content", "Content"), ("process_units", "[ProcessUnit]"),
        ("stats", "Stats"), ("associated_files", "[AssociatedFile]"),
    ),
    "AssociatedFile": (("name", "string"), ("description", "string"), ("type", "byte"), ("locale", "string"), ("version", "string")),
    "Content": (("content_properties", "FeatureProperties|ImageProperties|BoundingBoxProperties|AudioProperties"), ("range", "ValueRange")),
    "FeatureProperties": (),
    "ImageProperties": (("color_space", "byte"), ("default_size", "ImageSize")),
    "ImageSize": (("width", "uint"), ("height", "uint")),
    "BoundingBoxProperties": (("index", "[uint]"), ("type", "byte"), ("coordinate_type", "byte")),
    "AudioProperties": (("sample_rate", "uint"), ("channels", "uint")),
    "ValueRange": (("min", "int"), ("max", "int")),
    "ProcessUnit": ((
        "options",
        "NormalizationOptions|ScoreCalibrationOptions|ScoreThresholdingOptions|BertTokenizerOptions|SentencePieceTokenizerOptions|RegexTokenizerOptions",
    ),),
    "NormalizationOptions": (("mean", "[float]"), ("std", "[float]")),
    "ScoreCalibrationOptions": (("score_transformation", "byte"), ("default_score", "float")),
    "ScoreThresholdingOptions": (("global_score_threshold", "float"),),
    "BertTokenizerOptions": (("vocab_file", "[AssociatedFile]"),),
    "SentencePieceTokenizerOptions": (("sentencePiece_model", "[AssociatedFile]"), ("vocab_file", "[AssociatedFile]")),
    "RegexTokenizerOptions": (("delim_regex_pattern", "string"), ("vocab_file", "[AssociatedFile]")),
    "Stats": (("max", "[float]"), ("min", "[float]")),
    "TensorGroup": (("name", "string"), ("tensor_names", "[string]")),
    "CustomMetadata": (("name", "string"), ("data", "[ubyte]")),
}  # fmt: skip

# AssociatedFileType.
AXIS_LABELS, SCORE_CALIBRATION = 2, 4

# ColorSpaceType and ScoreTransformationType, by their numbers.
COLORS = ("", "rgb", "grayscale")
TRANSFORMATIONS = ("identity", "log", "inverse_logistic")
