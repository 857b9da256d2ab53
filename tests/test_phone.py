"""Times from a phone: against a stand-in for adb (see phones.py), never a real phone. Parsing, the JSON, the rows of a report, and every way to fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import phones
import pytest
import reports
from helpers import ROOT, Result, edgecnn, refused
from test_report import stored

from edgecnn import files
from edgecnn.errors import BadFile
from edgecnn.validate import html, markdown, phone_table
from edgecnn.validate.phone import log, store
from edgecnn.validate.phone_figures import Phone, PhoneKind, PhoneRun, PhoneRuns
from edgecnn.validate.report import Report

MODEL = ROOT / "models" / "squeezenet_int8.tflite"
SCRIPT = ROOT / "tools" / "android_benchmark.sh"
PHONE = Phone("Google Pixel 8", "Android 15", 4, 50, 0.0031, 0.003, 0.00014, 0.00306, 0.00235, 0.0091, 4_456_448, (PhoneKind("CONV_2D", 15, 0.006, 0.75),))


def benchmark(folder: Path, *words: object) -> Result:
    """Run the script with the stand-in first on PATH."""
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "EDGECNN_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    command = [str(SCRIPT), *(str(word) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """The stand-in's folder, the JSON, and what the script said, for one file on one and on four threads."""
    folder = phones.adb(tmp_path_factory.mktemp("adb"))
    out = tmp_path_factory.mktemp("phone") / "phone.json"
    return folder, out, benchmark(folder, MODEL, "--threads", "1,4", "--json", out, "--runs", 60, "--warmup", 7)


def test_a_file_is_timed_and_its_operators_apart(timed):
    _, out, result = timed
    assert result.code == 0, result
    assert f"{MODEL} on Google Pixel 8 (Android 15), 4 threads: 3.06 ms (median of 60 runs; first 9.10 ms, loading 2.35 ms, 4.5 MB)" in result.out
    assert "; most of it Convolution (NHWC, QC8) 75 %, DEPTHWISE_CONV_2D 24 %, SOFTMAX 1 %" in result.out
    one, four = (run.phone for run in store.read(out).runs)
    assert [(run.file, run.sha256) for run in store.read(out).runs] == [(str(MODEL), files.sha256(MODEL))] * 2
    assert (one.threads, one.average, one.median, one.best) == (1, 0.009, 0.00896, 0.0089), "the time is of the run without profiling"
    assert (four.threads, four.runs, four.init, four.first, four.memory) == (4, 60, 0.00235, 0.0091, round(4.25 * 2**20))
    assert four.kinds[0] == PhoneKind("Convolution (NHWC, QC8)", 15, 0.006, 0.75)


def test_the_phone_is_told_what_it_shall_do_and_left_clean(timed):
    folder, _, _ = timed
    said = phones.calls(folder)
    remote = f"/data/local/tmp/edgecnn_{files.sha256(MODEL)[:16]}.tflite"
    assert f"-s 4A1B push {MODEL} {remote}" in said
    runs = [line for line in said if "--graph=" in line]
    assert len(runs) == 4
    tool = "-s 4A1B shell /data/local/tmp/benchmark_model"
    assert runs[0].startswith(f"{tool} --graph={remote} --num_threads=1 --warmup_runs=7 --num_runs=60 --enable_op_profiling=false")
    assert "--num_threads=4" in runs[3]
    assert "--enable_op_profiling=true" in runs[3]
    assert f"shell rm -f {remote}" in said[-1]


def test_the_tool_is_pushed_when_it_is_given(tmp_path):
    folder, tool = phones.adb(tmp_path / "adb"), tmp_path / "benchmark_model"
    tool.write_text("a program")
    assert benchmark(folder, MODEL, "--threads", "1", "--tool", tool).code == 0
    said = phones.calls(folder)
    assert f"-s 4A1B push {tool} /data/local/tmp/benchmark_model" in said
    assert any("chmod 755 /data/local/tmp/benchmark_model" in line for line in said)


def test_one_of_several_phones_is_named(tmp_path):
    folder = phones.adb(tmp_path, devices={"A": "device", "B": "device"}, props={**phones.PIXEL, "ro.product.manufacturer": "samsung"})
    result = benchmark(folder, MODEL, "--threads", "2", "--serial", "B")
    assert "on samsung Pixel 8 (Android 15), 2 threads: 4.96 ms" in result.out
    assert all(line.startswith("-s B") for line in phones.calls(folder)[1:])


