//! Says replies and notes what was said and what happened.

use std::sync::Arc;

use super::{
    Session,
    answer::Answer,
    outbox::{Cut, Sent},
};
use crate::{
    capture::{Extra, Fault, Finding, Item, Kind},
    sync::Change,
};

impl Session {
    /// How `[wire]` cuts every reply.
    pub(super) fn cut_of_wire(&self) -> Cut {
        if self.plain_wire { Cut::default() } else { Cut::of(&self.scenario().wire) }
    }

    /// Says octets as the cut wants them.
    pub(super) fn send(&mut self, octets: Vec<u8>, cut: &Cut, rule: Option<&Arc<str>>) {
        self.outbox.send(octets, cut, rule);
        if self.scenario().wire.separate {
            self.outbox.border();
        }
    }

    /// Says a reply that no rule had a part in.
    pub(super) fn send_reply(&mut self, answer: &Answer) {
        if !self.plain_wire || !self.outbox.is_idle() {
            let cut = self.cut_of_wire();
            return self.send(answer.to_octets(), &cut, None);
        }
        // Nothing is to come before it, and nothing between its octets: it is as good as said.
        self.collect_sent();
        let packet = self.outbox.packet();
        let begin = packet.len();
        answer.append_to(packet);
        if self.keep {
            self.entry_count += 1;
            let mut item = Item::new(self.number, self.now, Kind::Reply);
            item.secure = self.secured.is_some();
            self.page.push(item, &packet[begin..]);
        }
    }

    pub(super) fn find(&mut self, fault: Fault, detail: &str) {
        if self.keep {
            self.findings.push(Finding { connection: self.number, fault, detail: detail.to_owned() });
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        self.log(Kind::Note, text.as_bytes(), None);
    }

    pub(super) fn log(&mut self, kind: Kind, octets: &[u8], secret: Option<usize>) {
        self.entry_count += 1;
        self.asked = self.entry_count;
        if !self.keep {
            return;
        }
        let mut item = Item::new(self.number, self.now, kind);
        item.secure = self.secured.is_some();
        item.reveal = self.scenario().show_secrets;
        item.extra = secret.map(|_| Box::new(Extra { secret, ..Extra::default() }));
        self.page.push(item, octets);
    }

    /// Takes over what the outbox said.
    pub(super) fn collect_sent(&mut self) {
        if !self.outbox.has_sent() {
            return;
        }
        for Sent { time, octets, packets, rule } in self.outbox.take_sent() {
            self.entry_count += 1;
            let mut item = Item::new(self.number, time, Kind::Reply);
            item.secure = self.secured.is_some();
            if rule.is_some() || !packets.is_empty() {
                item.extra = Some(Box::new(Extra { packets, rule, secret: None }));
            }
            self.page.push(item, &octets);
        }
        self.asked = self.entry_count;
    }

    /// Hands the log to the server, before any octet that was answered leaves.
    pub(super) fn flush_log(&mut self) {
        if self.page.is_empty() && self.findings.is_empty() {
            return;
        }
        let (page, findings) = (&mut self.page, &mut self.findings);
        self.server.record(Change::Entry, |capture, limits| {
            capture.keep_entries(page, limits);
            capture.keep_findings(findings, limits);
        });
    }
}
