//! `.cbm`: the magic `CBM1`, the size of the core, the core as FlatBuffers (`model.fbs`, `features.fbs`, `ctr_data.fbs`
//! of CatBoost's repository), then the parts that the core names.

use super::flatbuffer::{Message, Table};
use super::parse::{
    self, CatFeature, Child, Ctr, CtrBase, CtrType, FloatFeature, Nan, OneHot, Parsed, Rows, Tree, leaf_count,
};
use super::unsupported_feature;
use crate::error::{Result, format_error};

pub(super) const MAGIC: &[u8] = b"CBM1";
const CORE: &str = "the model core";
const FORMAT: &str = "FlabuffersModel_v1";
const CTR_PART: &str = "static_provider_v1";
/// A hash slot of a CTR table: key (u64), row (u32).
const BUCKET: usize = 12;
const EMPTY_KEY: u64 = u64::MAX;

/// Parse a whole file.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed> {
    let mut rest = Stream { bytes, at: 0 };
    if rest.take(MAGIC.len(), "the magic")? != MAGIC {
        return Err(format_error("not a CatBoost model: it does not begin with CBM1"));
    }
    let core_bytes = rest.sized(CORE)?;
    let message = Message::new(core_bytes, CORE);
    let core = message.root()?;
    let version = core.string(0)?;
    if version != FORMAT {
        return Err(format_error(format!("the model core: format version {version:?}, {FORMAT:?} is due")));
    }
    let mut parsed = match core.table(1)? {
        Some(trees) => model_trees(&trees)?,
        None => return Err(format_error("the model core: it has no trees")),
    };
    for entry in core.tables(2)? {
        parsed.info.insert(entry.string(0)?, entry.string(1)?);
    }
    for part in core.strings(3)? {
        match part.as_str() {
            CTR_PART => parsed.tables = ctr_tables(&mut rest)?,
            other => {
                return Err(unsupported_feature(&format!("the model part {other:?} (text or embedding features)")));
            }
        }
    }
    Ok(parsed)
}

/// Bytes in order.
struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Stream<'a> {
    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.get(..count)).ok_or_else(|| {
            format_error(format!(
                "{what}: {count} bytes are due at byte {} of {} (cut short or damaged)",
                self.at,
                self.bytes.len()
            ))
        })?;
        self.at += count;
        Ok(found)
    }

    /// A size: 4 bytes, or their maximum and then 8.
    fn size(&mut self, what: &str) -> Result<usize> {
        let mut short = [0; 4];
        short.copy_from_slice(self.take(4, what)?);
        let size = match u32::from_le_bytes(short) {
            u32::MAX => {
                let mut long = [0; 8];
                long.copy_from_slice(self.take(8, what)?);
                u64::from_le_bytes(long)
            }
            size => u64::from(size),
        };
        usize::try_from(size).map_err(|_| format_error(format!("{what}: {size} bytes are claimed")))
    }

    fn sized(&mut self, what: &str) -> Result<&'a [u8]> {
        let size = self.size(what)?;
        self.take(size, what)
    }
}

fn model_trees(table: &Table) -> Result<Parsed> {
    for (field, what) in [(12, "text features"), (18, "embedding features"), (13, "estimated features")] {
        if !table.raw(field, 4)?.is_empty() {
            return Err(unsupported_feature(what));
        }
    }
    let dimensions = usize::try_from(table.i32(0, 1)?).unwrap_or(0);
    let multi_bias = table.f64s(16)?;
    let bias = match table.f64(15, 0.0)? {
        _ if !multi_bias.is_empty() => multi_bias,
        single => vec![single; dimensions.min(1)],
    };
    let mut parsed = Parsed {
        dimensions,
        floats: table.tables(5)?.iter().map(float_feature).collect::<Result<_>>()?,
        categories: table.tables(4)?.iter().map(cat_feature).collect::<Result<_>>()?,
        one_hot: table.tables(6)?.iter().map(one_hot).collect::<Result<_>>()?,
        ctrs: table.tables(7)?.iter().map(ctr).collect::<Result<_>>()?,
        scale: table.f64(14, 1.0)?,
        bias: if dimensions > 1 && bias.len() == 1 && bias[0] == 0.0 { Vec::new() } else { bias },
        ..Parsed::default()
    };
    parsed.trees = trees(table, dimensions)?;
    Ok(parsed)
}

