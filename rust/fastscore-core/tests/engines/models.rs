//! Random forests, with all that some libraries' forests have beside thresholds.

use super::*;

/// Thresholds of which random trees are made: neighbours, both zeros, denormals, infinities, values that float32 rounds
/// up and down.
pub fn threshold() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-20i32..20).prop_map(|i| f64::from(i) / 8.0),
        2 => (-200i32..200).prop_map(|i| f64::from(i) / 7.0),
        1 => prop::sample::select(vec![
            0.0, -0.0, 1e-35, 1.1e-35, -1e-35, 5e-324, -5e-324, 1e-45, 0.1, 0.30000000000000004, f64::MAX, f64::MIN, 1e39,
            -1e39, f64::INFINITY, f64::NEG_INFINITY, 16777216.0, 16777217.0,
        ]),
    ]
}

/// A tree's shape as the choices that grow it: which leaf to split next.
#[derive(Debug, Clone)]
pub struct Grown {
    pub splits: Vec<(usize, usize, f64, u8)>,
    pub values: Vec<f64>,
}

pub fn tree(most: usize, leaf_width: usize) -> impl Strategy<Value = Grown> {
    let split = (any::<prop::sample::Index>(), 0..FEATURES, threshold(), 0u8..4);
    prop::collection::vec(split, 0..most).prop_flat_map(move |splits| {
        let leaves = splits.len() + 1;
        let splits: Vec<_> = splits.iter().enumerate().map(|(i, s)| (s.0.index(i + 1), s.1, s.2, s.3)).collect();
        let values = prop::collection::vec(-3.0..3.0f64, leaves * leaf_width);
        (Just(splits), values).prop_map(|(splits, values)| Grown { splits, values })
    })
}

