"""LinearRegressor and LinearClassifier of ai.onnx.ml, and why its SVMs are refused."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastscore.importers._flow import value_of
from fastscore.importers._onnx_graph import Node
from fastscore.importers._onnx_ml import DOMAIN, columns, given, labels_of, rows, single
from fastscore.importers._onnx_ml_attributes import Attributes
from fastscore.importers._onnx_ml_nodes import MOST_TARGETS
from fastscore.importers._onnx_ml_scores import regressed
from fastscore.importers._onnx_ml_transforms import transform_of, transformed
from fastscore.importers._onnx_registry import operator, refuse
from fastscore.importers._onnx_values import Columns, Label

if TYPE_CHECKING:
    from fastscore.importers._onnx_translation import Translation


def _coefficients(node: Node, own: Attributes, found: Columns, outputs: int) -> NDArray[np.float64]:
    features = rows(node, found)
    if not 1 <= outputs <= MOST_TARGETS:
        refuse(node, f"it has {outputs} outputs, of {MOST_TARGETS} at most")
    flat = own.numbers("coefficients", np.float64, length=outputs * features)
    return np.asarray(flat.reshape(outputs, features))


@operator("LinearRegressor", domain=DOMAIN)
def linear_regressor(translation: "Translation", node: Node) -> None:
    """Give a column a target, at float32."""
    build, own = translation.build, given(node)
    found = columns(translation, node)
    if found.elem_type != "float32":
        refuse(node, f"its input is of {found.elem_type}; ONNX Runtime takes float32")
    targets = own.integer("targets", 1)
    coefficients = _coefficients(node, own, found, targets)
    intercept = own.numbers("intercepts", np.float64)
    if len(intercept) not in (0, targets):
        refuse(node, f"it has {len(intercept)} intercepts for {targets} targets")
    value = build.linear(
        f"linear{len(build.steps)}",
        coefficients,
        intercept if len(intercept) else np.zeros(targets),
        value=value_of(build, single(build, found)),
        width="float32",
    )
    value = regressed(build, value, "float32", transform_of(own), targets)
    translation.set(node, translation.made(value, (targets,), found, elem_type="float32"))


@operator("LinearClassifier", domain=DOMAIN)
def linear_classifier(translation: "Translation", node: Node) -> None:
    """Give the label, and a column of scores a class, at float32.

    With one row of coefficients it is for the second of two classes.
    """
    build, own = translation.build, given(node)
    found = columns(translation, node)
    classes: Sequence[Any] = own.texts("classlabels_strings")
    if not classes:
        classes = own.numbers("classlabels_ints", np.int64).tolist()
    intercept = own.numbers("intercepts", np.float64)
    coefficients = _coefficients(node, own, found, len(intercept))
    name = transform_of(own)
    if len(classes) != max(len(intercept), 2):
        refuse(node, f"it has {len(classes)} class labels for {len(intercept)} intercepts")
    margin = build.linear(
        f"linear{len(build.steps)}",
        coefficients,
        intercept,
        value=value_of(build, single(build, found)),
        width="float32",
    )
    if len(intercept) > 1:
        rule, scores = "scan", transformed(build, margin, name)
    elif name == "PROBIT":
        refuse(node, "post_transform 'PROBIT' of one row of coefficients is not supported")
    else:
        rule, second = "positive", margin
        if name == "LOGISTIC":
            second = build.link(margin, "sigmoid", width="float32", scale=1.0)
        scores = build.link(second, "complement", width="float32")
    compared = translation.made(margin, (len(intercept),), found, elem_type="float32")
    label = Label(
        compared,
        rule,
        labels_of(node, classes),
        elem_type="string" if isinstance(classes[0], str) else "int64",
        batched=found.batched,
    )
    translation.finals[scores] = ("none", compared)
    translation.set(node, label)
    translation.set(node, translation.made(scores, (len(classes),), found, elem_type="float32"), 1)


@operator("SVMClassifier", "SVMRegressor", domain=DOMAIN)
def support_vectors(translation: "Translation", node: Node) -> None:
    """Refuse what sums over kernels."""
    refuse(
        node,
        "support vector machines with kernels are not supported; a LinearSVC, LinearSVR or "
        "SGDClassifier is a linear model, which is",
    )
