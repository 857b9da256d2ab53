"""What `fuzz.py` feeds to edgecnn: files that are wrong in one to three of their fields, made of right ones. Every maker writes into a folder of its own.

A maker takes the random generator of its input and a folder, and returns command lines; `Base` holds the right files that all start from.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

Words = list[str]
ROOT = Path(__file__).resolve().parents[1]

# Every kind of character that a terminal obeys.
ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\u2028\x00\r"
NUMBERS = [0, 1, -1, 2, 7, 127, 128, 255, 256, -128, 32767, -32769, 2**31 - 1, -(2**31), 2**32 - 1, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1e-45, 1e-38, 1e38, -1.0, float("nan"), float("inf"), float("-inf"), 1e308, 0.1]
TEXTS = ["", " ", "x" * 100_000, ESCAPES, "../../etc/passwd", "%s%n", "\N{SNOWMAN}", "a\nb\tc", "<b>&amp;'\"", "/dev/zero", "\ud800"]


class Base:
    """Right files, made once; the classes are `0` to `9`, as the shipped model of digits has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.tflite, self.onnx, self.keras = (ROOT / "models" / name for name in ("mobilenet_int8.tflite", "mobilenet_int8.onnx", "mobilenet.keras"))

    @cached_property
    def image(self) -> Path:
        """An image file."""
        return self.draw(self.folder / "image.png", 1)

    @cached_property
    def images(self) -> Path:
        """A set of 10 classes, 3 test images in each."""
        for split, count in (("train", 2), ("val", 1), ("test", 3)):
            for kind in range(10):
                for number in range(count):
                    self.draw(self.folder / "images" / split / str(kind) / f"{number}.png", 1000 * count + 10 * kind + number)
        return self.folder / "images"

    @cached_property
    def ort(self) -> Path:
        """The ONNX file in ONNX Runtime's own format."""
        from edgecnn.export import ort_mobile

        return ort_mobile.convert(self.onnx, self.folder, "base")[0]

    @cached_property
    def packed(self) -> Path:
        """The TFLite file packed."""
        from edgecnn.packing import pack

        return pack(self.tflite, out=self.folder / "base.edgez").path

    @cached_property
    def h5(self) -> Path:
        """A network in HDF5 with the config that Keras writes, without its weights: it is refused or asked for before they matter."""
        import h5py

        path = self.folder / "base.h5"
        with zipfile.ZipFile(self.keras) as archive, h5py.File(path, "w") as file:
            file.attrs["model_config"] = archive.read("config.json").decode()
            file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", "3.15.1"
            file.create_group("model_weights")
        return path

    def draw(self, path: Path, seed: int) -> Path:
        """Write an image of noise."""
        import numpy as np
        from PIL import Image

        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)).save(path)
        return path


# --- values, bytes and trees of plain values


def odd_number(rng: random.Random, now: float = 0) -> float:
    """A number at an edge, or near the one that was there."""
    return rng.choice([*NUMBERS, int(now) + 1, int(now) - 1, -int(now)]) if isinstance(now, int) else rng.choice([*FLOATS, -now])


def odd_value(rng: random.Random, now: Any = None) -> Any:
    """Something of the same type or of another one."""
    if isinstance(now, str) and rng.random() < 0.5:
        return rng.choice(TEXTS)
    if isinstance(now, (int, float)) and not isinstance(now, bool) and rng.random() < 0.6:
        return odd_number(rng, now)
    return rng.choice([None, True, {}, [], [[]], {"a": ESCAPES}, 10**400, rng.choice(TEXTS), odd_number(rng, 1), odd_number(rng, 1.0)])


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree of dicts and lists."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        found += [(node, key) for key, _ in pairs]
        waiting += [value for _, value in pairs]
    return found


