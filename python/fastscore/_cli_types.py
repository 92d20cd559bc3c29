"""How the command line reads the values of its options."""

from __future__ import annotations

import json
from typing import Any

import click

from fastscore._layout import OUTPUTS


class List(click.ParamType[list[Any]]):
    """`a,b,c`, or a JSON list where a name has a comma."""

    name = "list"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[Any]:
        if isinstance(value, list):
            return value
        if not value.startswith("["):
            return [part.strip() for part in value.split(",")]
        try:
            found = json.loads(value)
        except json.JSONDecodeError as error:
            self.fail(f"{value!r} begins like a JSON list but is none: {error}", param, ctx)
        if not isinstance(found, list):
            self.fail(f"{value!r} is not a list", param, ctx)
        return found


class Classes(click.ParamType[list[Any] | dict[str, list[Any]]]):
    """Labels: integers if all read so, else strings. JSON says it outright: `["0", "1"]`.

    A JSON object has them for each of several outputs.
    """

    name = "list"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[Any] | dict[str, list[Any]]:
        if isinstance(value, dict):
            return value
        if isinstance(value, str) and value.lstrip().startswith("{"):
            return self._several(value, param, ctx)
        labels = List().convert(value, param, ctx)
        if isinstance(value, str) and not value.startswith("["):
            try:
                return [int(label) for label in labels]
            except ValueError:
                return labels
        return labels

    def _several(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, list[Any]]:
        try:
            found: dict[str, list[Any]] = json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} begins like a JSON object but is none: {error}", param, ctx)
        for output, labels in found.items():
            if not isinstance(labels, list):
                self.fail(f"{value!r} has no list of labels for {output!r}", param, ctx)
        return found


class Outputs(List):
    """Names of outputs."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[Any]:
        names = super().convert(value, param, ctx)
        for name in names:
            if name not in OUTPUTS:
                self.fail(f"{name!r} is none of {', '.join(OUTPUTS)}", param, ctx)
        return names


def each_once(
    _ctx: click.Context, param: click.Parameter, several: tuple[list[str], ...]
) -> list[str]:
    """Join the lists of an option that may be repeated."""
    names = [name for given in several for name in given]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name!r} is there twice", param=param)
    return names


class Categories(click.ParamType[dict[str, list[Any]]]):
    """A JSON file: an object that gives each column a list of its categories."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, list[Any]]:
        if isinstance(value, dict):
            return value
        try:
            with open(value, encoding="utf-8") as opened:
                found = json.load(opened)
        except OSError as error:
            self.fail(f"{value}: {error.strerror}", param, ctx)
        except (ValueError, RecursionError) as error:
            self.fail(f"{value} is not JSON: {error}", param, ctx)
        if not isinstance(found, dict):
            self.fail(f'{value} must hold an object: {{"COLUMN": [...], ...}}', param, ctx)
        for column, values in found.items():
            if not isinstance(values, list):
                self.fail(f"{value} has no list of categories for {column!r}", param, ctx)
        return found


class Policy(click.ParamType[tuple[str, str]]):
    """`COLUMN=raise` or `COLUMN=missing`."""

    name = "policy"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        column, equals, policy = value.rpartition("=")
        if not equals or policy not in ("raise", "missing"):
            self.fail(f"{value!r} is neither COLUMN=raise nor COLUMN=missing", param, ctx)
        return column, policy
