"""The web bundle: complete and true without Node; built, run in Node and in a browser, and told its mistakes where there is Node."""

from __future__ import annotations

import json
import re
import shutil
import urllib.parse
from pathlib import Path

import app_cases
import browser
import pytest
import web_apps
from helpers import ROOT

from edgecnn.bundle import bundle, web
from edgecnn.card import Preprocessing

ONNX = ROOT / "models" / "mobilenet.onnx"
UNLIKE = Preprocessing(32, 32, order="bgr", mean=(103.939, 116.779, 123.68), std=(57.1, 58.2, 59.3), resize="crop")

# A picture file as a server may hand it on: a JPEG without its EXIF segment.
STRIPPED = """async function stripped(file: Blob): Promise<Blob> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const at = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xe1);
  return at < 0 || bytes[0] !== 0xff ? file : new Blob([bytes.slice(0, at), bytes.slice(at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!)]);
}

"""
# What a hasty developer changes in pixels.ts, and the cause that the test must name.
PLANTED = {
    "BGR for RGB": ('order === "bgr" ? 2 - channel', 'order === "rgb" ? 2 - channel'),
    "pixel / 255": ("Math.fround(byte - Math.fround(mean)) / std)", "(byte + 0 * mean * std) / 255)"),
    "EXIF ignored": ("return { quarters, mirrored:", "return { quarters: 0 * quarters, mirrored: orientation > 8 ||"),
    "cropped, not stretched": ('model.resize === "crop"', 'model.resize === "stretch"'),
    "dark for light": ("(_, byte) => byte)", "(_, byte) => 255 - byte)"),
    "resized without antialias": ("Math.max(scale, 1); // pixels", "Math.max(0 * scale, 1); // pixels"),
}  # fmt: skip
# The same in a browser: what stands in one of its files, the mistake, and the cause. A canvas shrinks as it likes.
ON_THE_PAGE = {
    "BGR for RGB": ("pictures.ts", ("data[from + channel]", "data[from + 2 - channel]")),
    "pixel / 255": ("pixels.ts", PLANTED["pixel / 255"]),
    "EXIF ignored": ("pictures.ts", ("createImageBitmap(picture, {", "createImageBitmap(await stripped(picture), {"),
                     ("/** The pixels at their own size", STRIPPED + "/** The pixels at their own size")),
    "resized without antialias": ("pictures.ts", ("new OffscreenCanvas(width, height)", "new OffscreenCanvas(32, 32)"),
                                  ("drawImage(picture, 0, 0)", "drawImage(picture, 0, 0, 32, 32)"),
                                  ("getImageData(0, 0, width, height)", "getImageData(0, 0, 32, 32)")),
}  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Path:
    return bundle(ONNX, "web", out=tmp_path_factory.mktemp("web") / "app").folder


def model_of(app: Path) -> dict:
    """The object that model.ts exports."""
    return json.loads((app / "model.ts").read_text().split("export const MODEL: Model = ")[1].rstrip().removesuffix(";"))


def test_every_file_is_there_and_filled(app):
    golden = {p.relative_to(app).as_posix() for p in (app / "golden").iterdir()}
    found = {p.relative_to(app).as_posix() for p in app.rglob("*") if p.is_file()}
    assert found - golden - {"LICENCES.md", "bundle.json"} == {
        "README.md", ".npmrc", "package.json", "tsconfig.json", "build.mjs", "serve.mjs", "index.html", "page.css", "page.ts", "runtime.ts", "pictures.ts",
        "classifier.ts", "pixels.ts", "golden.ts", "golden.test.ts", "model.ts", "mobilenet.onnx",
    }  # fmt: skip
    assert not any(re.search("@[A-Z]+@", (app / name).read_text()) for name in found - golden if not name.endswith(".onnx"))
    assert {"golden/0.source", "golden/golden.json"} <= golden
    assert (app / "mobilenet.onnx").read_bytes() == ONNX.read_bytes()


