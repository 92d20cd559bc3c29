//! Columns of strings, and dictionaries of strings or numbers, borrowed from whoever owns them.
//!
//! Offsets, views and keys come from outside: each is held against the memory that it points into when it is read.

use arrow_buffer::Buffer;

use super::table::{Chunk, Nulls, Values};

/// Strings in one of Arrow's layouts. Their bytes need not be UTF-8.
#[derive(Debug, Clone)]
pub enum Texts<'a> {
    /// `Utf8`: string i is `bytes[offsets[i] .. offsets[i + 1]]`.
    Small(&'a [i32], &'a [u8]),
    /// `LargeUtf8`
    Large(&'a [i64], &'a [u8]),
    /// `Utf8View`: short strings in the view, others in a buffer.
    Views(&'a [u128], &'a [Buffer]),
}

/// A view holds strings of up to so many bytes itself.
const INLINE: usize = 12;

impl Texts<'_> {
    /// How many strings.
    pub fn len(&self) -> usize {
        match self {
            Texts::Small(offsets, _) => offsets.len().saturating_sub(1),
            Texts::Large(offsets, _) => offsets.len().saturating_sub(1),
            Texts::Views(views, _) => views.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `out[i] = code(bytes of string start + i)`, or `damaged` where they lie outside the memory.
    #[inline(always)]
    pub(super) fn encode(&self, start: usize, out: &mut [f64], damaged: f64, code: impl Fn(&[u8]) -> f64) {
        match self {
            Texts::Small(offsets, bytes) => {
                for (to, pair) in out.iter_mut().zip(offsets[start..].windows(2)) {
                    let range = usize::try_from(pair[0]).ok().zip(usize::try_from(pair[1]).ok());
                    *to = range.and_then(|(from, to)| bytes.get(from..to)).map_or(damaged, &code);
                }
            }
            Texts::Large(offsets, bytes) => {
                for (to, pair) in out.iter_mut().zip(offsets[start..].windows(2)) {
                    let range = usize::try_from(pair[0]).ok().zip(usize::try_from(pair[1]).ok());
                    *to = range.and_then(|(from, to)| bytes.get(from..to)).map_or(damaged, &code);
                }
            }
            Texts::Views(views, buffers) => {
                for (to, view) in out.iter_mut().zip(&views[start..]) {
                    let length = *view as u32 as usize;
                    *to = if length <= INLINE {
                        code(&view.to_le_bytes()[4..4 + length])
                    } else {
                        let (buffer, from) = ((view >> 64) as u32 as usize, (view >> 96) as usize);
                        let text = buffers.get(buffer).and_then(|bytes| bytes.get(from..from + length));
                        text.map_or(damaged, &code)
                    };
                }
            }
        }
    }

    /// Whether both are the same memory, read alike.
    fn is(&self, other: &Texts) -> bool {
        match (self, other) {
            (Texts::Small(a, a_bytes), Texts::Small(b, b_bytes)) => {
                std::ptr::eq(*a, *b) && std::ptr::eq(*a_bytes, *b_bytes)
            }
            (Texts::Large(a, a_bytes), Texts::Large(b, b_bytes)) => {
                std::ptr::eq(*a, *b) && std::ptr::eq(*a_bytes, *b_bytes)
            }
            (Texts::Views(a, a_buffers), Texts::Views(b, b_buffers)) => {
                let same = |(a, b): (&Buffer, &Buffer)| std::ptr::eq(a.as_slice(), b.as_slice());
                std::ptr::eq(*a, *b) && a_buffers.len() == b_buffers.len() && a_buffers.iter().zip(*b_buffers).all(same)
            }
            _ => false,
        }
    }
}

/// Values without keys: what a dictionary holds.
#[derive(Debug, Clone)]
pub enum Plain<'a> {
    /// Numbers.
    Numbers(Chunk<'a>),
    /// Strings, and which of them are null.
    Texts(Texts<'a>, Nulls<'a>),
}

impl Plain<'_> {
    /// How many values.
    pub fn len(&self) -> usize {
        match self {
            Plain::Numbers(chunk) => chunk.len(),
            Plain::Texts(texts, _) => texts.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kind(&self) -> Kind {
        match self {
            Plain::Numbers(chunk) => chunk.values.kind(),
            Plain::Texts(..) => Kind::Text,
        }
    }

    /// Whether both are the same memory, read alike.
    pub(super) fn is(&self, other: &Plain) -> bool {
        let nulls = |nulls: &Nulls| match nulls {
            Nulls::None => (0, 0),
            Nulls::Bitmap(bitmap) => (bitmap.buffer().as_ptr().addr(), bitmap.offset()),
            Nulls::Mask(mask) => (mask.address(), 1),
        };
        self.len() == other.len()
            && match (self, other) {
                (Plain::Texts(a, a_nulls), Plain::Texts(b, b_nulls)) => a.is(b) && nulls(a_nulls) == nulls(b_nulls),
                (Plain::Numbers(a), Plain::Numbers(b)) => {
                    a.values.place() == b.values.place() && nulls(&a.nulls) == nulls(&b.nulls)
                }
                _ => false,
            }
    }
}

/// A run of a column's rows.
#[derive(Debug, Clone)]
pub enum Part<'a> {
    /// Strings.
    Texts(Texts<'a>, Nulls<'a>),
    /// Keys into a dictionary.
    Keys {
        /// Integers, and which of them are null.
        keys: Chunk<'a>,
        /// A key below 0 is null (pandas); else it is an error.
        negative_is_null: bool,
        /// What they point to.
        dictionary: Plain<'a>,
    },
}

impl Part<'_> {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Part::Texts(texts, _) => texts.len(),
            Part::Keys { keys, .. } => keys.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A column of strings or of a dictionary.
#[derive(Debug, Clone)]
pub struct Categories<'a> {
    parts: Vec<Part<'a>>,
    /// `ends[i]` is the row after part i's last.
    ends: Vec<usize>,
    type_name: String,
}

