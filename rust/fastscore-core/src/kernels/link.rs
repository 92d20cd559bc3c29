//! Links over a block.

use super::Columns;
use crate::model::Link;
use crate::simd::{self, Level};

/// `out[c * stride + r]` for `rows` rows of a link that reads `width` columns.
pub(crate) fn link(
    level: Level,
    link: &Link,
    input: &impl Columns,
    width: usize,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    match link {
        Link::Columns { columns } => {
            for (to, &from) in columns.iter().enumerate() {
                out[to * stride..to * stride + rows].copy_from_slice(input.column(from));
            }
            return;
        }
        Link::Complement {} => {
            let p = input.column(0);
            for (to, &p) in out[..rows].iter_mut().zip(p) {
                *to = 1.0 - p;
            }
            out[stride..stride + rows].copy_from_slice(p);
            return;
        }
        _ => {
            for c in 0..width {
                out[c * stride..c * stride + rows].copy_from_slice(input.column(c));
            }
        }
    }
    let mut columns: Vec<&mut [f64]> = out.chunks_mut(stride).take(width).map(|column| &mut column[..rows]).collect();
    match link {
        Link::Sigmoid { scale } => columns.iter_mut().for_each(|column| simd::sigmoid(level, *scale, column)),
        Link::Exp {} => columns.iter_mut().for_each(|column| simd::exp(level, column)),
        Link::Softmax {} => simd::softmax(level, &mut columns),
        Link::SignedSquare {} => columns.iter_mut().for_each(|c| c.iter_mut().for_each(|x| *x = signed_square(*x))),
        Link::Divide { by } => columns.iter_mut().for_each(|c| c.iter_mut().for_each(|x| *x /= by)),
        Link::Normalize {} => normalize(&mut columns, rows),
        Link::Columns { .. } | Link::Complement {} => {}
    }
}

/// `sign(x) * x * x`, the order of LightGBM's `reg_sqrt`.
pub(crate) fn signed_square(x: f64) -> f64 {
    let sign = f64::from(i8::from(x > 0.0) - i8::from(x < 0.0));
    sign * x * x
}

fn normalize(columns: &mut [&mut [f64]], rows: usize) {
    let uniform = 1.0 / columns.len() as f64;
    for row in 0..rows {
        let sum = columns.iter().fold(0.0, |sum, column| sum + column[row]);
        for column in columns.iter_mut() {
            column[row] = if sum == 0.0 { uniform } else { column[row] / sum };
        }
    }
}
