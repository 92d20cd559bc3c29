//! Few trees: values as they are, without keys.
//!
//! Keys cost some tenths of a nanosecond a feature, more than a few levels of a walk. Rows of an array, float64 or float32, and float64
//! columns are walked where they lie. Where the source rounds values to float32, the threshold takes that in: rounding
//! never changes the order of two values, so `f32(x) <= t` is `x <= t'` with t' the largest float64 that is rounded to
//! at most t.

use super::super::categories::Sets;
use super::super::planes::{Planes, Split};
use super::node::{Direct, Nodes, TO_LEFT, nodes};
use super::scan::{ByColumn, ByRow, CHUNK, Cells, scan};
use super::trees::groups;
use crate::kernels::{Columns, RowCells};
use crate::model::{FLAG_MISSING_LEFT, Forest, Width};

/// Rows in flight.
const LANES: usize = 16;
/// Planes whose keys cost as much as a level that is walked without them.
const PLANES_PER_LEVEL: usize = 5;

/// A forest whose splits name columns: plane p is column `features[p]` of the input.
#[derive(Debug)]
pub(super) struct DirectTrees<const NAN_LEFT: bool> {
    features: Vec<usize>,
    nodes: Nodes<Direct<NAN_LEFT>>,
    groups: Vec<usize>,
}

/// Whether a forest is better walked like this: few trees that compare plain numbers.
pub(super) fn is_better(forest: &Forest, planes: &Planes) -> bool {
    let levels: usize = (0..forest.trees()).map(|tree| forest.leaves(tree).len().max(1).ilog2() as usize).sum();
    levels * PLANES_PER_LEVEL <= planes.len()
        && !forest.feature.is_empty()
        && !forest.has_categories()
        && forest.zero_band.is_none()
        && forest.missing_value.is_none()
        && planes.only_nan_is_missing()
}

/// Whether NaN goes left at some split.
pub(super) fn sends_left(forest: &Forest) -> bool {
    forest.flags.iter().any(|flags| flags & FLAG_MISSING_LEFT != 0)
}

impl<const NAN_LEFT: bool> DirectTrees<NAN_LEFT> {
    /// None where the layout can't hold the forest.
    pub(super) fn new(forest: &Forest, splits: &[Split]) -> Option<Self> {
        let mut features: Vec<usize> = forest.feature.iter().map(|&feature| feature as usize).collect();
        features.sort_unstable();
        features.dedup();
        let narrow = forest.width == Width::Float32;
        let splits: Vec<Split> = splits
            .iter()
            .enumerate()
            .map(|(split, &old)| {
                let plane = features.partition_point(|&feature| feature < forest.feature[split] as usize) as u32;
                let to_left = if forest.flags[split] & FLAG_MISSING_LEFT != 0 { TO_LEFT } else { 0 };
                let threshold = if narrow { largest_rounded_to(old.threshold) } else { old.threshold };
                Split { plane: plane | to_left, threshold, set: None }
            })
            .collect();
        let nodes = nodes::<Direct<NAN_LEFT>>(forest, &splits, |split| splits[split].threshold)?;
        let groups = groups(&nodes);
        Some(DirectTrees { features, nodes, groups })
    }

    pub(super) fn node_bytes(&self) -> usize {
        size_of_val(self.nodes.nodes.as_slice())
    }

    pub(super) fn bytes(&self) -> usize {
        self.node_bytes() + size_of_val(self.nodes.trees.as_slice())
    }

    pub(super) fn scratch_per_row(&self) -> usize {
        0
    }

    /// Nanoseconds a row, without its sums.
    pub(super) fn cost(&self) -> f64 {
        2.1 * self.nodes.cost()
    }

    pub(super) fn describe(&self, keys: &str) -> String {
        format!(
            "over {keys}: {} nodes of {} bytes, {} columns, {} tree groups",
            self.nodes.len(),
            size_of::<Direct<NAN_LEFT>>(),
            self.features.len(),
            self.groups.len() - 1
        )
    }

    /// As [`super::trees::Trees::run`].
    pub(super) fn run(&self, input: &impl Columns, rows: usize, visit: impl FnMut(usize, usize, &[u32])) {
        let Some(last) = rows.checked_sub(1) else { return };
        if let Some(array) = input.rows() {
            let offset: Vec<usize> = self.features.iter().map(|&feature| array.offset[feature]).collect();
            let (offset, stride) = (offset.as_slice(), array.stride);
            let reach = offset.iter().max().map_or(0, |&offset| (last * stride).saturating_add(offset));
            match array.cells {
                RowCells::F64(cells) if reach < cells.len() => {
                    return self.walk(ByRow { cells, stride, offset }, rows, visit);
                }
                RowCells::F32(cells) if reach < cells.len() => {
                    return self.walk(ByRow { cells, stride, offset }, rows, visit);
                }
                RowCells::F64(_) | RowCells::F32(_) => {}
            }
        }
        let columns: Vec<&[f64]> = self.features.iter().map(|&feature| &input.column(feature)[..rows]).collect();
        self.walk(ByColumn(&columns), rows, visit);
    }

    /// `cells` has `rows` rows of every plane.
    #[inline(always)]
    fn walk(&self, cells: impl Cells<f64>, rows: usize, mut visit: impl FnMut(usize, usize, &[u32])) {
        let mut leaves = [0; CHUNK];
        let sets = Sets::default();
        for group in self.groups.windows(2) {
            for first in (0..rows).step_by(CHUNK) {
                let leaves = &mut leaves[..CHUNK.min(rows - first)];
                for number in group[0]..group[1] {
                    let tree = self.nodes.trees[number];
                    // SAFETY: `run` has checked that the last row of every plane is there.
                    unsafe { scan::<_, LANES>(&self.nodes.nodes, tree, &sets, cells, first, leaves) };
                    for leaf in leaves.iter_mut() {
                        *leaf = self.nodes.leaf(tree, *leaf);
                    }
                    visit(number, first, leaves);
                }
            }
        }
    }
}

/// The largest float64 that is rounded to a float32 of at most `t`, which is a float32 itself.
fn largest_rounded_to(t: f64) -> f64 {
    let t = t as f32;
    if t.is_nan() || t == f32::INFINITY {
        return f64::from(t);
    }
    // Where an infinity would be, were it a number.
    let place = |t: f32| if t.is_infinite() { f64::from(t.signum()) * 2f64.powi(128) } else { f64::from(t) };
    let above = place(t.next_up());
    let middle = place(t) / 2.0 + above / 2.0;
    // A tie goes to the even one.
    if t.to_bits() & 1 == 0 { middle } else { middle.next_down() }
}

#[cfg(test)]
mod tests {
    use super::largest_rounded_to;

    #[test]
    fn rounding_is_in_the_threshold() {
        let numbers = [
            0.0,
            -0.0,
            f32::MAX,
            f32::MIN,
            f32::MIN_POSITIVE,
            1.0,
            -1.0,
            0.1,
            -0.1,
            16_777_216.0,
            1.5,
            3e-45,
            -1e-45,
            1e-45,
            f32::NEG_INFINITY,
            f32::INFINITY,
        ];
        for t in numbers.into_iter().flat_map(|t| [t.next_down(), t, t.next_up()]).filter(|t| !t.is_nan()) {
            let largest = largest_rounded_to(f64::from(t));
            assert!(largest as f32 <= t, "{t:e}: {largest:e}");
            if t < f32::INFINITY {
                assert!(largest.next_up() as f32 > t, "{t:e}: {largest:e}");
            }
        }
    }
}
