//! XGBoost's trees: nodes in arrays, a leaf where the left child is -1.

use super::parse::parse_trees;
use super::value::{Fields, Value};
use crate::error::{Result, format_error};

/// The trees of a `gbtree` or `dart` booster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trees {
    pub trees: Vec<Tree>,
    /// The output that each tree adds to.
    pub outputs: Vec<i32>,
    /// First tree of each iteration, and the end.
    pub iterations: Vec<usize>,
    /// DART: the weight of each tree.
    pub weights: Option<Vec<f32>>,
    /// Since 3.1: of each feature its categories; empty when the file holds none.
    pub categories: Vec<Categories>,
}

/// One tree. Node 0 is the root.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    /// -1: a leaf.
    pub left: Vec<i32>,
    pub right: Vec<i32>,
    pub feature: Vec<i32>,
    /// The threshold of a split, the value of a scalar leaf.
    pub condition: Vec<f32>,
    pub default_left: Vec<i32>,
    /// Categorical nodes by number, and their categories, which go right.
    pub categories: Vec<(usize, Vec<i32>)>,
    pub vectors: Option<Vectors>,
}

/// Leaves that are vectors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vectors {
    pub width: usize,
    pub values: Vec<f32>,
    /// Before 3.2 values stand by node; since then by the number that a leaf has for its right child.
    pub by_node: bool,
}

/// The categories of a feature, in the order of their codes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Categories {
    /// Not categorical.
    None,
    Texts(Vec<Vec<u8>>),
    Integers(Vec<i64>),
}

impl Trees {
    pub(super) fn parse(model: &Fields, weights: Option<Vec<f32>>, features: usize, outputs: usize) -> Result<Trees> {
        let place = &model.place;
        let trees = parse_trees(model)?;
        let tree_outputs = model.i32s("tree_info")?;
        let parameters = model.object("gbtree_model_param")?;
        let claimed = parameters.count("num_trees")?;
        let lengths = [
            ("num_trees", claimed),
            ("tree_info", tree_outputs.len()),
            ("weight_drop", weights.as_ref().map_or(trees.len(), Vec::len)),
        ];
        for (what, found) in lengths {
            if found != trees.len() {
                return Err(format_error(format!("{place}: {} trees, but {what} says {found}", trees.len())));
            }
        }
        if let Some(tree) = tree_outputs.iter().position(|&o| usize::try_from(o).map_or(true, |o| o >= outputs)) {
            return Err(format_error(format!("tree {tree}: tree_info is {} of {outputs} outputs", tree_outputs[tree])));
        }
        let iterations = match model.find("iteration_indptr")? {
            Some(_) => iterations(model, trees.len())?,
            None => equal_iterations(&tree_outputs, parameters.count_or("num_parallel_tree", 1)?.max(1), place)?,
        };
        let categories = match model.find("cats")? {
            Some(found) => categories(&Fields::of(found, format!("{place}.cats"))?, features)?,
            None => Vec::new(),
        };
        Ok(Trees { trees, outputs: tree_outputs, iterations, weights, categories })
    }
}

fn iterations(model: &Fields, trees: usize) -> Result<Vec<usize>> {
    let found = model.integers("iteration_indptr")?;
    let rising = found.first() == Some(&0) && found.windows(2).all(|pair| pair[0] <= pair[1]);
    if !rising || found.last() != i64::try_from(trees).ok().as_ref() {
        return Err(format_error(format!("{}.iteration_indptr must rise from 0 to {trees}", model.place)));
    }
    Ok(found.into_iter().filter_map(|tree| usize::try_from(tree).ok()).collect())
}

/// Before 2.0 files hold no limits: each iteration has the same number of trees.
fn equal_iterations(outputs: &[i32], parallel: usize, place: &str) -> Result<Vec<usize>> {
    let groups = outputs.iter().max().map_or(1, |&highest| highest as usize + 1);
    let each = groups.saturating_mul(parallel);
    if !outputs.len().is_multiple_of(each) {
        return Err(format_error(format!("{place}: {} trees, but {each} an iteration", outputs.len())));
    }
    Ok((0..=outputs.len()).step_by(each).collect())
}

impl Tree {
    pub(super) fn parse(fields: &Fields) -> Result<Tree> {
        let parameters = fields.object("tree_param")?;
        let left = fields.i32s("left_children")?;
        let nodes = left.len();
        let width = parameters.count_or("size_leaf_vector", 1)?;
        let tree = Tree {
            right: fields.i32s("right_children")?,
            feature: fields.i32s("split_indices")?,
            condition: fields.singles("split_conditions")?,
            default_left: fields.i32s("default_left")?,
            categories: node_categories(fields, nodes)?,
            vectors: if width > 1 { Some(Vectors::parse(fields, width, nodes)?) } else { None },
            left,
        };
        let lengths = [
            ("num_nodes", parameters.count("num_nodes")?),
            ("right_children", tree.right.len()),
            ("split_indices", tree.feature.len()),
            ("split_conditions", tree.condition.len()),
            ("default_left", tree.default_left.len()),
        ];
        for (what, found) in lengths {
            if found != nodes {
                return Err(format_error(format!("{}: {nodes} left_children, but {what} says {found}", fields.place)));
            }
        }
        if nodes == 0 {
            return Err(format_error(format!("{} has no nodes", fields.place)));
        }
        Ok(tree)
    }
}

