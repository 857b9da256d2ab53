"""The processes that tools/benchmark_training.py measures: one contestant in each, which trains a round whenever it is told to.

python tools/training_contestants.py NAME CASE     CASE is JSON

Answers are JSON, one a line. A line on standard input asks for a round; the end of the input ends the process.
"""

from __future__ import annotations

import importlib.abc
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import numpy as np

CLASSES = 10
CROP = 0.125  # of height and width
REPEATS = {True: 50, False: 10}  # products between two looks at the clock, on an accelerator or not
Case = dict[str, Any]


def pictures(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Noise, uint8 [steps * batch, size, size, 3], and labels, int64 [steps * batch]."""
    rng, count, size = np.random.default_rng(0), case["steps"] * case["batch"], case["size"]
    return np.frombuffer(bytearray(rng.bytes(count * size * size * 3)), "uint8").reshape(count, size, size, 3), rng.integers(0, CLASSES, count)


def built(case: Case, policy: str) -> Any:
    """edgecnn's network, computing under a dtype policy."""
    from edgecnn import arch
    from edgecnn.train import run

    with run.computing_in(policy):
        return arch.build(case["network"], classes=CLASSES, image_size=(case["size"], case["size"]), **case["arguments"])


def facts(net: Any) -> Case:
    """What the parent wants to know of a Keras network and of this process."""
    import keras

    from edgecnn.arch import macs

    return {"parameters": net.count_params(), "macs": macs.count(net), "versions": {name: version(name) for name in ("keras", keras.backend.backend())}}


def ours(case: Case, _turn: Callable[..., None]) -> Iterator[Any]:
    """As `edgecnn train` does it, without judging and saving."""
    from edgecnn.card import Preprocessing
    from edgecnn.data import Dataset, Split
    from edgecnn.settings import Augment, Train
    from edgecnn.train import fit, optimizer, processor
    from edgecnn.train.engine import engine
    from edgecnn.train.meter import Meter

    settings = Train(epochs=1000, batch_size=case["batch"], optimizer="sgd", augment=Augment(flip=True, crop=CROP))
    net = built(case, optimizer.policy(settings))
    yield facts(net)
    if processor.wanted(net) and not optimizer.accelerated():
        net = processor.for_processor(net)
    arrays = pictures(case)
    split = Split(*arrays, tuple(map(str, range(len(arrays[1])))))
    data = Dataset("noise", tuple(map(str, range(CLASSES))), {"train": split, "val": split, "test": split}, "")
    task = fit.Task(net, data, Preprocessing(case["size"], case["size"]), settings)
    works = engine(fit.compiled(task), task.feed, CLASSES, task.machine, Meter())
    for epoch in range(settings.epochs):
        began = time.perf_counter()
        works.train(epoch, lambda first, losses, accuracies: None)
        yield time.perf_counter() - began


def plain_keras(case: Case, turn: Callable[..., None], shift: bool = True) -> Iterator[Any]:
    """Keras' own layers and `fit` with its defaults on arrays; each round is an epoch of one `fit`, which takes turns by itself."""
    import keras
    from keras import layers

    policy = "mixed_bfloat16" if case["accelerated"] else "float32"
    net = built(case, policy)
    yield facts(net)
    keras.config.set_dtype_policy(policy)
    image = keras.Input((case["size"], case["size"], 3))
    x = layers.RandomFlip("horizontal")(layers.Rescaling(1 / 127.5, -1)(image))
    if shift:  # RandomCrop would be the other way, but cannot be compiled on JAX; this is the cheapest form
        x = layers.RandomTranslation(CROP, CROP, fill_mode="nearest", interpolation="nearest")(x)
    model = keras.Model(image, net(x))
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])

    class Turns(keras.callbacks.Callback):
        """Waits before each epoch but the first, and tells how long it took."""

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Wait, then start the clock."""
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Tell; the loss is known when the last step is done. Returns when the next round is wanted."""
            float((logs or {})["loss"])
            turn(time.perf_counter() - self.began)

    model.fit(*pictures(case), batch_size=case["batch"], epochs=1000, callbacks=[Turns()])


def keras_flip(case: Case, turn: Callable[..., None]) -> Iterator[Any]:
    """The same without the shift, whose layer may take longer than the network."""
    return plain_keras(case, turn, shift=False)


