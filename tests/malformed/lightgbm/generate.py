"""Broken model texts, made from the small valid ones in tests/golden/lightgbm by one edit each.

    python generate.py

writes `CASE.txt` and `expected.json`: of each case the error and what its message must say. Files
without a case here were broken in other ways, by hand or by fuzzing.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE.parent.parent / "golden" / "lightgbm"
FORMAT, UNSUPPORTED = "ModelFormatError", "UnsupportedModelError"


def base(name: str, trees: int = 1) -> str:
    """The header and the first trees of a golden text."""
    text = (GOLDEN / f"v4_{name}.txt").read_text()
    head = text.split(f"Tree={trees}\n")[0]
    return head.rstrip() + "\n\n\nend of trees\n"


PLAIN, CATEGORICAL, LINEAR = base("regression"), base("categorical"), base("linear", 2)
PANDAS = base("pandas") + '\npandas_categorical:[["a", "b"], [1, 2], [true, false]]\n'
MANY, BINARY = base("multiclass", 3), base("binary")


def line(text: str, key: str) -> str:
    """The last line of a key."""
    return [each for each in text.splitlines() if each.startswith(f"{key}=")][-1]


def put(text: str, key: str, value: str) -> str:
    """The last line of a key with another value."""
    head, tail = text.rsplit(line(text, key), 1)
    return f"{head}{key}={value}{tail}"


def drop(text: str, key: str) -> str:
    """Without the last line of a key."""
    head, tail = text.rsplit(line(text, key) + "\n", 1)
    return head + tail


def entry(text: str, key: str, index: int, value: str) -> str:
    """One entry of a list replaced."""
    values = line(text, key).split("=", 1)[1].split()
    values[index] = value
    return put(text, key, " ".join(values))


def more(text: str, key: str) -> str:
    """A list with one entry too many."""
    return put(text, key, line(text, key).split("=", 1)[1].rstrip() + " 1")


def fewer(text: str, key: str) -> str:
    """A list with one entry too few."""
    return put(text, key, " ".join(line(text, key).split("=", 1)[1].split()[:-1]))


CASES = {
    "empty_header": ("tree\n", FORMAT, "num_class is missing"),
    "only_header": (PLAIN.split("Tree=")[0], FORMAT, "end of trees"),
    "cut_in_a_list": (PLAIN[: PLAIN.index("threshold=") + 20], FORMAT, "tree 0"),
    "cut_before_the_end": (PLAIN.replace("end of trees\n", ""), FORMAT, "end of trees"),
    "cut_inside_a_character": (PLAIN[:100] + "\udcc3", FORMAT, "UTF-8, at byte 100"),
    "unknown_line_between_trees": (
        PLAIN.replace("end of trees", "x\nend of trees"),
        FORMAT,
        'line "x" is unknown',
    ),
    "class_count_no_number": (put(PLAIN, "num_class", "x"), FORMAT, "num_class"),
    "no_trees_an_iteration": (put(PLAIN, "num_tree_per_iteration", "0"), FORMAT, "an iteration"),
    "trees_do_not_divide": (put(PLAIN, "num_tree_per_iteration", "3"), FORMAT, "an iteration"),
    "huge_trees_an_iteration": (
        put(PLAIN, "num_tree_per_iteration", "18446744073709551615"),
        FORMAT,
        "an iteration",
    ),
    "negative_trees_an_iteration": (
        put(PLAIN, "num_tree_per_iteration", "-1"),
        FORMAT,
        "num_tree_per_iteration",
    ),
    "huge_feature_count": (put(PLAIN, "max_feature_idx", "4294967296"), FORMAT, "max_feature_idx"),
    "feature_count_overflows": (
        put(PLAIN, "max_feature_idx", "18446744073709551615"),
        FORMAT,
        "max_feature_idx",
    ),
    "too_few_names": (put(PLAIN, "feature_names", "a b"), FORMAT, "feature_names"),
    "twice_the_same_name": (put(PLAIN, "feature_names", "a b a c"), FORMAT, '"a"'),
    "too_few_infos": (put(PLAIN, "feature_infos", "none"), FORMAT, "feature_infos"),
    "infos_no_number": (put(PLAIN, "feature_infos", "none a:b none none"), FORMAT, "feature_infos"),
    "tree_numbers": (put(PLAIN, "Tree", "7"), FORMAT, "tree 7 stands where tree 0"),
    "tree_number_huge": (put(PLAIN, "Tree", "2147483648"), FORMAT, "tree 2147483648"),
    "no_leaves": (put(PLAIN, "num_leaves", "0"), FORMAT, "num_leaves is 0"),
    "leaf_count_huge": (put(PLAIN, "num_leaves", "2147483648"), FORMAT, "tree 0"),
    "leaf_count_overflows": (put(PLAIN, "num_leaves", "18446744073709551615"), FORMAT, "tree 0"),
    "leaf_count_negative": (put(PLAIN, "num_leaves", "-3"), FORMAT, "num_leaves"),
    "leaf_count_missing": (drop(PLAIN, "num_leaves"), FORMAT, "num_leaves is missing"),
    "cycle": (entry(PLAIN, "left_child", 0, "0"), FORMAT, "reached twice"),
    "shared_leaf": (entry(PLAIN, "right_child", -1, "-1"), FORMAT, "reached twice"),
    "child_beyond_the_tree": (entry(PLAIN, "left_child", 0, "99"), FORMAT, "not there"),
    "leaf_beyond_the_tree": (entry(PLAIN, "right_child", 0, "-99"), FORMAT, "not there"),
    "child_lowest_integer": (entry(PLAIN, "left_child", 0, "-2147483648"), FORMAT, "not there"),
    "child_beyond_32_bits": (entry(PLAIN, "left_child", 0, "4294967297"), FORMAT, "left_child"),
    "threshold_nan": (entry(PLAIN, "threshold", 0, "nan"), FORMAT, "threshold NaN"),
    "threshold_no_number": (entry(PLAIN, "threshold", 0, "0x10"), FORMAT, "threshold"),
    "feature_beyond_the_model": (entry(PLAIN, "split_feature", 0, "4"), FORMAT, "feature 4 of 4"),
    "feature_negative": (entry(PLAIN, "split_feature", 0, "-1"), FORMAT, "feature -1 of 4"),
    "missing_type_unknown": (entry(PLAIN, "decision_type", 0, "14"), FORMAT, "decision_type 14"),
    "decision_type_negative": (entry(PLAIN, "decision_type", 0, "-1"), FORMAT, "decision_type"),
    "categorical_without_sets": (entry(PLAIN, "decision_type", 0, "1"), FORMAT, "category set"),
    "category_count_huge": (put(CATEGORICAL, "num_cat", "4294967296"), FORMAT, "cat_boundaries"),
    "category_count_overflows": (
        put(CATEGORICAL, "num_cat", "18446744073709551615"),
        FORMAT,
        "num_cat",
    ),
    "category_count_zero": (put(CATEGORICAL, "num_cat", "0"), FORMAT, "category set"),
    "boundaries_missing": (drop(CATEGORICAL, "cat_boundaries"), FORMAT, "cat_boundaries"),
    "boundaries_fall": (entry(CATEGORICAL, "cat_boundaries", 1, "99"), FORMAT, "must rise"),
    "boundaries_start_late": (entry(CATEGORICAL, "cat_boundaries", 0, "1"), FORMAT, "must rise"),
    "boundaries_beyond_the_words": (
        entry(CATEGORICAL, "cat_boundaries", -1, "4611686018427387904"),
        FORMAT,
        "cat_threshold",
    ),
    "boundary_negative": (entry(CATEGORICAL, "cat_boundaries", 0, "-1"), FORMAT, "cat_boundaries"),
    "words_missing": (drop(CATEGORICAL, "cat_threshold"), FORMAT, "cat_threshold"),
    "word_beyond_32_bits": (
        entry(CATEGORICAL, "cat_threshold", 0, "4294967296"),
        FORMAT,
        "cat_threshold",
    ),
    "linear_flag_no_number": (put(LINEAR, "is_linear", "yes"), FORMAT, "is_linear"),
    "linear_count_negative": (entry(LINEAR, "num_features", 0, "-1"), FORMAT, "num_features"),
    "linear_count_huge": (entry(LINEAR, "num_features", 0, "4294967296"), FORMAT, "leaf_features"),
    "linear_counts_overflow": (
        put(LINEAR, "num_features", " ".join(["18446744073709551615"] * 6)),
        FORMAT,
        "num_features",
    ),
    "linear_feature_beyond": (entry(LINEAR, "leaf_features", 0, "4"), FORMAT, "feature 4 of 4"),
    "linear_feature_negative": (entry(LINEAR, "leaf_features", 0, "-1"), FORMAT, "feature -1"),
    "linear_constants_missing": (drop(LINEAR, "leaf_const"), FORMAT, "leaf_const is missing"),
    "linear_counts_missing": (drop(LINEAR, "num_features"), FORMAT, "num_features is missing"),
    "linear_coefficients_missing": (drop(LINEAR, "leaf_coeff"), FORMAT, "leaf_coeff is missing"),
    "objective_unknown": (put(PLAIN, "objective", "magic"), UNSUPPORTED, "magic"),
    "sigmoid_missing": (put(BINARY, "objective", "binary"), FORMAT, "sigmoid"),
    "sigmoid_no_number": (put(BINARY, "objective", "binary sigmoid:x"), FORMAT, "sigmoid"),
    "sigmoid_zero": (put(BINARY, "objective", "binary sigmoid:0"), FORMAT, "sigmoid"),
    "one_tree_for_several_classes": (
        put(PLAIN, "objective", "multiclass num_class:3"),
        FORMAT,
        "multiclass",
    ),
    "several_trees_for_one_class": (
        put(MANY, "objective", "regression"),
        FORMAT,
        "3 trees an iteration",
    ),
    "pandas_no_json": (
        PANDAS.replace("[[", "[[["),
        FORMAT,
        "pandas_categorical",
    ),
    "pandas_deep": (
        base("pandas") + "\npandas_categorical:" + "[" * 3000 + "\n",
        FORMAT,
        "pandas_categorical",
    ),
    "pandas_infinite": (PANDAS.replace("[1, 2]", "[1, Infinity]"), UNSUPPORTED, "infinite"),
    "pandas_mixed": (PANDAS.replace("[1, 2]", '[1, "2"]'), UNSUPPORTED, "mixed types"),
    "pandas_null": (PANDAS.replace("[1, 2]", "[1, null]"), UNSUPPORTED, "mixed types"),
    "pandas_too_few_lists": (PANDAS.replace("[1, 2], ", ""), UNSUPPORTED, "categories="),
    "pandas_too_few_values": (PANDAS, UNSUPPORTED, "more categories"),
    "pandas_column_beyond": (
        PANDAS + "[categorical_feature: 1,2,3,9]\n",
        FORMAT,
        "feature 9 of 4",
    ),
    "pandas_columns_differ": (PANDAS + "[categorical_feature: 0]\n", UNSUPPORTED, "differ"),
}
CASES |= {
    f"too_{word}_{key}": (edit(text, key), FORMAT, f"{key} has")
    for text, keys in {
        PLAIN: (
            "split_feature",
            "threshold",
            "decision_type",
            "left_child",
            "right_child",
            "leaf_value",
        ),
        CATEGORICAL: ("cat_boundaries", "cat_threshold"),
        LINEAR: ("leaf_const", "num_features", "leaf_features", "leaf_coeff"),
    }.items()
    for key in keys
    for word, edit in (("many", more), ("few", fewer))
}


def main() -> None:
    for name, (text, _, _) in CASES.items():
        (HERE / f"{name}.txt").write_text(text, errors="surrogateescape")
    expected = {name: [error, says] for name, (_, error, says) in CASES.items()}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
