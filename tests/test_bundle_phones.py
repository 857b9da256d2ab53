"""The Android and iOS bundles: complete, true to the model and to the web bundle, which is run; Kotlin compiled, its golden test run, its mistakes named."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import android_signatures
import app_cases
import kotlin_apps
import pytest
from helpers import ROOT

from edgecnn.bundle import android, apps, bundle, golden, ios
from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile

TFLITE = ROOT / "models" / "mobilenet_int8.tflite"
TEMPLATES = ROOT / "edgecnn" / "bundle" / "templates"
UNLIKE = Preprocessing(32, 32, order="bgr", mean=(103.939, 116.779, 123.68), std=(57.1, 58.2, 59.3), resize="crop")
ODD = ('"quoted"', "back\\slash", "$price", "\\(x)", "tab\t", "bell\x07", "Äpfel", "8", "9")
ASSETS = {"android": ("app/src/main/assets/", "app/src/sharedTest/assets/golden/"), "ios": ("Resources/", "Tests/golden/")}

# What a hasty developer changes in Pixels.kt, and the cause that the test must name.
PLANTED = {
    "BGR for RGB": ("Order.RGB -> byte(data, at + channel)", "Order.RGB -> byte(data, at + 2 - channel)"),
    "pixel / 255": ("(byte - mean.toFloat().toDouble()) / std / scale", "(byte + 0 * mean * std) / 255 / scale"),
    "resized without antialias": ("max(scale, 1.0) // pixels", "max(0 * scale, 1.0) // pixels"),
    "EXIF ignored": ("return Pair(quarters, orientation in listOf(2, 4, 5, 7))", "return Pair(quarters * 0, orientation > 8)"),
}


@pytest.fixture(scope="module")
def laid(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("phones")
    return {target: bundle(TFLITE, target, out=folder / target).folder for target in ASSETS}


@pytest.mark.parametrize("target", ASSETS)
def test_every_file_is_there_and_filled(laid, target):
    folder, (assets, vectors) = laid[target], ASSETS[target]
    places = {"android": android.PLACES | android.TASKS, "ios": ios.PLACES}[target]
    texts = {(f"{place}{name}" if place.endswith("/") else place).removeprefix("./") for name, place in places.items()}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith(vectors)} == {*texts, f"{assets}mobilenet_int8.tflite", "LICENCES.md", "bundle.json"}
    assert {f"{vectors}golden.json", f"{vectors}0.png", f"{vectors}2.source"} <= found
    assert (folder / assets / "mobilenet_int8.tflite").read_bytes() == TFLITE.read_bytes()
    assert not any(re.search("@[A-Z]+@", (folder / name).read_text()) for name in texts)
    assert len((folder / "README.md").read_text().splitlines()) <= 30
    assert {path.name for path in (TEMPLATES / target).iterdir()} == set(places)


def test_the_model_is_told_as_it_is(tmp_path):
    asked = {"preprocessing": UNLIKE, "label_offset": 1, "labels": ODD}
    app = bundle(TFLITE, "android", out=tmp_path / "a", **asked).folder
    kotlin = (app / "app/src/main/kotlin/edgecnn/Model.kt").read_text()
    swift = (bundle(TFLITE, "ios", out=tmp_path / "i", **asked).folder / "Sources/Model.swift").read_text()
    for line in (
        "width = 32", "order = Order.BGR", "mean = listOf(103.939, 116.779, 123.68)", "std = listOf(57.1, 58.2, 59.3)", "resize = Resize.CROP",
        "input = Tensor(DType.UINT8, scale = 0.0078125, zeroPoint = 128, channelsFirst = false)", "scoreKind = ScoreKind.SOFTMAX",
        "labelOffset = 1", "outputs = 10",
    ):  # fmt: skip
        assert f"    {line},\n" in kotlin
    for line in (
        "height: 32", "order: .bgr", "mean: [103.939, 116.779, 123.68]", "std: [57.1, 58.2, 59.3]", "resize: .crop", "scoreKind: .softmax", "labelOffset: 1",
        "input: TensorFacts(dtype: .uint8, scale: 0.0078125, zeroPoint: 128, channelsFirst: false)",
    ):  # fmt: skip
        assert f"        {line},\n" in swift
    assert all(f"\n        {apps.string(label, 'kotlin')}," in kotlin and f"\n            {apps.string(label, 'swift')}," in swift for label in ODD)
    assert not list(app.rglob("Tasks*.kt"))
    assert "MediaPipe Tasks cannot feed bgr" in (app / "README.md").read_text()


@pytest.mark.parametrize(
    ("text", "kotlin", "swift"),
    [
        ("a", '"a"', '"a"'),
        ("$x\\y", '"\\$x\\\\y"', '"$x\\\\y"'),
        ("\x07\n", '"\\u0007\\n"', '"\\u{0007}\\n"'),
        ("\b\f", '"\\b\\u000c"', '"\\u{0008}\\u{000c}"'),
        ("C:\\fox \\b \\u0041", '"C:\\\\fox \\\\b \\\\u0041"', '"C:\\\\fox \\\\b \\\\u0041"'),
        ("\u202eevil\u2028\x85", '"\\u202eevil\\u2028\\u0085"', '"\\u{202e}evil\\u{2028}\\u{0085}"'),
        ("שלום 🦊", '"שלום 🦊"', '"שלום 🦊"'),
    ],
)
def test_labels_are_literals_of_the_language(text, kotlin, swift):
    assert (apps.string(text, "kotlin"), apps.string(text, "swift")) == (kotlin, swift)


def functions(path: Path) -> dict[str, str]:
    """Name of each function of a source file -> its body up to the next one, comments left out."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
    parts = re.split(r"^(?:export |public |private )*(?:async )?(?:function|fun|func) (\w+)", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# Of the names that all three languages have, those whose numbers are the algorithm.
MIRRORED = {"Pixels": ("centre", "filter", "resizeAcross", "resizeDown", "turnOf", "byteOf"), "Golden": ("nearest", "signature", "field", "meanDifference")}


@pytest.mark.parametrize("stem", MIRRORED)
def test_kotlin_and_swift_are_the_typescript_that_is_run(stem):
    """The same functions in the same order, and in the arithmetic ones the same numbers in the same order."""
    mirrors = [functions(TEMPLATES / place) for place in (f"web/{stem.lower()}.ts", f"android/{stem}.kt", f"ios/{stem}.swift")]
    shared = [name for name in mirrors[0] if all(name in mirror for mirror in mirrors)]
    assert set(MIRRORED[stem]) <= set(shared)
    assert all([name for name in mirror if name in shared] == shared for mirror in mirrors)
    for name in MIRRORED[stem]:
        numbers = [{float(number) for number in re.findall(r"(?<![\w.$])\d+(?:\.\d+)?", mirror[name])} - {0.0} for mirror in mirrors]
        assert numbers[0] == numbers[1] == numbers[2], name


def test_versions_are_pinned():
    gradle, pods = (TEMPLATES / "android" / "build.gradle.kts").read_text(), (TEMPLATES / "ios" / "Podfile").read_text()
    assert len(re.findall(r'mplementation\("[\w.-]+:[\w.-]+:\d[\d.]*"\)', gradle)) == gradle.count("mplementation(") == 8
    assert re.search(r"pod 'TensorFlowLiteSwift', '\d+\.\d+\.\d+'", pods)
    assert 'noCompress += "tflite"' in gradle


def test_a_type_that_apps_cannot_hold_is_refused():
    made = golden.make(TFLITE, count=1)
    apps.check_types(made)
    with pytest.raises(BadFile, match=r"its input is int16; this app takes float32, uint8, int8"):
        apps.check_types(replace(made, input=replace(made.input, dtype="int16")))


# --- with a Kotlin compiler ---


@pytest.fixture(scope="module")
def kotlin(tmp_path_factory) -> kotlin_apps.Kotlin:
    return kotlin_apps.kotlin(tmp_path_factory.mktemp("kotlin"))


def plain_sources(app: Path) -> list[Path]:
    """Those that need no Android."""
    return [path for path in sorted(app.rglob("*.kt")) if path.name in ("Model.kt", "Pixels.kt", "Golden.kt", "PixelsTest.kt")]


@pytest.mark.slow
def test_kotlin_compiles_without_a_warning(kotlin, laid, tmp_path):
    sources = [*sorted(laid["android"].rglob("*.kt")), android_signatures.write(tmp_path / "signatures")]
    classes = kotlin.compiled(sources, tmp_path / "classes")
    assert {"Classifier.class", "TasksClassifier.class", "GoldenTest.class", "TasksTest.class"} <= {path.name for path in classes.rglob("*.class")}


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, {"preprocessing": UNLIKE, "label_offset": 1, "labels": ODD}], ids=["bytes", "floats"])
def test_kotlin_passes_its_golden_test(kotlin, tmp_path, asked):
    file = ROOT / "models" / ("mobilenet.tflite" if asked else "mobilenet_int8.tflite")
    app = bundle(file, "android", out=tmp_path / "bundle", **asked).folder
    app_cases.tighten(app / ASSETS["android"][1] / "golden.json")
    done = kotlin.junit(kotlin.compiled(plain_sources(app), tmp_path / "classes"), "edgecnn.PixelsTest", app / "app")
    assert done.returncode == 0, done.stdout
    assert "OK (1 test)" in done.stdout