pub fn forest(
    grown: Vec<Grown>,
    comparison: Comparison,
    outputs: usize,
    vector: bool,
    zero_band: Option<f64>,
) -> Forest {
    let mut forest = Forest {
        comparison,
        outputs,
        leaf_width: if vector { outputs } else { 1 },
        zero_band,
        base: (0..outputs).map(|o| o as f64 * 0.3).collect(),
        split_offset: vec![0],
        leaf_offset: vec![0],
        ..Forest::default()
    };
    for (number, tree) in grown.into_iter().enumerate() {
        // `edges[leaf]` is where the leaf hangs: None for the root, else a split and its side.
        let mut edges: Vec<Option<(usize, bool)>> = vec![None];
        let first = forest.feature.len();
        for (index, (leaf, feature, threshold, flags)) in tree.splits.iter().enumerate() {
            if let Some((split, right)) = edges[*leaf] {
                let side = if right { &mut forest.right } else { &mut forest.left };
                side[first + split] = index as i32;
            }
            edges[*leaf] = Some((index, false));
            edges.push(Some((index, true)));
            forest.feature.push(*feature as i32);
            forest.threshold.push(*threshold);
            forest.flags.push(*flags);
            forest.left.push(0);
            forest.right.push(0);
        }
        for (leaf, edge) in edges.iter().enumerate() {
            if let Some((split, right)) = edge {
                let side = if *right { &mut forest.right } else { &mut forest.left };
                side[first + split] = -1 - leaf as i32;
            }
        }
        forest.leaf_id.extend((0..edges.len()).map(|leaf| leaf as i32 * 3 + 1));
        forest.leaf_value.extend(&tree.values);
        if !vector || outputs == 1 {
            forest.target.push((number % outputs) as i32);
        }
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    forest
}

pub fn model(mut forest: Forest, width: Width, links: Vec<Link>, policy: OnBadValue) -> Model {
    forest.width = width;
    let output_width = forest.sum;
    let mut steps = vec![Step { input: 0, op: Op::Forest(forest) }];
    for link in links {
        let input = steps.len();
        steps.push(Step { input, op: Op::Link(link, Width::Float64) });
    }
    let last = steps.len();
    Model::new(ModelParts {
        features: Features {
            count: FEATURES,
            names: None,
            name_match: NameMatch::Exact,
            encodings: vec![],
            checked: None,
        },
        input: InputPolicy { missing: policy, non_finite: policy, width, absent: Absent::Zero },
        steps,
        guards: vec![],
        targets: vec![Target {
            name: None,
            classes: None,
            margin: 1,
            probability: Some(last),
            prediction: Decision::Value(last),
            score: None,
        }],
        transform: None,
        output_width: if last == 1 { output_width } else { Width::Float64 },
        leaf: Some(0),
        source: Source { parameters: BTreeMap::new(), ..Source::default() },
    })
    .unwrap()
}

/// What some libraries' forests have beside thresholds.
#[derive(Debug, Clone)]
pub struct Extras {
    /// Which splits are categorical, with their sets.
    categories: Vec<Option<Vec<u32>>>,
    outside_left: bool,
    fraction: bool,
    missing_value: Option<f64>,
    narrow_sums: bool,
    /// Terms of leaf `i % len`, none where leaves are plain.
    linear: Option<Vec<Vec<(usize, f64)>>>,
}

pub fn extras() -> impl Strategy<Value = Extras> {
    let set = prop_oneof![
        prop::collection::vec(any::<u32>(), 0..4),
        Just(vec![u32::MAX]),
        Just(vec![0, 0, 0, 1]),
        prop::collection::vec(any::<u32>(), 200..201),
    ];
    let terms = prop::collection::vec((0..FEATURES, -2.0..2.0f64), 0..3);
    (
        prop::collection::vec(prop::option::of(set), 0..12),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(prop::sample::select(vec![-1.0, 0.0, 2.0, 0.1])),
        any::<bool>(),
        prop::option::weighted(0.2, prop::collection::vec(terms, 1..5)),
    )
        .prop_map(|(categories, outside_left, fraction, missing_value, narrow_sums, linear)| Extras {
            categories,
            outside_left,
            fraction,
            missing_value,
            narrow_sums,
            linear,
        })
}

pub fn extend(forest: &mut Forest, extras: Extras) {
    if extras.categories.iter().any(Option::is_some) && !forest.feature.is_empty() {
        forest.categories.offset.push(0);
        for split in 0..forest.feature.len() {
            let Some(words) = &extras.categories[split % extras.categories.len()] else {
                forest.categories.set.push(-1);
                continue;
            };
            forest.threshold[split] = 0.0;
            forest.flags[split] |= if extras.outside_left { FLAG_OUTSIDE_LEFT } else { 0 };
            forest.categories.set.push(forest.categories.offset.len() as i32 - 1);
            forest.categories.words.extend(words);
            forest.categories.offset.push(forest.categories.words.len() as i64);
        }
        if extras.fraction {
            forest.negative_fraction = NegativeFraction::Zero;
        }
    }
    forest.missing_value = extras.missing_value;
    match extras.linear {
        Some(terms) if forest.leaf_width == 1 => {
            let mut linear = LinearLeaves { offset: vec![0], ..LinearLeaves::default() };
            for leaf in 0..forest.leaf_id.len() {
                for &(feature, coefficient) in &terms[leaf % terms.len()] {
                    linear.feature.push(feature as i32);
                    linear.coefficient.push(coefficient);
                }
                linear.offset.push(linear.feature.len() as i64);
                linear.constant.push(leaf as f64 * 0.1);
            }
            forest.linear = Some(linear);
        }
        _ if extras.narrow_sums => {
            forest.sum = Width::Float32;
            forest.base.iter_mut().chain(&mut forest.leaf_value).for_each(|x| *x = f64::from(*x as f32));
        }
        _ => {}
    }
}

prop_compose! {
    pub fn any_model()(
        grown in prop::collection::vec(tree(40, 3), 0..8),
        lt: bool,
        narrow: bool,
        shape in 0usize..3,
        band: bool,
        extras in prop::option::of(extras()),
        link in prop::sample::select(vec![
            vec![],
            vec![Link::Sigmoid { scale: 1.5 }],
            vec![Link::Softmax { groups: 1 }],
            vec![Link::Divide { by: 7.0 }, Link::Exp {}],
            vec![Link::Exp {}, Link::Normalize { pairwise: false, keep_zeros: false }],
            vec![Link::SignedSquare {}],
        ]),
    ) -> Model {
        let (outputs, vector): (usize, bool) = [(1, false), (3, false), (3, true)][shape];
        let grown = grown.into_iter().map(|mut tree| {
            if !vector {
                tree.values.truncate(tree.splits.len() + 1);
            }
            tree
        }).collect();
        let comparison = if lt { Comparison::Lt } else { Comparison::Le };
        let width = if narrow { Width::Float32 } else { Width::Float64 };
        let mut forest = forest(grown, comparison, outputs, vector, band.then_some(f64::from(1e-35f32)));
        if let Some(extras) = extras {
            extend(&mut forest, extras);
        }
        model(forest, width, link, OnBadValue::Accept)
    }
}
