//! The link of an objective, from LightGBM's `ConvertOutput`.

use crate::error::{Error, Result, format_error};
use crate::model::Link;

/// What an objective makes of the margin.
pub(super) struct Objective {
    pub(super) link: Option<Link>,
    /// The link gives class probabilities.
    pub(super) classes: bool,
    pub(super) custom: bool,
}

/// The objective of the header's words. `sigmoid` replaces the parameter of that name, which the text rounds to six
/// digits; it is text too, because LightGBM's own number parser decides its last bit.
pub(super) fn objective(words: &[String], outputs: usize, sigmoid: Option<&str>) -> Result<Objective> {
    let name = canonical(words.first().map_or("custom", String::as_str));
    let plain = |link| Objective { link, classes: false, custom: false };
    let classes = |link| Objective { link: Some(link), classes: true, custom: false };
    let scale = || {
        let written = words.iter().find_map(|word| word.strip_prefix("sigmoid:"));
        let text = sigmoid.or(written).unwrap_or("");
        let scale = number(text).filter(|scale| *scale > 0.0 && scale.is_finite());
        scale.ok_or_else(|| {
            format_error(format!("the header: objective {name} has sigmoid:{text:?}, no positive number"))
        })
    };
    let found = match name {
        // Huber regression never transforms the labels.
        "huber" => plain(None),
        "regression" | "regression_l1" | "fair" | "quantile" | "mape" => {
            plain(words.iter().any(|word| word == "sqrt").then_some(Link::SignedSquare {}))
        }
        "lambdarank" | "rank_xendcg" => plain(None),
        "poisson" | "gamma" | "tweedie" => plain(Some(Link::Exp {})),
        "cross_entropy" => plain(Some(Link::Sigmoid { scale: 1.0 })),
        "cross_entropy_lambda" => plain(Some(Link::Log1pExp {})),
        "binary" => classes(Link::Sigmoid { scale: scale()? }),
        "multiclass" => classes(Link::Softmax { groups: 1 }),
        "multiclassova" => classes(Link::Sigmoid { scale: scale()? }),
        "custom" => Objective { link: None, classes: false, custom: true },
        other => {
            return Err(Error::UnsupportedModel(format!(
                "LightGBM objective {other:?} is not known; supported are regression, regression_l1, huber, fair, \
                 quantile, mape, poisson, gamma, tweedie, binary, cross_entropy, cross_entropy_lambda, multiclass, \
                 multiclassova, lambdarank, rank_xendcg and custom objectives (margin)"
            )));
        }
    };
    let multiclass = matches!(name, "multiclass" | "multiclassova");
    if multiclass != (outputs > 1) && !found.custom {
        return Err(format_error(format!("the header: objective {name:?} with {outputs} trees an iteration")));
    }
    Ok(found)
}

/// LightGBM's aliases; old versions wrote some of them into the text.
fn canonical(name: &str) -> &str {
    match name {
        "regression_l2" | "mean_squared_error" | "mse" | "l2" | "l2_root" | "root_mean_squared_error" | "rmse" => {
            "regression"
        }
        "mean_absolute_error" | "l1" | "mae" => "regression_l1",
        "mean_absolute_percentage_error" => "mape",
        "softmax" => "multiclass",
        "multiclass_ova" | "ova" | "ovr" => "multiclassova",
        "xentropy" => "cross_entropy",
        "xentlambda" => "cross_entropy_lambda",
        "xendcg" | "xe_ndcg" | "xe_ndcg_mart" | "xendcg_mart" => "rank_xendcg",
        "none" | "null" | "na" => "custom",
        other => other,
    }
}

/// A decimal as LightGBM's parser of parameters reads it: whole part, fraction and exponent each rounded on their own,
/// so that its last bit may differ from the nearest float64. None for anything else.
fn number(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.strip_prefix('+').unwrap_or(whole);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| {
        text.bytes()
            .try_fold(0.0, |value, digit| digit.is_ascii_digit().then(|| value * 10.0 + f64::from(digit - b'0')))
    };
    let value = digits(whole)? + digits(fraction)? / power(10.0, fraction.len());
    let (falls, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => (true, exponent),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let mut exponent = exponent.parse::<u32>().ok()?.min(308);
    let mut scale = 1.0;
    for (step, factor) in [(50, 1e50), (8, 1e8), (1, 10.0)] {
        while exponent >= step {
            scale *= factor;
            exponent -= step;
        }
    }
    Some(if falls { value / scale } else { value * scale })
}

/// `base ** power` by LightGBM's chain of products, which decides the rounding beyond `10 ** 22`.
fn power(base: f64, exponent: usize) -> f64 {
    match exponent {
        0 => 1.0,
        _ if exponent.is_multiple_of(2) => power(base * base, exponent / 2),
        _ if exponent.is_multiple_of(3) => power(base * base * base, exponent / 3),
        _ => base * power(base, exponent - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_read_as_lightgbm_reads_them() {
        assert_eq!(number("1"), Some(1.0));
        assert_eq!(number("0.123457"), Some(123457.0 / 1e6));
        assert_eq!(number("12.3457"), Some(12.0 + 3457.0 / 1e4));
        assert_eq!(number("1.5e-05"), Some(1.5 / 1e5));
        assert_eq!(number("2e+3"), Some(2000.0));
        for text in ["", ".", "x", "-1", "1e", "1..2", "nan", "0x1"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
