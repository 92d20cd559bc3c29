//! The plan as text: each value, what computes it, and why.

use std::fmt::Write as _;

use super::program::Run;
use super::{Engine, Plan};
use crate::model::{Guard, Link, Op, Refuse};

/// Characters of a link that are shown.
const LINK: usize = 100;

impl Plan {
    /// The plan as text: each step, the engine that runs it, and why.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let features = self.model.features().count;
        let read = self.model.features_read().iter().filter(|&&read| read).count();
        let _ = writeln!(text, "plan for {} ({} instructions)", self.model.source().class, self.level);
        if self.is_reference() {
            let _ = writeln!(text, "  every step runs in the reference interpreter (FASTSCORE_ENGINE)");
        }
        let _ = writeln!(text, "  value 0: {features} features, {read} read");
        for (index, step) in self.model.steps().iter().enumerate() {
            let columns = self.program.view(index + 1).len();
            let _ = match self.program.run(index) {
                Some(run) if run.width < columns => {
                    write!(
                        text,
                        "  value {}: {} of {columns} column(s) from value {}: ",
                        index + 1,
                        run.width,
                        step.input
                    )
                }
                _ => write!(text, "  value {}: {columns} column(s) from value {}: ", index + 1, step.input),
            };
            let _ = match (self.program.run(index), &step.op) {
                (Some(run), _) => self.explain_run(&mut text, index, run),
                (None, Op::Concat(_) | Op::Link(Link::Columns { .. }, _)) => {
                    writeln!(text, "columns of other values, read where they are")
                }
                (None, op) => writeln!(text, "{}: not computed, as nothing reads it any more", name(op)),
            };
        }
        for (guard, proof) in self.guards().iter().zip(self.program.proofs()) {
            let how = proof.map(|proof| format!("; looked at where a sum of value {} is not finite", proof.step + 1));
            let _ = writeln!(text, "  checked: {}{}", checked(guard), how.unwrap_or_default());
        }
        text
    }

    fn explain_run(&self, text: &mut String, index: usize, run: &Run) -> std::fmt::Result {
        let op = self.program.op(&self.model, index);
        match (op, &self.engines[index]) {
            (Op::Forest(_), Engine::Forest(engines)) => {
                let how = if run.is_fused() { ", whose splits ask what the columns are made of" } else { "" };
                writeln!(text, "{}{how}", name(op))?;
                engines.explain(text);
                Ok(())
            }
            (Op::LeafIndicator(_), Engine::Indicator(walk)) => writeln!(text, "{}; {}", name(op), walk.describe()),
            _ if run.network().is_some() => {
                let network = run.network().map(crate::kernels::dense::Network::describe).unwrap_or_default();
                writeln!(text, "{}; dense kernel at {network}", name(op))
            }
            (Op::Linear(_), _) => match run.terms() {
                Some(terms) => writeln!(text, "{}; {}", name(op), terms.describe()),
                None => writeln!(text, "{}; streaming kernel", name(op)),
            },
            _ => writeln!(text, "{}", name(op)),
        }
    }
}

/// What a step does.
fn name(op: &Op) -> String {
    match op {
        Op::Forest(forest) => format!("forest of {} trees", forest.trees()),
        Op::LeafIndicator(forest) => format!("leaf indicators of {} trees", forest.trees()),
        Op::OneHot(_) => "equal to given numbers or not".into(),
        Op::Ctr(ctr) => format!("statistics of {} tables of {} keys", ctr.tables(), ctr.key.len()),
        Op::Concat(others) => format!("with those of values {others:?} beside them"),
        Op::Combine(combine) => format!("its {} with values {:?}", combine.how.name(), combine.others),
        Op::Map(map) => format!("{} known numbers looked up", map.key.len()),
        Op::Bins(bins) => format!("places among {} edges", bins.edge.len()),
        Op::Interpolate(points) => format!("lines between {} points", points.x.len()),
        Op::Polynomial(_) => "products of columns".into(),
        Op::Embedding(embedding) => format!("rows of a table of {} x {}", embedding.rows(), embedding.dims),
        Op::Linear(linear) => format!("linear {} x {}", linear.inputs, linear.outputs),
        Op::Distances(distances) => format!("{:?} distances of {} terms", distances.metric, distances.column.len()),
        Op::Link(kind, width) => {
            let link = format!("{kind:?}");
            let shown: String = link.chars().take(LINK).collect();
            let more = if shown.len() < link.len() { "..." } else { "" };
            format!("link {shown}{more} at {width:?}")
        }
    }
}

/// What a guard looks for, and in what.
fn checked(guard: &Guard) -> String {
    let what = match &guard.refuse {
        Refuse::Numbers(checks) => match (checks.missing, checks.non_finite) {
            (true, Some(_)) => "missing and infinite values",
            (true, None) => "missing values",
            (false, _) => "infinite values",
        },
        Refuse::Unknown(_) => "values that are not known",
    };
    let columns = guard.columns.as_ref().map_or_else(|| "all".to_owned(), |columns| columns.len().to_string());
    format!("{columns} column(s) of value {}, where {} refuses {what}", guard.value, guard.step)
}
