"""Writes broken XGBoost files and `expected.json`: what the error of each must say.

Run in this folder: python make.py
"""

import json
import struct
from pathlib import Path

TREE = {
    "base_weights": [0.0, 1.0, 2.0, 3.0, 4.0],
    "categories": [1, 3],
    "categories_nodes": [2],
    "categories_segments": [0],
    "categories_sizes": [2],
    "default_left": [1, 0, 0, 0, 0],
    "id": 0,
    "left_children": [1, -1, 3, -1, -1],
    "loss_changes": [1.0, 0.0, 1.0, 0.0, 0.0],
    "parents": [2147483647, 0, 0, 2, 2],
    "right_children": [2, -1, 4, -1, -1],
    "split_conditions": [0.5, 0.25, 0.0, -1.0, 2.0],
    "split_indices": [0, 0, 1, 0, 0],
    "split_type": [0, 0, 1, 0, 0],
    "sum_hessian": [5.0, 2.0, 3.0, 1.0, 2.0],
    "tree_param": {
        "num_deleted": "0",
        "num_feature": "2",
        "num_nodes": "5",
        "size_leaf_vector": "1",
    },
}
MODEL = {
    "learner": {
        "attributes": {},
        "feature_names": ["a", "b"],
        "feature_types": ["float", "c"],
        "gradient_booster": {
            "model": {
                "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
                "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "2"},
                "iteration_indptr": [0, 1, 2],
                "tree_info": [0, 0],
                "trees": [TREE, TREE | {"id": 1}],
            },
            "name": "gbtree",
        },
        "learner_model_param": {
            "base_score": "[5E-1]",
            "boost_from_average": "1",
            "num_class": "0",
            "num_feature": "2",
            "num_target": "1",
        },
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
    },
    "version": [3, 2, 0],
}
BOOSTER = ["learner", "gradient_booster"]
FOREST = [*BOOSTER, "model"]
FIRST = [*FOREST, "trees", 1]
PARAMETERS = ["learner", "learner_model_param"]
HUGE = "2147483648"
# Name, the path to what is changed, its new value, what the error says.
CHANGES = [
    ("no_learner", ["learner"], None, "not a model file|no learner"),
    ("learner_is_a_list", ["learner"], [1], "learner is an array"),
    ("no_booster", BOOSTER, None, "not a model file|no gradient_booster"),
    ("no_objective_name", ["learner", "objective", "name"], None, "no name"),
    ("objective_is_a_number", ["learner", "objective", "name"], 5, "name is 5, a text"),
    ("no_parameters", PARAMETERS, None, "no learner_model_param"),
    ("classes_of_text", [*PARAMETERS, "num_class"], "many", "num_class is .*many.*count"),
    ("classes_beyond", [*PARAMETERS, "num_class"], HUGE, "2147483648 outputs"),
    ("classes_negative", [*PARAMETERS, "num_class"], "-1", "num_class"),
    ("features_beyond", [*PARAMETERS, "num_feature"], HUGE, "2147483648 features"),
    ("features_none", [*PARAMETERS, "num_feature"], "0", "feature"),
    ("score_of_text", [*PARAMETERS, "base_score"], "[half]", "base_score.*half.*numbers"),
    ("score_infinite", [*PARAMETERS, "base_score"], "[1E99]", "base_score.*finite"),
    ("scores_too_many", [*PARAMETERS, "base_score"], "[1,2,3]", "3 numbers for 1 outputs"),
    ("scores_none", [*PARAMETERS, "base_score"], "[]", "base_score"),
    ("names_too_few", ["learner", "feature_names"], ["a"], "feature_names has 1 entries"),
    ("names_twice", ["learner", "feature_names"], ["a", "a"], "two features are named"),
    ("names_of_numbers", ["learner", "feature_names"], [1, 2], "feature_names"),
    ("attributes_of_numbers", ["learner", "attributes"], {"best_iteration": 1}, "is no text"),
    ("best_beyond", ["learner", "attributes"], {"best_iteration": "9"}, "best_iteration is .9"),
    ("trees_beyond", [*FOREST, "gbtree_model_param", "num_trees"], HUGE, "2 trees, but num_trees"),
    ("info_too_short", [*FOREST, "tree_info"], [0], "tree_info says 1"),
    ("info_of_another_output", [*FOREST, "tree_info"], [0, 7], "tree 1: tree_info is 7 of 1"),
    ("info_negative", [*FOREST, "tree_info"], [0, -1], "tree 1: tree_info"),
    ("iterations_fall", [*FOREST, "iteration_indptr"], [0, 2, 1, 2], "iteration_indptr must rise"),
    ("iterations_too_few", [*FOREST, "iteration_indptr"], [0, 1], "iteration_indptr must rise"),
    ("iterations_beyond", [*FOREST, "iteration_indptr"], [0, 1, 1 << 40], "iteration_indptr"),
    ("ids_twice", [*FIRST, "id"], 0, "tree 1: its id is 0"),
    ("id_beyond", [*FIRST, "id"], 2, "tree 1: its id is 2"),
    ("tree_is_a_number", FIRST, 3, "trees is an array of .*several kinds"),
    ("cycle", [*FIRST, "left_children"], [1, -1, 0, -1, -1], "tree 1: node 2.*neighbours"),
    ("cycle_whole", [*FIRST, "left_children"], [0, -1, 3, -1, -1], "tree 1: node 0"),
    ("child_beyond", [*FIRST, "left_children"], [1, -1, 8, -1, -1], "tree 1: node 2"),
    ("child_negative", [*FIRST, "left_children"], [1, -1, -7, -1, -1], "tree 1: node 2"),
    ("child_not_integer", [*FIRST, "left_children"], [1.5, -1, 3, -1, -1], r"left_children\[0\]"),
    ("child_too_large", [*FIRST, "left_children"], [1 << 40, -1, 3, -1, -1], r"left_children\[0\]"),
    ("nodes_none", [*FIRST, "left_children"], [], "tree 1"),
    ("nodes_beyond", [*FIRST, "tree_param", "num_nodes"], HUGE, "tree 1: 5 left_children"),
    ("right_too_short", [*FIRST, "right_children"], [2], "tree 1: 5 left_children, but right"),
    ("feature_beyond", [*FIRST, "split_indices"], [0, 0, 2, 0, 0], "tree 1: .*feature 2 of 2"),
    ("feature_negative", [*FIRST, "split_indices"], [-1, 0, 1, 0, 0], "tree 1: .*feature -1"),
    ("conditions_of_text", [*FIRST, "split_conditions"], ["0"] * 5, r"split_conditions\[0\]"),
    ("conditions_too_few", [*FIRST, "split_conditions"], [0.5], "split_conditions says 1"),
    (
        "vectors_beyond",
        [*FIRST, "tree_param", "size_leaf_vector"],
        HUGE,
        "size_leaf_vector is 2147",
    ),
    (
        "vectors_do_not_fit",
        [*FIRST, "tree_param", "size_leaf_vector"],
        "2",
        "size_leaf_vector is 2",
    ),
    ("category_negative", [*FIRST, "categories"], [1, -3], "tree 1: node 2 has the category -3"),
    ("category_beyond", [*FIRST, "categories"], [1, 1 << 24], "tree 1: node 2 has the category"),
    ("categories_beyond", [*FIRST, "categories_sizes"], [9], "tree 1: node 2 claims 9"),
    ("categories_negative", [*FIRST, "categories_sizes"], [-2], "tree 1: node 2 claims -2"),
    ("categories_shared", [*FIRST, "categories_segments"], [1], "tree 1: node 2 claims"),
    (
        "categories_of_a_leaf",
        [*FIRST, "categories_nodes"],
        [3],
        "tree 1: 1 nodes of the split_type",
    ),
    ("types_too_few", [*FIRST, "split_type"], [0], "split_type has 1"),
    ("encodings_too_few", [*FOREST, "cats", "enc"], [{}], "enc has 1 columns for 2"),
    (
        "encoding_beyond",
        [*FOREST, "cats", "enc"],
        [{"offsets": [0, 9], "values": [65]}, {"offsets": [], "values": []}],
        r"enc\[0\]: offsets beyond",
    ),
]


