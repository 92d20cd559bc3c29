//! What an accepted model must do.

use std::sync::Arc;

use fastscore_core::exec::category::{Categories, Part, Texts};
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output};
use fastscore_core::model::{Encoder, Encoding, LabelValues, Model, OnBadValue, Op, Unknown, Width};
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

/// What an accepted model is.
pub struct Accepted {
    /// Its structure, for the pool.
    pub structure: String,
    /// Whether some output was scored, not refused; also where the table would take too long.
    pub scores: bool,
}

/// It is written and read back, compiles, and scores the same bits on every engine and when read back.
pub fn accepted(model: Model) -> Result<Accepted, String> {
    let bytes = model.to_bytes().map_err(|error| format!("accepted, but can't be written: {error}"))?;
    let again = Model::from_bytes(&bytes).map_err(|error| format!("written, but can't be read: {error}"))?;
    if again.to_bytes().as_ref() != Ok(&bytes) {
        return Err("written and read back, it is another model".into());
    }
    let model = Arc::new(model);
    let structure = model.structure().map_err(|error| error.to_string())?;
    let mut plans = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        for forced in [None, Some(Forced::Walk), Some(Forced::Sliced), Some(Forced::Oblivious), Some(Forced::Tiled)] {
            match Plan::compile_for(model.clone(), level, forced) {
                Ok(plan) => plans.push((format!("{level}, {forced:?}"), plan)),
                // Not every forest fits.
                Err(_) if matches!(forced, Some(Forced::Sliced | Forced::Oblivious | Forced::Tiled)) => {}
                Err(error) => return Err(format!("accepted, but not compiled: {error}")),
            }
        }
    }
    let columns: usize = (0..=model.steps().len()).map(|value| model.width(value)).sum();
    if model.features().count > MOST_FEATURES || columns > MOST_COLUMNS {
        return Ok(Accepted { structure, scores: true });
    }
    let reference = |model: &Arc<Model>| {
        Plan::compile_for(model.clone(), Level::Portable, Some(Forced::Reference))
            .map_err(|error| format!("accepted, but the reference interpreter says: {error}"))
    };
    plans.push(("the model read back".into(), reference(&Arc::new(again))?));
    let reference = reference(&model)?;
    let data = rows(&model);
    let body = data.iter().map(Cells::column).collect();
    let table = Table::new(None, Body::Columns(body), ROWS).map_err(|error| error.to_string())?;
    let mut scores = false;
    // Steps refuse what no choice of rows avoids: then the other rows are compared, too.
    let modes = if model.guards().is_empty() { &[OnRefused::Raise][..] } else { &[OnRefused::Raise, OnRefused::Null] };
    for (output, &mode) in Output::ALL.into_iter().flat_map(|output| modes.iter().map(move |mode| (output, mode))) {
        // Debug prints the shortest text that reads back as the same number: equal text is equal bits.
        let run = |plan: &Plan| format!("{:?}", exec::score(plan, &table, output, Some(1), mode, &|| false));
        let expected = run(&reference);
        scores |= expected.starts_with("Ok");
        for (name, plan) in &plans {
            let found = run(plan);
            if found != expected {
                return Err(format!("{output:?} on {name} is {} instead of {}", cut(&found), cut(&expected)));
            }
        }
    }
    Ok(Accepted { structure, scores })
}

fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

/// The values of a column.
enum Cells {
    Numbers(Vec<f64>),
    /// Strings in one piece, and 1 where one is null.
    Texts {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
        nulls: Vec<u8>,
    },
}

impl Cells {
    fn column(&self) -> Column<'_> {
        match self {
            Cells::Numbers(values) => {
                let values = Values::F64(Strided::contiguous(values));
                Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
            }
            Cells::Texts { offsets, bytes, nulls } => {
                let nulls = Nulls::Mask(Strided::contiguous(nulls));
                Column::Categories(Categories::new([Part::Texts(Texts::Small(offsets, bytes), nulls)], "string".into()))
            }
        }
    }

    /// None is null.
    fn texts(values: impl Iterator<Item = Option<String>>) -> Cells {
        let (mut offsets, mut bytes, mut nulls) = (vec![0], Vec::new(), Vec::new());
        for value in values {
            nulls.push(u8::from(value.is_none()));
            bytes.extend(value.unwrap_or_default().into_bytes());
            offsets.push(bytes.len() as i32);
        }
        Cells::Texts { offsets, bytes, nulls }
    }
}

/// Which of `count` values a cell takes.
fn pick(row: usize, feature: usize, count: usize) -> usize {
    (row * 7919 + feature * 104_729) % count
}

/// Columns of values at, above and below the thresholds, and of those that trip engines; categories where the model has
/// some; none that is refused.
fn rows(model: &Model) -> Vec<Cells> {
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
    let numbers = |feature: usize, pool: &[f64]| {
        Cells::Numbers((0..ROWS).map(|row| pool[pick(row, feature, pool.len())]).collect())
    };
    (0..model.features().count)
        .map(|feature| {
            let encoding = model.features().encodings.iter().find(|encoding| encoding.feature == feature);
            match encoding.map(|encoding| (known(encoding), encoding)) {
                None => numbers(feature, &pool),
                Some((Known::Numbers(values), _)) if values.is_empty() => numbers(feature, &pool),
                Some((Known::Numbers(values), _)) => numbers(feature, &values),
                Some((Known::Texts(mut texts), encoding)) => {
                    // CatBoost refuses a missing category.
                    if texts.is_empty() || (policy.missing == OnBadValue::Accept && encoding.encoder != Encoder::Hash) {
                        texts.push(None);
                    }
                    Cells::texts((0..ROWS).map(|row| texts[pick(row, feature, texts.len())].clone()))
                }
            }
        })
        .collect()
}

/// Values that an encoding takes.
enum Known {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

fn known(encoding: &Encoding) -> Known {
    let free = encoding.unknown != Unknown::Raise;
    let numbers = |mut values: Vec<f64>| {
        values.extend(free.then_some(-77.0));
        Known::Numbers(values)
    };
    match &encoding.encoder {
        // As the files in `tests/golden` have them, and others.
        Encoder::Hash => {
            let words = (0..20).flat_map(|n| [format!("c{n}"), n.to_string(), "long".repeat(n)]);
            Known::Texts(words.map(Some).collect())
        }
        Encoder::Table { values, .. } => match values {
            LabelValues::Int(values) => numbers(values.iter().map(|&x| x as f64).collect()),
            LabelValues::UInt(values) => numbers(values.iter().map(|&x| x as f64).collect()),
            LabelValues::Float(values) => numbers(values.clone()),
            LabelValues::Bool(values) => numbers(values.iter().map(|&x| f64::from(u8::from(x))).collect()),
            LabelValues::Str(values) => {
                let unseen = free.then(|| "no such word".to_string());
                Known::Texts(values.iter().cloned().chain(unseen).map(Some).collect())
            }
        },
    }
}
