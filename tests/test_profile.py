"""Profiles: starting in a process of its own, operators one by one, memory and peak. Nothing here asserts how fast this machine is."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, edgecnn
from rich.console import Console

from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer
from edgecnn.runtime import describe, tflite_file
from edgecnn.validate import latency, node_profile, peak, profile, profile_table, single_operators, verdict
from edgecnn.validate.report import Latency, Verdict
from edgecnn.validate.start import start, tflite_arena

MODELS = ROOT / "models"
SIZE = 32
FILES = ["mobilenet.tflite", "mobilenet_int8.tflite", "squeezenet.tflite", "mobilenet.onnx", "mobilenet_int8.onnx", "squeezenet.onnx", "squeezenet_int8.onnx"]


def live_peak(path: Path) -> int:
    """Bytes of activations that have to be kept at once, at the operator where these are most: no planner can do with less."""
    model = tflite_file.read(path.read_bytes())
    graph = model.subgraphs[0]
    last = {int(i): n for n, op in enumerate(graph.operators) for i in op.inputs}
    alive, most = {int(i) for i in graph.inputs}, 0
    for n, op in enumerate(graph.operators):
        alive |= {int(i) for i in op.outputs}
        most = max(most, sum(_bytes(graph.tensors[i]) for i in alive))
        alive = {i for i in alive if last.get(i, n + 1) > n}
    return most


def _bytes(raw) -> int:
    tensor = tflite_file.tensor(raw)
    return int(np.prod(tensor.shape)) * np.dtype(tensor.dtype).itemsize


class TestStart:
    @pytest.mark.parametrize("name", ["mobilenet.tflite", "mobilenet_int8.onnx"])
    def test_every_part_is_measured(self, name):
        found = start(MODELS / name, SIZE, SIZE)
        assert found.load > 0
        assert found.first_run > 0
        assert found.arena > 0
        if Path("/proc/self/statm").exists():
            assert found.rss > (MODELS / name).stat().st_size / 2

    def test_a_file_that_does_not_run_is_told_in_one_line(self, tmp_path):
        path = tmp_path / "torn.tflite"
        path.write_bytes((MODELS / "mobilenet.tflite").read_bytes()[:5000])
        with pytest.raises(BadFile, match=r"torn\.tflite") as told:
            start(path, SIZE, SIZE)
        assert "\n" not in str(told.value)

    def test_without_proc_the_memory_is_left_out(self, monkeypatch):
        from edgecnn.runtime import start as child

        monkeypatch.setattr(child, "Path", lambda _: Path("/nowhere/at/all"))
        assert child.resident() is None

    @pytest.mark.parametrize(("shape", "full"), [((None, 3, None, None), (1, 3, 5, 7)), (("batch", 9, 9, 3), (1, 9, 9, 3)), ((-1, -1, -1, 1), (1, 5, 7, 3))])
    def test_open_shapes_are_filled(self, shape, full):
        from edgecnn.runtime.start import filled

        assert filled(shape, 5, 7)[:3] == full[:3]


class TestArena:
    @pytest.mark.parametrize("name", ["mobilenet.tflite", "mobilenet_int8.tflite", "squeezenet.tflite"])
    def test_the_planner_needs_what_is_alive_and_not_much_more(self, name):
        needed = live_peak(MODELS / name)
        scratch = 2  # kernels without XNNPACK unfold a picture for their matrix product
        assert needed <= tflite_arena(MODELS / name, SIZE, SIZE) <= (1 + scratch) * needed

    def test_a_larger_picture_needs_more(self):
        found = [node_profile.activation_peak(MODELS / name, SIZE, SIZE) for name in ("mobilenet_int8.onnx", "mobilenet.onnx")]
        assert 0 < 3 * found[0] < found[1], "floats take four bytes for one"


class TestOperators:
    @pytest.mark.parametrize("name", FILES)
    def test_times_sum_to_the_whole_and_macs_to_those_of_the_file(self, name):
        rows, found = profile.operators(MODELS / name, SIZE, SIZE)
        assert sum(row.share for row in rows) == pytest.approx(1)
        assert sum(row.seconds for row in rows) == pytest.approx(found.whole)
        assert list(rows) == sorted(rows, key=lambda row: -row.seconds)
        assert sum(row.macs for row in rows) == found.macs == describe(MODELS / name).macs
        assert all((row.floor > 0) == (row.macs > 0) for row in rows)
        assert found.use == pytest.approx(found.floor / found.whole)

    def test_a_piece_computes_what_the_operator_does_in_the_whole(self):
        """The first convolution on its own gives what an interpreter that keeps all tensors gives."""
        from ai_edge_litert.interpreter import Interpreter

        path = MODELS / "mobilenet.tflite"
        first = single_operators.pieces(path, SIZE, SIZE)[0]
        whole = Interpreter(model_path=str(path), experimental_preserve_all_tensors=True)
        piece = Interpreter(model_content=first.content)
        picture = np.random.default_rng(1).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
        for one in (whole, piece):
            one.allocate_tensors()
            one.set_tensor(one.get_input_details()[0]["index"], picture)
            one.invoke()
        index = next(d["index"] for d in whole.get_tensor_details() if d["name"] == first.name)
        right, found = whole.get_tensor(index), piece.get_tensor(piece.get_output_details()[0]["index"])
        assert right.std() > 0
        np.testing.assert_allclose(found, right, atol=1e-5)

    def test_what_unpacks_weights_goes_with_the_operator_that_reads_them(self, tmp_path):
        """Half of a float16 file's operators are DEQUANTIZE of a weight; none is a piece of its own."""
        import keras
        import tensorflow as tf
        import tiny_nets

        keras.utils.set_random_seed(0)
        converter = tf.lite.TFLiteConverter.from_keras_model(tiny_nets.keras_net())
        converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
        path = tmp_path / "half.tflite"
        path.write_bytes(converter.convert())
        kinds = [op.kind for op in describe(path).operators]
        assert "DEQUANTIZE" in kinds
        pieces = single_operators.pieces(path, tiny_nets.SIZE, tiny_nets.SIZE)
        assert [piece.kind for piece in pieces] == [kind for kind in kinds if kind != "DEQUANTIZE"]
        assert pieces[0].number == "float32"
        rows, found = profile.operators(path, tiny_nets.SIZE, tiny_nets.SIZE)
        assert sum(row.macs for row in rows) == found.macs > 0

    def test_nodes_of_the_same_size_get_their_own_macs(self):
        """SqueezeNet's 1x1 and 3x3 expansions give tensors of one size; nine times the MACs must go to the 3x3."""
        rows, _ = profile.operators(MODELS / "squeezenet.onnx", SIZE, SIZE)
        macs = {row.name: row.macs for row in rows}
        small, large = (next(v for k, v in macs.items() if k.startswith(f"fire5_expand{n}x{n}")) for n in (1, 3))
        assert large == 9 * small

    def test_no_peak_is_claimed_for_numbers_that_have_none(self):
        """Of 16-bit activations no peak is measured."""
        model = flatbuffer.read((MODELS / "mobilenet_int8.tflite").read_bytes())
        graph = model.subgraphs[0]
        wide = next(op for op in graph.operators if len(op.inputs) == 3)
        assert single_operators.number_type(graph, wide) == "int8"
        graph.tensors[wide.inputs[0]].type = 7  # int16
        assert single_operators.number_type(graph, wide) == ""

    @pytest.mark.parametrize(("seconds", "whole", "cost"), [([5.0, 3.0, 2.0], 4.0, 2.0), ([5.0, 1.0], 3.0, 2.0), ([1.0, 1.0], 3.0, 0.0), ([], 1.0, 0.0)])
    def test_what_watching_costs(self, seconds, whole, cost):
        assert profile.overhead(seconds, whole) == cost