def plain_torch(case: Case, _turn: Callable[..., None]) -> Iterator[Any]:
    """See tools/plain_torch.py."""
    import plain_torch as plain
    import torch

    if case["accelerated"] and not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no GPU here, and the others compute on an accelerator")
    net = plain.build(case["network"], case["arguments"].get("width", 1.0))
    yield {"parameters": plain.parameters(net), "versions": {"torch": torch.__version__}}
    yield from plain.epochs(net, pictures(case), case["batch"], int(CROP * case["size"]), case["accelerated"])


def machine(_case: Case, _turn: Callable[..., None]) -> Iterator[Any]:
    """The device and its rate of multiply-adds in square matrix products, in floating point operations a second: the best of five."""
    import keras
    from keras import ops

    from edgecnn.train import optimizer

    backend, accelerated = keras.backend.backend(), optimizer.accelerated()
    size, dtype = (8192, "bfloat16") if accelerated else (1024, "float32")
    factor = ops.cast(np.random.default_rng(0).standard_normal((size, size), "float32") / size**0.5, dtype)
    multiply: Any = ops.matmul
    if backend == "jax":
        import jax

        multiply = jax.jit(ops.matmul)
    seconds = []
    for _ in range(6):  # the first compiles
        began, product = time.perf_counter(), factor
        for _ in range(REPEATS[accelerated]):
            product = multiply(product, factor)
        ops.convert_to_numpy(ops.cast(product[0, 0], "float32"))
        seconds.append(time.perf_counter() - began)
    rate = REPEATS[accelerated] * 2 * size**3 / min(seconds[1:])
    yield {"accelerated": accelerated, "dtype": dtype, "matrix": size, "flops": rate, "backend": backend, "device": _device(backend, accelerated)}


def _device(backend: str, accelerated: bool) -> str:
    if accelerated and backend == "jax":
        import jax

        return jax.local_devices()[0].device_kind
    if accelerated and backend == "torch":
        import torch

        return torch.cuda.get_device_name()
    told = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.split(":", 1)[1].strip() for line in told if line.startswith("model name")]
    return backend if accelerated else f"{named[0] if named else platform.machine()}, {os.cpu_count()} cores"


def memory(name: str) -> tuple[str, int]:
    """Whose memory, and its peak in bytes."""
    if name != "plain_torch":
        from edgecnn.train.meter import peak_memory

        return peak_memory()
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return "device", torch.cuda.max_memory_allocated()
    return "process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


Contestant = Callable[[Case, Callable[..., None]], Iterator[Any]]
CONTESTANTS: dict[str, Contestant] = {one.__name__: one for one in (ours, plain_keras, keras_flip, plain_torch, machine)}


class WithoutTensorFlow(importlib.abc.MetaPathFinder):
    """Makes every machine one where TensorFlow is not installed: Keras on another backend loads it here and there, and it takes memory of the GPU."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse TensorFlow, leave all else to others."""
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("tensorflow is hidden here", name="tensorflow")


def serve(name: str, case: Case, out: TextIO) -> None:
    """Run a contestant: facts first, then the seconds of one round after the other, each when asked for; a failure in words."""

    def tell(answer: Case) -> None:
        print(json.dumps(answer), file=out, flush=True)

    def turn(seconds: float) -> None:
        tell({"seconds": seconds, "memory": memory(name), "tensorflow": "tensorflow" in sys.modules})
        if not sys.stdin.readline():
            raise SystemExit

    try:
        for found in CONTESTANTS[name](case, turn):
            turn(found) if isinstance(found, float) else tell(found)
    except ModuleNotFoundError as error:
        tell({"failed": f"{error.name} is not installed here"})
    except Exception as error:  # whatever it is, the others go on
        tell({"failed": " ".join(f"{type(error).__name__}: {error}".split())[:200]})


def main() -> None:
    """Serve on what was standard output; what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if sys.argv[1] != "plain_torch" and os.environ.get("KERAS_BACKEND") != "tensorflow":  # PyTorch looks whether it is there, and does not load it
        sys.meta_path.insert(0, WithoutTensorFlow())
    serve(sys.argv[1], json.loads(sys.argv[2]), out)


if __name__ == "__main__":
    main()
