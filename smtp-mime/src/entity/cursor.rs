//! Provides the reading of a plan, stretch by stretch.

use super::{Plan, Segment};
use crate::{
    Error,
    encoding::Encoder,
    source::{Source, SourceReader},
};

/// One reading of a plan, which is handed in at each step.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// Which stretch comes next; the head is the first one.
    next: usize,
    current: Option<Current>,
    /// What an encoder made last.
    encoded: Vec<u8>,
    /// The stretch at hand, if it is one that needed no encoder and so no copy.
    ready: Option<usize>,
}

/// The source that is being encoded.
#[derive(Debug)]
struct Current {
    reader: SourceReader,
    encoder: Encoder,
    left: u64,
}

impl Cursor {
    /// Goes on to the next octets. A source that is not what it was is an error, never an early end.
    pub(crate) fn advance(&mut self, plan: &Plan) -> Result<(), Error> {
        self.ready = None;
        self.encoded.clear();
        while self.encoded.is_empty() {
            let index = self.next;
            match index.checked_sub(1).map(|index| plan.segments.get(index)) {
                Some(None) => break,
                Some(Some(Segment::Encoded { source, from, until, encoder, octets })) => {
                    let current = match &mut self.current {
                        Some(current) => current,
                        none => none.insert(Current {
                            reader: source.open_range(*from, *until)?,
                            encoder: encoder.clone(),
                            left: *octets,
                        }),
                    };
                    if current.encode(source, &mut self.encoded)? {
                        self.current = None;
                        self.next += 1;
                    }
                }
                None | Some(Some(Segment::Octets(_))) => {
                    self.next += 1;
                    if !plan.stretch(index).is_empty() {
                        self.ready = Some(index);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The octets at hand, none at the end of the plan.
    pub(crate) fn at_hand<'a>(&'a self, plan: &'a Plan) -> &'a [u8] {
        match self.ready {
            Some(index) => plan.stretch(index),
            None => &self.encoded,
        }
    }
}

impl Current {
    /// Encodes the next chunk, or what is held back at the end; says whether that was all.
    fn encode(&mut self, source: &Source, out: &mut Vec<u8>) -> Result<bool, Error> {
        let at_end = self.reader.is_at_end();
        if at_end {
            self.encoder.finish(out);
        } else {
            self.encoder.encode(self.reader.chunk(source)?, out);
        }
        let octets = out.len() as u64;
        if octets > self.left || (at_end && octets < self.left) {
            return Err(Error::Changed { name: source.name() });
        }
        self.left -= octets;
        Ok(at_end)
    }
}
