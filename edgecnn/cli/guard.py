"""Between a command and the shell: silence for what native libraries log, one line for what goes wrong, an exit code for all of it."""

from __future__ import annotations

import codecs
import contextlib
import io
import logging
import os
import select
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator

from edgecnn.cli.terminal import SafeStream
from edgecnn.errors import EdgeCNNError
from edgecnn.untrusted import printable

DEBUG = "EDGECNN_DEBUG"
BUG = 70  # EX_SOFTWARE of sysexits.h


class _Terminated(BaseException):
    """SIGTERM came."""


def guarded(action: Callable[[], int]) -> int:
    """Run `action` and return its exit code, or the code of what it raised. With EDGECNN_DEBUG set, logs and tracebacks are shown."""
    _open_closed_streams()
    try:
        with _any_letter(sys.stdout), _quiet(), _terminable(), _printable_streams():
            code = _finished(action)
            sys.stdout.flush()
            return code
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            _settle_stdout()
            return 141
        code, message = _explain(error)
        if os.environ.get(DEBUG):
            traceback.print_exc()
        with contextlib.suppress(OSError):
            print("edgecnn: " + printable(" ".join(message.split())), file=sys.stderr, flush=True)
        _settle_stdout()
        return code


@contextlib.contextmanager
def _printable_streams() -> Iterator[None]:
    """Put streams that spell out control characters in front of stdout and stderr."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (SafeStream(stream) for stream in before)  # type: ignore[assignment]
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _open_closed_streams() -> None:
    """Give Python the streams that the shell closed (`>&-`), lest the next file that is opened becomes descriptor 1 or 2."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


@contextlib.contextmanager
def _any_letter(stream: object) -> Iterator[None]:
    """Let a stream take letters that its encoding lacks, as in LANG=C: they are written as numbers, and file names that are no text as they are."""
    if not isinstance(stream, io.TextIOWrapper):
        yield
        return
    codecs.register_error("edgecnn", _spelt_out)
    before = stream.errors
    stream.reconfigure(errors="edgecnn")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            stream.reconfigure(errors=before)


def _spelt_out(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes for what cannot be encoded: those behind a surrogate, else an escape such as \\xfc."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return b"".join(bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else c.encode("ascii", "backslashreplace") for c in part), error.end


def _finished(action: Callable[[], int]) -> int:
    try:
        return action()
    except SystemExit as stop:  # argparse after --help
        return int(stop.code or 0)


def _explain(error: BaseException) -> tuple[int, str]:
    """Exit code and message of an exception."""
    if isinstance(error, EdgeCNNError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, "stopped by Ctrl-C"
    if isinstance(error, _Terminated):
        return 143, "stopped by SIGTERM"
    if isinstance(error, MemoryError):
        return 2, "not enough memory; try a smaller --image-size, --batch-size or --count"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return 2, f"{where}{(error.strerror or str(error)).lower()}"
    return BUG, f"a bug in edgecnn, please report it ({type(error).__name__}: {error}); run again with {DEBUG}=1 to see where"


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that nobody reads, as under `edgecnn list | head -1`."""
    with contextlib.suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLERR)
        return bool(poll.poll(0))
    return False


def _settle_stdout() -> None:
    """Flush stdout; where that fails, point it at nothing, or the interpreter would complain a second time when it flushes at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the terminal for edgecnn: what TensorFlow, LiteRT and their drivers write to file descriptor 2 from C++ goes nowhere.

    XNNPACK's "Created TensorFlow Lite XNNPACK delegate" and CUDA's registration errors ignore every log level, hence the descriptor.
    Python's own sys.stderr keeps the terminal through a copy of it.
    """
    if os.environ.get(DEBUG):
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), _swapped_stderr():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def _swapped_stderr() -> Iterator[None]:
    python_stderr, copy = sys.stderr, os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    if _writes_to(python_stderr, 2):
        sys.stderr = open(copy, "w", buffering=1, encoding=python_stderr.encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = python_stderr
        os.dup2(copy, 2)
        os.close(copy)


def _writes_to(stream: object, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that half-written files are removed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def stop(number: int, frame: object) -> None:
        if os.getpid() != owner:  # a forked worker, ended by its pool
            os._exit(128 + number)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