fn float_feature(table: &Table) -> Result<FloatFeature> {
    // Where no NaN was seen in training, CatBoost compares it as it is: above no border.
    let nan = match (table.bool(0, false)?, table.i8(5, 0)?) {
        (true, 2) => Nan::Above,
        (_, 0..=2) => Nan::Below,
        (_, other) => return Err(format_error(format!("the model core: NaN treatment {other} is unknown"))),
    };
    Ok(FloatFeature {
        index: table.i32(1, -1)?.into(),
        flat: table.i32(2, -1)?.into(),
        name: table.string(4)?,
        borders: table.f32s(3)?,
        nan,
    })
}

fn cat_feature(table: &Table) -> Result<CatFeature> {
    Ok(CatFeature { index: table.i32(0, -1)?.into(), flat: table.i32(1, -1)?.into(), name: table.string(2)? })
}

fn one_hot(table: &Table) -> Result<OneHot> {
    Ok(OneHot { category: table.i32(0, -1)?.into(), values: table.i32s(1)? })
}

fn ctr(table: &Table) -> Result<Ctr> {
    let missing = || format_error("the model core: a CTR feature lacks its definition");
    let model = table.table(0)?.ok_or_else(missing)?;
    Ok(Ctr {
        base: ctr_base(model.table(0)?.ok_or_else(missing)?)?,
        target_border: model.i32(1, 0)?.into(),
        prior: model.f32(2, 0.0)?,
        prior_denominator: model.f32(3, 1.0)?,
        shift: model.f32(4, 0.0)?,
        scale: model.f32(5, 1.0)?,
        borders: table.f32s(1)?,
    })
}

fn ctr_base(table: Table) -> Result<CtrBase> {
    let mut base = CtrBase {
        categories: Vec::new(),
        borders: Vec::new(),
        equals: Vec::new(),
        kind: CtrType::Borders,
        classifier: table.i32(2, 0)?.into(),
    };
    let kind = table.i8(1, 0)?;
    let found = usize::try_from(kind).ok().and_then(|kind| CtrType::ALL.get(kind));
    base.kind = *found.ok_or_else(|| format_error(format!("the model core: CTR type {kind} is unknown")))?;
    if let Some(projection) = table.table(0)? {
        let word = |pair: &[u8; 8]| {
            let ([low, high], _) = pair.as_chunks::<4>() else { return ([0; 4], [0; 4]) };
            (*low, *high)
        };
        base.categories = projection.i32s(0)?.into_iter().map(i64::from).collect();
        let pairs = projection.raw(1, 8)?.as_chunks::<8>().0.iter().map(word);
        base.borders = pairs.map(|(i, b)| (i32::from_le_bytes(i).into(), f32::from_le_bytes(b))).collect();
        let pairs = projection.raw(2, 8)?.as_chunks::<8>().0.iter().map(word);
        base.equals = pairs.map(|(i, v)| (i32::from_le_bytes(i).into(), i32::from_le_bytes(v))).collect();
    }
    Ok(base)
}