@pytest.mark.slow
def test_kotlin_gives_pillows_pixels_and_the_runners_inputs(kotlin, laid, tmp_path):
    pixels, inputs, scores = tmp_path / "pixels", tmp_path / "inputs", tmp_path / "scores"
    for folder in (pixels, inputs, scores):
        folder.mkdir()
    resized, stored, probabilities = app_cases.resizing(pixels, 120), app_cases.inputs(inputs), app_cases.scores(scores)
    classes = kotlin.compiled([*plain_sources(laid["android"]), Path(__file__).with_name("Cases.kt")], tmp_path / "classes")
    done = kotlin.run(classes, "edgecnn.CasesKt", str(pixels), str(inputs), str(scores), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert app_cases.farthest(pixels, resized) <= app_cases.STEPS
    assert app_cases.differing(inputs, stored) == []
    assert app_cases.far_off(scores, probabilities) == []


@pytest.mark.slow
@pytest.mark.parametrize("cause", PLANTED)
def test_a_mistake_planted_in_kotlin_is_named(kotlin, laid, tmp_path, cause):
    app = tmp_path / "bundle"
    shutil.copytree(laid["android"], app)
    path = app / "app/src/main/kotlin/edgecnn/Pixels.kt"
    assert PLANTED[cause][0] in path.read_text()
    path.write_text(path.read_text().replace(*PLANTED[cause]))
    done = kotlin.junit(kotlin.compiled(plain_sources(app), tmp_path / "classes"), "edgecnn.PixelsTest", app / "app")
    assert done.returncode == 1
    assert f"Likely cause: {cause}" in done.stdout
