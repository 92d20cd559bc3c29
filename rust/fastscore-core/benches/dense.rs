//! What networks and linear models reach of this machine: `cargo bench -p fastscore-core --bench dense`.
//!
//! Networks of float32 and float64 against a loop of multiply-adds in registers, linear models against a plain sum of the
//! same columns, each in turns on one thread, the best of many rounds. The argument is `networks`, `linear` or none.

#![allow(clippy::unwrap_used, reason = "a tool fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use fastscore_core::simd::Level;

const NETWORKS: [&[usize]; 3] = [&[23, 100, 64, 2], &[23, 256, 128, 64, 1], &[200, 512, 256, 10]];

fn numbers(count: usize, seed: usize) -> Vec<f64> {
    (0..count).map(|i| f64::from(((i * 7919 + seed * 104_729) % 997) as f32 / 997.0 - 0.5)).collect()
}

fn plan(sizes: &[usize], width: Width, level: Level) -> Plan {
    let mut steps = Vec::new();
    for (at, pair) in sizes.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let op = Op::Linear(Linear {
            inputs,
            outputs,
            coefficients: numbers(inputs * outputs, at),
            intercept: numbers(outputs, at + 50),
            width,
        });
        steps.push(Step { input: steps.len(), op });
        if at + 2 < sizes.len() {
            steps.push(Step { input: steps.len(), op: Op::Link(Link::Relu {}, width) });
        }
    }
    let last = steps.len();
    let refuse = OnBadValue::Refuse;
    let model = Model::new(ModelParts {
        features: Features {
            count: sizes[0],
            names: None,
            name_match: NameMatch::Exact,
            encodings: Vec::new(),
            checked: None,
        },
        input: InputPolicy { missing: refuse, non_finite: refuse, width: Width::Float64, absent: Absent::Zero },
        steps,
        guards: Vec::new(),
        targets: vec![Target {
            name: None,
            classes: None,
            margin: last,
            probability: None,
            prediction: Decision::Value(last),
            score: None,
        }],
        transform: None,
        output_width: width,
        leaf: None,
        source: Source::default(),
    });
    Plan::compile_for(Arc::new(model.unwrap()), level, None).unwrap()
}

fn column(values: Values) -> Column {
    Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
}

/// Seconds that this thread has had a processor, where the system tells.
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| 1e-9 * nanoseconds)
}

/// Seconds of a call; of a long one those on a processor, which others may take meanwhile.
fn seconds(work: &dyn Fn()) -> f64 {
    let (start, before) = (Instant::now(), processor());
    work();
    let elapsed = start.elapsed().as_secs_f64();
    match before.zip(processor()) {
        Some((before, after)) if elapsed > 0.02 => elapsed.min(after - before),
        _ => elapsed,
    }
}

/// The best of many rounds in turns.
fn best(rounds: usize, works: &[&dyn Fn()]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; works.len()];
    for _ in 0..rounds {
        for (best, work) in best.iter_mut().zip(works) {
            *best = best.min(seconds(work));
        }
    }
    best
}

fn score(plan: &Plan, table: &Table) {
    black_box(exec::score(plan, table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap());
}

/// Multiply-adds in registers only: so many steps of 24 independent sums. Gives the multiply-adds done.
fn peak(level: Level, width: Width, steps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        macro_rules! peak {
            ($name:ident, $features:literal, $float:ty, $lanes:expr, $splat:ident, $mul_add:ident, $sums:expr) => {
                #[target_feature(enable = $features)]
                fn $name(steps: usize) -> usize {
                    let mut sums = [$splat(black_box(0.5)); $sums];
                    let (x, w) = ($splat(black_box(0.25)), $splat(black_box(0.75)));
                    for _ in 0..steps {
                        for sum in &mut sums {
                            *sum = $mul_add(x, w, *sum);
                        }
                    }
                    black_box(sums);
                    steps * $sums * $lanes
                }
            };
        }
        peak!(narrow512, "avx512f", f32, 16, _mm512_set1_ps, _mm512_fmadd_ps, 24);
        peak!(wide512, "avx512f", f64, 8, _mm512_set1_pd, _mm512_fmadd_pd, 24);
        peak!(narrow256, "avx2,fma", f32, 8, _mm256_set1_ps, _mm256_fmadd_ps, 12);
        peak!(wide256, "avx2,fma", f64, 4, _mm256_set1_pd, _mm256_fmadd_pd, 12);
        assert!(level.is_available());
        return match (level, width) {
            // SAFETY: the level is available, as asserted.
            (Level::Avx512, Width::Float32) => unsafe { narrow512(steps) },
            // SAFETY: as above.
            (Level::Avx512, Width::Float64) => unsafe { wide512(steps) },
            // SAFETY: as above.
            (Level::Avx2, Width::Float32) => unsafe { narrow256(steps) },
            // SAFETY: as above.
            (Level::Avx2, Width::Float64) => unsafe { wide256(steps) },
            (Level::Portable, _) => 0,
        };
    }
    #[allow(unreachable_code, reason = "elsewhere than on x86-64")]
    0
}

