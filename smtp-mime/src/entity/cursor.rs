//! Reads a plan, segment by segment.

use super::{Plan, Segment};
use crate::{
    Error,
    encoding::Encoder,
    source::{Source, SourceReader},
};

/// The position in a plan; the caller passes the plan to each step.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// The index of the next segment; the head is the first one.
    next: usize,
    current: Option<Current>,
    /// The last output of an encoder.
    encoded: Vec<u8>,
    /// The current segment, if it needs no encoder and therefore no copy.
    ready: Option<usize>,
}

/// The source being encoded.
#[derive(Debug)]
struct Current {
    reader: SourceReader,
    encoder: Encoder,
    remaining: u64,
}

impl Cursor {
    /// Advances to the next bytes; a source that changed is an error, never an early end.
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
                            remaining: *octets,
                        }),
                    };
                    if current.encode(source, &mut self.encoded)? {
                        self.current = None;
                        self.next += 1;
                    }
                }
                None | Some(Some(Segment::Octets(_))) => {
                    self.next += 1;
                    if !plan.segment(index).is_empty() {
                        self.ready = Some(index);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the current bytes, which are empty at the end of the plan.
    pub(crate) fn current_bytes<'a>(&'a self, plan: &'a Plan) -> &'a [u8] {
        match self.ready {
            Some(index) => plan.segment(index),
            None => &self.encoded,
        }
    }
}

impl Current {
    /// Encodes the next chunk, or finishes the encoder at the end; returns whether that was all.
    fn encode(&mut self, source: &Source, out: &mut Vec<u8>) -> Result<bool, Error> {
        let at_end = self.reader.is_at_end();
        if at_end {
            self.encoder.finish(out);
        } else {
            self.encoder.encode(self.reader.chunk(source)?, out);
        }
        let octets = out.len() as u64;
        if octets > self.remaining || (at_end && octets < self.remaining) {
            return Err(Error::Changed { name: source.name() });
        }
        self.remaining -= octets;
        Ok(at_end)
    }
}
