//! Defines [`Log`], the entries of all transcripts with their octets in one piece.
//!
//! An [`Entry`] of its own for each line would cost an allocation to keep and another call to forget; the
//! transcript is read less often than it is written.

use core::{fmt, time::Duration};
use std::{collections::VecDeque, sync::Arc};

use super::{Entry, Kind};

/// Room that a page keeps for what comes next; a session that waits must cost little.
const ROOM_OCTETS: usize = 2048;
const ROOM_ITEMS: usize = 32;

/// Entries of one session that are still to be handed over.
#[derive(Default)]
pub(crate) struct Page {
    items: Vec<Item>,
    octets: Vec<u8>,
}

/// The entries that were kept, oldest first.
#[derive(Default)]
pub(crate) struct Log {
    items: VecDeque<Item>,
    /// The octets of all items, one after the other.
    octets: VecDeque<u8>,
    weight: usize,
    forgotten: u64,
}

/// An entry without its octets.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) connection: u64,
    pub(crate) time: Duration,
    pub(crate) kind: Kind,
    pub(crate) secure: bool,
    pub(crate) reveal: bool,
    /// What few entries have.
    pub(crate) extra: Option<Box<Extra>>,
    /// How many octets it has.
    length: usize,
}

/// What few entries have.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) packets: Vec<usize>,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) secret: Option<usize>,
}

impl Page {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, item: Item, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        self.items.push(Item { length: octets.len(), ..item });
    }

    /// What was added so far, for [`cut_back`](Self::cut_back) before it is handed over.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.items.len(), self.octets.len())
    }

    /// Forgets what was added since the mark.
    pub(crate) fn cut_back(&mut self, (items, octets): (usize, usize)) {
        self.items.truncate(items);
        self.octets.truncate(octets);
    }

    fn clear(&mut self) {
        self.items.clear();
        self.octets.clear();
        self.items.shrink_to(ROOM_ITEMS);
        self.octets.shrink_to(ROOM_OCTETS);
    }
}

impl Item {
    /// An entry of now, in clear and with nothing that few have.
    pub(crate) fn new(connection: u64, time: Duration, kind: Kind) -> Self {
        Self { connection, time, kind, secure: false, reveal: false, extra: None, length: 0 }
    }

    /// What it counts for; the limit's documentation says so.
    fn weight(&self) -> usize {
        self.length + self.extra.as_ref().map_or(0, |extra| extra.packets.len() * 8) + 128
    }

    fn to_entry(&self, octets: Vec<u8>) -> Entry {
        let extra = self.extra.as_deref();
        Entry {
            connection: self.connection,
            time: self.time,
            kind: self.kind,
            octets,
            secure: self.secure,
            packets: extra.map(|extra| extra.packets.clone()).unwrap_or_default(),
            rule: extra.and_then(|extra| extra.rule.clone()),
            secret: extra.and_then(|extra| extra.secret),
            reveal: self.reveal,
        }
    }
}

impl Log {
    /// Takes the entries of a page over, and forgets the oldest until at most this weight is left.
    pub(crate) fn append(&mut self, page: &mut Page, most: usize) {
        let new = page.items.iter().map(Item::weight).sum::<usize>();
        // Before the new ones come, or the room would double for what is forgotten at once.
        self.forget(most.saturating_sub(new));
        self.weight += new;
        self.items.extend(page.items.drain(..));
        let needed = self.octets.len() + page.octets.len();
        if needed > self.octets.capacity() {
            // Doubled as usual, but not beyond what may be kept.
            let room = (2 * self.octets.capacity()).min(most).max(needed);
            self.octets.reserve_exact(room - self.octets.len());
        }
        self.octets.extend(&page.octets);
        page.clear();
        // Of a page that is heavier than all that may be kept.
        self.forget(most);
    }

    fn forget(&mut self, most: usize) {
        let mut gone = 0;
        while self.weight > most {
            let Some(oldest) = self.items.pop_front() else { break };
            self.weight -= oldest.weight();
            gone += oldest.length;
            self.forgotten += 1;
        }
        self.octets.drain(..gone);
    }