def test_the_model_is_told_as_it_is(tmp_path):
    told = model_of(bundle(ONNX, "web", out=tmp_path / "app", preprocessing=UNLIKE, label_offset=1, labels=[f'"{i}" \\ $' for i in range(9)]).folder)
    assert (told["width"], told["height"], told["order"], told["mean"], told["std"], told["resize"]) == (
        32, 32, "bgr", list(UNLIKE.mean), list(UNLIKE.std), "crop",
    )  # fmt: skip
    assert told["input"] == {"name": "image", "dims": [1, 32, 32, 3], "dtype": "float32", "scale": None, "zeroPoint": 0, "channelsFirst": False}
    assert told["output"] == {"name": "probabilities", "scale": None, "zeroPoint": 0}
    assert (told["labels"][0], len(told["labels"]), told["labelOffset"], told["scoreKind"]) == ('"0" \\ $', 9, 1, "softmax")


def test_versions_are_pinned_and_no_other_host_is_named(app):
    package = json.loads((app / "package.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for kind in ("dependencies", "devDependencies") for version in package[kind].values())
    assert json.loads((app / "tsconfig.json").read_text())["compilerOptions"]["strict"] is True
    for path in (app / (f"{place}{name}" if place.endswith("/") else place) for name, place in web.PLACES.items()):
        assert {urllib.parse.urlparse(url).hostname for url in re.findall(r"https?://[^\s\"'`>)]+", path.read_text())} <= {"localhost"}, path


# --- with Node ---


@pytest.fixture(scope="module")
def built(app, tmp_path_factory) -> Path:
    """A copy of the app with its packages."""
    copy = tmp_path_factory.mktemp("built") / "app"
    shutil.copytree(app, copy)
    return web_apps.installed(copy, tmp_path_factory.mktemp("node"))


@pytest.mark.slow
def test_it_compiles_strictly_and_passes_in_node(built):
    done = web_apps.npm(built, "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 2" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("cause", PLANTED)
def test_a_planted_mistake_is_named(built, cause):
    path = built / "pixels.ts"
    right = path.read_text()
    try:
        assert PLANTED[cause][0] in right
        path.write_text(right.replace(*PLANTED[cause]))
        done = web_apps.golden_test(built)
    finally:
        path.write_text(right)
    assert done.returncode == 1
    assert f"Likely cause: {cause}" in done.stdout


@pytest.mark.slow
def test_labels_that_lie_are_named(built):
    path = built / "model.ts"
    right = path.read_text()
    try:
        path.write_text(right.replace('"labelOffset": 0', '"labelOffset": 1'))
        done = web_apps.golden_test(built)
    finally:
        path.write_text(right)
    assert done.returncode == 1
    assert "Likely cause: other labels" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("data", [{}, {"preprocessing": UNLIKE}], ids=["card", "unlike"])
@pytest.mark.parametrize("model", ["mobilenet_int8.onnx", "squeezenet.onnx"])
def test_other_files_pass_too(built, tmp_path, model, data):
    app = bundle(ROOT / "models" / model, "web", out=tmp_path / "app", **data).folder
    (app / "node_modules").symlink_to((built / "node_modules").resolve())
    app_cases.tighten(app / "golden" / "golden.json")
    done = web_apps.golden_test(app)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_pixels_are_pillows(built, tmp_path):
    wanted = app_cases.resizing(tmp_path, 120)
    script = """
    import { readFileSync, writeFileSync } from "node:fs"; import { fit, turn, turnOf } from "./pixels.ts";
    JSON.parse(readFileSync(process.argv[2] + "/cases.json")).forEach(({ width, height, orientation, model }, i) => {
      const { quarters, mirrored } = turnOf(orientation);
      const picture = { width, height, data: readFileSync(`${process.argv[2]}/${i}.in`) };
      writeFileSync(`${process.argv[2]}/${i}.out`, fit(turn(picture, quarters, mirrored), model).data);
    });"""
    web_apps.run_script(built, script, tmp_path)
    assert app_cases.farthest(tmp_path, wanted) <= app_cases.STEPS


@pytest.mark.slow
def test_inputs_are_the_runners_in_every_type_order_and_layout(built, tmp_path):
    wanted = app_cases.inputs(tmp_path)
    script = """
    import { readFileSync, writeFileSync } from "node:fs"; import { encode } from "./pixels.ts";
    JSON.parse(readFileSync(process.argv[2] + "/cases.json")).forEach((model, i) => {
      const stored = encode({ width: 5, height: 7, data: readFileSync(process.argv[2] + "/picture") }, model);
      writeFileSync(`${process.argv[2]}/${i}.out`, new Uint8Array(stored.buffer));
    });"""
    web_apps.run_script(built, script, tmp_path)
    assert app_cases.differing(tmp_path, wanted) == []


# --- in a browser ---


@pytest.fixture(scope="module")
def site(built) -> Path:
    assert web_apps.npm(built, "run", "build").returncode == 0
    return built


@pytest.mark.slow
def test_a_browser_passes_the_golden_pictures_and_asks_nobody_else(site):
    with browser.opened() as page, web_apps.served(site) as address:
        page.open(f"{address}?golden", width=900)
        page.wait("document.getElementById('status').dataset.golden || document.getElementById('status').dataset.failed")
        assert page.value("document.getElementById('status').textContent") == "4 golden pictures: passed"
        assert page.complaints == []
        assert {urllib.parse.urlparse(url).netloc for url in page.requests} == {urllib.parse.urlparse(address).netloc}
        assert any(url.endswith(".wasm") for url in page.requests)


@pytest.mark.slow
@pytest.mark.parametrize("cause", ON_THE_PAGE)
def test_a_mistake_planted_into_the_page_is_named(site, cause):
    name, *changes = ON_THE_PAGE[cause]
    right = wrong = (site / name).read_text()
    for old, new in changes:
        assert old in wrong
        wrong = wrong.replace(old, new)
    with browser.opened() as page, web_apps.served(site) as address:
        try:
            (site / name).write_text(wrong)
            web_apps.built(site)
        finally:
            (site / name).write_text(right)
        page.open(f"{address}?golden", width=900)
        page.wait("document.getElementById('status').dataset.golden || document.getElementById('status').dataset.failed")
        said = page.value("document.getElementById('status').textContent")
    web_apps.built(site)
    assert ": the app says " in said
    assert f"Likely cause: {cause}" in said


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 900])
def test_the_page_names_a_file_and_what_the_camera_sees(site, width, tmp_path):
    told = json.loads((site / "golden" / "golden.json").read_text())["pictures"][2]
    with browser.opened("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as page, web_apps.served(site) as address:
        page.open(address, width=width)
        page.wait("document.body.dataset.ready")
        node = page.ask("DOM.querySelector", nodeId=page.ask("DOM.getDocument")["root"]["nodeId"], selector="#file")["nodeId"]
        page.ask("DOM.setFileInputFiles", files=[str(site / "golden" / told["file"])], nodeId=node)
        page.wait("document.querySelectorAll('li').length == 5")
        page.screenshot(tmp_path / "file.png")
        name, share = page.value("[...document.querySelectorAll('li:first-child span')].map((one) => one.textContent)")
        assert (name, float(share.split()[0])) == (told["label"], pytest.approx(100 * max(told["probabilities"]), abs=100 * told["tolerance"]["probabilities"]))
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        page.value("document.getElementById('scores').replaceChildren()")
        page.value("document.getElementById('camera').click()")
        page.wait("document.querySelectorAll('li').length == 5 && document.getElementById('video').videoWidth > 0")
        page.screenshot(tmp_path / "camera.png")
        page.value("document.getElementById('camera').click()")
        assert page.value("document.getElementById('camera').textContent") == "Camera"
        assert page.value("'failed' in document.getElementById('status').dataset") is False
        assert page.complaints == []
