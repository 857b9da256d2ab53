#!/usr/bin/env bash
# From nothing to a validated table: makes .venv, trains MobileNet and SqueezeNet for a few minutes on the digits that scikit-learn ships, exports
# both as TFLite and ONNX in float32 and int8, and compares every file with its original. Writes to build/quickstart/. Needs Python 3.10 and a
# package index, nothing else.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
environment ""

out=$root/build/quickstart
cd "$root"
step() {
    echo
    echo "\$ edgecnn $*"
    "$venv/bin/edgecnn" "$@"
}

step train mobilenet --width 0.25 --data digits --epochs 40 --learning-rate 0.01 --weight-decay 0.05 --rotation 15 --shift 0.05 --zoom 0.15 --brightness 0 --contrast 0 --out build/quickstart
step train squeezenet --data digits --epochs 15 --learning-rate 0.0005 --no-augment --out build/quickstart
for model in mobilenet squeezenet; do
    step export "build/quickstart/$model.keras" --float32 --int8
done
for model in mobilenet squeezenet; do
    step validate build/quickstart/"$model"{,_int8}.{tflite,onnx}
done
echo
echo "Done in $((SECONDS / 60)) min $((SECONDS % 60)) s; the files are in ${out#"$root"/}/."
