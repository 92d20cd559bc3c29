//! One pass of the bit-sliced engine: all trees for as many rows as a mask has.

use std::ops::Range;

use super::{Chunk, Node, Scratch, Sliced, Tree};
use crate::kernels::forest::add;
use crate::model::Width;
use crate::simd::bits::{BitWork, Bits, Looked, Quad, WORD};
use crate::simd::byte_of;
use crate::simd::leaf_table::{LeafTable, LeafTables};

/// Trees whose leaf numbers are kept until their values are added in one pass over the sums.
const BATCH: usize = 8;
/// Masks that are joined at a time.
const JOINED: usize = 8;
/// Bits of a leaf number, at most.
const NUMBER_BITS: usize = 10;

/// Where results go.
pub(super) enum Target<'a, 'b> {
    /// Row r of output o adds to `out[o * stride + r]`.
    Sums { out: &'a mut [f64], stride: usize },
    /// Row r of tree t is `[t][r]`.
    LeafIds(&'a mut [&'b mut [i32]]),
}

/// The pass for `rows`, at most `64 W`, whose keys are in `scratch.keys`.
pub(super) struct Pass<'a, 't, 'b, const W: usize> {
    pub engine: &'a Sliced,
    pub scratch: &'a mut Scratch,
    pub rows: Range<usize>,
    pub target: &'a mut Target<'t, 'b>,
}

impl<const W: usize> BitWork for Pass<'_, '_, '_, W> {
    #[inline(always)]
    fn run(self, bits: impl Bits) {
        let Pass { engine, scratch, rows, target } = self;
        let stride = W * WORD;
        let Scratch { keys, bytes, bitmaps, reach, numbers } = scratch;
        byte_planes(engine, keys, bytes, stride);
        // Joining may round the leaves up.
        let reach = masks::<W>(reach, engine.most_slots + JOINED);
        numbers.resize(BATCH * 2 * stride, 0);
        for chunk in &engine.chunks {
            let bitmaps = masks::<W>(bitmaps, chunk.bitmaps());
            conditions(bits, chunk, bytes, keys, bitmaps);
            for trees in chunk.trees.chunk_by(|a, b| a.output == b.output && a.table.is_some() == b.table.is_some()) {
                for trees in trees.chunks(BATCH) {
                    for (tree, numbers) in trees.iter().zip(numbers.chunks_exact_mut(2 * stride)) {
                        let nodes = &engine.nodes[tree.first..tree.first + tree.splits];
                        // SAFETY: `lay_out` numbers conditions within the chunk, and gives a tree's splits and leaves the
                        // slots below their number, which is at most `most_slots`.
                        unsafe { spread_reach(bits, nodes, bitmaps, reach) };
                        number(bits, &mut reach[tree.splits..], tree.leaves, numbers);
                    }
                    engine.deliver(bits, trees, numbers, stride, rows.clone(), target);
                }
            }
        }
    }
}

/// The leaf numbers alone, in a chunk of trees of at most 256 leaves: row r of tree t goes to `out[t * out_stride + r]`,
/// for the `64 W` rows whose keys, row r of plane p at `p * 64 W + r`, are given.
pub(super) struct Numbers<'a, const W: usize> {
    pub engine: &'a Sliced,
    pub chunk: &'a Chunk,
    pub keys: &'a [u16],
    pub scratch: &'a mut Scratch,
    pub out: &'a mut [u8],
    pub out_stride: usize,
}