def changed_tree(rng: random.Random, tree: Any) -> Any:
    """A copy with one to three values replaced, dropped, doubled or renamed."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.randint(1, 3)):
        spots = places(tree)
        if not spots:
            return odd_value(rng)
        owner, key = rng.choice(spots)
        how = rng.random()
        if how < 0.15:
            del owner[key]
        elif how < 0.25 and isinstance(owner, dict):
            owner[rng.choice(TEXTS)] = owner.pop(key)
        elif how < 0.3 and isinstance(owner, list):
            owner.extend(owner[:3])
        else:
            owner[key] = odd_value(rng, owner[key])
    return tree


def changed_json(rng: random.Random, content: str | bytes) -> bytes:
    """JSON with changed values, or text that is hardly JSON."""
    how = rng.random()
    if how < 0.05:
        return b"[" * rng.choice([1000, 100_000])
    if how < 0.1:
        raw = content.encode() if isinstance(content, str) else content
        return changed_bytes(rng, raw)
    return json.dumps(changed_tree(rng, json.loads(content))).encode()


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bytes with one to four places overwritten, or cut off, or doubled."""
    raw = bytearray(content)
    how = rng.random()
    if how < 0.1:
        return bytes(raw[: rng.randrange(len(raw))])
    if how < 0.13:
        return bytes(raw) + bytes(raw[: rng.randrange(len(raw))])
    # The places where structure lies, at the beginning and at the end, are few beside the weights.
    near = min(len(raw), 4096)
    for _ in range(rng.randint(1, 4)):
        at = rng.choice([rng.randrange(len(raw)), rng.randrange(near), len(raw) - 1 - rng.randrange(near)]) & ~3
        part = rng.choice(
            [struct.pack("<i", rng.choice([0, 1, -1, 4, 2**31 - 1, -(2**31), len(raw)])), rng.randbytes(4), struct.pack("<f", rng.choice(FLOATS[:8]))]
        )
        raw[at : at + 4] = part[: len(raw) - at] or part
    return bytes(raw)


# --- TFLite


def _objects(tree: Any) -> list[tuple[Any, str, Any]]:
    """Every (owner, field, value) of a tree of the schema's objects."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        for field, value in vars(node).items():
            found.append((node, field, value))
            parts = value if isinstance(value, list) else [value]
            waiting += [part for part in parts if hasattr(part, "__dict__") and hasattr(part, "Pack")]
    return found


def _changed_field(rng: random.Random, owner: Any, field: str, value: Any) -> None:
    import numpy as np

    if isinstance(value, np.ndarray) and value.size and rng.random() < 0.7:
        value = value.copy()
        with np.errstate(all="ignore"):
            value[rng.randrange(value.size)] = np.array(odd_number(rng, 1.0 if value.dtype.kind == "f" else 1)).astype(value.dtype)
        setattr(owner, field, value)
    elif isinstance(value, np.ndarray):
        setattr(owner, field, rng.choice([value[: value.size // 2], np.concatenate([value, value]), value[:0], None]))
    elif isinstance(value, list):
        setattr(owner, field, rng.choice([value[:-1], value + value[:1], [], value[::-1]]))
    elif isinstance(value, bool):
        setattr(owner, field, not value)
    elif isinstance(value, (int, float)):
        setattr(owner, field, odd_number(rng, value))
    elif isinstance(value, bytes):
        setattr(owner, field, rng.choice([t.encode("utf-8", "replace") for t in TEXTS] + [b"\xff\xfe\x9b"]))
    else:
        setattr(owner, field, None)


def changed_tflite(rng: random.Random, content: bytes) -> bytes:
    """A .tflite with one to three fields changed through the schema's objects; a part of them with changed bytes instead."""
    from ai_edge_litert import schema_py_generated as schema

    from edgecnn.export import flatbuffer

    if rng.random() < 0.25:
        return changed_bytes(rng, content)
    for _ in range(20):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
        for _ in range(rng.randint(1, 3)):
            # By kind first: else nearly all would be tensors.
            fields = _objects(model)
            kind = rng.choice(sorted({type(owner).__name__ for owner, _, _ in fields}))
            _changed_field(rng, *rng.choice([one for one in fields if type(one[0]).__name__ == kind]))
        try:
            return flatbuffer.pack(model)
        except Exception:  # a value that the writer cannot write: another one
            continue
    return changed_bytes(rng, content)


