"""The machine and the versions behind a figure."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from edgecnn.validate.report import Host

PACKAGES = ("edgecnn", "numpy", "ai-edge-litert", "onnxruntime", "keras", "tensorflow")


def this_host() -> Host:
    """Describe the machine that this runs on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Host(platform.machine(), f"{platform.system()} {platform.release()}", _processor(), cores, _versions())


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