impl<const W: usize> BitWork for Numbers<'_, W> {
    #[inline(always)]
    fn run(self, bits: impl Bits) {
        let Numbers { engine, chunk, keys, scratch, out, out_stride } = self;
        let stride = W * WORD;
        let Scratch { bytes, bitmaps, reach, numbers, .. } = scratch;
        byte_planes(engine, keys, bytes, stride);
        let reach = masks::<W>(reach, engine.most_slots + JOINED);
        let bitmaps = masks::<W>(bitmaps, chunk.bitmaps());
        conditions(bits, chunk, bytes, keys, bitmaps);
        numbers.resize(2 * stride, 0);
        for (tree, out) in chunk.trees.iter().zip(out.chunks_mut(out_stride)) {
            let nodes = &engine.nodes[tree.first..tree.first + tree.splits];
            // SAFETY: as in `Pass`.
            unsafe { spread_reach(bits, nodes, bitmaps, reach) };
            number(bits, &mut reach[tree.splits..], tree.leaves, numbers);
            out[..stride].copy_from_slice(&numbers[..stride]);
        }
    }
}

/// Ranks as bytes, byte plane after byte plane.
#[inline(always)]
fn byte_planes(engine: &Sliced, keys: &[u16], bytes: &mut Vec<u8>, stride: usize) {
    bytes.resize(engine.segments.list.len() * stride, 0);
    // Plain loops: closures of iterators would be compiled without the level's features.
    for (bytes, &(plane, first)) in bytes.chunks_exact_mut(stride).zip(&engine.segments.list) {
        let keys = &keys[plane as usize * stride..][..stride];
        for (byte, &key) in bytes.iter_mut().zip(keys) {
            *byte = byte_of(key, first);
        }
    }
}

/// `count` masks of W words in a buffer, the first at a multiple of 64 bytes, so that none crosses a cache line.
fn masks<const W: usize>(buffer: &mut Vec<u64>, count: usize) -> &mut [[u64; W]] {
    let (words, line) = (count * W, WORD / size_of::<u64>());
    if buffer.len() < words + line {
        buffer.resize(words + line, 0);
    }
    let first = buffer.as_ptr().align_offset(WORD).min(line);
    buffer[first..first + words].as_chunks_mut().0
}

/// The bitmap of each condition of a chunk.
#[inline(always)]
fn conditions<const W: usize>(bits: impl Bits, chunk: &Chunk, bytes: &[u8], keys: &[u16], bitmaps: &mut [[u64; W]]) {
    let stride = W * WORD;
    for (bitmap, condition) in bitmaps.iter_mut().zip(&chunk.conditions) {
        let keys = bytes[condition.plane as usize * stride..][..stride].as_chunks::<WORD>().0;
        for (word, keys) in bitmap.iter_mut().zip(keys) {
            *word = bits.at_most(keys, condition.rank);
        }
    }
    for group in &chunk.groups {
        let keys = &keys[group.plane as usize * stride..][..stride];
        for w in 0..group.words() {
            let first = group.first + w * WORD;
            let bitmaps = &mut bitmaps[first..(first + WORD).min(group.first + group.count)];
            for (word, keys) in keys.as_chunks::<WORD>().0.iter().enumerate() {
                let matrix = group.matrix(w, keys);
                for (bitmap, &bits) in bitmaps.iter_mut().zip(&matrix) {
                    bitmap[word] = bits;
                }
            }
        }
    }
}

/// The rows that reach each leaf.
///
/// # Safety
///
/// A node's condition is below the number of bitmaps; its children's slots, which lie after its own, and the number of
/// nodes are below that of `reach`.
#[inline(always)]
unsafe fn spread_reach<const W: usize>(bits: impl Bits, nodes: &[Node], bitmaps: &[[u64; W]], reach: &mut [[u64; W]]) {
    // Without splits this is the leaf.
    reach[0] = [u64::MAX; W];
    let reach = reach.as_mut_ptr();
    for (slot, node) in nodes.iter().enumerate() {
        // SAFETY: the caller vouches for all four masks, of which the two that are written are others than the two that
        // are read. With checks the loop takes half as long again.
        unsafe {
            let (here, condition) = (reach.add(slot), bitmaps.as_ptr().add(node.condition as usize));
            let (left, right) = (reach.add(usize::from(node.left)), reach.add(usize::from(node.right)));
            if W.is_multiple_of(4) {
                let (here, condition) = (here.cast::<Quad>(), condition.cast::<Quad>());
                let (left, right) = (left.cast::<Quad>(), right.cast::<Quad>());
                for quad in 0..W / 4 {
                    (*left.add(quad), *right.add(quad)) = bits.part(&*here.add(quad), &*condition.add(quad));
                }
            } else {
                for word in 0..W {
                    (*left)[word] = (*here)[word] & (*condition)[word];
                    (*right)[word] = (*here)[word] & !(*condition)[word];
                }
            }
        }
    }
}

