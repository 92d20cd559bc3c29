"""The keywords `categories=` and `unknown=`: the saved form with other encodings."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastscore import _core
from fastscore._errors import UnsupportedModelError
from fastscore._options import Labels, is_index, labels
from fastscore.importers._builder import string_list
from fastscore.importers._rename import tensors_of

_POLICIES = ("missing", "raise")


def with_categories(
    core: _core.Model,
    categories: Mapping[Any, Sequence[Any]] | None,
    unknown: Mapping[Any, str] | None,
) -> _core.Model:
    """Return the same model with these values and policies.

    Keys are feature names, or indexes. A feature gets the codes 0, 1, ... in the order of its
    values, or keeps the codes that it has. What changes is added to `source.notes`.
    """
    if categories is None and unknown is None:
        return core
    structure = json.loads(core.spec)
    tensors = tensors_of(core.to_bytes())
    encodings = {entry["feature"]: entry for entry in structure["features"]["encodings"]}
    if unknown is not None and not encodings and not categories:
        raise ValueError(
            "unknown= does not apply to this model: it is the policy for unseen categories, and no "
            "feature is categorical"
        )
    notes = list(structure["source"].get("notes") or [])
    for column, values in _checked(categories, "categories").items():
        feature = _feature(core, column, "categories", range(core.n_features))
        if _replace(encodings, feature, column, values, core, tensors):
            notes.append(f"the categories of {column!r} were given with categories=")
    for column, policy in _checked(unknown, "unknown").items():
        if policy not in _POLICIES:
            raise ValueError(
                f"unknown={{{column!r}: {policy!r}}} is not known; choose one of "
                f"{', '.join(map(repr, _POLICIES))}"
            )
        feature = _feature(core, column, "unknown", encodings)
        entry = encodings[feature]
        if entry["kind"] == "hash":
            raise ValueError(
                f"unknown= does not apply to {column!r}: its categories are hashed, so the model "
                "takes every value for a category"
            )
        if entry["unknown"] != policy:
            entry |= {"unknown": policy, "unknown_code": None}
            notes.append(f"unknown categories of {column!r}: {policy!r}, given with unknown=")
    structure["features"]["encodings"] = list(encodings.values())
    structure["source"]["notes"] = notes
    return _core.Model.from_parts(json.dumps(structure), tensors)


def _checked(given: Mapping[Any, Any] | None, option: str) -> Mapping[Any, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{option}= must be a dict keyed by column, not {type(given).__name__}")
    return given


def _feature(core: _core.Model, column: Any, option: str, allowed: Any) -> int:
    """Find the feature of a name or an index; ValueError naming the closest ones."""
    names = core.feature_names
    if is_index(column):
        if column in allowed:
            return int(column)
        found = None
    else:
        found = _position(core, names or [], column)
        if found is not None and found in allowed:
            return found
    known = [names[i] if names else str(i) for i in sorted(allowed)]
    near = difflib.get_close_matches(str(column), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if near and names is None:
        hint = f"; its features have no names: give the number {near[0]}"
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    what = "is not a categorical feature" if found is not None else "is not a feature"
    raise ValueError(f"{option}= names {column!r}, which {what} of the model: {shown}{hint}")


def _position(core: _core.Model, names: list[str], column: Any) -> int | None:
    """Find a name; LightGBM's models have `_` where a column's name has white space."""
    if column in names:
        return names.index(column)
    rewritten = re.sub(r"\s", "_", str(column))
    if rewritten in names and json.loads(core.spec)["features"]["match"] == "underscore":
        return names.index(rewritten)
    return None


def _replace(
    encodings: dict[int, dict[str, Any]],
    feature: int,
    column: Any,
    values: Any,
    core: _core.Model,
    tensors: dict[str, NDArray[Any]],
) -> bool:
    """Give a feature these values; False when they are what it has."""
    found = category_values(column, values)
    entry = encodings.get(feature)
    if entry is not None:
        own = core.categories(feature)
        if own is None:
            raise ValueError(
                f"categories= does not apply to {column!r}: its categories are hashed, the model "
                "does not hold them"
            )
        if len(own) != len(found.values):
            raise ValueError(
                f"categories= has {len(found.values)} values for {column!r}, but the model has "
                f"{len(own)} categories there"
            )
        if own == found.values and entry["kind"] == found.kind:
            return False
        for suffix in ("", ".bytes", ".offsets"):
            tensors.pop(entry["values"] + suffix, None)
    else:
        entry = {"feature": feature, "codes": None, "unknown": "missing", "matrix": "codes"}
        encodings[feature] = entry
    name = f"encodings.{feature}.values"
    entry |= {"kind": found.kind, "values": name}
    if found.kind == "string":
        tensors.update(string_list(name, found.values))
    else:
        tensors[name] = found.tensor()
    return True


def category_values(column: Any, values: Any) -> Labels:
    """Check the values of one feature, and find their kind: as class labels."""
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise TypeError(f"categories= has for {column!r} no list, but {values!r}")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    if any(value is None or value != value for value in plain):  # noqa: PLR0124 (NaN of any type)
        raise ValueError(
            f"categories= has a missing value for {column!r}: it is no category, leave it out"
        )
    array = np.empty(len(plain), dtype=object)
    array[:] = plain
    try:
        found = labels(array, f"categories= of {column!r}")
    except UnsupportedModelError:
        kinds = ", ".join(sorted({type(value).__name__ for value in plain})) or "nothing"
        raise ValueError(
            f"categories= has {kinds} for {column!r}: give str, int, float or bool, all of one type"
        ) from None
    except ValueError:
        raise ValueError(f"categories= has a value twice for {column!r}") from None
    if found.kind == "int" and max(plain) > np.iinfo(np.int64).max:
        return Labels("uint64", "uint", found.values)
    return found
