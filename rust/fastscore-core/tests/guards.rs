//! What steps refuse: by value, column, row and count, whatever output is asked for; or the rows become null.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use fastscore_core::Error;
use fastscore_core::exec::category::{Categories, Part, Texts};
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output, Scores};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::simd::Level;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Two features, the second a text: `sqrt` of the first (value 1), a map of the text's code (value 3), both (value 4).
fn parts() -> ModelParts {
    let link = |input, link| Step { input, op: Op::Link(link, Width::Float64) };
    let map = Map {
        column: vec![0],
        offset: vec![0, 2],
        key: vec![0.0, 1.0],
        value: vec![10.0, 20.0],
        missing: vec![0.5],
        other: vec![NAN],
    };
    ModelParts {
        features: Features {
            count: 3,
            names: Some(vec!["x".into(), "city".into(), "unused".into()]),
            name_match: NameMatch::Exact,
            encodings: vec![Encoding {
                feature: 1,
                encoder: Encoder::Table {
                    values: LabelValues::Str(vec!["a".into(), "b".into()]),
                    codes: vec![0.0, 1.0],
                },
                unknown: Unknown::Code(-1.0),
                missing_code: None,
                matrix: MatrixRule::Values,
            }],
            checked: None,
        },
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: OnBadValue::Accept,
            width: Width::Float64,
            absent: Absent::Zero,
        },
        steps: vec![
            link(0, Link::Columns { columns: vec![0] }),
            link(0, Link::Columns { columns: vec![1] }),
            Step { input: 2, op: Op::Map(map) },
            link(1, Link::Ufunc { function: Function::Sqrt }),
            Step { input: 4, op: Op::Concat(vec![3]) },
            link(5, Link::Columns { columns: vec![0] }),
        ],
        guards: Vec::new(),
        targets: vec![Target {
            name: None,
            classes: None,
            margin: 5,
            probability: None,
            prediction: Decision::Value(1),
            score: None,
        }],
        transform: None,
        output_width: Width::Float64,
        leaf: None,
        source: Source::default(),
    }
}

fn numbers(value: ValueId, columns: Option<Vec<usize>>, missing: bool, non_finite: Option<Width>) -> Guard {
    let refuse = Refuse::Numbers(Checks { missing, non_finite });
    Guard { value, columns, refuse, step: "Model".into(), names: None }
}

fn unknown() -> Guard {
    let names = Some(vec!["town".into()]);
    Guard { value: 3, columns: Some(vec![0]), refuse: Refuse::Unknown(vec![(0, 1)]), step: "Coder".into(), names }
}

fn score(
    guards: &[Guard],
    x: &[f64],
    city: &[Option<&str>],
    output: Output,
    on_refused: OnRefused,
) -> Result<Scores, Error> {
    let model = Arc::new(Model::new(ModelParts { guards: guards.to_vec(), ..parts() }).unwrap());
    let text: String = city.iter().map(|city| city.unwrap_or("")).collect();
    let ends = city.iter().scan(0, |end, city| {
        *end += city.map_or(0, str::len) as i32;
        Some(*end)
    });
    let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
    let nulls: Vec<u8> = city.iter().map(|city| u8::from(city.is_none())).collect();
    let names = ["x".to_string(), "city".into(), "unused".into()];
    let column =
        |x| Column::Numbers(Numbers::new([Chunk { values: Values::F64(Strided::contiguous(x)), nulls: Nulls::None }]));
    let texts = Part::Texts(Texts::Small(&offsets, text.as_bytes()), Nulls::Mask(Strided::contiguous(&nulls)));
    let body = vec![column(x), Column::Categories(Categories::new([texts], "string".into())), column(x)];
    let table = Table::new(Some(&names), Body::Columns(body), x.len()).unwrap();
    let all = [(Level::detect(), None), (Level::Portable, None), (Level::Portable, Some(Forced::Reference))];
    let results = all.map(|(level, forced)| {
        let plan = Plan::compile_for(model.clone(), level, forced).unwrap();
        exec::score(&plan, &table, output, Some(1), on_refused, &|| false)
    });
    assert_eq!(format!("{:?}", results[0]), format!("{:?}", results[1]));
    assert_eq!(format!("{:?}", results[0]), format!("{:?}", results[2]));
    results.into_iter().next().unwrap()
}

fn refusal(guards: &[Guard], x: &[f64], city: &[Option<&str>]) -> Error {
    let errors = [Output::Prediction, Output::Margin]
        .map(|output| score(guards, x, city, output, OnRefused::Raise).unwrap_err());
    assert_eq!(errors[0], errors[1]);
    errors[0].clone()
}

