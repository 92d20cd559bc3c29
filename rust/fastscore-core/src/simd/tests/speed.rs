//! Time a value, to be looked at rather than tested:
//! `cargo test --release -- --ignored --nocapture speed`.

use std::hint::black_box;
use std::time::Instant;

use super::{Level, Random};
use crate::simd::{exp, sigmoid, softmax};

/// The best of many runs over 4096 values, in nanoseconds a value.
fn best(xs: &[f64], mut function: impl FnMut(&mut [f64])) -> f64 {
    let mut best = f64::INFINITY;
    let mut ys = xs.to_vec();
    for _ in 0..2000 {
        ys.copy_from_slice(xs);
        let start = Instant::now();
        function(black_box(&mut ys));
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / xs.len() as f64
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let mut random = Random(5);
    let xs: Vec<f64> = (0..4096).map(|_| random.between(-10.0, 10.0)).collect();

    let std_exp = best(&xs, |xs| xs.iter_mut().for_each(|x| *x = x.exp()));
    println!("std exp: {std_exp:.2} ns");
    let std_sigmoid = best(&xs, |xs| {
        xs.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
    });
    println!("std sigmoid: {std_sigmoid:.2} ns");

    for level in super::levels("speed") {
        let exp = best(&xs, |xs| exp(level, xs));
        let sigmoid = best(&xs, |xs| sigmoid(level, 1.0, xs));
        let softmax = best(&xs, |xs| {
            let mut columns: Vec<&mut [f64]> = xs.chunks_exact_mut(1024).collect();
            softmax(level, &mut columns);
        });
        println!("{level}: exp {exp:.2} ns, sigmoid {sigmoid:.2} ns, softmax of 4 {softmax:.2} ns");
    }
    assert!(Level::detect().is_available());
}
