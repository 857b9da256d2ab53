"""Diagrams: everything stands inside, nothing on top of something else, and both writers write it."""

from __future__ import annotations

import io
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from PIL import Image
from sketches import sketched

from edgecnn.arch import diagram, layout
from edgecnn.arch.canvas import COLOURS, Box, Frame, Line, Text
from edgecnn.arch.tree import Layer, Unit
from edgecnn.catalog import CATALOG, MODULES
from edgecnn.errors import BadFile

SVG = "{http://www.w3.org/2000/svg}"


def drawn(name):
    return layout.drawing(sketched(name).chain, name, "some parameters")


def boxes(drawing):
    return [element for element in drawing.elements if isinstance(element, Box)]


def words(drawing):
    return [line for box in boxes(drawing) for line in box.lines] + [e.text for e in drawing.elements if isinstance(e, Text)]


def unit(text, kind="conv"):
    return Unit((Layer("layer", kind, text, (8, 8, 4), 1, 1),))


@pytest.mark.parametrize("name", [*CATALOG, *MODULES])
def test_every_row_fits_its_picture(name):
    drawing = drawn(name)
    for element in drawing.elements:
        if isinstance(element, Box | Frame):
            assert element.x >= 0
            assert element.x + element.width <= drawing.width
            assert element.y >= 0
            assert element.y + element.height <= drawing.height
        elif isinstance(element, Line):
            assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in element.points)
    for a, b in combinations(boxes(drawing), 2):
        assert a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y, (a, b)
    assert drawing.height < 1500
    assert drawing.width < 2500
    assert len([box for box in boxes(drawing) if box.lines]) <= 120


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnext50_32x4d", ["32 groups, bn, relu", "identity", "x5", "[7, 7, 2048]", "grouped convolution"]),
        ("densenet121", ["x6", "x12", "x24", "x16", "concat", "[56, 56, 256]"]),
        ("mobilenet", ["x5", "depthwise 3x3, /2"]),
        ("vgg16", ["conv 3x3, 512  x3", "dense 4096  x2"]),
        ("resnext_block_a", ["32 paths"]),
    ],
)
def test_groups_repeats_and_shapes_are_named(name, said):
    told = words(drawn(name))
    assert all(word in told for word in said), told


def test_legend_has_the_kinds_that_are_there():
    told = words(drawn("lenet"))
    assert "dense" in told
    assert "depthwise or separable convolution" not in told


def test_long_networks_go_on_in_another_column():
    drawing = layout.drawing(tuple(unit(f"conv 3x3, {i}") for i in range(120)), "long", "")
    tops = {box.y for box in boxes(drawing) if box.lines}
    assert len([box for box in boxes(drawing) if box.lines]) == 120
    assert 30 <= len(tops) <= 60
    assert drawing.height < 1500


def test_svg_is_well_formed_and_escaped():
    text = diagram.svg(layout.drawing((unit("a < b & c > d"),), 'quotes " and <tags>', "1 & 2"))
    root = ElementTree.fromstring(text.encode())
    told = [element.text for element in root.iter(f"{SVG}text")]
    assert {"a < b & c > d", 'quotes " and <tags>', "1 & 2"} <= set(told)
    ground = root.find(f"{SVG}rect")
    assert (ground.get("fill"), ground.get("width")) == ("#ffffff", root.get("width"))


def test_svg_has_every_box_and_text():
    drawing = drawn("squeezenet")
    root = ElementTree.fromstring(diagram.svg(drawing).encode())
    assert len(list(root.iter(f"{SVG}rect"))) == 1 + sum(isinstance(e, Box | Frame) for e in drawing.elements) + sum(box.stacked for box in boxes(drawing))
    assert sorted(element.text for element in root.iter(f"{SVG}text")) == sorted(words(drawing))


def test_same_network_gives_the_same_bytes():
    chain = sketched("lenet").chain
    first, second = (diagram.png(layout.drawing(chain, "lenet", "")) for _ in range(2))
    assert first == second


def test_png_shows_the_boxes_where_the_layout_has_them():
    drawing = drawn("lenet")
    picture = Image.open(io.BytesIO(diagram.png(drawing))).convert("RGB")
    scale = picture.width / drawing.width
    assert picture.height == pytest.approx(drawing.height * scale, abs=2)
    assert picture.getpixel((2, 2)) == (255, 255, 255)
    for box in boxes(drawing):
        inside = picture.getpixel((round((box.x + 4) * scale), round((box.y + box.height / 2) * scale)))
        assert "#{:02x}{:02x}{:02x}".format(*inside) == COLOURS[box.kind][1]


def test_writes_by_suffix(tmp_path):
    drawing = drawn("lenet")
    assert diagram.write(tmp_path / "a.svg", drawing).read_text().startswith("<?xml")
    assert diagram.write(tmp_path / "a.PNG", drawing).read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.PNG", "a.svg"]


@pytest.mark.parametrize(("path", "said"), [("a.pdf", "ends in .svg or .png"), ("a", "ends in"), ("none/a.svg", "no folder"), ("folder.svg", "is a folder")])
def test_other_paths_are_refused(path, said, tmp_path):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(BadFile, match=re.escape(said)):
        diagram.check(tmp_path / path)
