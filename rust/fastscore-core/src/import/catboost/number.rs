//! Numbers of JSON text as CatBoost reads them.
//!
//! Its reader (RapidJSON without full precision) multiplies up the leading digits and scales once, which is up to a few
//! ulp from the nearest float64. A model that it loads from JSON computes with those numbers, so they are read alike.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        parse(text).map(Number).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            D::Error::custom(format!("{shown:?} where a number is due"))
        })
    }
}

/// A number, or a list of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers(pub Vec<f64>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let list = if text.starts_with('[') {
            serde_json::from_str::<Vec<Number>>(text)
        } else {
            serde_json::from_str(text).map(|number| vec![number])
        };
        list.map(|list| Numbers(list.into_iter().map(|n| n.0).collect())).map_err(D::Error::custom)
    }
}

/// The largest significand that takes another digit exactly in every case.
const EXACT: u64 = (1 << 53) - 1;
/// Digits after these do not count.
const DIGITS: usize = 17;

/// A number of JSON: the grammar was checked by the JSON parser.
pub(super) fn parse(text: &str) -> Option<f64> {
    let (text, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if !text.bytes().next()?.is_ascii_digit() {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut significand = 0u64;
    let mut value = None;
    let mut significant = 0;
    for digit in whole.bytes().map(|b| u64::from(b.wrapping_sub(b'0'))) {
        match value {
            None => match significand.checked_mul(10).and_then(|s| s.checked_add(digit)) {
                Some(next) => {
                    significand = next;
                    significant += 1;
                }
                None => value = Some(significand as f64 * 10.0 + digit as f64),
            },
            Some(v) => value = Some(v * 10.0 + digit as f64),
        }
    }
    // The leading digit is not counted.
    significant = usize::saturating_sub(significant, 1);
    let mut scale = 0i32;
    let mut rest = fraction.bytes().map(|b| u64::from(b.wrapping_sub(b'0'))).peekable();
    if value.is_none() {
        while significand <= EXACT
            && let Some(digit) = rest.next()
        {
            significand = significand * 10 + digit;
            scale -= 1;
            significant += usize::from(significand != 0);
        }
    }
    let mut value = value.unwrap_or(significand as f64);
    for digit in rest {
        if significant < DIGITS {
            value = value * 10.0 + digit as f64;
            scale -= 1;
            significant += usize::from(value > 0.0);
        }
    }
    let value = scaled(value, exponent.checked_add(scale)?)?;
    value.is_finite().then_some(if negative { -value } else { value })
}

/// `value * 10^exponent`, in two steps where the power is out of range.
fn scaled(value: f64, exponent: i32) -> Option<f64> {
    let step = |value: f64, exponent: i32| -> Option<f64> {
        Some(match exponent {
            ..=-309 => 0.0,
            -308..0 => value / power(-exponent)?,
            _ => value * power(exponent)?,
        })
    };
    if exponent < -308 { step(step(value, -308)?, exponent.checked_add(308)?) } else { step(value, exponent) }
}

/// `10^exponent`, the nearest float64.
fn power(exponent: i32) -> Option<f64> {
    if exponent > 308 { None } else { format!("1e{exponent}").parse().ok() }
}