/// Trees of either layout: step nodes say that it is not the symmetric one.
fn trees(table: &Table, dimensions: usize) -> Result<Vec<Tree>> {
    let splits = table.i32s(1)?;
    let sizes = table.i32s(2)?;
    let starts = table.i32s(3)?;
    let values = table.f64s(8)?;
    let steps: Vec<(u16, u16)> = table
        .raw(10, 4)?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&[a, b, c, d]| (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
        .collect();
    let leaf_of = table.u32s(11)?;
    if starts.len() != sizes.len() || (dimensions == 0 && !sizes.is_empty()) {
        return Err(format_error(format!(
            "the model core: {} tree sizes, {} tree offsets, {dimensions} dimensions",
            sizes.len(),
            starts.len()
        )));
    }
    if !steps.is_empty() && (steps.len() != splits.len() || leaf_of.len() != splits.len()) {
        return Err(format_error(format!(
            "the model core: {} splits, {} step nodes, {} leaf numbers",
            splits.len(),
            steps.len(),
            leaf_of.len()
        )));
    }
    // Trees lie one after another and share nothing: otherwise a small file could claim a large model.
    let (mut first_split, mut first_value) = (0, 0);
    let mut trees = Vec::with_capacity(sizes.len());
    for (number, (&start, &size)) in starts.iter().zip(&sizes).enumerate() {
        let range = usize::try_from(start).ok().zip(usize::try_from(size).ok());
        let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?));
        let whole = |range: &std::ops::Range<usize>| range.start == first_split && range.end <= splits.len();
        let range = range.filter(whole).ok_or_else(|| {
            format_error(format!("tree {number}: {size} splits from {start}, there are {}", splits.len()))
        })?;
        first_split = range.end;
        if steps.is_empty() {
            let due = leaf_count(number, range.len(), dimensions)?;
            let values = values.get(first_value..).and_then(|rest| rest.get(..due)).ok_or_else(|| {
                format_error(format!(
                    "tree {number}: {due} leaf values are due from {first_value}, {} are there",
                    values.len()
                ))
            })?;
            first_value += due;
            let conditions = splits[range].iter().map(|&split| condition(number, split)).collect::<Result<_>>()?;
            trees.push(Tree::Symmetric { conditions, values: values.to_vec() });
        } else {
            let tree = node_tree(number, range, &splits, &steps, &leaf_of, &values, dimensions)?;
            if let Tree::Nodes { values: own, .. } = &tree {
                first_value += own.len();
            }
            if first_value > values.len() {
                return Err(format_error(format!("tree {number}: leaves share values, {} are there", values.len())));
            }
            trees.push(tree);
        }
    }
    Ok(trees)
}

fn condition(tree: usize, split: i32) -> Result<usize> {
    usize::try_from(split).map_err(|_| format_error(format!("tree {tree}: split condition {split}")))
}

