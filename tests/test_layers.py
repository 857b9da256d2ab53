"""The house keeps its order: imports run to the left only, doors stay light, and every row of a table is reachable."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from helpers import ROOT, python

from edgecnn.cli import COMMANDS
from edgecnn.cli.parser import Parser
from edgecnn.schemes import SCHEMES

ORDER = (
    "door", "errors", "untrusted", "files", "papers", "catalog", "schemes", "settings", "resize_rules", "card", "progress", "statistics", "labels", "zoo",
    "arch", "formats", "runtime", "packing", "data", "sources", "predict", "train", "compress", "export", "validate", "optimize", "bundle",
    "__init__", "cli", "__main__",
)  # fmt: skip
HEAVY = (
    "tensorflow", "tensorflow_model_optimization", "tf_keras", "keras", "jax", "torch", "onnx", "onnxruntime", "ai_edge_litert", "ai_edge_quantizer", "numpy",
    "PIL", "matplotlib",
)  # fmt: skip
PACKAGE = ROOT / "edgecnn"
SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Modules of the package that these nodes import, those named in strings (the tables of the doors) included."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in MODULES and "." in node.value:
            yield node.value


def at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: no function bodies, nothing under `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Constant):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_to_the_left(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    own = layer(module)
    assert own in ORDER, f"{module} has no place in the order of layers: give it one"
    wrong = {other for other in imported(ast.walk(tree)) if layer(other) != own and ORDER.index(layer(other)) > ORDER.index(own)}
    assert not wrong, f"{module} imports {sorted(wrong)}, which lie to its right"


def test_no_cycles() -> None:
    graph = {module: set(imported(at_module_level(ast.parse(path.read_text())))) - {module} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import one another in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) in ("arch", "data", "train")])
def test_training_never_imports_tensorflow(module: str) -> None:
    """Training runs on JAX and PyTorch where TensorFlow is not installed."""
    assert not re.search(r"^\s*(import|from)\s+(tensorflow|tf_keras)\b", MODULES[module].read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "code",
    [
        "import edgecnn, edgecnn.cli",
        "from edgecnn import arch, data, runtime, train, export, validate",
        "from edgecnn.cli import main; main(['--help'])",
        "from edgecnn.cli import main; main(['list'])",
        "from edgecnn.cli import main; main(['train', '--help'])",
        "from edgecnn.cli import main; main(['info', 'mobilenet', '--layers', '0'])",
    ],
)
def test_loads_nothing_heavy(code: str) -> None:
    loaded = python(f"{code}\nimport sys; print('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))").splitlines()[-1]
    assert loaded == "loaded:"


def test_every_verb_can_be_called_again_and_again() -> None:
    """Python binds `edgecnn.train` to the package of that name as soon as it is imported, so the package must be callable too."""
    code = "import edgecnn; print(all(callable(getattr(edgecnn, name)) for _ in range(2) for name in edgecnn.__all__ if name != '__version__'))"
    assert python(code) == "True\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_file_and_help(name: str) -> None:
    command = importlib.import_module(f"edgecnn.cli.commands.{name}")
    parser = Parser(prog=f"edgecnn {name}", description=command.__doc__)
    command.add(parser)
    assert command.__doc__
    assert all(action.help for action in parser._actions), [action.dest for action in parser._actions if not action.help]


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_has_a_flag(name: str) -> None:
    from edgecnn.cli.commands import export

    parser = Parser(prog="edgecnn export", description=None)
    export.add(parser)
    assert parser.parse_args(["model", f"--{name}"]).schemes == [name]


# One name a line.
TABLES = ("formats/keras/allowed.py",)


@pytest.mark.parametrize("path", [path for path in SOURCES if not str(path).endswith(TABLES)], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 280
