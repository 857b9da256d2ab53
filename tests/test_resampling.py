"""The filters of training pipelines: TensorFlow's against TensorFlow, Pillow's against Pillow, torchvision's geometry against its own arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgecnn.card import Preprocessing
from edgecnn.data import geometry, pictures
from edgecnn.errors import BadSetting
from edgecnn.resize_rules import FILTERS, parse_rule

# Height and width of the image, height and width of the input: shrunk, enlarged, both, odd, a line, a pixel, the same.
SIZES = [
    ((168, 224), (64, 64)),
    ((100, 100), (96, 96)),
    ((37, 53), (64, 48)),
    ((480, 640), (224, 224)),
    ((7, 300), (33, 20)),
    ((1, 1), (5, 5)),
    ((20, 30), (20, 30)),
]
TENSORFLOW = {
    "tf-bilinear": ("bilinear", False), "tf-bilinear-antialias": ("bilinear", True), "tf-bicubic": ("bicubic", False),
    "tf-bicubic-antialias": ("bicubic", True), "tf-area": ("area", False), "tf-nearest": ("nearest", False),
}  # fmt: skip


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def fitted(pixels: np.ndarray, size: tuple[int, int], rule: str) -> np.ndarray:
    return pictures.fit(pixels, Preprocessing(*size, resize=rule))


@pytest.mark.parametrize("name", TENSORFLOW)
def test_filters_of_tensorflow_are_tensorflows(name):
    """The bytes lie within half a gray level of the floats that a Keras pipeline sees, and a thousandth more where a float stands between two bytes."""
    tf = pytest.importorskip("tensorflow")
    method, antialias = TENSORFLOW[name]
    for (height, width), size in SIZES:
        pixels = noise(height, width)
        wanted = tf.image.resize(pixels, size, method=method, antialias=antialias).numpy().astype(np.float64).clip(0, 255)
        off = np.abs(fitted(pixels, size, name) - wanted)
        assert off.max() <= 0.503, ((height, width), size)
        assert (off > 0.5001).mean() < 0.01


def test_crop_and_pad_are_tensorflows_too():
    tf = pytest.importorskip("tensorflow")
    from tensorflow.keras.preprocessing.image import smart_resize

    for (height, width), size in SIZES:
        pixels = noise(height, width)
        cropped = smart_resize(pixels.astype(np.float32), size)
        assert np.abs(fitted(pixels, size, "crop-to-aspect-ratio") - np.asarray(cropped)).max() <= 0.503, (height, width, size)
        if width > 20 * height:  # nothing would be left between the bars
            continue
        padded = tf.image.resize_with_pad(pixels, *size).numpy()
        assert np.abs(fitted(pixels, size, "pad,tf-bilinear") - padded).max() <= 0.503, (height, width, size)


def test_filters_and_modes_of_pillow_are_pillows():
    methods = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
    methods |= {"box": Image.Resampling.BOX, "nearest": Image.Resampling.NEAREST}
    for name, method in methods.items():
        for (height, width), (tall, wide) in SIZES:
            image = Image.fromarray(noise(height, width))
            rules = {
                f"stretch,{name}": image.resize((wide, tall), method),
                f"crop,{name}": ImageOps.fit(image, (wide, tall), method),
            }
            if width < 20 * height:  # else nothing would be left between the bars
                rules[f"pad,{name},#102030"] = ImageOps.pad(image, (wide, tall), method, color="#102030")
            for rule, wanted in rules.items():
                np.testing.assert_array_equal(fitted(np.asarray(image), (tall, wide), rule), np.asarray(wanted), rule)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (224, 224), (301, 299), (60, 1000)])
def test_torchvision_is_resize_256_and_center_crop_224(height, width):
    """torchvision's `_compute_resized_output_size` and `center_crop`, written down from its source."""
    image, size = Image.fromarray(noise(height, width)), 256
    short, long = sorted((height, width))
    other = int(size * long / short)
    image = image.resize((size, other) if width <= height else (other, size), Image.Resampling.BILINEAR)
    top, left = round((image.height - 224) / 2.0), round((image.width - 224) / 2.0)
    wanted = np.asarray(image.crop((left, top, left + 224, top + 224)))
    np.testing.assert_array_equal(fitted(noise(height, width), (224, 224), "torchvision"), wanted)


def test_half_of_a_side_is_rounded_half_to_even():
    assert [geometry._half(n) for n in range(9)] == [round(n / 2) for n in range(9)]


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("mode", ["stretch", "crop", "crop,0.875", "pad,#ff0080"])
def test_a_plain_area_stays_plain(mode, name):
    """Weights sum to 1 everywhere, borders included; the bars of the pad have the same color here."""
    for height, width in ((100, 80), (9, 200), (5, 4)):
        pixels = np.full((height, width, 3), (255, 0, 128), np.uint8)
        assert (fitted(pixels, (24, 31), f"{mode},{name}") == (255, 0, 128)).all()


def test_rules_as_people_type_them():
    assert parse_rule("tf") == {"resize_filter": "tf-bilinear"}
    assert parse_rule("Crop:tf_bilinear") == {"resize": "crop", "resize_filter": "tf-bilinear"}
    assert parse_rule("torchvision") == {"resize": "crop", "resize_filter": "pillow-bilinear", "crop_fraction": 0.875}
    assert parse_rule("torchvision,bicubic,0.9")["crop_fraction"] == 0.9
    assert parse_rule("pad, nearest, #0a0B0c") == {"resize": "pad", "resize_filter": "pillow-nearest", "pad_color": (10, 11, 12)}
    assert Preprocessing(8, 8, resize="pad_to_aspect_ratio").resize_rule == "pad,tf-bilinear"
    for rule in ("stretch", "crop", "pad", "stretch,tf-area", "crop,0.875", "crop,0.875,pillow-bicubic", "pad,#808080,tf-nearest"):
        said = Preprocessing(8, 8, resize=rule)
        assert said.resize_rule == rule
        assert Preprocessing(8, 8, resize=said.resize_rule) == said


@pytest.mark.parametrize("rule", ["", "squeeze", "crop,stretch", "tf,bicubic,nearest", "crop,1.5", "crop,0.001", "pad,#12345"])
def test_what_is_no_rule_is_refused_with_the_choices(rule):
    with pytest.raises(BadSetting) as error:
        Preprocessing(8, 8, resize=rule)
    assert "expected" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_card_keeps_the_filter_and_old_cards_read_as_before():
    from edgecnn import card as cards

    said = Preprocessing(8, 8, resize="pad,tf-bilinear,#112233")
    assert cards.loads(cards.Card("x", said).dumps(), "x").preprocessing == said
    plain = cards.Card("x", Preprocessing(8, 8)).dumps()
    assert "resize_filter" not in plain
    assert cards.loads(plain, "x").preprocessing.resize_filter == "pillow-bilinear"
