"""A phone on the end of adb, Android's debug bridge: https://developer.android.com/tools/adb"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgecnn.errors import BadFile, BadSetting

# The folder that a shell of adb may write to and run programs in.
FOLDER = "/data/local/tmp"
TOOL = f"{FOLDER}/benchmark_model"
WHERE = "https://ai.google.dev/edge/litert/models/measurement has it ready-made"

_PATIENCE = 600  # seconds for one command
_END = "edgecnn exit code "


@dataclass(frozen=True)
class Device:
    """A phone: path of adb, serial number, its name and system."""

    adb: str
    serial: str
    model: str = ""
    system: str = ""

    def shell(self, command: str) -> tuple[int, str]:
        """Exit code and everything that a command printed on the phone; old systems hand on no exit code of their own, so it is asked for."""
        said = _call([self.adb, "-s", self.serial, "shell", f'{command}; echo "{_END}$?"']).replace("\r", "")
        text, mark, code = said.rpartition(_END)
        if not mark or not code.strip().isdigit():
            raise BadFile(f"{self.serial} broke off: {_last(said)}; unlock the phone, look at its cable and try again")
        return int(code), text

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the phone; BadFile where adb says no."""
        try:
            _call([self.adb, "-s", self.serial, "push", str(local), remote], check=True)
        except BadFile as error:
            raise BadFile(f"{local} could not be pushed to {self.serial}: {error}; make room on the phone") from None


def connected(serial: str | None = None) -> Device:
    """The phone with this serial number, or the only one.

    Raises:
        BadSetting: no adb, no phone, several phones, none of that number, or one that does not let itself be used.
    """
    adb = shutil.which("adb")
    if adb is None:
        raise BadSetting("adb is not there; install Android's platform-tools (https://developer.android.com/tools/releases/platform-tools) and put it on PATH")
    lines = [line.split() for line in _call([adb, "devices"]).splitlines()]
    states = {words[0]: words[1] for words in lines if len(words) == 2 and words[0] != "*"}
    if not states:
        raise BadSetting("adb sees no phone; connect one, and switch USB debugging on in its developer options")
    if serial is None and len(states) > 1:
        raise BadSetting(f"adb sees {len(states)} phones, {', '.join(sorted(states))}; name one with --serial")
    chosen = next(iter(states)) if serial is None else serial
    if chosen not in states:
        raise BadSetting(f"adb sees no phone {chosen}; it sees {', '.join(sorted(states))}")
    if states[chosen] != "device":
        raise BadSetting(f"the phone {chosen} is {states[chosen]}, expected device; unlock it and allow USB debugging")
    plain = Device(adb, chosen)
    maker, model, release = (plain.shell(f"getprop {name}")[1].strip() for name in ("ro.product.manufacturer", "ro.product.model", "ro.build.version.release"))
    name = model if model.lower().startswith(maker.lower()) else f"{maker} {model}"
    return Device(adb, chosen, name, f"Android {release}")


def prepared(device: Device, tool: Path | None) -> None:
    """Make sure that benchmark_model is on the phone and runs: `tool`, if given, is pushed there.

    Raises:
        BadFile: it is not there, or may not be run.
    """
    if tool is not None:
        device.push(tool, TOOL)
        device.shell(f"chmod 755 {TOOL}")
    if device.shell(f"test -e {TOOL}")[0]:
        raise BadFile(f"{TOOL} is not on the phone {device.serial}; give --tool benchmark_model, the program for its processor: {WHERE}")
    if device.shell(f"test -x {TOOL}")[0]:
        raise BadFile(f"{TOOL} may not be run on the phone {device.serial}; push it again with --tool benchmark_model, or adb shell chmod 755 {TOOL}")


def _call(command: list[str], *, check: bool = False) -> str:
    """Both streams of a command of adb; with `check`, a failure raises."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise BadFile(f"adb did not answer within {_PATIENCE} s ({' '.join(command[1:4])}); look at the phone and its cable") from None
    except OSError as error:
        raise BadSetting(f"{command[0]} does not run: {error.strerror}; install Android's platform-tools again") from error
    said = done.stdout.decode("utf-8", "replace")
    if check and done.returncode:
        raise BadFile(_last(said))
    return said


def _last(text: str) -> str:
    """The last line that says something."""
    return next((line.strip()[:200] for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