impl Vectors {
    fn parse(fields: &Fields, width: usize, nodes: usize) -> Result<Vectors> {
        let by_node = fields.find("leaf_weights")?.is_none();
        let key = if by_node { "base_weights" } else { "leaf_weights" };
        let values = fields.singles(key)?;
        let fits = if by_node { Some(values.len()) == nodes.checked_mul(width) } else { values.len() % width == 0 };
        if !fits {
            return Err(format_error(format!(
                "{}: size_leaf_vector is {width}, but {key} has {} entries for {nodes} nodes",
                fields.place,
                values.len()
            )));
        }
        Ok(Vectors { width, values, by_node })
    }
}

/// The categorical nodes. Those that `split_type` calls categorical need categories, and the other way round.
fn node_categories(fields: &Fields, nodes: usize) -> Result<Vec<(usize, Vec<i32>)>> {
    if fields.find("split_type")?.is_none() {
        return Ok(Vec::new());
    }
    let place = &fields.place;
    let kinds = fields.i32s("split_type")?;
    if kinds.len() != nodes {
        return Err(format_error(format!("{place}: {nodes} left_children, but split_type has {}", kinds.len())));
    }
    let (starts, sizes) = (fields.integers("categories_segments")?, fields.integers("categories_sizes")?);
    let (owners, values) = (fields.i32s("categories_nodes")?, fields.i32s("categories")?);
    let categorical: Vec<i32> = (0..).zip(&kinds).filter(|&(_, &kind)| kind == 1).map(|(node, _)| node).collect();
    if owners != categorical || starts.len() != owners.len() || sizes.len() != owners.len() {
        return Err(format_error(format!(
            "{place}: {} nodes of the split_type 1, {} categories_nodes, {} categories_segments, {} categories_sizes: \
             all must be of the same nodes, in order",
            categorical.len(),
            owners.len(),
            starts.len(),
            sizes.len()
        )));
    }
    // One after another: else a small file could ask for the same categories again and again.
    let mut end = 0_usize;
    let mut found = Vec::with_capacity(owners.len());
    for ((&node, &start), &size) in owners.iter().zip(&starts).zip(&sizes) {
        let own = usize::try_from(size).ok().filter(|&size| size > 0 && start == end as i64);
        let own = own.and_then(|size| values.get(end..end.checked_add(size)?));
        let own = own.ok_or_else(|| {
            format_error(format!(
                "{place}: node {node} claims {size} categories from {start} on; of {} it should have some from {end} on",
                values.len()
            ))
        })?;
        // XGBoost takes categories below 2^24, which float32 holds exactly.
        if let Some(category) = own.iter().find(|category| !(0..1 << 24).contains(*category)) {
            return Err(format_error(format!("{place}: node {node} has the category {category}")));
        }
        end += own.len();
        found.push((node as usize, own.to_vec()));
    }
    Ok(found)
}

fn categories(cats: &Fields, features: usize) -> Result<Vec<Categories>> {
    let columns = cats.array("enc")?;
    if !columns.is_empty() && columns.len() != features {
        return Err(format_error(format!("{}.enc has {} columns for {features} features", cats.place, columns.len())));
    }
    columns.iter().enumerate().map(|(feature, column)| column_categories(column, cats, feature)).collect()
}

fn column_categories(column: &Value, cats: &Fields, feature: usize) -> Result<Categories> {
    let fields = Fields::of(column, format!("{}.enc[{feature}]", cats.place))?;
    if fields.find("offsets")?.is_none() {
        let values = fields.integers("values")?;
        return Ok(if values.is_empty() { Categories::None } else { Categories::Integers(values) });
    }
    let offsets = fields.integers("offsets")?;
    let bytes: Vec<u8> = fields.integers("values")?.into_iter().map(|byte| byte as u8).collect();
    let texts: Option<Vec<Vec<u8>>> = offsets
        .windows(2)
        .map(|pair| bytes.get(usize::try_from(pair[0]).ok()?..usize::try_from(pair[1]).ok()?).map(<[u8]>::to_vec))
        .collect();
    match texts {
        None => Err(format_error(format!("{}: offsets beyond its {} values", fields.place, bytes.len()))),
        Some(texts) if texts.is_empty() => Ok(Categories::None),
        Some(texts) => Ok(Categories::Texts(texts)),
    }
}