fn nulls(guards: &[Guard], x: &[f64], city: &[Option<&str>]) -> Vec<u8> {
    let scores = score(guards, x, city, Output::Margin, OnRefused::Null).unwrap();
    let nulls = scores.nulls.unwrap();
    let Data::F64(data) = &scores.groups[0].data else { panic!() };
    for (row, &null) in nulls.iter().enumerate() {
        assert!(null == 0 || (data[row].is_nan() && data[x.len() + row].is_nan()));
    }
    nulls
}

const A: Option<&str> = Some("a");

#[test]
fn guards_of_features_are_as_the_inputs_policy() {
    let guard = [numbers(0, Some(vec![0]), true, None)];
    let error = refusal(&guard, &[1.0, NAN, INF, NAN], &[A, A, None, A]);
    assert_eq!(error, Error::MissingValue { column: "\"x\"".into(), row: 1, count: 2 });
    assert_eq!(nulls(&guard, &[1.0, NAN, INF], &[A, A, None]), [0, 1, 0]);
    let guard = [numbers(0, Some(vec![1, 0]), false, Some(Width::Float32))];
    let error = refusal(&guard, &[1.0, NAN, 1e39, -INF], &[A, A, None, A]);
    assert_eq!(error, Error::NonFinite { column: "\"x\"".into(), row: 2, count: 2, width: "float32" });
    // Of a text's code what is missing, not what is unknown.
    let guard = [numbers(0, Some(vec![1]), true, Some(Width::Float64))];
    let error = refusal(&guard, &[1.0, NAN, INF], &[A, Some("c"), None]);
    assert_eq!(error, Error::MissingValue { column: "\"city\"".into(), row: 2, count: 1 });
    // A feature that no step reads is checked where it is there.
    let guard = [numbers(0, Some(vec![2]), true, None)];
    let error = refusal(&guard, &[1.0, NAN], &[A, A]);
    assert_eq!(error, Error::MissingValue { column: "\"unused\"".into(), row: 1, count: 1 });
    // All columns, by two guards of several widths.
    let guards = [numbers(0, None, false, Some(Width::Float32)), numbers(0, None, true, Some(Width::Float64))];
    let error = refusal(&guards, &[1.0, 1e300, 2.0], &[A, A, A]);
    assert_eq!(error, Error::NonFinite { column: "\"x\"".into(), row: 1, count: 1, width: "float32" });
    assert_eq!(nulls(&guards, &[1.0, 1e300, NAN, 3.0], &[A, A, A, None]), [0, 1, 1, 1]);
}

#[test]
fn guards_of_values_name_step_column_row_and_count() {
    let guard = [numbers(5, None, true, Some(Width::Float64))];
    let x = [4.0, -1.0, INF, -2.0];
    let error = refusal(&guard, &x, &[A; 4]);
    assert_eq!(error, Error::MissingToStep { step: "Model".into(), column: "number 0".into(), row: 1, count: 2 });
    let text = error.to_string();
    assert!(text.starts_with("the input of Model, column number 0, is NaN in row 1 (2 row(s)), which Model refuses: "));
    let error = refusal(&guard, &[4.0, INF, -2.0], &[A; 3]);
    let step = "Model".to_string();
    assert_eq!(error, Error::NonFiniteToStep { step, column: "number 0".into(), row: 1, count: 1, width: "float64" });
    assert_eq!(nulls(&guard, &x, &[A, A, A, Some("c")]), [0, 1, 1, 1]);
    // The first column that has one, by the step's name; a column that is not listed is not looked at.
    let named = Guard { names: Some(vec!["first".into()]), ..numbers(5, Some(vec![1]), true, None) };
    let error = refusal(std::slice::from_ref(&named), &[-1.0, 4.0], &[A, Some("c")]);
    assert_eq!(error, Error::MissingToStep { step: "Model".into(), column: "\"first\"".into(), row: 1, count: 1 });
    assert_eq!(nulls(&[named], &[-1.0, 4.0], &[A, Some("c")]), [0, 1]);
}

