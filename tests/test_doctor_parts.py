"""What the doctor is made of: its statistics, the files of answers, what an app sees and what it stores."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.card import Preprocessing
from edgecnn.errors import BadData, BadFile, BadSetting
from edgecnn.settings import Doctor
from edgecnn.validate.doctor import levels, mistakes, seen, trial, views
from edgecnn.validate.doctor.diagnose import diagnose, explains
from edgecnn.validate.figures import Share


class TestStatistics:
    def test_the_same_pictures_leave_little_room(self):
        figure = Share(252, 420, 0, 1)
        assert explains(figure, 0.603, None)
        assert not explains(figure, 0.61, None)

    def test_other_pictures_leave_the_room_of_two_samples(self):
        figure = Share(252, 420, 0, 1)
        assert explains(figure, 0.66, 100)
        assert not explains(figure, 0.66, 4000)

    def test_ways_of_one_accuracy_are_named_together(self):
        truth = np.zeros(200, np.int64)
        spoiled = [np.where(np.arange(200) < n, 1, 0) for n in (0, 80)]
        spoiled.append(spoiled[1][::-1])
        ways = [trial.Answers(mistakes.RIGHT, (mistakes.RIGHT.name,), spoiled[0], np.ones(200))]
        ways += [trial.Answers(mistakes.WAYS[i], (mistakes.WAYS[i].name,), spoiled[1 + i], np.ones(200)) for i in (0, 1)]
        diagnosis = diagnose(ways, truth, Doctor(seen=60.0), None)[1]
        assert diagnosis.cause == "mistake"
        assert "BGR for RGB (60.0 %) or RGB for BGR (60.0 %) explains 60 %" in diagnosis.text
        assert diagnose(ways, truth, Doctor(seen=100.0), None)[1].cause == "right"
        assert diagnose(ways, truth, Doctor(seen=80.0), None)[1].cause == "none"
        assert diagnose(ways, truth, Doctor(seen=80.0, seen_count=5), None)[1].cause == "mistake", "4 of 5 fit 60 %, and hardly 100 %"

    @pytest.mark.parametrize("wrong", [{"seen": 161}, {"seen": 50, "seen_count": 0}, {"seen_count": 5}, {"seen": 5, "answers": Path("a.csv")}])
    def test_nonsense_is_refused(self, wrong):
        with pytest.raises(BadSetting, match="--seen"):
            Doctor(**wrong)


class TestAnswers:
    NAMES = ("a/1.png", "a/2.png", "b/1.png")

    def write(self, path: Path, text: str) -> Path:
        path.write_text(text)
        return path

    def test_forms(self, tmp_path):
        forms = {
            "a.csv": "file,label,score\na/1.png,cat,0.5\n2.png, dog, 0.25\nelsewhere.png,dog,1\n",
            "a.json": '[{"file": "a/1.png", "label": "cat", "score": 0.5}, {"file": "/a/2.png", "label": "dog", "score": 0.25}, {"file": "x", "label": "cat"}]',
            "b.json": '{"a/1.png": "cat", "C:\\\\photos\\\\a\\\\2.png": "dog", "x": "dog"}',
        }
        for name, text in forms.items():
            found = seen.read(self.write(tmp_path / name, text), self.NAMES, ("cat", "dog"))
            assert (found.places.tolist(), found.found.tolist(), found.left) == ([0, 1], [0, 1], 1), name
            assert np.isnan(found.scores).all() if name == "b.json" else found.scores.tolist() == [0.5, 0.25]

    def test_numbers_where_there_are_no_labels(self, tmp_path):
        found = seen.read(self.write(tmp_path / "a.csv", "a/1.png,7\nb/1.png,background\n"), self.NAMES, ())
        assert found.found.tolist() == [7, trial.NONE]

    @pytest.mark.parametrize(
        ("text", "kind", "words"),
        [
            ("a/1.png\n", BadFile, "expected CSV lines"),
            ("a/1.png,cat,high\n", BadFile, "expected CSV lines"),
            ("a/1.png,cat,93\n", BadData, "probabilities from 0 to 1"),
            ("zebra.png,cat\n", BadData, "none of its 1 pictures, such as 'zebra.png'"),
            ("1.png,cat\n", BadData, "none of its 1 pictures"),
            ("a/1.png,horse\n", BadData, "no answer, such as 'horse', is one of the labels, such as 'cat'"),
            ("\n", BadFile, "holds no answers"),
        ],
    )
    def test_what_cannot_be_used(self, tmp_path, text, kind, words):
        with pytest.raises(kind, match=words):
            seen.read(self.write(tmp_path / "a.csv", text), self.NAMES, ("cat", "dog"))


class TestViews:
    def picture(self, preprocessing: Preprocessing, size: tuple[int, int] = (40, 30)) -> views.Original:
        stream, pixels = io.BytesIO(), np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(stream, "PNG")
        return views.Original(stream.getvalue(), preprocessing)

    @pytest.mark.parametrize("rule", ["stretch", "crop"])
    def test_the_models_own_filter_and_rule_is_the_right_view(self, rule):
        picture = self.picture(Preprocessing(12, 10, resize=rule))
        np.testing.assert_array_equal(views.resized_by(Image.Resampling.BILINEAR)(picture), picture.right)

    def test_unsmoothed_is_bilinear_between_four_pixels(self):
        picture = self.picture(Preprocessing(10, 10))
        pixels = picture.upright.astype(float)
        y, x = ((np.arange(10) + 0.5) * n / 10 - 0.5 for n in pixels.shape[:2])
        top, left = (np.floor(at).astype(int) for at in (y, x))
        down, right = (y - top)[:, None, None], (x - left)[None, :, None]
        rows = pixels[top] * (1 - down) + pixels[top + 1] * down
        expected = rows[:, left] * (1 - right) + rows[:, left + 1] * right
        assert np.abs(views.unsmoothed(picture) - expected).max() <= 1

    def test_a_quarter_turn_is_clockwise(self):
        picture = self.picture(Preprocessing(8, 8), (8, 8))
        np.testing.assert_array_equal(views.turned(1)(picture), np.asarray(Image.fromarray(picture.upright).rotate(-90)))

    def test_bars_lie_above_and_below_a_wide_picture(self):
        made = views.letterboxed(self.picture(Preprocessing(16, 16), (40, 20)))
        assert not made[:4].any()
        assert not made[-4:].any()
        assert made[4:12].any(axis=-1).all()

    def test_exif_is_ignored(self):
        exif, stream = Image.Exif(), io.BytesIO()
        exif[0x0112] = 6
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)).save(stream, "PNG", exif=exif)
        picture = views.Original(stream.getvalue(), Preprocessing(8, 8))
        np.testing.assert_array_equal(np.rot90(views.as_stored(picture), -1), picture.right)


class TestLevels:
    """What is stored for pixels of 0 and 200."""

    @pytest.mark.parametrize(
        ("dtype", "levels_of", "expected"),
        [
            ("float32", levels.right, (-1, 0.5625)),
            ("float32", levels.fixed((0.0,), (255.0,)), (0, 200 / 255)),
            ("float32", levels.twice, (-1, (200 / 255 - 128) / 128)),
            ("float32", levels.signed, (-1, (200 - 256 - 128) / 128)),
            ("uint8", levels.right, (0, 200)),
            ("uint8", levels.fixed((0.0,), (255.0,)), (128, 228)),
            ("uint8", levels.unshifted, (128, 72)),
            ("uint8", levels.truncated, (0, 0)),
            ("int8", levels.right, (-128, 72)),
            ("int8", levels.unshifted, (0, 200 - 256)),
            ("int8", levels.cast, (-1, 0)),
        ],
    )
    def test_tables(self, dtype, levels_of, expected):
        zero = {"float32": 0, "uint8": 128, "int8": 0}[dtype]
        layout = levels.Layout(1, 8, 8, 3, False)
        into = levels.Input(Preprocessing(8, 8), np.dtype(dtype), 1 / 128 if dtype != "float32" else 1.0, zero, layout, False)
        table = levels_of(into)
        assert table.dtype == dtype
        assert table[[0, 200], 1].tolist() == pytest.approx(expected)


def test_every_mistake_says_how_to_mend_it_and_has_a_name_of_its_own():
    assert len({way.name for way in mistakes.WAYS}) == len(mistakes.WAYS)
    assert all(way.advice and not way.advice.endswith(".") for way in mistakes.WAYS)