class TestPeak:
    @pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
    def test_both_number_types_have_one(self, suffix):
        found = peak.peaks(suffix)
        assert set(found) == {"float32", "int8"}
        assert all(speed > 1e7 for speed in found.values()), "no processor that runs these is slower"

    @pytest.mark.parametrize("integer", [False, True])
    def test_the_convolutions_are_what_they_say(self, tmp_path, integer):
        paths = [tmp_path / "one.tflite", tmp_path / "one.onnx"]
        paths[0].write_bytes(single_operators.convolution(4, 8, 16, integer=integer))
        paths[1].write_bytes(peak.onnx_convolution(4, 8, 16, integer=integer))
        assert [describe(path).macs for path in paths] == [4 * 4 * 8 * 16] * 2
        assert {t.type for t in flatbuffer.read(paths[0].read_bytes()).subgraphs[0].tensors} == ({9, 2} if integer else {0})

    def test_a_keras_model_has_none(self):
        assert peak.peaks(".keras") == {}


def test_a_noisy_machine_leaves_the_limit_undecided():
    row = profile.of_file(MODELS / "mobilenet.tflite", SIZE, SIZE)
    still = Latency(1, 100, 0.01, 0.02, 0.5, 0.4, 0.6, noise=latency.NOISY)
    loud = dataclasses.replace(still, noise=latency.NOISY + 0.01)
    limits = verdict.Limits(max_latency_ratio=0.9)
    for timed, expected in ((still, Verdict.PASS), (loud, Verdict.INCONCLUSIVE)):
        (check,) = verdict.checks(dataclasses.replace(row, latencies=(timed,)), limits)
        assert check.verdict is expected
        assert ("too noisy to tell: medians of the rounds spread by 51 %" in check.text) == (timed is loud)
        notes = profile_table.latency_notes([dataclasses.replace(row, latencies=(timed,))])
        assert any("too noisy" in note for note in notes) == (timed is loud)