def changed(path, value):
    model = json.loads(json.dumps(MODEL))  # a copy in which no part is shared
    at = model
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return model


def ubjson(value):
    if isinstance(value, dict):
        return b"{" + b"".join(text(key) + ubjson(own) for key, own in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(ubjson, value))
    if isinstance(value, str):
        return b"S" + text(value)
    if isinstance(value, int):
        return b"L" + struct.pack(">q", value)
    return b"d" + struct.pack(">f", value)


def text(value):
    return b"L" + struct.pack(">q", len(value.encode())) + value.encode()


def main():
    expected = {}
    for number, (name, path, value, message) in enumerate(CHANGES):
        model = changed(path, value)
        ending = "ubj" if number % 2 else "json"
        data = ubjson(model) if ending == "ubj" else json.dumps(model).encode()
        Path(f"{name}.{ending}").write_bytes(data)
        expected[f"{name}.{ending}"] = message
    whole, binary = json.dumps(MODEL).encode(), ubjson(MODEL)
    learner = b"{" + text("learner")
    length = struct.pack(">q", 1 << 31)
    own = {
        "cut.json": (whole[: len(whole) // 2], "JSON, byte"),
        "cut_text.json": (b'{"learner": {"gradient_booster": "gbt', "a text has no end"),
        "cut.ubj": (binary[: len(binary) // 2], "UBJSON, byte"),
        "more.json": (whole + b"x", "follows the document"),
        "more.ubj": (binary + b"x", "1 bytes follow"),
        "nested.json": (b'{"learner":{"gradient_booster":' + b"[" * 2000, "deeper than"),
        "nested.ubj": (learner + b"[" * 2000, "deeper than"),
        "nested_objects.ubj": (learner + (b"{" + text("a")) * 1000, "deeper than"),
        "typed_bomb.ubj": (learner + b"[$d#L" + length, "a length of 2147483648"),
        "counted_bomb.ubj": (learner + b"[#L" + length, "a length of 2147483648"),
        "text_bomb.ubj": (learner + b"SL" + length, "a length of 2147483648"),
        "negative_length.ubj": (learner + b"SL" + struct.pack(">q", -1), "a length of -1"),
        "unknown_type.ubj": (learner + b"[$H#L" + length, "an array of type"),
        "unknown_marker.ubj": (learner + b"?", "begins no value"),
        "not_utf8.ubj": (learner + b"SL" + struct.pack(">q", 2) + b"\xff\xfe", "not UTF-8"),
        "not_utf8.json": (whole.replace(b'"a"', b'"\xff"'), "not UTF-8"),
        "nan_threshold.json": (whole.replace(b"[0.5, 0.25", b"[NaN, 0.25", 1), "threshold NaN"),
        "no_number.json": (whole.replace(b"[0.5, 0.25", b"[0.5x, 0.25", 1), "is no number"),
        "twice.json": (whole[:-1] + b',"learner":{}}', "has learner twice"),
        "wrong_escape.json": (whole.replace(b'"a"', b'"\\q"'), "wrong escape"),
    }
    for name, (data, message) in own.items():
        Path(name).write_bytes(data)
        expected[name] = message
    Path("expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


main()