/// Each row's leaf number: low bytes, then high ones. The masks are used up: before bit b, `masks[i]` is the rows whose
/// number, without its b lowest bits, is i; eight neighbours give three bits, and are joined for the next.
#[inline(always)]
fn number<const W: usize>(bits: impl Bits, masks: &mut [[u64; W]], leaves: usize, numbers: &mut [u8]) {
    let mut planes = [[0; W]; NUMBER_BITS + 2];
    let (mut count, mut bit) = (leaves, 0);
    while count > 1 {
        let groups = count.div_ceil(JOINED);
        masks[count..groups * JOINED].fill([0; W]);
        let (mut low, mut middle, mut high) = ([0; W], [0; W], [0; W]);
        for group in 0..groups {
            let mut joined = [0; W];
            let m: &[[u64; W]] = &masks[group * JOINED..][..JOINED];
            for word in 0..W {
                let (top, odd) = (m[4][word] | m[5][word] | m[6][word] | m[7][word], m[3][word] | m[7][word]);
                low[word] |= m[1][word] | m[5][word] | odd;
                middle[word] |= m[2][word] | m[6][word] | odd;
                high[word] |= top;
                joined[word] = m[0][word] | m[1][word] | m[2][word] | m[3][word] | top;
            }
            masks[group] = joined;
        }
        [planes[bit], planes[bit + 1], planes[bit + 2]] = [low, middle, high];
        count = groups;
        bit += 3;
    }
    let (low, high) = numbers.split_at_mut(W * WORD);
    let needed = (usize::BITS - (leaves - 1).leading_zeros()) as usize;
    for (word, bytes) in low.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
        *bytes = [0; WORD];
        for (bit, plane) in (0..).zip(&planes[..needed.min(8)]) {
            bits.spread(plane[word], bit, bytes);
        }
    }
    if needed > 8 {
        for (word, bytes) in high.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
            *bytes = [0; WORD];
            for (bit, plane) in (0..).zip(&planes[8..needed]) {
                bits.spread(plane[word], bit, bytes);
            }
        }
    }
}

impl Tree {
    /// The number of row r's leaf, below the tree's leaves: the reach of a row ends in exactly one of them.
    #[inline(always)]
    fn number(&self, numbers: &[u8], stride: usize, row: usize) -> usize {
        let low = usize::from(numbers[row]);
        if self.leaves > 256 { low | usize::from(numbers[stride + row]) << 8 } else { low }
    }
}

impl Sliced {
    /// Add the values of up to [`BATCH`] trees of one output, in order, or write their leaves' numbers.
    #[inline(always)]
    fn deliver(
        &self,
        bits: impl Bits,
        trees: &[Tree],
        numbers: &[u8],
        stride: usize,
        rows: Range<usize>,
        target: &mut Target,
    ) {
        match target {
            Target::LeafIds(out) => {
                for (tree, numbers) in trees.iter().zip(numbers.chunks_exact(2 * stride)) {
                    let ids = &self.leaf_id[tree.leaf..tree.leaf + tree.leaves];
                    for (row, id) in out[tree.number][rows.clone()].iter_mut().enumerate() {
                        *id = ids.get(tree.number(numbers, stride, row)).copied().unwrap_or_default();
                    }
                }
            }
            Target::Sums { out, stride: out_stride } => {
                for column in 0..self.leaf_width {
                    let first = (trees[0].output + column) * *out_stride;
                    let sums = &mut out[first + rows.start..first + rows.end];
                    match (&self.tables, self.sum) {
                        (Some(tables), Width::Float64) if trees[0].table.is_some() => {
                            self.add_tables::<false>(bits, tables, trees, column, numbers, stride, sums);
                        }
                        (Some(tables), Width::Float32) if trees[0].table.is_some() => {
                            self.add_tables::<true>(bits, tables, trees, column, numbers, stride, sums);
                        }
                        (_, Width::Float64) => self.add_values::<false>(trees, column, numbers, stride, sums),
                        (_, Width::Float32) => self.add_values::<true>(trees, column, numbers, stride, sums),
                    }
                }
            }
        }
    }