FAILURES = {
    "no phone": ({"devices": {}}, (), "adb sees no phone; connect one"),
    "several phones": ({"devices": {"A": "device", "B": "device"}}, (), "adb sees 2 phones, A, B; name one with --serial"),
    "another phone": ({}, ("--serial", "X"), "adb sees no phone X; it sees 4A1B"),
    "not allowed": ({"devices": {"4A1B": "unauthorized"}}, (), "is unauthorized, expected device"),
    "no tool": ({"tool": ""}, (), "/data/local/tmp/benchmark_model is not on the phone 4A1B; give --tool"),
    "tool that may not run": ({"tool": "e"}, (), "may not be run on the phone 4A1B"),
    "full": ({"push": True}, (), "could not be pushed to 4A1B: adb: error: failed to copy"),
    "gone": ({"broken": True}, (), "4A1B broke off: error: device '4A1B' not found"),
    "crash": ({"fails": "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '7'."}, (), "with exit code 1: ERROR: Didn't find op for builtin opcode"),
    "other words": ({"log": "INFO: all went well, {average} {best} {tail}\n"}, (), "is not understood: expected a line 'Inference timings in us"),
    "threads": ({}, ("--threads", "many"), "--threads"),
    "runs": ({}, ("--runs", "0"), "expected 1 or more"),
    "option": ({}, ("--thread", "1"), "did you mean '--threads'?"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_are_one_line(case, tmp_path):
    changes, words, said = FAILURES[case]
    refused(benchmark(phones.adb(tmp_path / "adb", **changes), MODEL, "--json", tmp_path / "phone.json", *words), said)
    assert not (tmp_path / "phone.json").exists()


@pytest.mark.parametrize(
    ("name", "said"), [("nothing.tflite", "no such .tflite model"), ("net.onnx", "runs .tflite files"), ("bad.tflite", "is not a TFLite file")]
)
def test_other_files_are_refused(name, said, tmp_path):
    for one in ("net.onnx", "bad.tflite"):
        (tmp_path / one).write_text("words")
    refused(benchmark(phones.adb(tmp_path / "adb"), tmp_path / name), said)


def test_without_adb_it_says_where_to_get_it(tmp_path):
    for program in ("bash", "dirname"):
        (tmp_path / program).symlink_to(next(Path(folder, program) for folder in ("/bin", "/usr/bin") if Path(folder, program).exists()))
    env = {**os.environ, "PATH": str(tmp_path), "EDGECNN_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([str(tmp_path / "bash"), str(SCRIPT), str(MODEL)], capture_output=True, text=True, env=env, check=False)
    refused(Result(done.returncode, done.stdout, done.stderr), "adb is not there; install Android's platform-tools")


class TestOutput:
    """What others published, in its form, with numbers of our own."""

    OLD = (
        "count=1 curr=3500000\n\ncount=50 first=2990000 curr=2913000 min=2727000 max=3189000 avg=2.95e+06 std=109000\n\n"
        "Inference timings in us: Init: 17187, First inference: 3500000, Warmup (avg): 3.5e+06, Inference (avg): 2.95e+06\n"
        "Peak memory footprint (MB): init=4.5 overall=46\n"
    )

    def test_an_old_tool_tells_no_median(self):
        found = log.timing(self.OLD, "x")
        assert (found.runs, found.average, found.best, found.median, found.init) == (50, 2.95, 2.727, None, 0.017187)
        assert found.memory == 46 * 2**20

    def test_one_run_tells_only_itself(self):
        text = "count=1 curr=900\ncount=1 curr=800\nInference timings in us: Init: 1, First inference: 900, Warmup (avg): 900, Inference (avg): 800\n"
        found = log.timing(text, "x")
        assert (found.runs, found.average, found.best, found.deviation, found.memory) == (1, 0.0008, 0.0008, 0.0, None)

    def test_any_prefix_will_do(self):
        assert log.timing("\n".join(f"I tflite  : {line}" for line in self.OLD.splitlines()), "x") == log.timing(self.OLD, "x")

    def test_kinds_are_of_the_runs_and_not_of_the_start(self):
        assert [one.kind for one in log.kinds(phones.PROFILE)] == ["Convolution (NHWC, QC8)", "DEPTHWISE_CONV_2D", "SOFTMAX"]
        assert log.kinds(self.OLD) == ()

    @pytest.mark.parametrize("text", ["", "count=50 avg=3", "Inference timings in us: Init: 1, First inference: 2, Warmup (avg): 3, Inference (avg): 4"])
    def test_half_of_it_is_refused(self, text):
        with pytest.raises(BadFile, match="is not understood"):
            log.timing(text, "x")


class TestReport:
    @pytest.fixture
    def run(self, tmp_path) -> tuple[Report, Path, Path]:
        """A report of two files, its JSON, and times of the second on a phone."""
        report = reports.full()
        (group,) = report.groups
        rows = tuple(replace(row, sha256=f"{i}" * 64, phones=()) for i, row in enumerate(group.rows))
        report = replace(report, groups=(replace(group, rows=rows),))
        phone = tmp_path / "phone.json"
        phone.write_text(store.dumps(PhoneRuns("2026-01-02T03:04:05+00:00", (PhoneRun("n.tflite", "1" * 64, PHONE),))))
        return report, stored(report, tmp_path / "run.json"), phone

    def test_times_stand_on_the_row_of_the_same_file(self, run):
        report, _, phone = run
        found = store.merged(report, store.read(phone), phone).groups[0].rows
        assert [row.phones for row in found] == [(), (PHONE,)]

    def test_the_same_phone_and_threads_are_replaced_and_others_kept(self, run):
        report, _, phone = run
        other, again = replace(PHONE, threads=1), replace(PHONE, average=1.0)
        for one in (store.read(phone).runs[0].phone, other, again):
            report = store.merged(report, PhoneRuns("now", (PhoneRun("n", "1" * 64, one),)), "p")
        assert report.groups[0].rows[1].phones == (again, other)

    def test_compare_shows_and_keeps_them(self, run, tmp_path):
        _, path, phone = run
        shown = edgecnn("compare", path, "--phone", phone)
        assert shown.code == 0, shown.err
        line = "net_int8_1.tflite on Google Pixel 8 (Android 15), 4 threads: 3.06 ms (median of 50 runs; first 9.10 ms, loading 2.35 ms, 4.5 MB)"
        assert line in " ".join(shown.out.split())
        out = {kind: tmp_path / f"out.{kind}" for kind in ("html", "json", "md")}
        words = ("--report", out["html"], "--json", out["json"], "--markdown", out["md"])
        assert edgecnn("compare", path, "--phone", phone, *words).code == 0
        assert "<td>Google Pixel 8 (Android 15)</td>" in out["html"].read_text()
        assert "on Google Pixel 8 (Android 15), 4 threads" in out["md"].read_text()
        kept = Report.from_dict(json.loads(out["json"].read_text()))
        assert kept.groups[0].rows[1].phones == (PHONE,)

    def test_a_report_without_them_says_nothing_of_phones(self, run):
        report, _, _ = run
        assert phone_table.lines(report.groups[0].rows) == []
        assert "On phones" not in html.render(report)
        assert "| phone |" not in markdown.render(report)

    def test_wrong_use_is_one_line(self, run, tmp_path):
        _, path, phone = run
        refused(edgecnn("compare", path, path, "--phone", phone), "--phone goes with one run")
        refused(edgecnn("compare", path, "--phone", path), "is no file of times on a phone")
        refused(edgecnn("compare", path, "--phone", tmp_path / "none.json"), "none.json")
        refused(edgecnn("compare", path, "--phone", phone, "--json", phone), "would write over a file that is read")
        phone.write_text(phone.read_text().replace("1" * 64, "2" * 64))
        refused(edgecnn("compare", path, "--phone", phone), "has times of none of these files", "n.tflite")
        phone.write_text(phone.read_text().replace('"threads": 4', '"threads": "four"'))
        refused(edgecnn("compare", path, "--phone", phone), 'runs[0].phone.threads is "four", expected a whole number')

    def test_validate_takes_them_too(self, exported, tmp_path):
        path, phone = exported / "lenet_int8.tflite", tmp_path / "phone.json"
        runs = PhoneRuns("now", (PhoneRun("n.tflite", files.sha256(path), PHONE),))
        phone.write_text(store.dumps(runs))
        result = edgecnn("validate", path, "--phone", phone, "--no-latency", "--count", 50, "--json", tmp_path / "run.json")
        assert result.code == 0, result.err
        assert json.loads((tmp_path / "run.json").read_text())["groups"][0]["rows"][0]["phones"][0]["model"] == "Google Pixel 8"
        early = edgecnn("validate", exported / "lenet.tflite", "--phone", phone, "--data", "nowhere")
        refused(early, "has times of none of these files")
