"""Write broken CatBoost files from the golden ones: `python make.py`.

`expected.json` says for each what the error must name.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE.parent.parent / "golden" / "catboost"


def broken_cbm():
    whole = (GOLDEN / "1.2.10_ctr.cbm").read_bytes()
    size = int.from_bytes(whole[4:8], "little")
    core = 8 + size

    def put(at, new):
        return whole[:at] + new + whole[at + len(new) :]

    yield "magic_only", whole[:4], "the model core"
    yield "no_size", whole[:6], "the model core"
    yield "no_core", whole[:8], "the model core"
    yield "core_cut_early", whole[:40], "the model core"
    yield "core_cut_in_half", whole[: core // 2], "the model core"
    yield "core_cut_late", whole[: core - 1], "the model core"
    yield "no_tables", whole[:core], "the CTR tables"
    yield "tables_cut_early", whole[: core + 6], "CTR table 0"
    yield "tables_cut_in_half", whole[: core + (len(whole) - core) // 2], "CTR table"
    yield "tables_cut_late", whole[:-1], "CTR table"
    yield "size_of_zero", put(4, bytes(4)), "the model core"
    yield "size_too_large", put(4, b"\xf0\xff\xff\x7f"), "the model core"
    yield "long_size_too_large", put(4, b"\xff" * 12), "the model core"
    yield "size_one_too_small", put(4, (size - 1).to_bytes(4, "little")), ""
    yield "root_beyond_the_end", put(8, b"\xff\xff\xff\x7f"), "the model core"
    yield "root_at_zero", put(8, bytes(4)), "the model core"
    yield "root_odd", put(8, b"\x07\x00\x00\x00"), "the model core"
    yield "many_tables", put(core, b"\xfe\xff\xff\xff"), "CTR table"
    yield "table_size_too_large", put(core + 4, b"\xff\xff\xff\x7f"), "CTR table 0"
    at = whole.index(b"FlabuffersModel_v1")
    yield "another_format_version", put(at, b"FlabuffersModel_v2"), "FlabuffersModel_v2"
    yield "version_claims_more", put(at - 4, b"\xff\xff\xff\x7f"), "the model core"
    yield "version_no_utf8", put(at, b"\xff"), "UTF-8"
    at = whole.index(b"static_provider_v1")
    yield "part_claims_more", put(at - 4, b"\xff\xff\xff\xff"), "the model core"
    at = whole.index(b'{"')
    yield "params_no_json", put(at, b"!!"), "the metadata"


def broken_json():
    numbers = json.loads((GOLDEN / "1.2.10_binary.json").read_text())
    categories = json.loads((GOLDEN / "1.2.10_ctr.json").read_text())
    nodes = json.loads((GOLDEN / "1.2.10_lossguide.json").read_text())

    def edit(source, *path_and_value):
        document = json.loads(json.dumps(source))
        *path, last, value = path_and_value
        place = document
        for step in path:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return json.dumps(document).encode()

    yield "cut", json.dumps(numbers).encode()[:500], "JSON"
    yield "no_utf8", json.dumps(numbers).encode() + b"\xff", "UTF-8"
    yield "trees_are_a_number", edit(numbers, "oblivious_trees", 3), "JSON"
    yield (
        "split_beyond",
        edit(numbers, "oblivious_trees", 1, "splits", 0, "split_index", 999),
        "tree 1",
    )
    yield (
        "split_negative",
        edit(numbers, "oblivious_trees", 1, "splits", 0, "split_index", -1),
        "tree 1",
    )
    yield "leaf_lost", edit(numbers, "oblivious_trees", 2, "leaf_values", 0, None), "tree 2"
    yield "leaf_no_number", edit(numbers, "oblivious_trees", 2, "leaf_values", 0, "x"), "number"
    two = numbers["oblivious_trees"][1]["leaf_values"] * 2
    yield "two_dimensions", edit(numbers, "oblivious_trees", 1, "leaf_values", two), "tree 1"
    deep = numbers["oblivious_trees"][0]["splits"] * 20
    yield "too_deep", edit(numbers, "oblivious_trees", 0, "splits", deep), "tree 0"
    floats = ("features_info", "float_features")
    yield "borders_fall", edit(numbers, *floats, 0, "borders", [2.0, 1.0]), "float feature 0"
    yield "nan_unknown", edit(numbers, *floats, 0, "nan_value_treatment", "AsMaybe"), "AsMaybe"
    yield "position_twice", edit(numbers, *floats, 1, "flat_feature_index", 0), "flat index 0"
    yield "position_negative", edit(numbers, *floats, 1, "flat_feature_index", -2), "flat index"
    yield "position_huge", edit(numbers, *floats, 1, "flat_feature_index", 2**40), "flat index"
    yield "bias_infinite", edit(numbers, "scale_and_bias", [1, [1e999]]), "JSON"
    yield "bias_of_two", edit(numbers, "scale_and_bias", [1, [1.0, 2.0]]), "scale_and_bias"
    yield "params_text", edit(numbers, "model_info", "params", "{"), "params"
    threshold = edit(numbers, "model_info", "binclass_probability_threshold", "1.5")
    yield "threshold", threshold, "binclass_probability_threshold"
    names = edit(numbers, "model_info", "class_params", "class_names", ["a", "b", "c"])
    yield "three_labels", names, "3 class labels"
    yield "node_without_right", edit(nodes, "trees", 0, "right", None), "tree 0"
    yield "node_split_beyond", edit(nodes, "trees", 1, "split", "split_index", 10**6), "tree 1"
    yield "ctr_type", edit(categories, "features_info", "ctrs", 0, "ctr_type", "Best"), "Best"
    yield "ctr_without_table", edit(categories, "ctr_data", None), "CTR feature"
    key = next(iter(categories["ctr_data"]))
    yield "ctr_stride", edit(categories, "ctr_data", key, "hash_stride", 0), "ctr_data"
    yield "ctr_hash", edit(categories, "ctr_data", key, "hash_map", 0, "x"), "ctr_data"
    table = categories["ctr_data"][key]["hash_map"]
    stride = categories["ctr_data"][key]["hash_stride"]
    twice = edit(categories, "ctr_data", key, "hash_map", table + table[-stride:])
    yield "ctr_hash_twice", twice, "twice"
    element = ("features_info", "ctrs", 0, "elements", 0, "cat_feature_index")
    yield "ctr_element", edit(categories, *element, 77), ""


KEPT = {
    "dimensions_beyond.cbm": "ApproxDimension",
    "flat_index_huge.json": "flat indexes",
}
"""Files that this script does not write, in which reviews found errors."""


def main():
    expected = dict(KEPT)
    for ending, files in ((".cbm", broken_cbm()), (".json", broken_json())):
        for name, data, place in files:
            (HERE / f"{name}{ending}").write_bytes(data)
            expected[f"{name}{ending}"] = place
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