def test_a_limit_further_off_than_the_noise_is_decided():
    loud = Latency(1, 100, 0.01, 0.02, 0.05, 0.04, 0.06, noise=2.0)
    row = dataclasses.replace(profile.of_file(MODELS / "mobilenet.tflite", SIZE, SIZE), latencies=(loud,))
    for limit, expected in ((0.9, Verdict.PASS), (0.17, Verdict.INCONCLUSIVE), (0.01, Verdict.FAIL)):
        (check,) = verdict.checks(row, verdict.Limits(max_latency_ratio=limit))
        assert check.verdict is expected, check.text


def test_the_tables_fit_80_columns():
    rows = [profile.of_file(MODELS / name, SIZE, SIZE) for name in ("mobilenet_int8.tflite", "squeezenet_int8.onnx")]
    long = dataclasses.replace(rows[1], operators=tuple(dataclasses.replace(one, name="a_long_name/" * 5 + one.name) for one in rows[1].operators))
    drawn = io.StringIO()
    profile_table.render([rows[0], long], Console(file=drawn, width=80))
    lines = drawn.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    shown = " ".join(" ".join(lines).split())
    assert f"runs at {100 * rows[0].profile.use:.0f} % of this processor's measured peak" in shown
    assert rows[0].operators[0].name in shown
    assert f"{len(rows[0].operators) - profile_table.SHOWN} others" in shown


def test_nothing_is_drawn_that_was_not_asked_for():
    drawn = io.StringIO()
    profile_table.render([dataclasses.replace(profile.of_file(MODELS / "mobilenet.tflite", SIZE, SIZE), start=None)], Console(file=drawn, width=80))
    assert drawn.getvalue() == ""


def test_the_command_profiles(monkeypatch):
    monkeypatch.setattr(latency, "ROUNDS", latency.FEWEST_ROUNDS)
    result = edgecnn("benchmark", MODELS / "mobilenet.tflite", MODELS / "mobilenet_int8.tflite", "--threads", "1", "--profile")
    assert result.code == 0, result.err
    for word in ("p99", "noise", "arena", "conv1_relu", "measured peak"):
        assert word in result.out
    assert max(map(len, result.out.splitlines()[:3])) <= 80