def _on_tflite(rng: random.Random, base: Base, path: Path) -> list[Words]:
    """Commands for a .tflite: every one is told, two of them are chosen, the cheap ones oftener."""
    place, file = path.parent, str(path)
    commands = [
        ["info", file], ["info", file, "--json"], ["predict", file, str(base.image)], ["predict", file, str(base.image)], ["check", file],
        ["check", file, "--for", rng.choice(["mlkit", "gpu", "nnapi", "coreml"])], ["check", file, "--repair", "--out", str(place / "repaired.tflite")],
        ["bundle", file, "--for", rng.choice(["c", "c", "android", "ios"]), "--out", str(place / "bundle"), "--count", "1"],
        ["validate", file, "--against", str(base.tflite), "--data", str(base.images), "--no-latency", "--count", "20"],
        ["pack", file, "--out", str(place / "packed.edgez")],
    ]  # fmt: skip
    return rng.sample(commands, 2)


def tflite(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A .tflite."""
    path = place / "in.tflite"
    path.write_bytes(changed_tflite(rng, base.tflite.read_bytes()))
    return _on_tflite(rng, base, path)


def card(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A card in a .tflite, or beside it as its original would have one."""
    from edgecnn.card import EMBEDDED
    from edgecnn.export import flatbuffer
    from edgecnn.runtime import tflite_file

    content = base.tflite.read_bytes()
    model = flatbuffer.read(content)
    flatbuffer.set_entries(model, {EMBEDDED: changed_json(rng, tflite_file.metadata(content)[EMBEDDED])})
    path = place / "in.tflite"
    path.write_bytes(flatbuffer.pack(model))
    return _on_tflite(rng, base, path)


def metadata(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """TFLite metadata and the files that are zipped behind it."""
    from edgecnn.export import flatbuffer
    from edgecnn.export import metadata as meta
    from edgecnn.formats.tflite.metadata import archive, codec
    from edgecnn.runtime import tflite_file

    plain, attached = archive.split(base.tflite.read_bytes())
    entry = tflite_file.metadata(plain)[meta.ENTRY]
    if rng.random() < 0.4:
        entry = changed_bytes(rng, entry)
    else:
        for _ in range(20):
            try:
                entry = codec.encode(_retyped(codec.decode(entry), changed_tree(rng, _plain(codec.decode(entry)))))
                break
            except Exception:  # a value that the writer cannot write: another one
                continue
    attached = {
        name: rng.choice([content, b"", changed_bytes(rng, content), ESCAPES.encode("utf-8", "replace"), b"a\n" * 100_000])
        for name, content in attached.items()
    }
    model = flatbuffer.read(plain)
    flatbuffer.set_entries(model, {meta.ENTRY: entry})
    path = place / "in.tflite"
    path.write_bytes(archive.join(flatbuffer.pack(model), attached))
    return _on_tflite(rng, base, path)


def _plain(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    return [_plain(value) for value in tree] if isinstance(tree, (list, tuple)) else tree


def _retyped(right: Any, wrong: Any) -> Any:
    """Pairs of a union, which JSON made lists of, as pairs again."""
    if isinstance(right, tuple) and isinstance(wrong, list) and len(wrong) == 2:
        return wrong[0], _retyped(right[1], wrong[1])
    if isinstance(right, dict) and isinstance(wrong, dict):
        return {key: _retyped(right.get(key), value) for key, value in wrong.items()}
    if isinstance(right, list) and isinstance(wrong, list):
        return [_retyped(right[i] if i < len(right) else None, value) for i, value in enumerate(wrong)]
    return wrong


# --- ONNX


def _messages(message: Any) -> list[Any]:
    found, waiting = [], [message]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting += list(value) if hasattr(value, "add") else [value]
    return found


def _changed_message(rng: random.Random, message: Any) -> None:
    field = rng.choice(message.DESCRIPTOR.fields)
    value = getattr(message, field.name)
    if hasattr(value, "append") or hasattr(value, "add"):
        how = rng.random()
        if len(value) and how < 0.3:
            del value[rng.randrange(len(value))]
        elif len(value) and how < 0.5:
            value.extend([value[rng.randrange(len(value))]])
        elif field.message_type is None:
            wanted = _of_type(rng, field)
            if len(value) and rng.random() < 0.7:
                value[rng.randrange(len(value))] = wanted
            else:
                value.append(wanted)
    elif field.message_type is not None:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _of_type(rng, field))


def _of_type(rng: random.Random, field: Any) -> Any:
    if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return rng.choice(FLOATS[:8])
    if field.cpp_type == field.CPPTYPE_STRING:
        text = rng.choice([t for t in TEXTS if t != "\ud800"])
        return text.encode() if field.type == field.TYPE_BYTES else text
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice([value.number for value in field.enum_type.values])
    bits = {field.CPPTYPE_INT32: 31, field.CPPTYPE_UINT32: 32, field.CPPTYPE_UINT64: 64}.get(field.cpp_type, 63)
    return rng.choice([n for n in NUMBERS if (n >= 0 or field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)) and abs(n) < 2**bits])


def changed_onnx(rng: random.Random, content: bytes) -> bytes:
    """An .onnx with one to three fields changed, or with changed bytes."""
    import onnx

    if rng.random() < 0.2:
        return changed_bytes(rng, content)
    model = onnx.load_from_string(content)
    for _ in range(rng.randint(1, 3)):
        try:
            messages = _messages(model)
            kind = rng.choice(sorted({one.DESCRIPTOR.name for one in messages}))
            _changed_message(rng, rng.choice([one for one in messages if one.DESCRIPTOR.name == kind]))
        except (ValueError, TypeError):  # a value that the writer does not take
            continue
    return model.SerializeToString()


def onnx(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """An .onnx, some with their weights in a second file."""
    import onnx as library

    path = place / "in.onnx"
    if rng.random() < 0.2:
        model = library.load(base.onnx)
        library.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
        model = library.load(path, load_external_data=False)
        for tensor in rng.sample([one for one in model.graph.initializer if one.external_data], 3):
            entry = rng.choice(tensor.external_data)
            entry.value = rng.choice(["../weights.bin", "/dev/zero", "", "nothing.bin", "-1", "99999999999999999999", "x\0y", ESCAPES.replace("\0", ""), "0"])
        path.write_bytes(model.SerializeToString())
    else:
        path.write_bytes(changed_onnx(rng, base.onnx.read_bytes()))
    file = str(path)
    commands = [
        ["info", file], ["predict", file, str(base.image)], ["predict", file, str(base.image)], ["check", file, "--for", "ort-mobile"],
        ["bundle", file, "--for", rng.choice(["web", "ort"]), "--out", str(place / "bundle"), "--count", "1"],
        ["validate", file, "--against", str(base.tflite), "--data", str(base.images), "--no-latency", "--count", "20"],
        ["pack", file, "--out", str(place / "packed.edgez")],
    ]  # fmt: skip
    return rng.sample(commands, 2)


def ort(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """An .ort."""
    path = place / "in.ort"
    path.write_bytes(changed_bytes(rng, base.ort.read_bytes()))
    return [["info", str(path)], ["predict", str(path), str(base.image)]]


# --- Keras


def keras(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """The config of a .keras or an .h5, with names of functions and code among its values."""
    path = place / rng.choice(["in.keras", "in.h5"])
    shutil.copy(base.keras if path.suffix == ".keras" else base.h5, path)
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = _changed_config(rng, file.attrs["model_config"]).decode("utf-8", "surrogatepass")[:60_000]
    else:
        with zipfile.ZipFile(base.keras) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(["config.json", "config.json", "metadata.json"])
        parts[name] = _changed_config(rng, parts[name])
        with zipfile.ZipFile(path, "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
    return [rng.choice([["info", str(path)], ["predict", str(path), str(base.image), "--image-size", "32"]])]


def _changed_config(rng: random.Random, content: str | bytes) -> bytes:
    """A config with changed values; a part of them with a class that runs code."""
    if rng.random() < 0.5:
        return changed_json(rng, content)
    tree = json.loads(content)
    owner, key = rng.choice([(owner, key) for owner, key in places(tree) if key == "class_name"] or places(tree))
    code = base64.b64encode(b"\xe3" + rng.randbytes(40)).decode()
    owner[key] = "Lambda" if isinstance(key, str) else {"class_name": "Lambda"}
    if isinstance(owner, dict):
        owner["module"] = rng.choice(["keras.layers", "os", "builtins", "subprocess"])
        owner.setdefault("config", {})
        if isinstance(owner["config"], dict):
            owner["config"]["function"] = rng.choice([[code, None, None], {"class_name": "__lambda__", "config": {"code": code}}, "system"])
    return json.dumps(tree).encode()


# --- texts, caches, sets of images


def labels(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A file of labels."""
    path = place / rng.choice(["labels.txt", "labels.json"])
    odd = [ESCAPES, "a", *TEXTS[2:-1]]
    names = [rng.choice(odd) if rng.random() < 0.2 else str(i) for i in range(rng.choice([1, 9, 10, 10, 10, 11, 1000]))]
    right = json.dumps(names) if path.suffix == ".json" else "\n".join(names)
    path.write_bytes(rng.choice([*[right.encode()] * 4, changed_bytes(rng, right.encode()), b"\xff\xfe\x00", b"[" * 100_000]))
    return [["predict", str(base.tflite), str(base.image), "--labels", str(path)]]


RECIPE = """
command = "x"
time = "1 minute"
accuracy = "97 %"
folder = "digits"
name = "small"
data = "digits"
image_size = 32
[model]
architecture = "mobilenet"
arguments = { width = 0.25 }
[train]
epochs = 5
optimizer = "sgd"
schedule = "steps"
drops = [3, 4]
[train.augment]
shift = 0.05
"""


def recipe(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A recipe, which is read and not trained."""
    lines = RECIPE.strip().splitlines()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        key, _, _ = lines[at].partition("=")
        values = ["-1", "1e400", "nan", "inf", "[]", "{}", '""', "true", "9" * 5000, "[" * 5000, json.dumps(ESCAPES), "1979-05-27", "{a.b=1}", "'\x1b[2J'"]
        lines[at] = rng.choice([f"{key}= {rng.choice(values)}", "", lines[at] + "\n" + lines[at], f'"{key.strip()}\x07" = 1', f"[{key.strip() or 'a'}]"])
    path = place / "in.toml"
    path.write_bytes(rng.choice(["\n".join(lines).encode(), changed_bytes(rng, "\n".join(lines).encode())]))
    return [["@recipe", str(path)]]


def answers(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """What an app answered."""
    path = place / rng.choice(["seen.csv", "seen.json"])
    rows = [
        [f"test/{i % 10}/{i // 10}.png", str(i % 10), odd if (odd := rng.choice(["nan", "2", "1e999", ESCAPES, "-1"])) and rng.random() < 0.03 else "0.5"]
        for i in range(20)
    ]
    text = (
        json.dumps(changed_tree(rng, [{"file": f, "label": n, "score": 0.5} for f, n, _ in rows])) if path.suffix == ".json" else "\n".join(map(",".join, rows))
    )
    path.write_bytes(rng.choice([text.encode("utf-8", "surrogatepass"), changed_bytes(rng, text.encode("utf-8", "surrogatepass"))]))
    return [["@answers", str(path), str(base.images)]]


def report(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A run of validate."""
    right, path = base.folder / "run.json", place / "run.json"
    path.write_bytes(changed_json(rng, right.read_bytes()))
    return [rng.choice([["compare", str(path)], ["compare", str(right), str(path)], ["compare", str(path), "--markdown", "-"]])]


def packed(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A packed file; its head is changed as often as all the rest."""
    raw, path = bytearray(base.packed.read_bytes()), place / "in.edgez"
    if rng.random() < 0.5:
        at = rng.choice([38, 46, 54])
        raw[at : at + 8] = struct.pack("<Q", rng.choice([0, 1, 2**20, 2**31, 2**31 + 1, 2**63, len(raw)]))
    else:
        raw = bytearray(changed_bytes(rng, bytes(raw)))
    path.write_bytes(bytes(raw))
    return [["unpack", str(path), "--out", str(place / "out.tflite")]]


def bundle(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A place that holds something like a bundle."""
    folder = place / "there"
    folder.mkdir()
    right = json.dumps({"format": "edgecnn.bundle/1", "target": "c", "files": ["a.txt", "b/c.txt"]})
    (folder / "bundle.json").write_bytes(changed_json(rng, right))
    (folder / rng.choice(["a.txt", "mine.txt"])).write_text("words")
    return [["bundle", str(base.tflite), "--for", "c", "--out", str(folder), "--count", "1"]]


def cache(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """The decoded cache of a set of images after something happened to it."""
    folder = place / "images"
    shutil.copytree(base.images, folder)
    command = ["validate", str(base.tflite), "--against", str(base.tflite), "--data", str(folder), "--no-latency", "--count", "10"]
    return [command, ["@damage", str(folder), str(rng.getrandbits(32))], command]


def damage(folder: Path, seed: int) -> None:
    """Change one file in every entry of the decoded cache that was written last; called between two runs."""
    rng = random.Random(seed)
    entries = sorted((Path(os.environ["EDGECNN_CACHE"]) / "decoded").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    for manifest in entries[-1:]:
        path = rng.choice(sorted(path for path in manifest.parent.iterdir() if path.is_file()))
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(rng.choice([b"", changed_json(rng, content) if path.suffix == ".json" else changed_bytes(rng, content), content[: len(content) // 2]]))


def images(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """A folder of images, or an archive, with strange members."""
    folder = place / "images"
    shutil.copytree(base.images, folder)
    for _ in range(rng.randint(1, 3)):
        member = rng.choice(sorted(path for path in folder.rglob("*.png") if path.is_file() and not path.is_symlink()))
        rng.choice(_STRANGE)(rng, member)
    path = folder
    if rng.random() < 0.3:
        path = place / "images.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()):
                archive.write(file, rng.choice(["", "", "../", "/", "a\\b\\"]) + str(file.relative_to(folder)).encode("utf-8", "replace").decode())
        if rng.random() < 0.3:
            path.write_bytes(changed_bytes(rng, path.read_bytes()))
    return [["validate", str(base.tflite), "--against", str(base.tflite), "--data", str(path), "--no-latency", "--count", "20"]]


def image(rng: random.Random, base: Base, place: Path) -> list[Words]:
    """One image file."""
    path = Path(shutil.copy(base.image, place / "in.png"))
    rng.choice(_STRANGE)(rng, path)
    return [["predict", str(base.tflite), *map(str, sorted(place.iterdir()))]]


def _fifo(rng: random.Random, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(rng: random.Random, path: Path) -> None:
    path.unlink()
    path.symlink_to(rng.choice(["/dev/zero", "/dev/null", "/dev/tty", path.name, "/etc/passwd", "..", "/nowhere"]))


def _bytes(rng: random.Random, path: Path) -> None:
    path.write_bytes(changed_bytes(rng, path.read_bytes()))


def _other(rng: random.Random, path: Path) -> None:
    path.write_bytes(
        rng.choice([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\xff" * 20, b"P6 99999 99999 255\n", b"BM" + b"\xff" * 60, ESCAPES.encode(), rng.randbytes(500)])
    )


def _name(rng: random.Random, path: Path) -> None:
    path.rename(path.with_name(rng.choice(["\x1b[2J", "\u202egnp", "a\nb", " ", "x" * 200, "\udc9b", "-x"]) + ".png"))


def _bomb(rng: random.Random, path: Path) -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    path.write_bytes(stream.getvalue())


_STRANGE: list[Callable[[random.Random, Path], None]] = [_fifo, _link, _bytes, _bytes, _other, _name, _bomb]

# Format -> (maker, share of the inputs). The cheap ones come oftener.
FORMATS: dict[str, tuple[Callable[[random.Random, Base, Path], list[Words]], int]] = {
    "tflite": (tflite, 22), "onnx": (onnx, 18), "ort": (ort, 8), "card": (card, 10), "metadata": (metadata, 8), "keras": (keras, 0), "labels": (labels, 4),
    "recipe": (recipe, 8), "answers": (answers, 4), "report": (report, 4), "packed": (packed, 5), "bundle": (bundle, 2), "cache": (cache, 2),
    "images": (images, 4), "image": (image, 5),
}  # fmt: skip
