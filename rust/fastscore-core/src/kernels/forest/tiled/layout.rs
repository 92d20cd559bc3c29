//! Laying a forest out for the tiled engine.

use std::collections::BinaryHeap;

use super::values::Values;
use super::{LEAF_COPIES, MOST_EXITS, MOST_TREES, Ranked, Root, Sliced, TREES_PER_PLANE, Tiled, Walk};
use crate::kernels::forest::Misfit;
use crate::kernels::forest::categories::Sets;
use crate::kernels::forest::planes::{self, MAX_THRESHOLDS, Planes, Split};
use crate::model::{Child, FLAG_MISSING_LEFT, Forest};
use crate::simd::Level;
use crate::simd::tile::{EXITS, Exit, Key, LEVELS, Subtree, Tiles};

/// The top of each tree as a forest of its own, whose leaf numbers are places among its exits.
struct Top {
    forest: Forest,
    splits: Vec<Split>,
    /// Of each tree.
    exits: Vec<Vec<Child>>,
}

/// Bytes of tiles for each node, at most: wider tiles of few splits each would take more than they are worth.
const MOST_BYTES_A_NODE: usize = 20;

impl Tiled {
    /// Lay out a checked forest.
    pub(crate) fn new(forest: &Forest, level: Level) -> Result<Self, Misfit> {
        let misfit = |reason: String| Err(Misfit(reason));
        if forest.linear.is_some() {
            return misfit("leaves are linear functions".into());
        }
        if forest.has_categories() {
            return misfit("splits on sets of categories".into());
        }
        let large = || Misfit("the forest has more leaves than 24 bits number".into());
        let (planes, splits) = Planes::new(forest, &Sets::default(), level);
        let count = planes.len();
        let trees = 0..forest.trees();
        if TREES_PER_PLANE * trees.len() <= count
            && let Some(values) = Values::new(forest, &planes)
        {
            let split = |split: usize| Compared {
                key: values.place(forest.feature[split]),
                threshold: splits[split].threshold as f32,
                missing_left: forest.flags[split] & FLAG_MISSING_LEFT != 0,
            };
            let root = |tree| vec![if forest.splits(tree).is_empty() { Child::Leaf(0) } else { Child::Split(0) }];
            let laid = lay(forest, split, trees.map(|tree| (tree, root(tree)))).ok_or_else(large)?;
            let (tiles, leaves) = laid;
            if tiles.bytes() <= MOST_BYTES_A_NODE * (forest.feature.len() + forest.leaf_id.len()) {
                return Ok(Tiled::of(forest, level, Walk::Values(values, tiles), leaves));
            }
        }
        let Some(ranks) = planes::ranks(forest, &planes, &splits, MAX_THRESHOLDS) else {
            return misfit(format!("a feature has more than {MAX_THRESHOLDS} distinct thresholds"));
        };
        // A row has one key for both sides of missing.
        let right_sides = planes.right_sides();
        let turned: Vec<usize> = (0..count).filter(|&plane| right_sides[plane] == plane).collect();
        if turned.len() > 64 {
            return misfit(format!("{} planes; 63 fit", turned.len() - 1));
        }
        let place = |split: usize| ranks.place(forest.feature[split] as u32, splits[split].threshold);
        let places: Vec<u16> = (0..splits.len()).map(place).collect();
        let split = |split: usize| {
            let plane = splits[split].plane as usize;
            let right = right_sides[plane];
            let key = turned.partition_point(|&turned| turned < right);
            Compared { key, threshold: places[split], missing_left: right != plane }
        };
        let missing_left = turned.len() < count;
        let top = top(forest, &splits);
        let sliced = Sliced::of(&top.forest, planes, ranks, &top.splits, &Sets::default(), level, MOST_TREES);
        let sliced = sliced.ok_or_else(large)?;
        let trees = (0..sliced.chunks()).flat_map(|chunk| sliced.trees(chunk));
        let trees = trees.map(|(tree, ids)| (tree, ids.iter().map(|&exit| top.exits[tree][exit as usize]).collect()));
        if turned.len() <= 32 {
            let (tiles, leaves) = lay(forest, split, trees).ok_or_else(large)?;
            Ok(Tiled::of(forest, level, Walk::Ranks(Ranked { top: sliced, tiles, turned, missing_left }), leaves))
        } else {
            let (tiles, leaves) = lay(forest, split, trees).ok_or_else(large)?;
            Ok(Tiled::of(forest, level, Walk::ManyRanks(Ranked { top: sliced, tiles, turned, missing_left }), leaves))
        }
    }