/// A tree of step nodes. An edge of length 0 ends at the node's own leaf; a node of two such edges is a leaf.
fn node_tree(
    tree: usize,
    range: std::ops::Range<usize>,
    splits: &[i32],
    steps: &[(u16, u16)],
    leaf_of: &[u32],
    values: &[f64],
    dimensions: usize,
) -> Result<Tree> {
    let broken = |why: String| format_error(format!("tree {tree}: {why}"));
    if range.is_empty() {
        return Err(broken("it has no nodes".into()));
    }
    let ends = |node: usize| steps[node].0 == 0 || steps[node].1 == 0;
    // CatBoost numbers leaves from the tree's lowest offset among leaf values.
    let first = range.clone().filter(|&node| ends(node)).map(|node| leaf_of[node]).min();
    let first = first.ok_or_else(|| broken("it has no leaves".into()))?;
    let (mut leaf_ids, mut leaf_values, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    let mut leaf = |node: usize| -> Result<Child> {
        if leaf_values.len() > values.len() {
            return Err(broken(format!("leaves share values, {} are there", values.len())));
        }
        let at = leaf_of[node] as usize;
        let found = values.get(at..).and_then(|rest| rest.get(..dimensions));
        let found = found.ok_or_else(|| broken(format!("node {node} has leaf value {at} of {}", values.len())))?;
        leaf_values.extend_from_slice(found);
        leaf_ids.push(((leaf_of[node] - first) as usize / dimensions) as i32);
        Ok(Child::Leaf(leaf_ids.len() - 1))
    };
    let mut seen = vec![false; range.len()];
    let mut open = vec![(range.start, None::<(usize, bool)>)];
    while let Some((node, parent)) = open.pop() {
        let known = node.checked_sub(range.start).filter(|_| node < range.end);
        let slot = known.ok_or_else(|| broken(format!("an edge leads to node {node}, outside the tree")))?;
        if std::mem::replace(&mut seen[slot], true) {
            return Err(broken(format!("node {node} is reached twice")));
        }
        let child = match steps[node] {
            (0, 0) => leaf(node)?,
            (left, right) => {
                let number = nodes.len();
                let mut below = |step: u16, side: bool| match step {
                    0 => leaf(node),
                    step => {
                        open.push((node + usize::from(step), Some((number, side))));
                        Ok(Child::Node(usize::MAX))
                    }
                };
                let edges = (below(left, false)?, below(right, true)?);
                nodes.push((condition(tree, splits[node])?, edges.0, edges.1));
                Child::Node(number)
            }
        };
        if let Some((parent, right)) = parent {
            let (_, left_child, right_child) = &mut nodes[parent];
            *(if right { right_child } else { left_child }) = child;
        }
    }
    Ok(Tree::Nodes { nodes, leaf_ids, values: leaf_values })
}

fn ctr_tables(rest: &mut Stream) -> Result<Vec<parse::Table>> {
    const WHAT: &str = "the CTR tables";
    let count = rest.size(WHAT)?;
    let mut tables = Vec::new();
    for number in 0..count {
        let what = format!("CTR table {number} of {count}");
        let message = Message::new(rest.sized(&what)?, &what);
        tables.push(ctr_table(&message.root()?, &what)?);
    }
    Ok(tables)
}

fn ctr_table(table: &Table, what: &str) -> Result<parse::Table> {
    let base = ctr_base(table.table(0)?.ok_or_else(|| format_error(format!("{what}: it lacks its definition")))?)?;
    let slots = table.raw(1, 1)?;
    if slots.len() % BUCKET != 0 {
        return Err(format_error(format!("{what}: {} bytes of hash slots, {BUCKET} each", slots.len())));
    }
    let blob = table.raw(2, 1)?.as_chunks::<4>().0;
    let integer = |word: &[u8; 4]| i32::from_le_bytes(*word);
    let classes = usize::try_from(table.i32(4, 0)?).unwrap_or(0);
    let width = match base.kind {
        CtrType::Borders | CtrType::Buckets => classes,
        CtrType::BinarizedTargetMeanValue | CtrType::FloatTargetMeanValue => 2,
        CtrType::Counter | CtrType::FeatureFreq => 1,
    };
    let (mut keys, mut words) = (Vec::new(), Vec::new());
    let shared = || format_error(format!("{what}: hashes share rows, {} counts are there", blob.len()));
    for slot in slots.as_chunks::<BUCKET>().0 {
        let ([low, high, row], _) = slot.as_chunks::<4>() else { continue };
        let key = u64::from(u32::from_le_bytes(*low)) | u64::from(u32::from_le_bytes(*high)) << 32;
        if key == EMPTY_KEY {
            continue;
        }
        let row = u32::from_le_bytes(*row) as usize;
        let found = row.checked_mul(width).and_then(|at| blob.get(at..)?.get(..width));
        words.extend(
            found.ok_or_else(|| format_error(format!("{what}: a hash leads to row {row}, which is not there")))?,
        );
        keys.push(key);
        if words.len() > blob.len() {
            return Err(shared());
        }
    }
    let rows = match base.kind {
        CtrType::BinarizedTargetMeanValue | CtrType::FloatTargetMeanValue => {
            let pair = |pair: &[[u8; 4]; 2]| (f32::from_le_bytes(pair[0]), integer(&pair[1]));
            Rows::Means(words.as_chunks::<2>().0.iter().map(pair).collect())
        }
        _ => Rows::Counts { classes: width, counts: words.iter().map(integer).collect() },
    };
    Ok(parse::Table { base, keys, rows, denominator: table.i32(3, 0)? })
}