fn networks() {
    for level in [Level::Avx512, Level::Avx2].into_iter().filter(|level| level.is_available()) {
        for width in [Width::Float32, Width::Float64] {
            for sizes in NETWORKS {
                let products: usize = sizes.windows(2).map(|pair| pair[0] * pair[1]).sum();
                for rows in [1000, 10_000, 100_000] {
                    let data = numbers(rows * sizes[0], 7);
                    let narrow: Vec<f32> = data.iter().map(|&x| x as f32).collect();
                    let by_row = (0..sizes[0]).map(|c| {
                        column(match width {
                            Width::Float32 => Values::F32(Strided::new(&narrow[c..], sizes[0], rows).unwrap()),
                            Width::Float64 => Values::F64(Strided::new(&data[c..], sizes[0], rows).unwrap()),
                        })
                    });
                    let by_row = Table::new(None, Body::Columns(by_row.collect()), rows).unwrap();
                    let by_column = data.chunks(rows).map(|x| column(Values::F64(Strided::contiguous(x))));
                    let by_column = Table::new(None, Body::Columns(by_column.collect()), rows).unwrap();
                    let plan = plan(sizes, width, level);
                    let steps = 100_000;
                    let times = best(
                        if rows > 10_000 { 7 } else { 100 },
                        &[&|| score(&plan, &by_row), &|| score(&plan, &by_column), &|| {
                            black_box(peak(level, width, steps));
                        }],
                    );
                    let most = peak(level, width, steps) as f64 / times[2];
                    let share = |time: f64| (products * rows) as f64 / time / most;
                    println!(
                        "{level} {width:?} {sizes:?} {rows} rows: peak {:.0} GFLOP/s; rows {:.0} GFLOP/s, {:.0} %; columns {:.0} %",
                        2e-9 * most,
                        2e-9 * (products * rows) as f64 / times[0],
                        100.0 * share(times[0]),
                        100.0 * share(times[1]),
                    );
                }
            }
        }
    }
}

/// The sum of numbers as a plain loop has it, in as many sums as hide its latency.
fn sum<T: Copy + Into<f64>>(x: &[T]) -> f64 {
    let (parts, rest) = x.as_chunks::<64>();
    let mut sums = [0.0; 64];
    for part in parts {
        for (sum, &x) in sums.iter_mut().zip(part) {
            *sum += x.into();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&x| x.into()).sum::<f64>()
}

fn linear() {
    for (rows, features) in [(1_000_000, 23), (115_000, 200), (10_000, 23), (1_000, 200)] {
        for outputs in [1, 3, 10] {
            let data = numbers(rows * features, 3);
            let narrow: Vec<f32> = data.iter().map(|&x| x as f32).collect();
            let whole: Vec<i32> = data.iter().map(|&x| (x * 1e6) as i32).collect();
            let plan = plan(&[features, outputs], Width::Float64, Level::detect());
            let f64s = data.chunks(rows).map(|x| column(Values::F64(Strided::contiguous(x)))).collect();
            let f32s = narrow.chunks(rows).map(|x| column(Values::F32(Strided::contiguous(x)))).collect();
            let i32s = whole.chunks(rows).map(|x| column(Values::I32(Strided::contiguous(x)))).collect();
            let lines = (0..features).map(|c| column(Values::F64(Strided::new(&data[c..], features, rows).unwrap())));
            let [f64s, f32s, i32s, lines] = [f64s, f32s, i32s, lines.collect()]
                .map(|columns| Table::new(None, Body::Columns(columns), rows).unwrap());
            let times = best(
                if rows * features > 10_000_000 { 7 } else { 200 },
                &[
                    &|| score(&plan, &f64s),
                    &|| _ = black_box(data.chunks(rows).map(sum).sum::<f64>()),
                    &|| score(&plan, &f32s),
                    &|| _ = black_box(narrow.chunks(rows).map(sum).sum::<f64>()),
                    &|| score(&plan, &i32s),
                    &|| _ = black_box(whole.chunks(rows).map(sum).sum::<f64>()),
                    &|| score(&plan, &lines),
                ],
            );
            let share = |a: f64, b: f64| 100.0 * b / a;
            println!(
                "{rows} x {features} -> {outputs}: float64 {:.2} ns a row, {:.0} % of a sum; float32 {:.0} %; int32 {:.0} %; \
                 rows {:.2} ns, {:.0} %",
                1e9 * times[0] / rows as f64,
                share(times[0], times[1]),
                share(times[2], times[3]),
                share(times[4], times[5]),
                1e9 * times[6] / rows as f64,
                share(times[6], times[1]),
            );
        }
    }
}

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    if asked != "linear" {
        networks();
    }
    if asked != "networks" {
        linear();
    }
}
