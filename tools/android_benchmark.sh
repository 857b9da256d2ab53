#!/usr/bin/env bash
# Times .tflite files on an Android phone: pushes them over adb, runs TensorFlow Lite's benchmark_model there, and writes its figures as JSON, which
# `edgecnn compare RUN.json --phone PHONE.json --report report.html` shows beside everything else. Makes .venv first, unless EDGECNN_PYTHON names a
# Python that has edgecnn. --help tells the options. Tested against a stand-in for adb, never on a real phone.
#   tools/android_benchmark.sh FILE.tflite... [--threads 1,4] [--json PHONE.json] [--serial S] [--tool benchmark_model]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
[ -n "${EDGECNN_PYTHON:-}" ] || environment ""
exec "${EDGECNN_PYTHON:-$venv/bin/python}" "$root/tools/android_benchmark.py" "$@"
