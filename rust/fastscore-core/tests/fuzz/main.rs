//! Importers on mutated files: whatever the bytes, a model or one of our errors, soon, in bounded memory; and what is
//! accepted compiles, scores the same on every engine, and is written and read back.
//!
//! Every format starts from its valid files (`tests/golden/FORMAT`, `tests/data`) and its corpus of broken ones
//! (`tests/malformed/FORMAT`). Messages never seen before stand in for coverage: an input that gives one joins the pool.
//!
//! `FASTSCORE_FUZZ_SECONDS` a format (5), `FASTSCORE_FUZZ_SEED` to repeat a run, `FASTSCORE_FUZZ_INPUT=PATH` for one
//! input alone. A failing input is saved under `target/fuzz`; when the process dies, it is `target/fuzz/FORMAT.running`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod check;
mod memory;
mod mutate;
mod rng;
mod watch;

use std::collections::HashSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastscore_core::import::{catboost, lightgbm, onnx, xgboost};
use fastscore_core::model::{Forest, Model, ModelParts, Op, Step};
use fastscore_core::{Error, Result};

use mutate::Kind;
use rng::Rng;

/// A source format.
pub struct Format {
    name: &'static str,
    /// Of `tests/golden` and `tests/malformed`.
    folder: &'static str,
    extension: &'static str,
    kind: Kind,
    import: fn(&[u8]) -> Result<Made>,
    /// Import may take at most so many times the file, and [`memory::CONSTANT`] bytes.
    memory: usize,
}

/// What the core makes of a file.
enum Made {
    Model(Box<Model>),
    /// A graph that is translated in Python: its structure.
    Graph(String),
}

impl From<Model> for Made {
    fn from(model: Model) -> Made {
        Made::Model(Box::new(model))
    }
}

impl From<onnx::Decoded> for Made {
    fn from(decoded: onnx::Decoded) -> Made {
        Made::Graph(decoded.structure)
    }
}

/// A line a format: test, folder, extension, kind of mutations, times its size in memory, entry.
macro_rules! formats {
    ($($name:ident: $folder:literal, $extension:literal, $kind:ident, $memory:literal, $import:expr;)*) => {
        const FORMATS: &[Format] = &[$(Format {
            name: stringify!($name),
            folder: $folder,
            extension: $extension,
            kind: Kind::$kind,
            import: |bytes| {
                let import: fn(&[u8]) -> Result<_> = $import;
                import(bytes).map(Made::from)
            },
            memory: $memory,
        }),*];
        $(#[test] fn $name() { fuzz(stringify!($name)) })*
    };
}

formats! {
    lightgbm_text: "lightgbm", "txt", Text, 40, |bytes| lightgbm::import(utf8(bytes)?, lightgbm::Options::default());
    xgboost_json: "xgboost", "json", Json, 40, |bytes| xgboost::import(bytes, xgboost::Options::default());
    xgboost_ubjson: "xgboost", "ubj", Ubjson, 60, |bytes| xgboost::import(bytes, xgboost::Options::default());
    catboost_cbm: "catboost", "cbm", Words, 60, |bytes| catboost::import(bytes, catboost::Options::default());
    catboost_json: "catboost", "json", Json, 60, |bytes| catboost::import(bytes, catboost::Options::default());
    fscore: "fscore", "fscore", Fscore, 20, Model::from_bytes;
    onnx_file: "onnx", "onnx", Proto, 400, |bytes| onnx::decode(bytes, None);
}

/// Text reaches the importers as UTF-8.
fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Error::ModelFormat("not UTF-8".into()))
}

const LARGEST: usize = 1 << 17;
const MOST_KEPT: usize = 2000;

fn fuzz(name: &str) {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let watch = watch::Watch::start(folder.join(format!("{name}.running")));
    let run = Run { format, folder, watch };
    if let Some(path) = std::env::var_os("FASTSCORE_FUZZ_INPUT") {
        let path = PathBuf::from(path);
        let verdict = run.one(&std::fs::read(&path).unwrap(), &format!("as {}", path.display()));
        println!("{name}: {}: {}", path.display(), verdict.said);
        return;
    }
    let seconds = number("FASTSCORE_FUZZ_SECONDS").unwrap_or(5);
    let seed = number("FASTSCORE_FUZZ_SEED").unwrap_or_else(rng::from_clock);
    println!("{name}: FASTSCORE_FUZZ_SEED={seed} FASTSCORE_FUZZ_SECONDS={seconds}");

    let (mut pool, valid) = run.seeds();
    assert!(valid > 0, "no valid file of {name} in tests/golden/{}", format.folder);
    let seeds = pool.len();
    let mut seen: HashSet<String> = HashSet::new();
    let (mut accepted, mut count, mut ratio) = (0, 0u64, 0.0f64);
    let mut rng = Rng::new(seed);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        count += 1;
        let mut bytes = mutate::mutate(format.kind, &mut rng, &pool, seeds);
        bytes.truncate(LARGEST);
        let verdict = run.one(&bytes, &format!("mutant {count} of FASTSCORE_FUZZ_SEED={seed}"));
        accepted += u64::from(verdict.accepted);
        if bytes.len() > 2000 {
            ratio = ratio.max(verdict.peak as f64 / bytes.len() as f64);
        }
        if pool.len() < MOST_KEPT && seen.insert(verdict.said) {
            pool.push(bytes);
        }
    }
    println!(
        "{name}: {count} mutants of {seeds} files, {accepted} accepted, {} kept for what they said; at most {ratio:.1} \
         times a file's size in memory",
        pool.len() - seeds
    );
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

struct Run {
    format: &'static Format,
    folder: PathBuf,
    watch: watch::Watch,
}