    fn of(forest: &Forest, level: Level, walk: Walk, leaves: Leaves) -> Self {
        let (width, copied) =
            (forest.leaf_width, if forest.leaf_width <= LEAF_COPIES { &leaves.leaf[..] } else { &[] });
        let value =
            copied.iter().flat_map(|&leaf| &forest.leaf_value[leaf as usize * width..][..width]).copied().collect();
        let Leaves { roots, leaf, mean_tiles } = leaves;
        Tiled { walk, roots, leaf, value, mean_tiles, leaf_width: width, level }
    }
}

/// A split.
struct Compared<K> {
    /// Which of a row's keys.
    key: usize,
    threshold: K,
    missing_left: bool,
}

/// What the tiles of a forest lead to.
struct Leaves {
    roots: Vec<Root>,
    leaf: Vec<u32>,
    mean_tiles: f64,
}

/// The tiles below the given nodes of each tree.
fn lay<K: Key, const WIDTH: usize>(
    forest: &Forest,
    split: impl Fn(usize) -> Compared<K>,
    trees: impl Iterator<Item = (usize, Vec<Child>)>,
) -> Option<(Tiles<K, WIDTH>, Leaves)> {
    let mut tiles = Tiles::new();
    let (mut roots, mut leaf, mut steps) = (Vec::new(), Vec::new(), 0);
    let mut open = Vec::new();
    for (number, exits) in trees {
        let (first_split, first_leaf) = (forest.splits(number).start, forest.leaves(number).start);
        let tile = tiles.reserve(exits.len())?;
        roots.push(Root { tile, number, output: forest.first_output(number) });
        // Tiles are numbered side by side below one tile, and set depth first, so that those on a way are near.
        let numbered = exits.into_iter().enumerate().rev();
        open.extend(numbered.map(|(i, child)| (tile + i as u32, child, 1)));
        while let Some((tile, child, depth)) = open.pop() {
            let (subtree, exits) = subtree(forest, first_split, &split, child);
            let before = leaf.len();
            let first_child = tiles.set(tile, &subtree)?;
            let mut children = Vec::new();
            for exit in exits.into_iter().flatten() {
                match exit {
                    Child::Leaf(number) => leaf.push(u32::try_from(first_leaf + number).ok()?),
                    Child::Split(_) => children.push(exit),
                }
            }
            steps += depth * (leaf.len() - before);
            let numbered = children.into_iter().enumerate().rev();
            open.extend(numbered.map(|(i, child)| (first_child + i as u32, child, depth + 1)));
        }
    }
    tiles.shrink();
    leaf.shrink_to_fit();
    let mean_tiles = steps as f64 / leaf.len().max(1) as f64;
    Some((tiles, Leaves { roots, leaf, mean_tiles }))
}

