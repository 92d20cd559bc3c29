"""The extension module: Arrow capsules, NumPy arrays, the portable model and its scoring."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from numpy.typing import NDArray

__all__ = [
    "FEW_ROWS",
    "INTERFACE",
    "Dictionary",
    "Model",
    "ScoreColumn",
    "ScoreStream",
    "Scores",
    "Table",
    "__version__",
    "objects",
    "onnx",
    "simd_level",
    "text",
    "thread_count",
]

__version__: str
INTERFACE: int
"""The number of what the Python sources and the extension expect of each other."""
FEW_ROWS: int
"""The most rows that go by the short way."""

@final
class Model:
    """A validated portable model with its plan. Immutable, shared by threads."""

    @staticmethod
    def from_parts(spec: str, tensors: Mapping[str, NDArray[Any]], /) -> Model:
        """Build from the structure of docs/model-format.md (key `model`) and its tensors."""

    @staticmethod
    def from_bytes(data: bytes, /) -> Model:
        """Read the `.fscore` format."""

    @staticmethod
    def from_file(path: str, /) -> Model:
        """Read an `.fscore` file without ever holding it and the model whole."""

    @staticmethod
    def from_lightgbm(text: str, options: str, /) -> Model:
        """Translate LightGBM model text; `options`: see fastscore/importers/lightgbm.py."""

    @staticmethod
    def from_xgboost(data: bytes, options: str, /) -> Model:
        """Translate an XGBoost model file; `options`: see fastscore/importers/xgboost.py."""

    @staticmethod
    def from_catboost(data: bytes, options: str, /) -> Model:
        """Translate a .cbm file or JSON; `options`: see fastscore/importers/catboost.py."""

    def to_bytes(self) -> bytes:
        """Write the `.fscore` format: the same bytes for the same model."""

    def polars_arguments(
        self, output: str, missing: str, threads: int | None, /
    ) -> dict[str, str | bytes]:
        """Return the keyword arguments of the Polars plugin, the model's bytes among them."""

    @property
    def rewrites_names(self) -> bool:
        """Whether a column matches by its name with `_` for white space, as of LightGBM."""

    @property
    def spec(self) -> str:
        """The structure as JSON, as `from_parts` takes it."""

    @property
    def n_features(self) -> int: ...
    @property
    def feature_names(self) -> list[str] | None: ...
    @property
    def features_read(self) -> list[bool]:
        """Per feature: whether any step reads it."""

    def classes(self, target: int, /) -> list[Any] | None:
        """Return the class labels of a target as Python values, or None."""

    @property
    def reads_bare_codes(self) -> bool:
        """Whether the model reads codes of categories that it does not know."""

    @property
    def encoded(self) -> list[int]:
        """The features whose columns hold values that become numbers."""

    def categories(self, feature: int, /) -> list[Any] | None:
        """Return the values that an encoded feature knows, or None."""

    def column_names(self, output: str, /) -> list[list[str]]:
        """Names of the output's columns, a list a target. ValueError when it lacks that output."""

    def explain(self) -> str:
        """Return the plan as text: steps, engines and why."""

    def score(self, table: Table, output: str, threads: int | None, missing: str, /) -> Scores: ...
    def score_few(
        self, data: object, output: object, threads: object, missing: object, /
    ) -> NDArray[Any] | None:
        """Score a few rows of a plain matrix of numbers.

        None where it is no such matrix, or where anything else is out of the ordinary.
        """

    def score_few_named(
        self,
        data: object,
        names: list[str] | None,
        output: object,
        threads: object,
        missing: object,
        /,
    ) -> Scores | None:
        """`score_few` of a matrix whose columns have names, for other containers than NumPy's."""

    def score_few_python(
        self, data: object, output: object, threads: object, missing: object, /
    ) -> Scores | None:
        """`score_few` of a dict of plain 1-D arrays, or of a list of dicts of numbers and None."""

    def score_arrow(self, data: Any, output: str, threads: int | None, missing: str, /) -> Scores:
        """`score` of an object with `__arrow_c_stream__` or `__arrow_c_array__` (struct type)."""

    def score_stream(
        self, data: Any, output: str, threads: int | None, missing: str, /
    ) -> ScoreStream:
        """Score an object with `__arrow_c_stream__` as it is read; SchemaError at once."""

    def score_matrix(
        self, x: NDArray[Any], output: str, threads: int | None, missing: str, /
    ) -> Scores:
        """`score` of a 2-D array without names, by the shortest way."""

