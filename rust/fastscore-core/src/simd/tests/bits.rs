//! The same bits at every level and in every place.

use proptest::prelude::*;

use super::{Level, Random, bits, levels, specials};
use crate::simd::{
    exp, exp_f32, exp2, fast_exp, fast_softmax, log, log1p, log1p_exp, logit, sigmoid, sigmoid_f32, softmax,
    softmax_f32,
};

/// Every function's results, one list after the other.
fn all_functions(level: Level, xs: &[f64]) -> Vec<u64> {
    let mut results = Vec::new();
    for function in [exp, exp2, log, log1p, log1p_exp, logit, exp_f32, fast_exp] {
        let mut ys = xs.to_vec();
        function(level, &mut ys);
        results.extend(bits(&ys));
    }
    for scale in [1.0, -0.3, 1e300, f64::INFINITY, 0.0] {
        let mut ys = xs.to_vec();
        sigmoid(level, scale, &mut ys);
        results.extend(bits(&ys));
        let mut ys = xs.to_vec();
        sigmoid_f32(level, scale, &mut ys);
        results.extend(bits(&ys));
    }
    for classes in 1..7 {
        for softmax in [softmax, softmax_f32, fast_softmax] {
            let table = softmax_of(softmax, level, &table(xs, classes));
            results.extend(table.iter().flat_map(|column| bits(column)));
        }
    }
    results
}

/// `xs` as columns, each row having values that are neighbours in `xs`.
fn table(xs: &[f64], classes: usize) -> Vec<Vec<f64>> {
    (0..classes)
        .map(|class| {
            let rows = xs.chunks_exact(classes);
            rows.map(|row| row[class]).collect()
        })
        .collect()
}

fn softmax_of(softmax: impl Fn(Level, &mut [&mut [f64]]), level: Level, table: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut table = table.to_vec();
    let mut columns: Vec<&mut [f64]> = table.iter_mut().map(Vec::as_mut_slice).collect();
    softmax(level, &mut columns);
    table
}

#[test]
fn levels_agree_on_specials() {
    let mut xs = specials();
    // Each with each, for softmax.
    let pairs: Vec<f64> = xs.iter().flat_map(|&a| xs.iter().flat_map(move |&b| [a, b])).collect();
    xs.extend(pairs);
    let expected = all_functions(Level::Portable, &xs);
    for level in levels("levels_agree_on_specials") {
        assert!(all_functions(level, &xs) == expected, "{level}");
    }
}

#[test]
fn levels_agree_on_many_values() {
    let mut random = Random(2);
    let xs: Vec<f64> = (0..200_000)
        .map(|i| match i % 3 {
            0 => f64::from_bits(random.bits()),
            1 => random.between(-750.0, 712.0),
            _ => random.between(-2.0, 2.0),
        })
        .collect();
    let expected = all_functions(Level::Portable, &xs);
    for level in levels("levels_agree_on_many_values") {
        assert!(all_functions(level, &xs) == expected, "{level}");
    }
}

proptest! {
    #[test]
    fn levels_agree_on_any_bits(xs in prop::collection::vec(any::<u64>(), 0..40)) {
        let xs: Vec<f64> = xs.into_iter().map(f64::from_bits).collect();
        let expected = all_functions(Level::Portable, &xs);
        // Without a word on what is skipped: it would come with every case.
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            prop_assert_eq!(&all_functions(level, &xs), &expected, "{}", level);
        }
    }

    #[test]
    fn levels_agree_on_scores(
        xs in prop::collection::vec(-800.0..800.0, 0..40),
        scale in -3.0..3.0,
    ) {
        let of = |level| {
            let mut ys: Vec<f64> = xs.clone();
            sigmoid(level, scale, &mut ys);
            (bits(&ys), all_functions(level, &xs))
        };
        let expected = of(Level::Portable);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            prop_assert_eq!(&of(level), &expected, "{}", level);
        }
    }
}

#[test]
fn a_result_depends_on_its_value_alone() {
    let mut random = Random(3);
    let mut xs: Vec<f64> = (0..40).map(|_| random.between(-20.0, 20.0)).collect();
    (xs[3], xs[9], xs[17], xs[30]) = (f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -740.0);
    let other: Vec<f64> = (0..40).map(|_| random.between(-20.0, 20.0)).collect();

    for level in levels("a_result_depends_on_its_value_alone") {
        let apply = |xs: &[f64], other: &[f64]| {
            let (mut e, mut s) = (xs.to_vec(), xs.to_vec());
            exp(level, &mut e);
            sigmoid(level, 0.7, &mut s);
            let m = softmax_of(softmax, level, &[xs.to_vec(), other.to_vec()]);
            [bits(&e), bits(&s), bits(&m[0]), bits(&m[1])]
        };
        let whole = apply(&xs, &other);
        for start in 0..=xs.len() {
            for end in start..=xs.len() {
                let part = apply(&xs[start..end], &other[start..end]);
                for (part, whole) in part.iter().zip(&whole) {
                    assert_eq!(part[..], whole[start..end], "{level}, {start}..{end}");
                }
            }
        }
    }
}

/// Softmax against its formula, a row at a time.
#[test]
fn softmax_is_its_formula() {
    let mut random = Random(4);
    let xs: Vec<f64> = (0..3 * 101).map(|_| random.between(-30.0, 30.0)).collect();
    let table = table(&xs, 3);
    for level in levels("softmax_is_its_formula") {
        let found = softmax_of(softmax, level, &table);
        for row in 0..101 {
            let mut scores: Vec<f64> = table.iter().map(|column| column[row]).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            scores.iter_mut().for_each(|score| *score -= max);
            exp(level, &mut scores);
            let sum = (scores[0] + scores[1]) + scores[2];
            let expected: Vec<f64> = scores.iter().map(|score| score / sum).collect();
            let found: Vec<f64> = found.iter().map(|column| column[row]).collect();
            assert_eq!(bits(&found), bits(&expected), "{level}, row {row}");
        }
    }
}

#[test]
fn softmax_of_special_rows() {
    const INF: f64 = f64::INFINITY;
    let rows = [
        ([0.0, 0.0], [0.5, 0.5]),
        ([5.0, -INF], [1.0, 0.0]),
        ([-1000.0, 1000.0], [0.0, 1.0]),
        ([INF, 0.0], [f64::NAN; 2]),
        ([-INF, -INF], [f64::NAN; 2]),
        ([f64::NAN, 0.0], [f64::NAN; 2]),
        ([0.0, f64::NAN], [f64::NAN; 2]),
    ];
    for level in levels("softmax_of_special_rows") {
        for (row, expected) in rows {
            let found = softmax_of(softmax, level, &[vec![row[0]], vec![row[1]]]).concat();
            assert_eq!(bits(&found), bits(&expected), "{level}, {row:?}");
        }
        assert_eq!(softmax_of(softmax, level, &[]), Vec::<Vec<f64>>::new());
        assert_eq!(softmax_of(softmax, level, &[vec![3.0, -4.0]]), [[1.0, 1.0]]);
    }
}

#[test]
#[should_panic(expected = "softmax needs columns of one length")]
fn softmax_refuses_columns_of_different_length() {
    softmax(Level::Portable, &mut [&mut [1.0, 2.0], &mut [1.0]]);
}
