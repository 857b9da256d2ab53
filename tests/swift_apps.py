"""A Swift compiler for tests of the iOS bundle: Debian's, in a Debian 13 of its own, kept under EDGECNN_TEST_ENVIRONMENTS. 440 MB to fetch, 3 GB unpacked."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PACKAGES = ("swiftlang", "libc6-dev", "libstdc++-14-dev")
MIRROR, PATIENCE = "http://deb.debian.org/debian", 1800  # seconds
# Those that need neither Apple's frameworks nor a runtime for networks.
PLAIN = ("Model.swift", "Pixels.swift", "Labels.swift", "Golden.swift")


class Swift:
    """Compiles and runs.

    Attributes:
        root: of the Debian that has the compiler.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def compiled(self, app: Path) -> Path:
        """A program of a bundle's plain sources and Cases.swift; fails with what the compiler says, warnings included."""
        folder = Path(tempfile.mkdtemp(dir=self.root / "tmp"))
        for path in app.rglob("*.swift"):
            if path.name in PLAIN:
                shutil.copy(path, folder)
        shutil.copy(Path(__file__).with_name("Cases.swift"), folder / "main.swift")
        sources = [self._inside(path) for path in sorted(folder.glob("*.swift"))]
        done = self._run("swiftc", "-O", "-warnings-as-errors", "-o", self._inside(folder / "program"), *sources)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return folder / "program"

    def version(self) -> subprocess.CompletedProcess[str]:
        """What the compiler says of itself."""
        return self._run("swiftc", "--version")

    def run(self, program: Path, word: str, *folders: Path) -> subprocess.CompletedProcess[str]:
        """Run a program on copies of folders, which come back as the program left them."""
        inside = [Path(shutil.copytree(folder, program.parent / f"{word}-{i}", dirs_exist_ok=True)) for i, folder in enumerate(folders)]
        done = self._run(self._inside(program), word, *map(self._inside, inside))
        for copy, folder in zip(inside, folders, strict=True):
            shutil.copytree(copy, folder, dirs_exist_ok=True)
        return done

    def _inside(self, path: Path) -> str:
        return f"/{path.relative_to(self.root)}"

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        # The compiler finds its own parts by /proc, which is lent to it alone.
        script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"'
        words = ("unshare", "--mount", "sh", "-c", script, str(self.root), *words)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)


def swift(folder: Path) -> Swift:
    """The compiler, got when it is first asked for. Skips where this user may not make a Debian, or where the packages cannot be had."""
    if os.geteuid() != 0 or not all(shutil.which(program) for program in ("apt-get", "dpkg", "chroot", "unshare")):
        pytest.skip("not root on a Debian: no Swift compiler can be had here, so the iOS bundle is not compiled")
    place = Path(os.environ.get("EDGECNN_TEST_ENVIRONMENTS") or folder) / "swift-debian13"
    root = place / "root"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        _get(place, "apt-get", "download", "debootstrap")
        _get(place, "dpkg", "-x", str(next(place.glob("debootstrap*.deb"))), str(place / "debian"))
        tool = place / "debian" / "usr" / "sbin" / "debootstrap"
        _get(place, str(tool), "--variant=minbase", "trixie", str(root), MIRROR, DEBOOTSTRAP_DIR=str(place / "debian" / "usr" / "share" / "debootstrap"))
        shutil.copy("/etc/resolv.conf", root / "etc")
        _get(place, "chroot", str(root), "apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES, DEBIAN_FRONTEND="noninteractive")
        (place / "ready").touch()
    found = Swift(root)
    tried = found.version()
    if tried.returncode:
        pytest.skip(f"the Swift compiler does not start here, so the iOS bundle is not compiled: {tried.stderr.strip()[-200:]}")
    return found


def _get(place: Path, *words: str, **variables: str) -> None:
    done = subprocess.run(words, cwd=place, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        pytest.skip(f"{' '.join(words[:2])} does not work here, so the iOS bundle is not compiled: {said[-1] if said else done.returncode}")
