"""Speed and memory, as ratios between two ways measured in turn in one run; every figure is of a whole process unless it says otherwise.

    python tools/benchmark.py start        `edgecnn --help` and `edgecnn list`
    python tools/benchmark.py export       int8 and all eight files of MobileNet 1.0 at 224, against TensorFlow's guide (tools/guide_int8.py)
    python tools/benchmark.py evaluation   pictures a second of `edgecnn validate` against a bare loop of single-threaded interpreters
    python tools/benchmark.py validation   a second validation of the same original, and memory of 200,000 pictures (tools/benchmark_validation.py)
    python tools/benchmark.py groups       training step and files of ResNeXt-50: native groups against slices (tools/benchmark_groups.py)
    python tools/benchmark.py training     pictures a second of `edgecnn train` against plain Keras and plain PyTorch, with options of its own
                                           (tools/benchmark_training.py)
    python tools/benchmark.py              all six

The network has made-up weights that pass pictures through, so that its answers vary and survive rounding; the pictures are generated. Only time and
memory are read here.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

TOOLS = Path(__file__).parent
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
CALIBRATION = 100


def main() -> None:
    """Run the parts that were named."""
    # The last two load TensorFlow here, and a process that is started from a large one is accounted as large.
    parts = {"start": start, "export": export, "validation": validation, "training": training, "evaluation": evaluation, "groups": groups}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*parts, []], help="what to measure; all when left out")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each way (default: %(default)s)")
    wanted = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, medians of {wanted.rounds} alternating rounds")
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in parts.items():
            if name in wanted.part or not wanted.part:
                print(f"\n{name}")
                measure(Path(folder), wanted.rounds)


def export(folder: Path, rounds: int) -> None:
    """Whole-process time and peak memory of one int8 .tflite, and of all eight files, over the guide's script."""
    model = _model(folder)
    pictures = _pictures(folder)
    np.save(folder / "input.npy", (_noise(CALIBRATION).astype(np.float32) - 128) / 128)
    ours = [sys.executable, "-m", "edgecnn", "export", model, "--data", pictures, "--calibration", CALIBRATION, "--out", folder / "out"]
    ways = {
        "guide's script, int8 .tflite": [sys.executable, TOOLS / "guide_int8.py", model, folder / "input.npy", folder / "guide.tflite"],
        "edgecnn, int8 .tflite": [*ours, "--int8", "--tflite"],
        "edgecnn, all eight files": [*ours, "--all"],
    }
    _in_turn(ways, rounds, first=1)


def start(folder: Path, rounds: int) -> None:
    """Whole-process time of the two commands that must answer at once."""
    _in_turn({f"edgecnn {word}": [sys.executable, "-m", "edgecnn", word] for word in ("--help", "list")}, max(rounds, 5), first=1)


def evaluation(folder: Path, rounds: int) -> None:
    """Pictures a second inside one process: the evaluation that validate does, and the least that any could do."""
    from edgecnn.export import export as write
    from edgecnn.runtime.pool import evaluate
    from edgecnn.settings import Export

    write(_model(folder), settings=Export(formats=("tflite",)), out=folder)
    file = folder / "mobilenet.tflite"
    pictures = _noise(300)
    ready = (pictures.astype(np.float32) - 128) / 128
    ways: dict[str, Callable[[], object]] = {"bare loop": lambda: _bare_loop(file, ready), "edgecnn": lambda: evaluate(file, pictures)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    rate = {name: len(pictures) / statistics.median(seconds[1:]) for name, seconds in times.items()}
    for name, value in rate.items():
        print(f"  {name:<32} {value:7.1f} pictures/s   {value / rate['bare loop']:5.2f} of the bare loop")


def validation(folder: Path, rounds: int) -> None:
    """Whole-process time of a second validation over the first, and memory over the number of pictures."""
    import benchmark_validation

    benchmark_validation.measure(folder, rounds, _measured)


def groups(folder: Path, rounds: int) -> None:
    """A training step, bytes and operators inside one process: form (c) of ResNeXt with native groups, and sliced as notebooks write it."""
    from benchmark_groups import measure

    measure(folder, _pictures(folder), rounds)


def training(folder: Path, rounds: int) -> None:
    """Pictures a second of a training, each contestant in a process of its own."""
    import benchmark_training

    benchmark_training.main(["--rounds", str(rounds)])


def _bare_loop(file: Path, ready: np.ndarray) -> None:
    """One single-threaded interpreter a core over arrays that are the network's input already."""
    from concurrent.futures import ThreadPoolExecutor

    from ai_edge_litert.interpreter import Interpreter

    def work(part: np.ndarray) -> None:
        interpreter = Interpreter(model_path=str(file), num_threads=1)
        interpreter.allocate_tensors()
        source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
        for i in range(len(part)):
            interpreter.set_tensor(source, part[i : i + 1])
            interpreter.invoke()
            interpreter.get_tensor(target)

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, np.array_split(ready, cores)))


