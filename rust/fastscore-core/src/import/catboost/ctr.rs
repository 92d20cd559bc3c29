//! CTR features to tables of their values. What CatBoost computes for a key depends only on the key's row, so it is
//! computed here, in its float32, once for every key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::parse::{Ctr, CtrBase, CtrType, Nan, Parsed, Projection, Rows, Table};
use crate::error::{Error, Result, format_error};
use crate::model::{self, Width};

/// Where CatBoost's features are among all features.
pub(super) struct Positions<'a> {
    floats: HashMap<i64, (usize, &'a [f32], Nan)>,
    categories: HashMap<i64, usize>,
}

impl<'a> Positions<'a> {
    /// `position` turns a flat index into a column.
    pub fn new(parsed: &'a Parsed, position: impl Fn(i64) -> Result<usize>) -> Result<Self> {
        let mut floats = HashMap::new();
        for f in &parsed.floats {
            floats.insert(f.index, (position(f.flat)?, f.borders.as_slice(), f.nan));
        }
        let mut categories = HashMap::new();
        for c in &parsed.categories {
            categories.insert(c.index, position(c.flat)?);
        }
        Ok(Positions { floats, categories })
    }

    /// The column of a categorical feature.
    pub fn category(&self, index: i64) -> Result<usize> {
        let found = self.categories.get(&index).copied();
        found.ok_or_else(|| format_error(format!("categorical feature {index} is used but not described")))
    }
}

/// The step, and the output column of each of `used`, which are numbers of CTR features.
pub(super) fn ctr_step(parsed: &Parsed, used: &[usize], positions: &Positions) -> Result<(model::Ctr, Vec<usize>)> {
    let mut groups: Vec<Group> = Vec::new();
    // By projection and keys: tables of one projection may be of different keys.
    let mut group_of: HashMap<(Projection, Vec<u64>), usize> = HashMap::new();
    let mut orders: HashMap<usize, (Vec<usize>, usize)> = HashMap::new();
    let mut tables = HashMap::with_capacity(parsed.tables.len());
    for (at, table) in parsed.tables.iter().enumerate() {
        tables.entry(table.base.key()).or_insert(at);
    }
    let most = most_values(&parsed.tables);
    let mut count = 0usize;
    for (slot, &number) in used.iter().enumerate() {
        let ctr = &parsed.ctrs[number];
        let named = |why: String| format_error(format!("CTR feature {number} ({:?}): {why}", ctr.base.kind));
        let at = tables.get(&ctr.base.key()).copied();
        let at = at.ok_or_else(|| if parsed.tables.is_empty() { no_tables(parsed, number) } else { named(lacks()) })?;
        let table = &parsed.tables[at];
        if let Entry::Vacant(slot) = orders.entry(at) {
            let (order, keys) = sorted(table).map_err(named)?;
            let group = match group_of.entry((ctr.base.projection(), keys)) {
                Entry::Occupied(same) => *same.get(),
                Entry::Vacant(new) => {
                    groups.push(Group { base: &ctr.base, keys: new.key().1.clone(), columns: Vec::new() });
                    *new.insert(groups.len() - 1)
                }
            };
            slot.insert((order, group));
        }
        let Some((order, group)) = orders.get(&at) else { continue };
        count += order.len();
        if count > most {
            return Err(Error::UnsupportedModel(format!(
                "the CatBoost model's CTR features have more than {most} values together, far more than its tables, which \
                 is not supported"
            )));
        }
        let values = values(ctr, table, order).map_err(named)?;
        groups[*group].columns.push((slot, values));
    }
    let mut step = model::Ctr {
        width: Width::Float32,
        category_offset: vec![0],
        border_offset: vec![0],
        equal_offset: vec![0],
        key_offset: vec![0],
        ..model::Ctr::default()
    };
    let mut column_of = vec![0; used.len()];
    for group in groups {
        group.push(&mut step, &mut column_of, positions)?;
    }
    Ok((step, column_of))
}

fn lacks() -> String {
    "the file has no table for it".into()
}

/// A model without any CTR table, which CatBoost can be told to write.
fn no_tables(parsed: &Parsed, number: usize) -> Error {
    let options =
        parsed.info.get("output_options").and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    if options.is_some_and(|options| options["final_ctr_computation_mode"] == "Skip") {
        return Error::UnsupportedModel(
            "the CatBoost model was trained with final_ctr_computation_mode=\"Skip\": it has no tables for its categorical \
             features, so CatBoost can't predict with it either; train it with the default, \"Default\""
                .into(),
        );
    }
    format_error(format!("CTR feature {number} ({:?}): {}", parsed.ctrs[number].base.kind, lacks()))
}

