"""The exceptions of fastscore. The extension module raises them by name."""


class FastscoreError(Exception):
    """Base of every error that fastscore raises on purpose."""


class UnsupportedModelError(FastscoreError, NotImplementedError):
    """The model can't be imported exactly; the message names the cause and what would work."""


class ModelFormatError(FastscoreError, ValueError):
    """A model file is damaged, contradictory, or newer than this version."""


class TooWideError(ModelFormatError):
    """A model has more columns than any may have; importers say what that means for theirs."""

    most: int
    """The limit."""


class SchemaError(FastscoreError, ValueError):
    """The data's columns do not fit the model: missing, ambiguous, of a type not scored."""


class MissingValueError(FastscoreError, ValueError):
    """The data has missing values where the source model refuses them."""


class NonFiniteValueError(FastscoreError, ValueError):
    """The data has infinities, or values beyond the float width, where the source refuses them."""


class UnknownCategoryError(FastscoreError, ValueError):
    """The data has a category that the model does not know, where the policy is to raise."""


def _own(error: type[FastscoreError]) -> None:
    """Say where users find an error and those derived of it, which is what a trace shows."""
    error.__module__ = "fastscore"
    for each in error.__subclasses__():
        _own(each)


_own(FastscoreError)