/// The four levels from a node on, and what their exits lead to.
fn subtree<K: Key>(
    forest: &Forest,
    first_split: usize,
    split: impl Fn(usize) -> Compared<K>,
    root: Child,
) -> (Subtree<K>, [Option<Child>; EXITS]) {
    let (mut subtree, mut exits) = (Subtree::EMPTY, [None; EXITS]);
    let mut open = vec![(root, 1usize, 0)];
    while let Some((child, node, level)) = open.pop() {
        match child {
            Child::Split(number) if level < LEVELS => {
                let number = first_split + number;
                let Compared { key, threshold, missing_left } = split(number);
                subtree.threshold[node] = threshold;
                // One that is no byte is beyond every width, and refused there.
                subtree.plane[node] = u8::try_from(key).unwrap_or(u8::MAX);
                subtree.missing_left |= u16::from(missing_left) << node;
                open.push((Child::decode(forest.left[number]), 2 * node, level + 1));
                open.push((Child::decode(forest.right[number]), 2 * node + 1, level + 1));
            }
            _ => {
                // Nodes that are not there send rows left.
                let exit = (node << (LEVELS - level)) - EXITS;
                exits[exit] = Some(child);
                subtree.exit[exit] = if matches!(child, Child::Leaf(_)) { Exit::Leaf } else { Exit::Tile };
            }
        }
    }
    (subtree, exits)
}

/// The top of each tree: the splits below which most leaves lie, until there are [`MOST_EXITS`] exits or what is left of each
/// branch fits a tile.
fn top(forest: &Forest, splits: &[Split]) -> Top {
    let mut top = Top {
        forest: Forest {
            outputs: forest.outputs,
            sum: forest.sum,
            split_offset: vec![0],
            leaf_offset: vec![0],
            ..Forest::default()
        },
        splits: Vec::new(),
        exits: Vec::new(),
    };
    for tree in 0..forest.trees() {
        let own = forest.splits(tree);
        let child = |codes: &[i32], split: usize| Child::decode(codes[own.start + split]);
        let children = |split: usize| [child(&forest.left, split), child(&forest.right, split)];
        let root = if own.is_empty() { Child::Leaf(0) } else { Child::Split(0) };
        // Parents first.
        let (mut order, mut open) = (Vec::with_capacity(own.len()), vec![root]);
        while let Some(child) = open.pop() {
            if let Child::Split(split) = child {
                order.push(split);
                open.extend(children(split));
            }
        }
        // Leaves and levels below each split.
        let mut below = vec![(0u32, 0u32); own.len()];
        for &split in order.iter().rev() {
            let of = |child| if let Child::Split(split) = child { below[split] } else { (1, 0) };
            let [left, right] = children(split).map(of);
            below[split] = (left.0 + right.0, left.1.max(right.1) + 1);
        }
        let mut heap = BinaryHeap::new();
        let push = |heap: &mut BinaryHeap<_>, child| {
            if let Child::Split(split) = child
                && below[split].1 > LEVELS
            {
                heap.push((below[split].0, split));
            }
        };
        push(&mut heap, root);
        let (mut kept, mut count) = (vec![false; own.len()], 1);
        while count < MOST_EXITS
            && let Some((_, split)) = heap.pop()
        {
            kept[split] = true;
            count += 1;
            for child in children(split) {
                push(&mut heap, child);
            }
        }
        let (first, mut exits) = (top.forest.feature.len(), Vec::with_capacity(count));
        let mut open = vec![(None, root)];
        while let Some((parent, child)) = open.pop() {
            let code = match child {
                Child::Split(split) if kept[split] => {
                    let (here, old) = (top.forest.feature.len(), own.start + split);
                    top.forest.feature.push(forest.feature[old]);
                    top.forest.left.push(0);
                    top.forest.right.push(0);
                    top.splits.push(splits[old]);
                    let [left, right] = children(split);
                    open.extend([(Some((here, true)), right), (Some((here, false)), left)]);
                    (here - first) as i32
                }
                _ => {
                    exits.push(child);
                    -(exits.len() as i32)
                }
            };
            match parent {
                Some((split, true)) => top.forest.right[split] = code,
                Some((split, false)) => top.forest.left[split] = code,
                None => {}
            }
        }
        top.forest.leaf_id.extend(0..exits.len() as i32);
        top.forest.target.push(forest.first_output(tree) as i32);
        top.forest.split_offset.push(top.forest.feature.len() as i64);
        top.forest.leaf_offset.push(top.forest.leaf_id.len() as i64);
        top.exits.push(exits);
    }
    top
}
