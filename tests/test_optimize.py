"""The ladder to a budget and the search for the smallest file: what they choose, what they leave behind, and that they go on after being cut off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from exporting import tflite_operators
from helpers import edgecnn, refused, snapshot
from training import Heard, few_digits

from edgecnn import card as cards
from edgecnn import files, runtime
from edgecnn.errors import BadData, CheckFailed, Undecided
from edgecnn.export.workshop import Workshop, open_model
from edgecnn.optimize import ladder, optimize, within
from edgecnn.optimize.bench import Bench
from edgecnn.optimize.cache import Cache
from edgecnn.optimize.front import Candidate, front, winner
from edgecnn.optimize.judge import OPEN, OVER, PROVEN, Drop, Judge, divergence
from edgecnn.optimize.ladder import Climb, smallest
from edgecnn.optimize.sensitivity import ranking
from edgecnn.optimize.tree import Node, Tree
from edgecnn.progress import SILENT
from edgecnn.settings import FINE_TUNING, Augment, Budget, Export, PostTraining, Search
from edgecnn.statistics import paired_interval
from edgecnn.validate.report import Change

ONE_EPOCH = replace(FINE_TUNING, epochs=1, augment=Augment())
TFLITE = Export(("int8",), ("tflite",))
SMALL = Search(50.0, channels=(), prune=(0.5,), clusters=(), quantize=False, train=ONE_EPOCH)


def drop_of(gained: int, lost: int, total: int) -> Drop:
    low, high = paired_interval(gained, lost, total)
    return Drop("val", 0.9, 0.9 + (gained - lost) / total, Change(gained, lost, total, low, high, 1.0), 0.0)


def candidate(name: str, gzip: int, latency: float, lost: int, verdict: str = OPEN) -> Candidate:
    return Candidate(name, Path("it.keras"), "int8", "tflite", None, gzip, gzip, latency, latency, latency, drop_of(0, lost, 1000), verdict)


def changed(lenet: Path, folder: Path, change) -> Path:
    """A copy of the model with other weights, and a card of its own."""
    model = keras.saving.load_model(lenet, compile=False)
    change({layer.name: layer for layer in model.layers})
    path = folder / "other.keras"
    model.save(path)
    cards.write(path, replace(cards.read(lenet), name="other", weights_sha256=files.sha256(path), ranges={}, means={}))
    return path


def uneven(layers) -> None:
    """One channel a thousand times as large as the others, which the next layer takes back: the same function, and poison to int8."""
    first, second = layers["c1"], layers["c3"]
    kernel, bias = first.get_weights()
    kernel[..., 0] *= 1000
    bias[0] *= 1000
    first.set_weights([kernel, bias])
    kernel, bias = second.get_weights()
    kernel[..., 0, :] /= 1000
    second.set_weights([kernel, bias])


def noisy(layers) -> None:
    """A network that has forgotten much, and learns it again when it is trained."""
    noise = np.random.default_rng(0)
    layers["c3"].set_weights([value + noise.normal(0, 0.2, value.shape) for value in layers["c3"].get_weights()])


@pytest.fixture(autouse=True)
def own_cache(cache):
    """Nothing is remembered from another test."""


def test_the_worst_operators_come_first_and_few_stretches_are_measured():
    effects, asked = dict.fromkeys(map(str, range(64)), 0.001) | {"17": 5.0, "40": 3.0}, []

    def effect(alone):
        asked.append(alone)
        return sum(effects[name] for name in alone)

    found = ranking(list(effects), effect)
    assert [next(found), next(found)] == ["17", "40"]
    assert len(asked) <= 2 * 2 * 6, "halving measures two stretches a level"
    assert sorted([*found, "17", "40"]) == sorted(effects)


@pytest.mark.parametrize("needed", range(1, 14))
def test_the_least_number_that_will_do_is_found(needed):
    tried = []

    def attempt(count):
        tried.append(count)
        return f"with {count}" if count >= needed else None

    assert smallest(12, attempt) == (f"with {needed}" if needed <= 12 else None)
    assert max(tried) <= 12
    assert len(tried) == len(set(tried)) <= 8


@pytest.mark.parametrize(
    ("gained", "lost", "total", "limit", "verdict"),
    [(0, 0, 5000, 0.5, PROVEN), (0, 0, 100, 0.5, OPEN), (0, 10, 1000, 1.0, OPEN), (0, 11, 1000, 1.0, OVER), (50, 0, 1000, 0.0, PROVEN)],
)
def test_verdict_of_a_drop(gained, lost, total, limit, verdict):
    assert drop_of(gained, lost, total).verdict(limit) == verdict


def test_a_drop_says_how_many_pictures_would_decide():
    assert drop_of(0, 0, 5000).settled_by(0.5) == ""
    assert drop_of(0, 0, 100).settled_by(0.5).endswith("pictures would decide")
    assert drop_of(0, 200, 1000).settled_by(0.5) == "", "that is decided"


def test_divergence_is_felt_before_an_answer_flips():
    sure = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert divergence(sure, sure) == 0
    assert 0 < divergence(sure, np.array([[0.8, 0.2], [0.2, 0.8]])) < divergence(sure, np.array([[0.6, 0.4], [0.4, 0.6]]))


def test_front_and_winner():
    tried = [candidate("a", 100, 1.0, 0), candidate("b", 50, 2.0, 5), candidate("c", 60, 0.5, 9), candidate("d", 40, 0.9, 30, OVER)]
    assert [it.name for it in front(tried, lambda it: it.gzip)] == ["d", "b", "a"]
    assert winner(tried, Search(1.0)).name == "b"
    assert winner(tried, Search(1.0, goal="latency")).name == "c"
    assert winner(tried, Search(1.0, proof=True)) is None


def test_a_search_tries_one_step_before_two_and_builds_on_nothing_bad():
    tree = Tree(Search(channels=(0.3,), prune=(0.5, 0.8), clusters=(32,)))
    tree.grow(Node(Path("m")), good=True, rounded=False)
    names = []
    for wish in tree:
        names.append(wish.name)
        if wish.name == "prune50":
            tree.stronger(wish)
        tree.grow(wish.node(Path(wish.name)), good=wish.kind != "channels", rounded=True)
    assert names == ["channels30", "prune50", "cluster32", "qat", "prune80", "prune50-cluster32", "prune80-cluster32"]


def test_the_first_rung_that_fits_is_written_and_its_card_tells_of_the_climb(lenet, tmp_path):
    heard = Heard()
    (found,) = within(lenet, Budget(20.0, proof=True), settings=TFLITE, out=tmp_path, progress=heard)
    assert found.exported.path == tmp_path / "lenet_int8.tflite"
    assert (found.rung, found.verdict, len(found.trials)) == ("int8", PROVEN, 1)
    card = runtime.card_of(found.exported.path)
    assert card.quantization["rungs"][0]["drop"] == pytest.approx(found.val.points[0], abs=1e-3)
    assert (card.quantization["ranges"], card.quantization["max_drop"]) == ("fourth", 20.0)
    assert any(text.startswith("tflite int8: val ") for text in heard.said)
    assert (found.val.change.total, found.test.change.total) == (128, 382)


def test_a_network_that_int8_hurts_is_climbed_for(lenet, tmp_path):
    poisoned = changed(lenet, tmp_path, uneven)
    (found,) = within(poisoned, Budget(1.0), settings=TFLITE, against=lenet, out=tmp_path / "out")
    assert len(found.trials) > 1
    fitting = [trial for trial in found.trials if trial.verdict != OVER]
    assert found.rung in [trial.name for trial in fitting]
    assert found.val.divergence <= 1.1 * min(trial.drop.divergence for trial in fitting)
    assert found.how != PostTraining()
    assert found.val.points[0] <= 1.0
    assert found.trials[0].drop.points[0] > 10, "this network was meant to suffer"


class Told:
    """A bench that knows what every way costs: (gained, lost, divergence) on 294 pictures."""

    name, suffix = "", "tflite"

    def __init__(self, *costs: tuple[int, int, float]) -> None:
        self.costs = dict(zip(ladder.WAYS, costs, strict=False))

    def drop(self, how: PostTraining) -> tuple[Drop, int]:
        *flips, divergence = self.costs[how]
        return replace(drop_of(*flips, 294), divergence=divergence), 1000


@pytest.mark.parametrize(
    ("costs", "taken", "tried"),
    [
        pytest.param([(3, 4, 0.004), (3, 4, 0.002), (1, 5, 0.001), (2, 3, 0.0021), (9, 9, 0.003), (9, 9, 0.003)], 1, 6, id="nearest of those that fit"),
        pytest.param([(3, 4, 0.00215), (3, 4, 0.002), (3, 4, 0.003), (3, 4, 0.003), (9, 9, 0.003), (9, 9, 0.003)], 0, 6, id="the cheaper of two as near"),
        pytest.param([(3, 9, 0.004), (0, 0, 0.002), (0, 0, 0.001)], 1, 2, id="no answer changed"),
        pytest.param([(30, 9, 0.004), (0, 0, 0.002)], 0, 1, id="proven"),
    ],
)
def test_luck_on_few_pictures_does_not_end_the_climb(costs, taken, tried):
    climb = Climb(Budget(0.4), SILENT)
    found = climb.run(Told(*costs), PostTraining(), lambda: pytest.fail("a way without training fits"))
    assert (found.how, len(climb.rungs)) == (ladder.WAYS[taken], tried)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_as_few_operators_as_will_do_stay_in_float(lenet, tmp_path, suffix):
    opened = open_model(changed(lenet, tmp_path, uneven), Export(("int8",), (suffix,)), progress=SILENT)
    judge = Judge(opened.original, opened.card, few_digits(), "val", Cache(), SILENT)
    climb = Climb(Budget(1.0), SILENT)
    found = climb.widened(Bench(Workshop(suffix, opened, SILENT), judge), PostTraining())
    assert found is not None
    assert found.how.wide
    fewer = [rung for rung in climb.rungs if len(rung.how.wide) == len(found.how.wide) - 1]
    assert all(rung.verdict == OVER for rung in fewer)
    assert f"{len(found.how.wide)} of " in found.name
    if suffix == "tflite":
        path = tmp_path / "wide.tflite"
        path.write_bytes(found.bench.workshop.make("int8", found.how))
        assert {"QUANTIZE", "DEQUANTIZE"} <= {operator.kind for operator in tflite_operators(path)}


def test_nothing_is_written_where_no_rung_fits(lenet, tmp_path):
    worse, out = changed(lenet, tmp_path, noisy), tmp_path / "out"
    with pytest.raises(CheckFailed, match="nearest was") as caught:
        within(worse, Budget(1.0, quantize=None), settings=TFLITE, against=lenet, out=out)
    assert "\n" not in str(caught.value)
    assert snapshot(out) == {}


def test_the_last_rung_is_training_and_an_interrupted_climb_goes_on(lenet, tmp_path):
    train = replace(ONE_EPOCH, epochs=3, learning_rate=3e-3, teacher_share=0.0)
    worse, budget = changed(lenet, tmp_path, noisy), Budget(20.0, widest=0.0, train=train)
    with pytest.raises(KeyboardInterrupt):
        within(worse, budget, settings=TFLITE, against=lenet, data=few_digits(), out=tmp_path / "out", progress=Heard(stop_at=5))
    heard = Heard()
    (found,) = within(worse, budget, settings=TFLITE, against=lenet, data=few_digits(), out=tmp_path / "out", progress=heard)
    assert found.rung.startswith("qat int8")
    assert "quantize" in runtime.card_of(found.exported.path).compression
    again = Heard()
    within(worse, budget, settings=TFLITE, against=lenet, data=few_digits(), out=tmp_path / "out", progress=again)
    assert any("trained before" in text for text in again.said)


def test_too_few_pictures_for_a_proof_are_told_at_once(lenet, tmp_path):
    with pytest.raises(Undecided, match="128 val pictures cannot prove a drop") as caught:
        within(lenet, Budget(0.5, proof=True), out=tmp_path)
    assert caught.value.exit_code == 3


def test_a_model_without_card_needs_data(lenet, tmp_path):
    alone = tmp_path / "alone.keras"
    alone.write_bytes(lenet.read_bytes())
    with pytest.raises(BadData, match="--data FOLDER"):
        within(alone, Budget(1.0))
    (found,) = within(alone, Budget(50.0), settings=TFLITE, data=few_digits())
    assert found.exported.path == tmp_path / "alone_int8.tflite"


def test_a_search_writes_winner_network_plot_and_figures_and_remembers(lenet, tmp_path):
    heard = Heard()
    (found,) = optimize(lenet, search=SMALL, data=few_digits(), out=tmp_path, progress=heard)
    assert found.candidate.name.startswith("prune50 int8")
    assert found.exported.path == tmp_path / "lenet-prune50_int8.tflite"
    assert cards.read(tmp_path / "lenet-prune50.keras").name == "lenet-prune50"
    assert found.plot.read_bytes().startswith(b"\x89PNG")
    figures = json.loads(found.figures.read_text())
    assert {row["scheme"] for row in figures["candidates"]} == {"float32", "float16", "dynamic", "int8"}
    assert found.front == tuple(sorted(found.front, key=lambda it: it.gzip))
    assert found.candidate.gzip == min(it.gzip for it in found.candidates)
    again = Heard()
    (second,) = optimize(lenet, search=SMALL, data=few_digits(), out=tmp_path, progress=again)
    assert [replace(it, model=None) for it in second.candidates] == [replace(it, model=None) for it in found.candidates], "latencies, too, are remembered"
    assert not any("pruning" in text for text in again.said)


def test_a_search_ends_when_its_time_is_over(lenet, tmp_path):
    (found,) = optimize(lenet, search=replace(SMALL, minutes=1e-6), data=few_digits(), out=tmp_path)
    assert found.untried == 1
    assert {it.model for it in found.candidates} == {lenet}


def test_a_cache_that_cannot_be_written_remembers_nothing(lenet, tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "blocked"))
    (found,) = within(lenet, Budget(50.0), settings=TFLITE, data=few_digits(), out=tmp_path)
    assert found.rung == "int8"
    assert Cache().recall({"what": "drop"}) is None


def test_a_damaged_memory_is_no_memory():
    memory = Cache()
    memory.keep({"a": 1}, {"found": 2})
    assert Cache().recall({"a": 1}) == {"found": 2}
    assert Cache(fresh=True).recall({"a": 1}) is None
    next(memory.folder.glob("*.json")).write_text("{")
    assert Cache().recall({"a": 1}) is None


def test_export_keeps_to_a_budget(lenet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = edgecnn("export", lenet, "--int8", "--float16", "--tflite", "--max-drop", 30, "--out", "out")
    assert result.code == 0, result.err
    assert sorted(snapshot(tmp_path / "out")) == ["lenet_float16.tflite", "lenet_int8.tflite"]
    assert "pictures that chose nothing" in " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_export_compresses_first(lenet, tmp_path):
    result = edgecnn("export", lenet, "--int8", "--tflite", "--prune", 0.5, "--epochs", 1, "--out", tmp_path)
    assert result.code == 0, result.err
    assert {"lenet-prune50.keras", "lenet-prune50_int8.tflite"} <= set(snapshot(tmp_path))
    assert runtime.card_of(tmp_path / "lenet-prune50_int8.tflite").compression["prune"]["share"] == 0.5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export {} --max-drop 1", "--int8"),
        ("export {} --int8 --max-drop -1", "percentage points"),
        ("export {} --int8 --max-drop nan", "percentage points"),
        ("export {} --int8 --epochs 3", "--epochs is of a fine-tuning"),
        ("export {} --int8 --proof", "--max-drop"),
        ("export {} --int8 --fresh", "--max-drop"),
        ("export {} --int8 --prune 2", "between 0 and 1"),
        ("export {} --int8 --skip c1", "nothing to do"),
        ("optimize {} --time 0", "minutes, more than 0"),
        ("optimize {} --time nan", "minutes, more than 0"),
        ("optimize {} --goal speed", "--goal"),
        ("optimize {} --max-drop 101", "percentage points"),
        ("optimize {} --epochs -1", "epochs -1"),
        ("optimize no-such-model", "no-such-model"),
    ],
)
def test_wrong_use(line, said, lenet):
    refused(edgecnn(*line.format(lenet).split()), said)
