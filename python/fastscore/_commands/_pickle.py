"""Pickles, which the command line opens where it is told to: they run code."""

import pickle
from typing import Any

from fastscore._jobs import JobError
from fastscore._sniff import is_pickle


def is_pickle_file(file: str) -> bool:
    """Whether a file is a pickle, by its name or its content."""
    with open(file, "rb") as opened:
        return is_pickle(file, opened.read(1 << 16))


def unpickle(file: str) -> Any:
    """Return what a pickle holds, which runs its code."""
    try:
        try:
            import joblib
        except ImportError:
            with open(file, "rb") as opened:
                return pickle.load(opened)
        return joblib.load(file)
    except ModuleNotFoundError as error:
        raise JobError(
            f"{file} needs the module {error.name!r}: "
            "run this in the environment where the model was made"
        ) from error
    except Exception as error:
        raise JobError(f"{file} can't be unpickled: {type(error).__name__}: {error}") from error
