"""Measure every model in models/ and write what was found into models/README.md and, in short, into README.md.

    EDGECNN_DATA=FOLDER python tools/results.py                    every model
    EDGECNN_DATA=FOLDER python tools/results.py sign-digits/mobilenet    this one; the rows of the others stay

Each model's files are validated against it on the whole test split of its data set: nothing in the tables comes from elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import markdown
import zoo_table

from edgecnn import card as cards
from edgecnn import zoo
from edgecnn.cli.guard import guarded
from edgecnn.cli.progress import progress
from edgecnn.errors import BadFile
from edgecnn.schemes import SCHEMES
from edgecnn.validate import validate
from edgecnn.validate.report import Group, Report, Row

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Validate the models named, or all, then write both files; what stands there of other models stays."""
    chosen = sys.argv[1:] or zoo.names()
    long, short = (_standing(path, mark) for path, mark in ((zoo.FOLDER / "README.md", "models"), (ROOT / "README.md", "results")))
    sections = dict(zip((text.partition("\n")[0] for text in long.split("### ")[1:]), (f"### {text}" for text in long.split("### ")[1:]), strict=True))
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in short.splitlines()[2:]]
    for name in chosen:
        group, report = _measured(name)
        sections[name] = _section(name, zoo.FOLDER / f"{name}.keras", group, report)
        lines = [line for line in lines if line[0] != name] + _short(name, group)
    known = zoo.names()
    kept = [sections[name].strip() + "\n" for name in known if name in sections]
    markdown.replace_between(zoo.FOLDER / "README.md", "models", "\n".join(kept))
    head = ("model", "file", "test pictures", "top-1 (95 %)", "change (95 %)", "agreement", "bytes")
    lines = sorted((line for line in lines if line[0] in known), key=lambda line: known.index(line[0]))
    markdown.replace_between(ROOT / "README.md", "results", markdown.table(head, lines))
    return zoo_table.main()


def _standing(path: Path, mark: str) -> str:
    """What stands between the marks now."""
    text = path.read_text(encoding="utf-8")
    return text.partition(f"<!-- {mark}:begin")[2].partition("-->")[2].partition("<!--")[0].strip()


def _measured(name: str) -> tuple[Group, Report]:
    """A model's files validated against it."""
    model = zoo.FOLDER / f"{name}.keras"
    found = sorted(path for path in model.parent.glob(f"{model.stem}*") if path.suffix in (".tflite", ".onnx") and _is_export(path, model.stem))
    if not found:
        raise BadFile(f"{model} has no exports beside it; make them with: edgecnn export {name} --all")
    report = validate(found, progress=progress())
    (group,) = report.groups
    return group, report


def _is_export(path: Path, stem: str) -> bool:
    return path.stem == stem or path.stem.removeprefix(f"{stem}_") in SCHEMES


def _section(name: str, model: Path, group: Group, report: Report) -> str:
    card = cards.read(model)
    about, host = group.pictures, report.host
    arguments = ", ".join(f"{key} {value}" for key, value in card.arguments.items())
    threads = [latency.threads for latency in group.rows[0].latencies]
    head = ["file", "top-1", "95 %", "change", "95 %", "agreement", "bytes", "gzip", *(f"ms, {t} thread{'s' * (t > 1)}" for t in threads)]
    table = markdown.table(head, [_cells(row) for row in (group.original, *group.rows)])
    versions = ", ".join(f"{package} {number}" for package, number in host.versions.items())
    return (
        f"### {name}\n\n{card.architecture} ({arguments}), {about.height}x{about.width} pixels. Data set {about.data}, {about.split} split, "
        f"{about.count} pictures in {about.classes} classes (digest {about.digest[:12]}).\n\n{table}\n\n"
        f"Measured {report.made[:10]} on {host.processor or host.machine}, {host.cores} cores; {versions}.\n"
    )


def _cells(row: Row) -> list[str]:
    return [
        Path(row.file).name,
        _percent(row.top1.value),
        f"{_percent(row.top1.low)} to {_percent(row.top1.high)}",
        f"{100 * row.change.value:+.2f}" if row.change else "",
        f"{100 * row.change.low:+.2f} to {100 * row.change.high:+.2f}" if row.change else "",
        _percent(row.agreement.value) if row.agreement else "",
        f"{row.bytes:,}",
        f"{row.gzip_bytes:,}",
        *(f"{1000 * latency.median:.3g}" for latency in row.latencies),
    ]


def _short(name: str, group: Group) -> list[list[str]]:
    """The rows of README.md: the original, and its float32 and int8 files."""
    chosen = [row for row in (group.original, *group.rows) if row.scheme in ("", "float32", "int8")]
    lines = []
    for row in chosen:
        change = f"{100 * row.change.value:+.2f} ({100 * row.change.low:+.2f} to {100 * row.change.high:+.2f})" if row.change else ""
        top1 = f"{_percent(row.top1.value)} ({_percent(row.top1.low)} to {_percent(row.top1.high)})"
        agreement = f"{_percent(row.agreement.value)} %" if row.agreement else ""
        file, pictures = Path(row.file).name, f"{group.pictures.count} of {group.pictures.data}"
        lines.append([name, file, pictures, top1, change, agreement, f"{row.bytes:,}"])
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    sys.exit(guarded(main))
