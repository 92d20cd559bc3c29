"""TreeEnsembleRegressor, TreeEnsembleClassifier and TreeEnsemble of ai.onnx.ml."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_ml import (
    DOMAIN,
    columns,
    given,
    labels_of,
    rows,
    single,
)
from fastscore.importers._onnx_ml_attributes import Attributes
from fastscore.importers._onnx_ml_forest import forest
from fastscore.importers._onnx_ml_nodes import Nodes, of_arrays, of_lists
from fastscore.importers._onnx_ml_scores import classified, regressed, shifted
from fastscore.importers._onnx_ml_transforms import transform_by_number, transform_of
from fastscore.importers._onnx_registry import operator, refuse
from fastscore.importers._onnx_values import Columns, Label

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation

_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
"""As TreeEnsemble numbers them."""

_FINALS = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}

_TENSORS = ("base_values", "nodes_values", "nodes_hitrates", "target_weights", "class_weights")


def _input(translation: "Translation", node: Node) -> tuple[Columns, str]:
    """Return the table, and the width at which ONNX Runtime compares and adds."""
    found = columns(translation, node)
    rows(node, found)
    width = "float64" if found.elem_type == "float64" else "float32"
    for name in _TENSORS:
        tensor = node.attributes.get(f"{name}_as_tensor")
        if isinstance(tensor, np.ndarray) and tensor.size and tensor.dtype != width:
            refuse(node, f"{name}_as_tensor is of {tensor.dtype}, and its input of {width}")
    if width == "float32":
        found = replace(found, frame=single(translation.build, found))
    return found, width


def _base(own: Attributes, width: str) -> list[float]:
    found = own.reals("base_values").astype(width).astype(np.float64)
    if not np.isfinite(found).all():
        raise own.refuse("its base_values are not finite")
    return found.tolist()  # type: ignore[no-any-return]


@operator("TreeEnsembleRegressor", domain=DOMAIN)
def tree_ensemble_regressor(translation: "Translation", node: Node) -> None:
    """Give a column a target, of float32."""
    own = given(node)
    elem_type = columns(translation, node).elem_type
    if elem_type not in ("float32", "float64"):
        refuse(node, f"its input is of {elem_type}; ONNX Runtime takes float32 and float64")
    how = own.text("aggregate_function", "SUM")
    if how not in _AGGREGATES:
        refuse(node, f"aggregate_function {how!r} is not known")
    name = transform_of(own)
    _regressor(translation, node, own, of_lists(own, classes=None), how, name, "float32")


@operator("TreeEnsemble", domain=DOMAIN)
def tree_ensemble(translation: "Translation", node: Node) -> None:
    """Give a column a target, of the input's type."""
    own = given(node)
    how = own.integer("aggregate_function", 1)
    if not 0 <= how < len(_AGGREGATES):
        refuse(node, f"aggregate_function {how} is not known")
    elem_type = columns(translation, node).elem_type
    if elem_type not in ("float32", "float64"):
        refuse(node, f"its input is of {elem_type}; ONNX Runtime takes float32 and float64")
    name = transform_by_number(own)
    nodes = of_arrays(own)
    if name in ("SOFTMAX", "LOGISTIC") and nodes.targets > 1:
        refuse(
            node,
            "what its post_transform is can't be told: ONNX has SOFTMAX for 1 and LOGISTIC for 2, "
            "ONNX Runtime the other way round; write 0 and a node Softmax or Sigmoid behind it",
        )
    _regressor(translation, node, own, nodes, _AGGREGATES[how], name, elem_type)


def _regressor(
    translation: "Translation",
    node: Node,
    own: Attributes,
    nodes: Nodes,
    how: str,
    name: str,
    elem_type: str,
) -> None:
    build = translation.build
    found, width = _input(translation, node)
    base = _base(own, width)
    if len(base) not in (0, nodes.targets):
        refuse(node, f"base_values has {len(base)} entries for {nodes.targets} targets")
    extreme = how in ("MIN", "MAX")
    translation.forests.append(not extreme or nodes.targets == 1)
    sums = forest(build, own, nodes, found.frame, width, apart=extreme)
    value, trees = sums.value, len(nodes.root)
    if extreme:
        value = build.link(value, "reduce", width=width, how=how.lower(), groups=nodes.targets)
    elif how == "AVERAGE":
        value = build.link(value, "divide", width=width, by=float(trees))
    if base:
        base = _scored(own, base, sums.scored)
    value = shifted(build, value, base, width)
    if elem_type == "float64" and name == "SOFTMAX_ZERO" and nodes.targets > 1:
        refuse(node, "post_transform 'SOFTMAX_ZERO' of float64 is not supported; of float32 it is")
    if elem_type == "float32" or name not in ("NONE", "SOFTMAX", "LOGISTIC"):
        value = regressed(build, value, width, name, nodes.targets)
    shape = (nodes.targets,)
    translation.set(node, translation.made(value, shape, found, elem_type=elem_type, near=False))


def _scored(own: Attributes, base: list[float], scored: Sequence[str]) -> list[float]:
    """Return what is added to each target: ONNX Runtime leaves those without any weight at 0."""
    for target, (number, how) in enumerate(zip(base, scored, strict=True)):
        if number and how == "sometimes":
            raise own.refuse(
                f"some rows get no weight for target {target}, to which its base value is not "
                "added then; give every leaf a weight for every target"
            )
    return [number if how == "always" else 0.0 for number, how in zip(base, scored, strict=True)]


@operator("TreeEnsembleClassifier", domain=DOMAIN)
def tree_ensemble_classifier(translation: "Translation", node: Node) -> None:
    """Give the label, and a column of scores a class."""
    build = translation.build
    own = given(node)
    found, width = _input(translation, node)
    classes: Sequence[int | str] = own.texts("classlabels_strings")
    if not classes:
        classes = own.numbers("classlabels_int64s", np.int64).tolist()
    if not classes:
        refuse(node, "it has no class labels")
    nodes = of_lists(own, classes=len(classes))
    translation.forests.append(True)
    sums = forest(build, own, nodes, found.frame, width)
    name = transform_of(own)
    answer = classified(
        build,
        own,
        sums,
        classes,
        set(own.numbers("class_ids", np.int64).tolist()),
        _base(own, width),
        width,
        name,
        own.reals("class_weights"),
    )
    compared = answer.decided, (build.width_of(answer.decided),)
    label = Label(
        translation.made(*compared, found, elem_type=width, near=False),
        answer.rule,
        labels_of(node, answer.classes),
        answer.at,
        elem_type="string" if isinstance(classes[0], str) else "int64",
        batched=found.batched,
    )
    shape = (len(classes),)
    translation.set(node, label)
    scores = translation.made(answer.scores, shape, found, elem_type="float32", near=name != "NONE")
    given_to = answer.margin, (build.width_of(answer.margin),)
    margin = translation.made(*given_to, found, elem_type="float32", near=False)
    translation.finals[answer.scores] = (_FINALS.get(name, "none"), margin)
    translation.set(node, scores, 1)