def _in_turn(ways: dict[str, list[object]], rounds: int, first: int) -> None:
    """Run the commands in turn, `first` rounds uncounted, and print medians and ratios to the first of them."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds + first):
        for name, command in ways.items():
            found[name].append(_measured([str(word) for word in command]))
    middle = {name: [statistics.median(column) for column in zip(*rows[first:], strict=True)] for name, rows in found.items()}
    base = next(iter(middle.values()))
    for name, (seconds, megabytes) in middle.items():
        print(f"  {name:<32} {seconds:7.2f} s {seconds / base[0]:5.2f}x   peak {megabytes:6.0f} MiB {megabytes / base[1]:5.2f}x")


def _measured(command: list[str], env: dict[str, str] = ENVIRONMENT) -> tuple[float, float]:
    """Seconds and peak MiB of one process, by the operating system's account of it."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    complaint = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{complaint}")
    return seconds, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def _model(folder: Path) -> Path:
    """MobileNet 1.0 at 224 with made-up weights."""
    path = folder / "mobilenet.keras"
    if not path.exists():
        subprocess.run([sys.executable, __file__, "--make", path], check=True, env=ENVIRONMENT, capture_output=True)
    return path


def make(path: str) -> None:
    """Build and save the network of `_model`; in a process of its own, so that TensorFlow's memory is not ours.

    A deep network of random weights is chaotic: rounding changes every answer. Here channels are blurred and handed on with a little mixing, and batch
    norms take the statistics of their own activations.
    """
    import keras

    from edgecnn import build

    keras.utils.set_random_seed(0)
    model = build("mobilenet")
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([random.uniform(0, 1, w.shape) for w in layer.get_weights()])
        elif isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1) and not layer.use_bias:
            _, _, inputs, outputs = layer.kernel.shape
            handed_on = np.arange(inputs)[:, None] == np.arange(outputs) % inputs
            layer.set_weights([(handed_on + random.normal(0, 0.1 / inputs**0.5, handed_on.shape))[None, None]])
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    model((_noise(16).astype(np.float32) - 128) / 128, training=True)
    for layer in norms:
        layer.momentum = 0.99
    model.save(path)


def _noise(count: int) -> np.ndarray:
    """Smooth generated pictures, uint8 RGB [count, 224, 224, 3]."""
    from edgecnn.card import Preprocessing
    from edgecnn.export.check import generated

    return generated(Preprocessing(224, 224), count)


def _pictures(folder: Path) -> Path:
    """Generated pictures as PNG files in two class folders, enough for CALIBRATION of them to fall into train."""
    from PIL import Image

    root = folder / "pictures"
    if not root.exists():
        for i, picture in enumerate(_noise(2 * CALIBRATION)):
            path = root / ("even", "odd")[i % 2] / f"{i:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path, compress_level=1)
    return root


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2])
    elif sys.argv[1:2] == ["training"]:
        import benchmark_training

        benchmark_training.main(sys.argv[2:])
    else:
        main()
