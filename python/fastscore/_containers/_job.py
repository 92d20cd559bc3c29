"""What a container's adapter is handed: run the model on a table, get the output back."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastscore import _core
from fastscore._layout import Layout


class Job(NamedTuple):
    """One call: a model, an output and the arguments that go with them."""

    core: _core.Model
    layout: Layout
    threads: int | None
    missing: str

    @property
    def propagate(self) -> bool:
        """Whether rows that the source would refuse become null."""
        return self.missing == "propagate"

    def run(self, table: _core.Table) -> "Result":
        """Score a table."""
        scores = self.core.score(table, self.layout.output, self.threads, self.missing)
        return Result(scores, self.layout, self.missing)

    def run_few(self, matrix: NDArray[Any], names: list[str] | None) -> "Result | None":
        """Score a few rows of numbers, in columns of these names; None where that takes `run`."""
        scores = self.core.score_few_named(
            matrix, names, self.layout.output, self.threads, self.missing
        )
        return None if scores is None else Result(scores, self.layout, self.missing)

    def run_few_python(self, data: object) -> "Result | None":
        """Score a small dict of arrays or list of dicts; None where that takes `run`."""
        scores = self.core.score_few_python(data, self.layout.output, self.threads, self.missing)
        return None if scores is None else Result(scores, self.layout, self.missing)

    def run_arrow(self, data: Any) -> "Result":
        """Score an object with Arrow capsules, whose columns are a table's."""
        scores = self.core.score_arrow(data, self.layout.output, self.threads, self.missing)
        return Result(scores, self.layout, self.missing)


class Result(NamedTuple):
    """The scores of one call."""

    scores: _core.Scores
    layout: Layout
    missing: str

    def numpy(self) -> Any:
        """As `Layout.numpy`."""
        return self.layout.numpy(self.scores, self.missing)

    def columns(self) -> list[tuple[str, NDArray[Any]]]:
        """Every column with its name, over all targets."""
        return self.layout.columns(self.scores, self.missing)