#[test]
fn unknown_values_fail_whatever_becomes_of_missing_ones() {
    let error = refusal(&[unknown()], &[1.0; 4], &[A, Some("né"), None, Some("x")]);
    let (step, column) = ("Coder".to_string(), "\"town\"".to_string());
    assert_eq!(error, Error::UnknownToStep { step, column, row: 1, count: 2, value: "\"né\"".into() });
    let missing = numbers(0, Some(vec![0]), true, None);
    let both = [missing.clone(), unknown()];
    let error = score(&both, &[NAN, 1.0], &[Some("x"), A], Output::Margin, OnRefused::Null).unwrap_err();
    let Error::UnknownToStep { row: 0, count: 1, .. } = error else { panic!("{error:?}") };
    assert_eq!(nulls(&both, &[NAN, 1.0], &[A, None]), [1, 0]);
    // Of a step that does not know NaN, unless the row is null because of it.
    let of_values = Guard { refuse: Refuse::Unknown(vec![(1, 0)]), value: 4, ..unknown() };
    let error = refusal(std::slice::from_ref(&of_values), &[1.0, NAN, -1.5], &[A; 3]);
    let Error::UnknownToStep { row: 1, count: 2, value, .. } = error else { panic!("{error:?}") };
    assert_eq!(value, "missing");
    assert_eq!(nulls(&[of_values.clone(), missing.clone()], &[1.0, NAN], &[A; 2]), [0, 1]);
    let error = score(&[of_values, missing], &[NAN, -1.5], &[A; 2], Output::Margin, OnRefused::Null).unwrap_err();
    let Error::UnknownToStep { row: 1, count: 1, value, .. } = error else { panic!("{error:?}") };
    assert_eq!(value, "-1.5");
}

#[test]
fn the_first_guard_that_finds_something_is_named() {
    let guards = [numbers(4, None, true, None), unknown()];
    let Error::MissingToStep { row: 1, .. } = refusal(&guards, &[1.0, -1.0], &[Some("x"), A]) else { panic!() };
    let guards = [unknown(), numbers(4, None, true, None)];
    let Error::UnknownToStep { row: 0, .. } = refusal(&guards, &[1.0, -1.0], &[Some("x"), A]) else { panic!() };
    // Far from the first block.
    let mut x = vec![1.0; 20_000];
    x[15_000] = -1.0;
    x[19_999] = -1.0;
    let Error::MissingToStep { row: 15_000, count: 2, .. } = refusal(&guards, &x, &vec![A; 20_000]) else { panic!() };
}

#[test]
fn guards_are_written_and_read_back() {
    let names = Some(vec!["ö".to_string(), String::new()]);
    let guards = vec![
        numbers(0, None, true, None),
        numbers(2, Some(vec![0]), false, Some(Width::Float64)),
        Guard { names, ..numbers(5, None, true, Some(Width::Float32)) },
        unknown(),
    ];
    let model = Model::new(ModelParts { guards, ..parts() }).unwrap();
    let bytes = model.to_bytes().unwrap();
    let again = Model::from_bytes(&bytes).unwrap();
    assert_eq!(again.guards(), model.guards());
    assert_eq!(again.to_bytes().unwrap(), bytes);
}

#[test]
fn guards_of_all_columns_have_a_limit() {
    let columns = vec![0; 1 << 17];
    let mut wide = parts();
    wide.steps.push(Step { input: 0, op: Op::Link(Link::Columns { columns }, Width::Float64) });
    let model = |count| {
        let guards = vec![numbers(7, None, true, None); count];
        Model::new(ModelParts { guards, ..wide.clone() }).map(|_| ())
    };
    assert_eq!(model(32), Ok(()));
    let Err(Error::TooWide { message, most: 4_194_304 }) = model(33) else { panic!() };
    assert!(message.contains("check more than 4194304 columns"), "{message}");
}

#[test]
fn broken_guards_are_refused() {
    let refusal = |guard: Guard| match Model::new(ModelParts { guards: vec![guard], ..parts() }) {
        Err(Error::ModelFormat(message)) => message,
        other => panic!("{other:?}"),
    };
    assert!(refusal(numbers(7, None, true, None)).contains("guard 0: value 7, which no step gives"));
    assert!(refusal(numbers(5, Some(vec![2]), true, None)).contains("column 2 of value 5, which has 2"));
    assert!(refusal(numbers(5, None, false, None)).contains("refuses nothing"));
    let names = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
    assert!(refusal(Guard { names: names(&["a"]), ..numbers(5, None, true, None) }).contains("1 names for the 2"));
    let of = |of: &[(usize, usize)]| refusal(Guard { refuse: Refuse::Unknown(of.to_vec()), ..unknown() });
    assert!(of(&[]).contains("\"of\" has 0 entries for 1 columns"));
    assert!(of(&[(9, 0)]).contains("value 9"));
    assert!(of(&[(0, 3)]).contains("column 3 of value 0, which has 3"));
    let structure = Model::new(ModelParts { guards: vec![numbers(2, None, true, None)], ..parts() }).unwrap();
    let structure = structure.structure().unwrap();
    let broken = |from: &str, to: &str| {
        assert!(structure.contains(from), "{structure}");
        Model::from_parts(&structure.replace(from, to), Tensors::default()).unwrap_err().to_string()
    };
    // Tensors are taken in order, so that the guards' text is read before one is missed.
    assert!(broken(r#""refuse":["missing"]"#, r#""refuse":["missing","unheard"]"#).contains("unheard"));
}