    /// The entries from a position on, and the position after them.
    pub(crate) fn since(&self, position: u64) -> (Vec<Entry>, u64) {
        let skip = usize::try_from(position.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        let skip = skip.min(self.items.len());
        // Printing as they come asks for the last ones: their octets are counted from the end.
        let new: usize = self.items.range(skip..).map(|item| item.length).sum();
        let mut begin = self.octets.len() - new;
        let entries = self.items.range(skip..).map(|item| {
            let octets = self.octets.range(begin..begin + item.length).copied().collect();
            begin += item.length;
            item.to_entry(octets)
        });
        (entries.collect(), self.forgotten + self.items.len() as u64)
    }

    /// How many entries were forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets all entries.
    pub(crate) fn clear(&mut self) {
        let forgotten = self.forgotten + self.items.len() as u64;
        *self = Self { forgotten, ..Self::default() };
    }
}

/// Without the octets: there may be secrets among them.
impl fmt::Debug for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Page").field("items", &self.items).finish_non_exhaustive()
    }
}

/// Without the octets: there may be secrets among them.
impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Log")
            .field("items", &self.items)
            .field("forgotten", &self.forgotten)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(log: &mut Log, texts: &[&str], most: usize) {
        let mut page = Page::default();
        for text in texts {
            page.push(Item::new(1, Duration::ZERO, Kind::Reply), text.as_bytes());
        }
        log.append(&mut page, most);
        assert!(page.is_empty());
    }

    fn texts(log: &Log, position: u64) -> (Vec<String>, u64) {
        let (entries, next) = log.since(position);
        (entries.into_iter().map(|entry| String::from_utf8(entry.octets).unwrap()).collect(), next)
    }

    #[test]
    fn entries_keep_their_octets_while_older_ones_are_forgotten() {
        let mut log = Log::default();
        for round in 0..200 {
            let (first, second) = (format!("first of {round}"), "x".repeat(round));
            say(&mut log, &[&first, "", &second], 4 * 128 + 300);
            let (kept, next) = texts(&log, 0);
            assert_eq!(next, 3 * (round as u64 + 1));
            assert_eq!(kept.len() as u64 + log.forgotten(), next);
            let all = [first, String::new(), second];
            assert_eq!(kept[kept.len() - 3..], all[..]);
        }
    }

    #[test]
    fn a_position_outlives_what_is_forgotten() {
        let mut log = Log::default();
        say(&mut log, &["a", "b"], usize::MAX);
        assert_eq!(texts(&log, 1), (vec!["b".to_owned()], 2));
        assert_eq!(texts(&log, 2), (Vec::new(), 2));
        assert_eq!(texts(&log, 9), (Vec::new(), 2));
        log.clear();
        say(&mut log, &["c"], usize::MAX);
        assert_eq!(texts(&log, 2), (vec!["c".to_owned()], 3));
        assert_eq!((texts(&log, 0).0.len(), log.forgotten()), (1, 2));
    }

    #[test]
    fn what_is_heavier_than_the_limit_is_forgotten_at_once() {
        let mut log = Log::default();
        say(&mut log, &["a", &"x".repeat(1000)], 500);
        assert_eq!(texts(&log, 0), (Vec::new(), 2));
        assert_eq!(log.forgotten(), 2);
    }

    #[test]
    fn a_secret_is_not_printed() {
        let mut page = Page::default();
        let mut item = Item::new(1, Duration::ZERO, Kind::Command);
        item.extra = Some(Box::new(Extra { secret: Some(11), ..Extra::default() }));
        page.push(item, b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n");
        assert!(!format!("{page:?}").contains("65, 71"));
        let mut log = Log::default();
        log.append(&mut page, usize::MAX);
        assert!(!format!("{log:?}").contains("65, 71"));
        assert_eq!(log.since(0).0[0].text(), "C: AUTH PLAIN ****");
    }
}
