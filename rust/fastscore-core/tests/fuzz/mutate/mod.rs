//! Mutants of files: what a format's own structure allows, and blind damage to bytes.

mod binary;
mod fscore;
mod json;
mod proto;
mod text;

use crate::rng::Rng;

/// What a mutation may know of a format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lines of numbers.
    Text,
    /// JSON text.
    Json,
    /// Typed big-endian binary of JSON's structure.
    Ubjson,
    /// Little-endian words: FlatBuffers.
    Words,
    /// Our own file, signed again.
    Fscore,
    /// Protocol buffers.
    Proto,
}

/// Numbers that break parsers.
pub const NASTY: &[&str] = &[
    "-1",
    "0",
    "1",
    "2",
    "7",
    "31",
    "32",
    "33",
    "255",
    "256",
    "65536",
    "16777216",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "-1e400",
    "1e-400",
    "5e-324",
    "1e39",
    "1e-35",
    "-0",
    "0.5",
    "1e5",
    "NaN",
    "nan",
    "-nan",
    "inf",
    "-inf",
    "Infinity",
    "",
    "x",
    "+1",
    "1.",
    ".5",
    "0x10",
    "00000000000000000001",
    "\u{663}",
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
];

/// The same as integers.
pub const NASTY_INTEGERS: &[i64] = &[
    -1,
    0,
    1,
    2,
    7,
    31,
    32,
    33,
    127,
    128,
    255,
    256,
    65535,
    65536,
    1 << 24,
    1 << 30,
    i32::MAX as i64,
    1 << 31,
    i32::MIN as i64,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    (1 << 53) + 1,
    i64::MAX,
    i64::MIN,
];

/// The same as float64.
pub const NASTY_FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-35,
    5e-324,
    1e39,
    -1e39,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    2147483648.0,
    16777217.0,
];

/// A mutant of one of the pool's files, half of the time one of its first `seeds`; mostly with a single change.
pub fn mutate(kind: Kind, rng: &mut Rng, pool: &[Vec<u8>], seeds: usize) -> Vec<u8> {
    let from = if rng.below(2) == 0 { &pool[..seeds] } else { pool };
    let mut bytes = rng.pick(from).clone();
    if kind == Kind::Fscore {
        return fscore::mutate(rng, bytes, pool);
    }
    for _ in 0..changes(rng) {
        let blind = rng.below(5) == 0;
        bytes = match kind {
            _ if blind => binary::damage(rng, bytes, pool),
            Kind::Text => text::mutate(rng, &bytes, pool),
            Kind::Json if rng.below(3) == 0 => text::mutate(rng, &bytes, pool),
            Kind::Json => json::mutate_text(rng, &bytes),
            Kind::Ubjson => binary::ubjson(rng, bytes),
            Kind::Proto => proto::mutate(rng, &bytes, pool),
            Kind::Words | Kind::Fscore => binary::words(rng, bytes),
        };
    }
    bytes
}

/// How many changes: one, or up to four.
fn changes(rng: &mut Rng) -> usize {
    if rng.below(3) > 0 { 1 } else { 2 + rng.below(3) }
}
