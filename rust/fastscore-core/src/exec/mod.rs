//! Columns in, scores out: binding, row blocks, threads, nulls.

pub mod arrow;
mod bind;
mod block;
pub mod category;
mod encode;
pub(crate) mod few;
mod guards;
mod pool;
mod recycled;
mod refusal;
mod rows;
mod score;
mod scores;
pub mod table;

pub use bind::{Binding, bind, bind_numbers};
pub use few::{FEW_ROWS, score_few};
pub use pool::{thread_count, thread_limit};
pub use recycled::{Kept, Recycled};
pub use score::{OnRefused, empty, lacks, score};
pub use scores::{Data, Group, Output, Scores, column_names};
