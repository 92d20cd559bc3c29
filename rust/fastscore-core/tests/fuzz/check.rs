//! What an accepted model must do.

use std::sync::Arc;

use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output};
use fastscore_core::model::{Model, OnBadValue, Op, Width};
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::simd::Level;

/// One more than a word of the bit-sliced engine, and some.
const ROWS: usize = 71;
/// Models of more features or columns than this are only saved, loaded and compiled: their tables take too long.
const MOST_FEATURES: usize = 300;
const MOST_COLUMNS: usize = 3000;
const SPECIAL: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    3.0,
    31.0,
    32.0,
    1e-36,
    5e-324,
    1e15,
    -1e15,
    2147483648.0,
    16777217.0,
    -0.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    -1e39,
];

/// It is written and read back, compiles, and scores the same bits on every engine. Gives what it is, for the pool.
pub fn accepted(model: Model) -> Result<String, String> {
    let bytes = model.to_bytes().map_err(|error| format!("accepted, but can't be written: {error}"))?;
    let again = Model::from_bytes(&bytes).map_err(|error| format!("written, but can't be read: {error}"))?;
    if again.to_bytes().as_ref() != Ok(&bytes) {
        return Err("written and read back, it is another model".into());
    }
    let model = Arc::new(model);
    let structure = model.structure().map_err(|error| error.to_string())?;
    let mut plans = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        for forced in [None, Some(Forced::Walk), Some(Forced::Sliced)] {
            match Plan::compile_for(model.clone(), level, forced) {
                Ok(plan) => plans.push((format!("{level}, {forced:?}"), plan)),
                // Not every forest fits.
                Err(_) if forced == Some(Forced::Sliced) => {}
                Err(error) => return Err(format!("accepted, but not compiled: {error}")),
            }
        }
    }
    let columns: usize = (0..=model.steps().len()).map(|value| model.width(value)).sum();
    if model.features().count > MOST_FEATURES || columns > MOST_COLUMNS {
        return Ok(structure);
    }
    let reference = Plan::compile_for(model.clone(), Level::Portable, Some(Forced::Reference))
        .map_err(|error| format!("accepted, but the reference interpreter says: {error}"))?;
    let data = rows(&model);
    let body = data.iter().map(|values| {
        Column::Numbers(Numbers::new([Chunk { values: Values::F64(Strided::contiguous(values)), nulls: Nulls::None }]))
    });
    let table = Table::new(None, Body::Columns(body.collect()), ROWS).map_err(|error| error.to_string())?;
    for output in Output::ALL {
        // Debug prints the shortest text that reads back as the same number: equal text is equal bits.
        let run =
            |plan: &Plan| format!("{:?}", exec::score(plan, &table, output, Some(1), OnRefused::Raise, &|| false));
        let expected = run(&reference);
        for (name, plan) in &plans {
            let found = run(plan);
            if found != expected {
                return Err(format!("{output:?} on {name} is {} instead of {}", cut(&found), cut(&expected)));
            }
        }
    }
    Ok(structure)
}

fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

/// Columns of values at, above and below the thresholds, and of those that trip engines; none that is refused.
fn rows(model: &Model) -> Vec<Vec<f64>> {
    let mut pool = SPECIAL.to_vec();
    for step in model.steps() {
        if let Op::Forest(forest) = &step.op {
            for &t in forest.threshold.iter().take(200) {
                let narrow = t as f32;
                pool.extend([t, t.next_up(), t.next_down(), narrow.into(), narrow.next_up().into()]);
            }
        }
    }
    let policy = model.input();
    let most = if policy.width == Width::Float32 { f64::from(f32::MAX) } else { f64::MAX };
    pool.retain(|x| match () {
        () if x.is_nan() => policy.missing == OnBadValue::Accept,
        () => policy.non_finite == OnBadValue::Accept || x.abs() <= most,
    });
    (0..model.features().count)
        .map(|feature| (0..ROWS).map(|row| pool[(row * 7919 + feature * 104_729) % pool.len()]).collect())
        .collect()
}