    /// Add by byte permutations, 64 rows at a time.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "those of `deliver`, and what it found")]
    fn add_tables<const NARROW: bool>(
        &self,
        bits: impl Bits,
        tables: &LeafTables,
        trees: &[Tree],
        column: usize,
        numbers: &[u8],
        stride: usize,
        sums: &mut [f64],
    ) {
        let mut own = [LeafTable::default(); BATCH];
        for (own, tree) in own.iter_mut().zip(trees) {
            if let Some(first) = tree.table {
                *own = self.table[first + column];
            }
        }
        let numbers = numbers.as_chunks::<WORD>().0;
        for (word, sums) in sums.chunks_mut(WORD).enumerate() {
            let mut looked: [Looked; BATCH] = [(own[0], &numbers[word]); BATCH];
            for t in 1..trees.len() {
                looked[t] = (own[t], &numbers[t * 2 * stride / WORD + word]);
            }
            let looked = &looked[..trees.len()];
            if let Some(sums) = sums.first_chunk_mut() {
                bits.add_leaves::<NARROW>(tables, looked, sums);
            } else {
                let mut padded = [0.0; WORD];
                padded[..sums.len()].copy_from_slice(sums);
                bits.add_leaves::<NARROW>(tables, looked, &mut padded);
                sums.copy_from_slice(&padded[..sums.len()]);
            }
        }
    }

    /// Add one by one, four trees a pass over the sums.
    #[inline(always)]
    fn add_values<const NARROW: bool>(
        &self,
        trees: &[Tree],
        column: usize,
        numbers: &[u8],
        stride: usize,
        sums: &mut [f64],
    ) {
        let width = self.leaf_width;
        let table = |tree: &Tree| &self.value[tree.value..tree.value + tree.leaves * width];
        let value =
            |table: &[f64], number: u8| table.get(usize::from(number) * width + column).copied().unwrap_or(f64::NAN);
        for (trees, numbers) in trees.chunks(4).zip(numbers.chunks(4 * 2 * stride)) {
            match trees {
                [a, b, c, d] if trees.iter().all(|tree| tree.leaves <= 256) => {
                    let (a, b, c, d) = (table(a), table(b), table(c), table(d));
                    let rows = sums.len();
                    let (na, nb) = (&numbers[..rows], &numbers[2 * stride..][..rows]);
                    let (nc, nd) = (&numbers[4 * stride..][..rows], &numbers[6 * stride..][..rows]);
                    for row in 0..rows {
                        let first = add::<NARROW>(add::<NARROW>(sums[row], value(a, na[row])), value(b, nb[row]));
                        sums[row] = add::<NARROW>(add::<NARROW>(first, value(c, nc[row])), value(d, nd[row]));
                    }
                }
                _ => {
                    for (tree, numbers) in trees.iter().zip(numbers.chunks_exact(2 * stride)) {
                        let table = table(tree);
                        for (row, sum) in sums.iter_mut().enumerate() {
                            let at = tree.number(numbers, stride, row) * width + column;
                            *sum = add::<NARROW>(*sum, table.get(at).copied().unwrap_or(f64::NAN));
                        }
                    }
                }
            }
        }
    }
}