@final
class Table:
    """Columns to score: borrowed from Arrow or NumPy, never copied."""

    @staticmethod
    def from_arrow(data: Any, /) -> Table:
        """From an object with `__arrow_c_stream__` or `__arrow_c_array__` (struct type)."""

    @staticmethod
    def from_matrix(
        x: NDArray[Any], names: Sequence[str] | None = None, typeless: bool = True, /
    ) -> Table:
        """From a 2-D array of a numeric or bool dtype.

        `typeless`: numbers of encoded features are what the model's `matrix` rule says.
        """

    @staticmethod
    def from_columns(
        names: Sequence[str] | None, columns: Sequence[Any], n_rows: int, typeless: bool = False, /
    ) -> Table:
        """Build from columns of several kinds.

        A column is a 1-D numeric or bool ndarray, a pair (ndarray, bool ndarray: True where null),
        an object with `__arrow_c_array__` or `__arrow_c_stream__`, a pair (str, such an object)
        where its type has a name of its own, a `Dictionary`, or a str: the name of a type that
        can't be scored (SchemaError only if the model uses that column).
        """

    @staticmethod
    def from_arrays(columns: dict[Any, Any], /) -> Table | None:
        """From a dict of plain 1-D arrays of numbers; None where it is anything else."""

    @staticmethod
    def from_csr(
        indptr: NDArray[Any],
        indices: NDArray[Any],
        data: NDArray[Any],
        n_columns: int,
        names: Sequence[str] | None = None,
        /,
    ) -> Table: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def addresses(self) -> list[list[int]]:
        """Where each column's values lie, a number a chunk; none of categories."""

    @property
    def num_columns(self) -> int: ...

@final
class Dictionary:
    """A column of keys into a list of values; a key below 0 is null."""

    def __new__(cls, keys: NDArray[Any], values: Any, type_name: str, /) -> Dictionary:
        """`values`: a column of `Table.from_columns`, without keys of its own."""

@final
class Scores:
    """One output of a model: a group of columns a target."""

    @property
    def num_rows(self) -> int: ...
    @property
    def names(self) -> list[list[str]]: ...
    def arrays(self) -> list[NDArray[Any]]:
        """Per target an array of shape (columns, rows).

        float64, or int32 for leaves and for class codes (an index into `Model.classes(target)`).
        """

    def codes(self) -> bool:
        """Whether the arrays hold class codes."""

    def null_mask(self) -> NDArray[Any] | None:
        """Bool (rows,): True where missing="propagate" made the row null; None if there is none."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Return a struct array of all columns, labels as values. Zero-copy for numbers."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def column(self, index: int, /) -> ScoreColumn:
        """One column (counted over all targets) as an Arrow array."""

@final
class ScoreColumn:
    """One Arrow array."""

    @property
    def name(self) -> str: ...
    def __len__(self) -> int: ...
    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def objects(values: NDArray[Any], nulls: tuple[type, ...], /) -> Dictionary | None:
    """Return the text of an object array whose objects repeat; the types `nulls` are null, as NaN.

    None where it holds anything else, no text, or objects that hardly repeat.
    """

@final
class ScoreStream:
    """Scores of a stream: a consumer takes it whole, or reads it batch by batch."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def next(self) -> Scores | None:
        """Return the scores of the next batch; None at the end."""

def onnx(
    data: bytes, folder: str | None, /
) -> tuple[str, list[tuple[str, list[int], bytes | list[str]]]]:
    """Decode an ONNX file: its structure as JSON, and type, shape and elements of its tensors."""

def text(values: list[Any], /) -> ScoreColumn:
    """Return the str of a list as an Arrow array; whatever else it holds is null."""

def thread_count(threads: int | None, /) -> int:
    """How many workers a call takes; ValueError for junk.

    `threads`, else FASTSCORE_THREADS, else OMP_NUM_THREADS, else the cores.
    """

def simd_level() -> str:
    """Return the instruction set in use: portable, avx2 or avx512 (FASTSCORE_SIMD forces one)."""