/// What became of one input.
struct Verdict {
    accepted: bool,
    scores: bool,
    /// The error without its numbers and names, or the model's structure without its numbers.
    said: String,
    peak: usize,
}

impl Run {
    /// Valid files and broken ones, each checked as it is, and how many are accepted.
    fn seeds(&self) -> (Vec<Vec<u8>>, usize) {
        let mut pool = Vec::new();
        let mut valid = 0;
        for (path, bytes) in files(self.format) {
            let verdict = self.one(&bytes, &format!("as {}", path.display()));
            assert!(!verdict.accepted || verdict.scores, "{} is accepted, but every output is refused", path.display());
            valid += usize::from(verdict.accepted);
            pool.push(bytes);
        }
        if self.format.kind == Kind::Fscore {
            // Whatever the importers make: every kind of step is among it.
            for other in FORMATS.iter().filter(|other| other.kind != Kind::Fscore) {
                let models = files(other).into_iter().filter_map(|(_, bytes)| (other.import)(&bytes).ok());
                pool.extend(models.filter_map(|made| match made {
                    Made::Model(model) => Some(model.to_bytes().unwrap()),
                    Made::Graph(_) => None,
                }));
            }
        }
        (pool, valid)
    }

    /// Check one input; a failure saves it and says how to repeat it.
    fn one(&self, bytes: &[u8], what: &str) -> Verdict {
        self.watch.begin(bytes);
        let result = catch_unwind(|| check(self.format, bytes));
        self.watch.end();
        let why = match result {
            Ok(Ok(verdict)) => return verdict,
            Ok(Err(why)) => why,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                format!("panic: {}", text.or(panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
            }
        };
        let name = self.format.name;
        let path = self.folder.join(format!("{name}-{:016x}.{}", rng::hash(bytes), self.format.extension));
        std::fs::write(&path, bytes).unwrap();
        panic!(
            "{name}, {what}: {why}\nrepeat it: FASTSCORE_FUZZ_INPUT={} cargo test -p fastscore-core --test fuzz {name}",
            path.display()
        );
    }
}

/// Every promise to one input; an error says which was broken.
fn check(format: &Format, bytes: &[u8]) -> std::result::Result<Verdict, String> {
    let (result, peak) = memory::peak(|| (format.import)(bytes));
    let most = format.memory * bytes.len() + memory::CONSTANT;
    if peak > most {
        return Err(format!("import took {peak} bytes for a file of {}, at most {most} are due", bytes.len()));
    }
    let (accepted, scores, said) = match result {
        Ok(Made::Model(model)) => {
            let found = check::accepted(*model)?;
            (true, found.scores, found.structure.replace('"', ""))
        }
        Ok(Made::Graph(structure)) => (true, true, structure),
        Err(error) => (false, false, error.to_string()),
    };
    Ok(Verdict { accepted, scores, said: skeleton(&said), peak })
}

/// A message without what varies: runs of digits, and what is quoted.
fn skeleton(said: &str) -> String {
    let mut short = String::new();
    let mut quoted = false;
    for c in said.chars().take(2000) {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '0'..='9' if short.ends_with('0') => {}
            '0'..='9' => short.push('0'),
            c => short.push(c),
        }
    }
    short
}

/// The files of a format: valid ones, then broken ones.
fn files(format: &Format) -> Vec<(PathBuf, Vec<u8>)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own.join("../../tests");
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in
        [own.join("tests/data"), root.join("golden").join(format.folder), root.join("malformed").join(format.folder)]
    {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut here: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        here.retain(|path| path.extension().is_some_and(|extension| extension == format.extension));
        here.sort();
        paths.extend(here);
    }
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// What is in `tests/malformed` is refused, whatever it takes.
#[test]
fn malformed_files_are_refused() {
    for format in FORMATS {
        for (path, bytes) in files(format).iter().filter(|(path, _)| path.iter().any(|part| part == "malformed")) {
            assert!((format.import)(bytes).is_err(), "{}", path.display());
        }
    }
}

/// The file's bytes, what is made of them, and one tensor on its way: three times the file, whatever its size.
#[test]
fn a_large_file_takes_three_times_its_size() {
    const TREES: usize = 100_000;
    let forest = Forest {
        outputs: 1,
        leaf_width: 1,
        base: vec![0.0],
        split_offset: (0..=TREES as i64).collect(),
        leaf_offset: (0..=TREES as i64).map(|tree| 2 * tree).collect(),
        target: vec![0; TREES],
        feature: vec![0; TREES],
        threshold: vec![0.5; TREES],
        left: vec![-1; TREES],
        right: vec![-2; TREES],
        flags: vec![0; TREES],
        leaf_value: vec![1.0; 2 * TREES],
        leaf_id: vec![0; 2 * TREES],
        ..Forest::default()
    };
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fscore/tree.fscore"));
    let small = Model::from_bytes(&bytes.unwrap()).unwrap();
    let large = Model::new(ModelParts {
        features: small.features().clone(),
        input: small.input(),
        steps: vec![Step { input: 0, op: Op::Forest(forest) }],
        guards: vec![],
        targets: small.targets().to_vec(),
        transform: None,
        output_width: small.output_width(),
        leaf: Some(0),
        source: small.source().clone(),
    });
    let bytes = large.unwrap().to_bytes().unwrap();
    let (model, peak) = memory::peak(|| Model::from_bytes(&bytes));
    assert!(model.is_ok());
    let times = 1.0 + peak as f64 / bytes.len() as f64;
    println!("{times:.2} times its {} bytes", bytes.len());
    assert!(times <= 3.0, "{times:.2} times its {} bytes", bytes.len());
}