/// What a column's values are, for deciding which features it may feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Strings.
    Text,
    /// Integers.
    Integer,
    /// Floats.
    Float,
    /// Booleans.
    Bool,
    /// Nothing but nulls.
    Null,
}

impl<'a> Categories<'a> {
    /// From parts in row order, all of one type, which `type_name` says as the column's library does.
    pub fn new(parts: impl IntoIterator<Item = Part<'a>>, type_name: String) -> Self {
        let parts: Vec<_> = parts.into_iter().collect();
        let mut end = 0;
        let ends = parts.iter().map(|part| {
            end += part.len();
            end
        });
        Categories { ends: ends.collect(), parts, type_name }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column's type, as its library calls it.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The same under another name of its type.
    pub fn named(self, type_name: String) -> Self {
        Categories { type_name, ..self }
    }

    /// What the values are, behind keys where there are keys.
    pub fn kind(&self) -> Kind {
        match self.parts.first() {
            Some(Part::Texts(..)) => Kind::Text,
            Some(Part::Keys { dictionary, .. }) => dictionary.kind(),
            None => Kind::Null,
        }
    }

    /// The strings of the one part; None where there are several, or keys.
    pub fn single(self) -> Option<Plain<'a>> {
        let mut parts = self.parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(Part::Texts(texts, nulls)), None) => Some(Plain::Texts(texts, nulls)),
            _ => None,
        }
    }

    /// The parts, in row order.
    pub(super) fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// The part that holds a row, which must be within `len`, and the row's place in it.
    pub(super) fn locate(&self, row: usize) -> (usize, usize) {
        let part = self.ends.partition_point(|&end| end <= row);
        (part, row - if part == 0 { 0 } else { self.ends[part - 1] })
    }
}

impl Values<'_> {
    /// What the values are.
    pub fn kind(&self) -> Kind {
        match self {
            Values::F64(_) | Values::F32(_) | Values::F16(_) => Kind::Float,
            Values::Bits(_) => Kind::Bool,
            Values::Null(_) => Kind::Null,
            _ => Kind::Integer,
        }
    }
}
