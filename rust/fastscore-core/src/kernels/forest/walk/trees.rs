//! The trees of a forest in one layout, and the order in which they are walked.

use super::super::categories::Sets;
use super::super::planes::{Key, Planes};
use super::node::{Node, Nodes, Tree};
use super::scan::{CHUNK, Prepared, scan, step};
use crate::kernels::Columns;

/// Rows whose keys are found together.
const TILE: usize = 64;
/// Rows in flight.
const LANES: usize = 16;
/// Widths of rows of keys that loops are compiled for.
const WIDTHS: [usize; 3] = [32, 64, 128];
/// Bytes of nodes that stay in the first cache level beside the keys of a chunk.
const GROUP_BYTES: usize = 16 << 10;

/// Keys of a block, row after row, and a tile of them, plane after plane.
#[derive(Debug, Default)]
pub(super) struct Buffers<K> {
    /// Row r of plane p is at `r * width + p`.
    keys: Vec<K>,
    /// Row r of plane p is at `p * TILE + r`.
    tile: Vec<K>,
}

#[derive(Debug)]
pub(super) struct Trees<N: Node> {
    planes: Planes,
    table: <N::Key as Key>::Table,
    sets: Sets,
    nodes: Nodes<N>,
    /// Trees `groups[i] .. groups[i + 1]` are walked together.
    groups: Vec<usize>,
}

/// Which trees are walked together.
pub(super) fn groups<N: Node>(nodes: &Nodes<N>) -> Vec<usize> {
    let mut groups = vec![0];
    let mut group_start = 0;
    let ends = nodes.trees.iter().skip(1).map(|tree| tree.first).chain([nodes.len()]);
    for (tree, (first, end)) in nodes.trees.iter().map(|tree| tree.first).zip(ends).enumerate() {
        if first > group_start && (end - group_start) * size_of::<N>() > GROUP_BYTES {
            groups.push(tree);
            group_start = first;
        }
    }
    groups.push(nodes.trees.len());
    groups
}

impl<N: Node> Trees<N> {
    pub(super) fn new(planes: Planes, table: <N::Key as Key>::Table, sets: Sets, nodes: Nodes<N>) -> Self {
        let groups = groups(&nodes);
        Trees { planes, table, sets, nodes, groups }
    }

    pub(super) fn node_bytes(&self) -> usize {
        size_of_val(self.nodes.nodes.as_slice())
    }

    pub(super) fn bytes(&self) -> usize {
        let tables = self.planes.bytes() + N::Key::bytes(&self.table) + self.sets.bytes();
        self.node_bytes() + size_of_val(self.nodes.trees.as_slice()) + tables
    }

    pub(super) fn scratch_per_row(&self) -> usize {
        self.width() * size_of::<N::Key>()
    }

    /// Keys from one row to the next: one of the widths that loops are compiled for, or the planes.
    fn width(&self) -> usize {
        let planes = self.planes.len();
        WIDTHS.into_iter().find(|&width| planes <= width).unwrap_or(planes)
    }

    /// Nanoseconds a row, without its sums.
    pub(super) fn cost(&self) -> f64 {
        self.planes.len() as f64 * 1.9 + self.nodes.cost()
    }

    pub(super) fn describe(&self, keys: &str) -> String {
        format!(
            "over {keys}: {} nodes of {} bytes, {} planes, {} tree groups",
            self.nodes.len(),
            size_of::<N>(),
            self.planes.len() - 1,
            self.groups.len() - 1
        )
    }

    /// Calls `visit(tree, first row, leaf of each row from there)`, each tree and row once, trees of a row in order.
    pub(super) fn run(
        &self,
        input: &impl Columns,
        buffers: &mut Buffers<N::Key>,
        rows: usize,
        visit: impl FnMut(usize, usize, &[u32]),
    ) {
        if rows == 1 {
            self.run_one_row(input, buffers, visit);
        } else if rows <= 8 {
            self.run_rows::<8, 8>(input, buffers, rows, visit);
        } else {
            self.run_rows::<TILE, LANES>(input, buffers, rows, visit);
        }
    }

