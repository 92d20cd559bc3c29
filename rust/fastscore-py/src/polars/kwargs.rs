//! The keyword arguments of the plugin: a dict of strings and bytes, as `pickle` protocol 5 writes it.
//!
//! Only what that writer makes of such a dict is read: nothing here builds objects or runs code.

use fastscore_core::exec::Output;
use fastscore_core::{Error, Result};

use crate::model::on_refused;

/// What an expression says of its model and output.
#[derive(Debug)]
pub struct Kwargs<'a> {
    /// The SHA-256 of the model's bytes.
    pub key: [u8; 32],
    /// The model in the `.fscore` format.
    pub model: &'a [u8],
    /// Which output.
    pub output: Output,
    /// Whether rows that the source refuses become null.
    pub propagate: bool,
    /// Threads that a call may take, where that was said.
    pub threads: Option<usize>,
}

fn broken(what: &str) -> Error {
    Error::InvalidArgument(format!(
        "the expression's arguments are damaged ({what}): build it anew with fastscore.polars, by the fastscore version \
         that runs it"
    ))
}

impl<'a> Kwargs<'a> {
    /// Read the pickled dict.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (mut key, mut model, mut output, mut propagate, mut threads) = (None, None, None, None, None);
        let mut reader = Reader { bytes };
        reader.start()?;
        while let Some(name) = reader.entry()? {
            let text = || std::str::from_utf8(name.1).map_err(|_| broken("text"));
            match name.0 {
                b"key" => key = Some(<[u8; 32]>::try_from(name.1).map_err(|_| broken("the model's key"))?),
                b"model" => model = Some(name.1),
                b"output" => output = Some(Output::parse(text()?)?),
                b"missing" => propagate = Some(on_refused(text()?)? == fastscore_core::exec::OnRefused::Null),
                b"threads" => threads = Some(text()?.parse().map_err(|_| broken("the number of threads"))?),
                _ => return Err(broken("an argument that is not known")),
            }
        }
        match (key, model, output, propagate) {
            (Some(key), Some(model), Some(output), Some(propagate)) => {
                Ok(Kwargs { key, model, output, propagate, threads })
            }
            _ => Err(broken("an argument is missing")),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| broken("cut short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next opcode that is no framing.
    fn opcode(&mut self) -> Result<u8> {
        loop {
            match self.take(1)?[0] {
                0x95 => self.take(8)?, // FRAME
                0x94 => &[],           // MEMOIZE
                opcode => return Ok(opcode),
            };
        }
    }

    /// PROTO 5, EMPTY_DICT, MARK.
    fn start(&mut self) -> Result<()> {
        let start = self.take(2)? == [0x80, 5] && self.opcode()? == b'}' && self.opcode()? == b'(';
        if start { Ok(()) } else { Err(broken("no pickled dict")) }
    }

    /// A name with its value; None at the end of the dict.
    fn entry(&mut self) -> Result<Option<(&'a [u8], &'a [u8])>> {
        match self.opcode()? {
            // SETITEMS, STOP
            b'u' => return if self.opcode()? == b'.' { Ok(None) } else { Err(broken("no end")) },
            0x8c => {} // SHORT_BINUNICODE
            _ => return Err(broken("a name is due")),
        }
        let length = usize::from(self.take(1)?[0]);
        let name = self.take(length)?;
        let width = match self.opcode()? {
            // SHORT_BINUNICODE, SHORT_BINBYTES
            0x8c | b'C' => 1,
            // BINBYTES
            b'B' => 4,
            // BINBYTES8
            0x8e => 8,
            _ => return Err(broken("text or bytes are due")),
        };
        let mut length = [0; 8];
        length[..width].copy_from_slice(self.take(width)?);
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| broken("a length"))?;
        Ok(Some((name, self.take(length)?)))
    }
}
