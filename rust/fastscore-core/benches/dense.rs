//! What networks reach of this machine: `cargo bench -p fastscore-core --bench dense`.
//!
//! Networks of float32 and float64 against a loop of multiply-adds in registers, in turns on one thread, the best of many rounds.
//! `FASTSCORE_SIMD` picks one level; `portable`, which has no such loop, is measured only where it is asked for, over fewer rows.

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

/// The levels to measure.
fn levels() -> Vec<Level> {
    match std::env::var("FASTSCORE_SIMD") {
        Ok(name) => vec![Level::from_env_value(Some(&name)).unwrap()],
        Err(_) => [Level::Avx512, Level::Avx2].into_iter().filter(|level| level.is_available()).collect(),
    }
}

fn networks() {
    for level in levels() {
        let sizes_of_tables: &[usize] = if level == Level::Portable { &[1000] } else { &[1000, 10_000, 100_000] };
        for width in [Width::Float32, Width::Float64] {
            for sizes in NETWORKS {
                let products: usize = sizes.windows(2).map(|pair| pair[0] * pair[1]).sum();
                for &rows in sizes_of_tables {
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
                        if level == Level::Portable || rows > 10_000 { 7 } else { 100 },
                        &[&|| score(&plan, &by_row), &|| score(&plan, &by_column), &|| {
                            black_box(peak(level, width, steps));
                        }],
                    );
                    let most = peak(level, width, steps) as f64 / times[2];
                    let share = |time: f64| (products * rows) as f64 / time / most;
                    let rate = |time: f64| 2e-9 * (products * rows) as f64 / time;
                    print!("{level} {width:?} {sizes:?} {rows} rows: ");
                    if most > 0.0 {
                        println!(
                            "peak {:.0} GFLOP/s; rows {:.0} GFLOP/s, {:.0} %; columns {:.0} %",
                            2e-9 * most,
                            rate(times[0]),
                            100.0 * share(times[0]),
                            100.0 * share(times[1]),
                        );
                    } else {
                        println!("rows {:.2} GFLOP/s; columns {:.2}", rate(times[0]), rate(times[1]));
                    }
                }
            }
        }
    }
}

fn main() {
    networks();
}