    /// One row: eight trees in flight in place of many rows.
    fn run_one_row(
        &self,
        input: &impl Columns,
        buffers: &mut Buffers<N::Key>,
        mut visit: impl FnMut(usize, usize, &[u32]),
    ) {
        const TREES: usize = 8;
        const STRIDE: u32 = 4;
        buffers.keys.resize(self.planes.len(), N::Key::LOWEST);
        self.planes.fill(&self.table, input, 0, 1, &mut buffers.keys, 1);
        let cells = Prepared::<_, 0> { keys: &buffers.keys, width: self.planes.len() };
        let nodes = &self.nodes.nodes;
        for (batch, trees) in self.nodes.trees.chunks(TREES).enumerate() {
            // Lanes past the last tree walk it again; nobody looks at them.
            let tree: [Tree; TREES] = std::array::from_fn(|lane| trees[lane.min(trees.len() - 1)]);
            let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
            let mut at = [0; TREES];
            let mut level = 0;
            while level < depth {
                let before = at;
                for _ in 0..STRIDE {
                    for (at, tree) in at.iter_mut().zip(&tree) {
                        // SAFETY: a node leads to one of its own tree, whose planes are those that were filled.
                        *at = unsafe { step(nodes.get_unchecked(tree.first..), &self.sets, cells, 0, *at) };
                    }
                }
                if at == before {
                    break;
                }
                level += STRIDE;
            }
            for (lane, tree) in trees.iter().enumerate() {
                visit(batch * TREES + lane, 0, &[self.nodes.leaf(*tree, at[lane])]);
            }
        }
    }

    #[inline(always)]
    fn run_rows<const TILE: usize, const LANES: usize>(
        &self,
        input: &impl Columns,
        buffers: &mut Buffers<N::Key>,
        rows: usize,
        mut visit: impl FnMut(usize, usize, &[u32]),
    ) {
        let width = self.width();
        buffers.keys.resize(width * rows, N::Key::LOWEST);
        buffers.tile.resize(self.planes.len() * TILE, N::Key::LOWEST);
        for (keys, start) in buffers.keys.chunks_mut(width * TILE).zip((0..rows).step_by(TILE)) {
            let count = TILE.min(rows - start);
            if self.planes.fill_rows(input, start, count, keys, width) {
                continue;
            }
            self.planes.fill(&self.table, input, start, count, &mut buffers.tile, TILE);
            for (plane, column) in buffers.tile.chunks(TILE).enumerate() {
                for (row, &key) in keys.chunks_mut(width).zip(column) {
                    row[plane] = key;
                }
            }
        }
        let mut leaves = [0; CHUNK];
        for group in self.groups.windows(2) {
            for first in (0..rows).step_by(CHUNK) {
                let leaves = &mut leaves[..CHUNK.min(rows - first)];
                for number in group[0]..group[1] {
                    let tree = self.nodes.trees[number];
                    let keys = &buffers.keys[first * width..];
                    match width {
                        32 => self.leaves::<LANES, 32>(tree, keys, leaves),
                        64 => self.leaves::<LANES, 64>(tree, keys, leaves),
                        128 => self.leaves::<LANES, 128>(tree, keys, leaves),
                        _ => self.leaves::<LANES, 0>(tree, keys, leaves),
                    }
                    visit(number, first, leaves);
                }
            }
        }
    }

    /// The leaves of the rows whose keys are first in `keys`.
    #[inline(never)]
    fn leaves<const LANES: usize, const WIDTH: usize>(&self, tree: Tree, keys: &[N::Key], leaves: &mut [u32]) {
        let cells = Prepared::<_, WIDTH> { keys, width: self.planes.len() };
        // SAFETY: `run_rows` has filled as many rows of every plane.
        unsafe { scan::<N, LANES>(&self.nodes.nodes, tree, &self.sets, cells, 0, leaves) };
        for leaf in leaves.iter_mut() {
            *leaf = self.nodes.leaf(tree, *leaf);
        }
    }
}
