"""Files that are programs: pickles and what is made of them. They are never opened; the message says how their model gets out of them."""

from __future__ import annotations

from pathlib import Path

from edgecnn.errors import UnsafeModelError

TORCH = "load it in PyTorch, where its author is trusted, and write it with torch.onnx.export(model, example, 'model.onnx')"
SKLEARN = "load it in Python, where its author is trusted, and save the network alone: model.save('model.keras')"
# suffix -> the way on
WAYS = {
    ".pt": TORCH, ".pth": TORCH, ".ckpt": TORCH, ".pt2": TORCH, ".torchscript": TORCH, ".ptl": TORCH, ".pkl": SKLEARN, ".pickle": SKLEARN, ".joblib": SKLEARN,
    ".dill": SKLEARN,
}  # fmt: skip
# How pickles of protocol 2 to 5 begin.
BEGINNINGS = tuple(bytes([0x80, protocol]) for protocol in (2, 3, 4, 5))


def refuse(path: Path) -> None:
    """Raise UnsafeModelError for a pickle, by suffix or by its first bytes; return for everything else."""
    way = WAYS.get(path.suffix.lower())
    if way is None and path.is_file():
        with path.open("rb") as stream:
            start = stream.read(4)
        way = SKLEARN if start.startswith(BEGINNINGS) and start[2:3] in b"\x95}]c(X\x8c" else None
    if way is not None:
        raise UnsafeModelError(f"{path} is a pickle, which runs code of its author when it is opened; {way}")
