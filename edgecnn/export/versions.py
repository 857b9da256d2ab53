"""Versions of operators as the runtime reads them: what an operator's types and options need, and no operator that is not used.

A quantizer changes the types of operators and leaves their versions: a file would then say that a runtime of years ago runs it, which would refuse it late or
compute something else.
"""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from edgecnn.export import flatbuffer
from edgecnn.runtime import oldest

# Name of the entry of the file format that holds the oldest release, in 16 bytes.
ENTRY, SIZE = "min_runtime_version", 16


def settle(model: schema.ModelT) -> None:
    """Set versions and the entry for the oldest release, and drop operator codes that nothing uses: runtimes look for their kernels too."""
    operators = [(graph, operator) for graph in model.subgraphs for operator in graph.operators or ()]
    used = sorted({operator.opcodeIndex for _, operator in operators})
    place = {old: new for new, old in enumerate(used)}
    for graph, operator in operators:
        code = model.operatorCodes[operator.opcodeIndex]
        code.version = max(code.version, oldest.version(model, graph, operator))
    for _, operator in operators:
        operator.opcodeIndex = place[operator.opcodeIndex]
    model.operatorCodes = [model.operatorCodes[old] for old in used]
    needs = oldest.tflite(model)
    first = oldest.newest(needs)
    if first is None or not all(need.release for need in needs):
        flatbuffer.set_entries(model, {}, (ENTRY,))
    else:
        flatbuffer.set_entries(model, {ENTRY: _padded(first.release)})


def _padded(release: str) -> bytes:
    """`2.3` as the converter writes it: 2.3.0 and zeros."""
    return (release if release.count(".") > 1 else f"{release}.0").encode().ljust(SIZE, b"\0")
