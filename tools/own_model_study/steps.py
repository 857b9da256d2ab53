"""The steps of one model: training, export with its files judged, two compressions, bundle, check."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.statistics import unpaired_interval
from own_model_study import judgement
from own_model_study.images import image_set
from own_model_study.judgement import Truth, read_truth
from own_model_study.shape import Shape

ROOT = Path(__file__).resolve().parents[2]
FORMATS = {"float .tflite": "{}.tflite", "int8 .tflite": "{}_int8.tflite", "float .onnx": "{}.onnx", "int8 .onnx": "{}_int8.onnx"}
STEPS = ("export", "prune", "qat", "bundle", "check")


@dataclass(frozen=True)
class Command:
    """What a command left: exit code (None where it took too long), both streams, seconds."""

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def line(self) -> str:
        """The line that says why."""
        lines = [line for line in self.err.splitlines() if line.startswith("edgecnn: ")] or self.err.strip().splitlines() or self.out.strip().splitlines()
        return lines[-1].removeprefix("edgecnn: ") if lines else ""


class Study:
    """One model of the study, in folders of its own below `work`.

    Args:
        name, shape: of the model.
        work: folder of the study.
        timeout: seconds that a command may take.
    """

    def __init__(self, name: str, shape: Shape, work: Path, timeout: float) -> None:
        self.name, self.shape, self.work, self.timeout = name, shape, work, timeout
        self.place, self.run_folder = work / name, work / "runs" / name
        suffix = shape.suffix if shape.suffix.startswith(".") else ""
        self.source, self.model = self.place / f"{name}{suffix}", self.run_folder / f"{name}{suffix}"

    def train(self) -> str:
        """Train what is not trained yet; returns why that failed, or ""."""
        if (self.place / "truth.npz").exists():
            return ""
        done = self._run([sys.executable, "-m", "own_model_study.training", self.name, "--work", str(self.work)])
        return "" if done.code == 0 else f"training: {done.line or done.code}"

    def truth(self) -> Truth:
        """Plain Keras on the test images."""
        return read_truth(self.place, image_set(self.shape.images, self.work), self.shape)

    def export(self) -> dict[str, Any]:
        """`edgecnn export` with no option, or with those that its refusal asks for, and every file in its runtime alone."""
        shutil.rmtree(self.run_folder, ignore_errors=True)
        self.run_folder.mkdir(parents=True)
        shutil.copytree(self.source, self.model) if self.source.is_dir() else shutil.copy(self.source, self.model)
        done, options = self._edgecnn("export", str(self.model), "--float32", "--int8", *self._data()), []
        while done.code == 2 and (more := self._asked_for(done.line, options)):
            options += more
            done = self._edgecnn("export", str(self.model), "--float32", "--int8", *self._data(), *options)
        row = {"code": done.code, "line": done.line, "seconds": done.seconds, "options": options, "keras": float(self.truth().correct.mean())}
        if done.code != 0:
            return {**row, "verdict": judgement.of_command(done.code, done.line, self.shape), "said": done.line, "files": {}}
        answers = self._answers()
        files = {form: judgement.of_file(answers[form], self.truth()) for form in answers}
        verdict = judgement.worst([entry["verdict"] for entry in files.values()])
        verdict = f"{verdict} (a refusal was expected)" if self.shape.refusal else verdict
        return {**row, "line": "", "verdict": verdict, "said": judgement.evidence(answers, f"{done.out}\n{done.err}"), "files": files}

    def compress(self, options: Sequence[str], wanted: Sequence[str]) -> dict[str, Any]:
        """`edgecnn compress` with one epoch; what it says of the model before must be what plain Keras scores."""
        folder = self.run_folder / wanted[0].strip("-")
        done = self._edgecnn("compress", str(self.model), *wanted, "--epochs", "1", *self._data(), "--out", str(folder), *options)
        row = _row(done)
        if found := re.search(r"^\s*test\s+([\d,]+)\s+([\d.]+) %\s+([\d.]+) %", done.out, re.MULTILINE):
            before, after = (float(value) / 100 for value in found.groups()[1:])
            count, truth = int(found[1].replace(",", "")), self.truth()
            own = truth.correct.reshape(len(truth.targets), -1).all(1)  # of attributes, compress counts images with all of them right
            low, high = unpaired_interval(round(before * count), count, int(own.sum()), len(own))
            row |= {"before": before, "after": after, "as_keras": low <= 0 <= high}
        return row

    def bundle(self) -> dict[str, Any]:
        """`edgecnn bundle --for c` of the int8 .tflite."""
        return _row(self._edgecnn("bundle", str(self._int8()), "--for", "c"))

    def check(self) -> dict[str, Any]:
        """`edgecnn check` of the int8 .tflite: 0 where MediaPipe takes it, 1 where it says why not."""
        done = self._edgecnn("check", str(self._int8()))
        reasons = [line.strip() for line in done.out.splitlines() if line.startswith("  ")]
        return {**_row(done), "line": "; ".join(reasons) or done.line}

    def step(self, name: str, options: Sequence[str]) -> dict[str, Any]:
        """One of `STEPS` by its name; `options` are those that the export needed."""
        if name == "export":
            return self.export()
        if name in ("prune", "qat"):
            return self.compress(options, ("--prune", "0.5") if name == "prune" else ("--qat",))
        if not self._int8().exists():
            return {"code": None, "line": "no int8 .tflite", "seconds": 0.0}
        return self.bundle() if name == "bundle" else self.check()

    def _int8(self) -> Path:
        return self.run_folder / f"{self.name}_int8.tflite"

    def _data(self) -> tuple[str, str]:
        folder = self.work / "images" / self.shape.images
        return "--data", str(folder / "labels.csv" if self.shape.scores == "attributes" else folder)

    def _asked_for(self, line: str, given: Sequence[str]) -> list[str]:
        """The options, of those that a user can know, that a refusal names and that were not given."""
        pairs = zip(self.shape.options[::2], self.shape.options[1::2], strict=True)
        own_layers = str(Path(__file__).with_name("layers.py"))
        return [word for flag, value in pairs if flag in line and flag not in given for word in (flag, own_layers if value == "layers.py" else value)]

    def _answers(self) -> dict[str, dict[str, Any]]:
        """Answers of the four files on the test images, by a process that knows nothing of edgecnn."""
        paths = {form: str(self.run_folder / pattern.format(self.name)) for form, pattern in FORMATS.items()}
        request, answer = self.run_folder / "request.json", self.run_folder / "answers.json"
        request.write_text(json.dumps({"images": [str(path) for path in self.truth().paths], "files": list(paths.values())}))
        done = self._run([sys.executable, "-m", "own_model_study.evaluation", str(request), str(answer)])
        if done.code != 0:
            return {form: {"error": f"the runtime ended the process ({done.code})"} for form in paths}
        found = judgement.read_answers(answer)
        return {form: found[path] for form, path in paths.items()}

    def _edgecnn(self, *words: str) -> Command:
        return self._run([sys.executable, "-m", "edgecnn", *words])

    def _run(self, words: Sequence[str]) -> Command:
        path = os.pathsep.join((str(ROOT), str(ROOT / "tools")))
        env = {**os.environ, "PYTHONPATH": path, "EDGECNN_CACHE": str(self.work / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        start = time.monotonic()
        try:
            done = subprocess.run(words, capture_output=True, text=True, errors="replace", env=env, cwd=ROOT, timeout=self.timeout, check=False)
        except subprocess.TimeoutExpired:
            return Command(None, "", f"took longer than {self.timeout:g} s", self.timeout)
        return Command(done.returncode, done.stdout, done.stderr, round(time.monotonic() - start, 1))


def _row(done: Command) -> dict[str, Any]:
    return {"code": done.code, "line": "" if done.code == 0 else done.line, "seconds": done.seconds}


def options_of(row: Mapping[str, Any]) -> list[str]:
    """The options that the export of a row needed."""
    return list(row.get("export", {}).get("options", ()))