/// Priors and target borders make several features of a table: a dozen of a row, or a few for each of its classes.
/// More would make the values far larger than the file.
fn most_values(tables: &[Table]) -> usize {
    let rows = |table: &Table| match &table.rows {
        Rows::Counts { counts, .. } => table.keys.len() + counts.len(),
        Rows::Means(means) => table.keys.len() + 2 * means.len(),
    };
    tables.iter().map(rows).sum::<usize>().saturating_mul(16).saturating_add(1 << 16)
}

/// CTR features whose keys are the same.
struct Group<'a> {
    base: &'a CtrBase,
    keys: Vec<u64>,
    /// Place among the features in use, values of the keys, value of others.
    columns: Vec<(usize, (Vec<f32>, f32))>,
}

impl Group<'_> {
    fn push(self, step: &mut model::Ctr, column_of: &mut [usize], positions: &Positions) -> Result<()> {
        for &category in &self.base.categories {
            step.category.push(positions.category(category)? as i32);
        }
        for &(feature, border) in &self.base.borders {
            let holds = |borders: &[f32]| {
                // Borders rise, which `Parsed::check` saw to.
                let place = borders.partition_point(|&own| own < border);
                borders.get(place).is_some_and(|&own| own == border)
            };
            let found = positions.floats.get(&feature).filter(|(_, borders, _)| holds(borders));
            let &(column, _, nan) = found.ok_or_else(|| {
                format_error(format!("a CTR compares float feature {feature} with {border}, which is no border of it"))
            })?;
            step.border_feature.push(column as i32);
            step.border.push(border.into());
            step.border_missing.push(u8::from(nan.is_above(border)));
        }
        for &(category, hash) in &self.base.equals {
            step.equal_feature.push(positions.category(category)? as i32);
            step.equal.push(f64::from(hash as u32));
        }
        step.category_offset.push(step.category.len() as i64);
        step.border_offset.push(step.border.len() as i64);
        step.equal_offset.push(step.equal.len() as i64);
        step.columns.push(self.columns.len() as i32);
        for (slot, (_, otherwise)) in &self.columns {
            column_of[*slot] = step.otherwise.len();
            step.otherwise.push((*otherwise).into());
        }
        for key in 0..self.keys.len() {
            step.value.extend(self.columns.iter().map(|(_, (values, _))| f64::from(values[key])));
        }
        step.key.extend(self.keys);
        step.key_offset.push(step.key.len() as i64);
        Ok(())
    }
}

/// The rows of a table in the order of their keys, and the keys.
fn sorted(table: &Table) -> std::result::Result<(Vec<usize>, Vec<u64>), String> {
    let mut order: Vec<usize> = (0..table.keys.len()).collect();
    order.sort_unstable_by_key(|&row| table.keys[row]);
    let keys: Vec<u64> = order.iter().map(|&row| table.keys[row]).collect();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("its table has the hash {} twice", pair[0])),
        None => Ok((order, keys)),
    }
}

/// CatBoost's `TModelCtr::Calc`, float32 throughout.
fn ratio(ctr: &Ctr, count: f32, total: f32) -> f32 {
    ((count + ctr.prior) / (total + ctr.prior_denominator) + ctr.shift) * ctr.scale
}

/// The value of each row, and of keys that are not there.
fn values(ctr: &Ctr, table: &Table, order: &[usize]) -> std::result::Result<(Vec<f32>, f32), String> {
    let unseen = ratio(ctr, 0.0, 0.0);
    Ok(match (&table.rows, ctr.base.kind) {
        (Rows::Means(means), _) => {
            let value = |&row: &usize| ratio(ctr, means[row].0, means[row].1 as f32);
            (order.iter().map(value).collect(), unseen)
        }
        (Rows::Counts { counts, .. }, CtrType::Counter | CtrType::FeatureFreq) => {
            let denominator = table.denominator as f32;
            let value = |&row: &usize| ratio(ctr, counts[row] as f32, denominator);
            (order.iter().map(value).collect(), ratio(ctr, 0.0, denominator))
        }
        (Rows::Counts { classes, counts }, kind) => {
            let target = usize::try_from(ctr.target_border).ok();
            let inside = target.filter(|&target| *classes >= 2 && target < *classes);
            let target =
                inside.ok_or_else(|| format!("target border {} of {classes} target classes", ctr.target_border))?;
            let total = |counts: &[i32]| counts.iter().fold(0i32, |sum, &count| sum.wrapping_add(count));
            let value = |&row: &usize| {
                let row = &counts[row * classes..(row + 1) * classes];
                let good = match kind {
                    CtrType::Buckets => row[target],
                    // Of two classes, CatBoost counts the second, whatever the border.
                    _ if *classes == 2 => row[1],
                    _ => total(&row[target + 1..]),
                };
                ratio(ctr, good as f32, total(row) as f32)
            };
            (order.iter().map(value).collect(), unseen)
        }
    })
}
