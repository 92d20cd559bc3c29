"""The entry point of the command line: how a command ends.

Exit codes: 0 done, 1 failed, 2 wrong usage. Every error is one line, `error: ...`, on stderr;
`--verbose` adds the trace. An interrupted command cleans up and ends by the signal it got, so that
shells and schedulers see what happened.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class _Interrupted(BaseException):
    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the return value is the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    verbose = "--verbose" in arguments
    try:
        with _interruptible():
            return _run(arguments)
    except _Interrupted as error:
        _say(f"interrupted by {error}; nothing was written", error, verbose=verbose)
        sys.stderr.flush()
        signal.signal(error.number, signal.SIG_DFL)
        os.kill(os.getpid(), error.number)
        return 1


def _run(arguments: list[str]) -> int:
    verbose = "--verbose" in arguments
    try:
        import click
        import pyarrow  # noqa: F401
    except ImportError as error:
        _say(
            'the command line needs pyarrow and click: pip install "fastscore-engine[arrow]"',
            error,
            verbose=verbose,
        )
        return 1
    from fastscore import FastscoreError
    from fastscore._commands import commands

    try:
        code = commands.main(arguments, prog_name="fastscore", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "fastscore"
        _say(
            f"{error.format_message()} (`{command} --help` shows examples)", error, verbose=verbose
        )
        return 2
    except click.ClickException as error:
        _say(error.format_message(), error, verbose=verbose)
        return error.exit_code
    except BrokenPipeError:
        # Who reads our output has gone: nothing is left to say, also not while Python shuts down.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except FastscoreError as error:
        _say(str(error), error, verbose=verbose)
        return 1
    except OSError as error:
        named = error.filename is not None and error.strerror is not None
        _say(f"{error.filename}: {error.strerror}" if named else str(error), error, verbose=verbose)
        return 1
    except MemoryError as error:
        _say("out of memory: try a smaller --batch-rows", error, verbose=verbose)
        return 1
    except Exception as error:
        hint = "" if verbose else " (--verbose shows where)"
        # A value that is refused says why; of other exceptions the kind is the best that is known.
        kind = "" if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: "
        _say(f"{kind}{error}{hint}", error, verbose=verbose)
        return 1
    return int(code or 0)


def _say(message: str, error: BaseException, *, verbose: bool) -> None:
    if verbose:
        traceback.print_exception(error)
    print("error:", " ".join(message.split()), file=sys.stderr)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn the signals that end a process into an exception, once, so that commands clean up."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise _Interrupted(number)

    # A signal that is ignored (nohup) stays so.
    ours = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, interrupt)) for number in ours]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
