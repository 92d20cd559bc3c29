"""What a container's adapter is handed: run the model on a table, get the output back."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from fastscore import _core
from fastscore._layout import Layout


@dataclass(frozen=True, slots=True)
class Job:
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


@dataclass(frozen=True, slots=True)
class Result:
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
