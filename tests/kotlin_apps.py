"""A Kotlin compiler and JUnit for tests of the Android bundle: from the npm registry and Debian's packages, kept under EDGECNN_TEST_ENVIRONMENTS."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

COMPILER, PACKAGES = "kotlin-compiler@2.4.20", ("junit4", "libhamcrest-java", "libandroid-json-java")
PATIENCE = 900  # seconds


class Kotlin:
    """Compiles and runs.

    Attributes:
        home: of the compiler.
        jars: JUnit, Hamcrest and org.json.
    """

    def __init__(self, home: Path, jars: list[Path]) -> None:
        self.home, self.jars = home, jars

    def compiled(self, sources: list[Path], out: Path, *more: str) -> Path:
        """Class files of sources; fails with what the compiler says, warnings included."""
        words = [*self._java("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"), "-kotlin-home", str(self.home), "-Werror", *more]
        words += ["-cp", ":".join(str(jar) for jar in self.jars), "-d", str(out), *(str(path) for path in sources)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr[-4000:]
        return out

    def junit(self, classes: Path, test: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a test class with `folder` as its working folder."""
        return self.run(classes, "org.junit.runner.JUnitCore", test, folder=folder)

    def run(self, classes: Path, main: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a class's main function."""
        path = ":".join(str(one) for one in (classes, self.home / "lib" / "kotlin-stdlib.jar", *self.jars))
        return subprocess.run(["java", "-cp", path, main, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def _java(self, main: str) -> list[str]:
        return ["java", "-Xmx1500m", "-cp", ":".join(str(jar) for jar in sorted((self.home / "lib").glob("kotlin*.jar"))), main]


def kotlin(folder: Path) -> Kotlin:
    """The compiler, got when it is first asked for. Skips where there is no Java, or where the packages cannot be had."""
    for program in ("java", "npm", "apt-get", "dpkg"):
        if not shutil.which(program):
            pytest.skip(f"no {program} here: the Android bundle is not compiled")
    place = Path(os.environ.get("EDGECNN_TEST_ENVIRONMENTS") or folder) / COMPILER.replace("@", "-")
    if not (place / "ready").exists():
        place.mkdir(parents=True, exist_ok=True)
        _get(place, "npm", "install", "--prefix", str(place), "--ignore-scripts", "--no-audit", "--no-fund", COMPILER)
        _get(place, "apt-get", "download", *PACKAGES)
        for package in place.glob("*.deb"):
            _get(place, "dpkg", "-x", str(package), str(place / "debian"))
        (place / "ready").touch()
    found = {path.name: path for path in (place / "debian" / "usr" / "share" / "java").glob("*.jar")}
    return Kotlin(place / "node_modules" / "kotlin-compiler", [found[name] for name in ("junit4.jar", "hamcrest.jar", "com.android.json.jar")])


def _get(place: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        pytest.skip(f"{' '.join(words[:2])} does not work here, so the Android bundle is not compiled: {done.stderr.strip().splitlines()[-1]}")
