//! Defines the outbox: what the server still has to say, cut into packets, with the waits and ends between them.

use core::time::Duration;
use std::{collections::VecDeque, sync::Arc};

use super::Handshake;
use crate::scenario::{Close, Drip, WireSettings};

/// A packet is handed out when it has grown to this, so that no reply can make it grow without bound.
const PACKET: usize = 32 * 1024;

/// Room of a packet that is kept for the next; a session that waits must cost little.
const ROOM: usize = 4 * 1024;

/// How replies are cut into packets.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut {
    pub(super) split: Vec<usize>,
    pub(super) split_lines: Option<Duration>,
    pub(super) drip: Option<Drip>,
}

impl Cut {
    /// How `[wire]` cuts every reply.
    pub(super) fn of(wire: &WireSettings) -> Self {
        Self { split: wire.split.clone(), split_lines: wire.split_lines, drip: wire.drip }
    }

    /// Whether a reply stays in one piece.
    pub(super) fn is_none(&self) -> bool {
        self.split.is_empty() && self.split_lines.is_none() && self.drip.is_none()
    }
}

#[derive(Debug)]
enum Action {
    /// The beginning of one entry of the transcript.
    Begin(Option<Arc<str>>),
    Octets(Vec<u8>),
    End,
    /// The packet ends here.
    Border,
    Wait(Duration),
    StopReading(Duration),
    Handshake(Handshake),
    Close(Close),
    Stall,
    Endless(Vec<u8>),
}

/// What the outbox wants next.
#[derive(Debug)]
pub(super) enum Next {
    Send(Vec<u8>),
    WaitUntil(Duration),
    StopReading(Duration),
    Handshake(Handshake),
    Close(Close),
    Stall,
}

/// Octets that were sent, as the transcript wants them.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) time: Duration,
    pub(super) octets: Vec<u8>,
    pub(super) packets: Vec<usize>,
    pub(super) rule: Option<Arc<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    actions: VecDeque<Action>,
    packet: Vec<u8>,
    /// A wait under way, and whether reading is stopped meanwhile.
    until: Option<(Duration, bool)>,
    open: Option<Sent>,
    sent: Vec<Sent>,
    /// Whether what is sent is kept for the transcript.
    keep: bool,
    endless: bool,
}

impl Outbox {
    /// An outbox that keeps what it says for the transcript, or does not.
    pub(super) fn new(keep: bool) -> Self {
        Self { keep, ..Self::default() }
    }

    /// A reply in one piece, or as the cut says.
    pub(super) fn send(&mut self, octets: Vec<u8>, cut: &Cut, rule: Option<&Arc<str>>) {
        if self.keep {
            self.actions.push_back(Action::Begin(rule.cloned()));
        }
        if let Some(drip) = cut.drip {
            self.border();
            for (index, part) in octets.chunks(drip.bytes.max(1)).enumerate() {
                if index > 0 {
                    self.actions.push_back(Action::Wait(drip.every));
                }
                self.actions.push_back(Action::Octets(part.to_vec()));
                self.border();
            }
        } else if let Some(pause) = cut.split_lines {
            self.border();
            for (index, line) in octets.split_inclusive(|&octet| octet == b'\n').enumerate() {
                if index > 0 {
                    self.actions.push_back(Action::Wait(pause));
                }
                self.actions.push_back(Action::Octets(line.to_vec()));
                self.border();
            }
        } else if cut.split.is_empty() {
            self.actions.push_back(Action::Octets(octets));
        } else {
            self.border();
            let mut begin = 0;
            for &offset in &cut.split {
                // Offsets that do not rise cut nothing.
                if offset <= begin || offset >= octets.len() {
                    continue;
                }
                self.actions.push_back(Action::Octets(octets[begin..offset].to_vec()));
                self.border();
                begin = offset;
            }
            self.actions.push_back(Action::Octets(octets[begin..].to_vec()));
            self.border();
        }
        if self.keep {
            self.actions.push_back(Action::End);
        }
    }

    pub(super) fn border(&mut self) {
        self.actions.push_back(Action::Border);
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.actions.push_back(Action::Wait(duration));
    }

    pub(super) fn stop_reading(&mut self, duration: Duration) {
        self.actions.push_back(Action::StopReading(duration));
    }

    pub(super) fn handshake(&mut self, handshake: Handshake) {
        self.actions.push_back(Action::Handshake(handshake));
    }

    pub(super) fn close(&mut self, how: Close) {
        self.actions.push_back(Action::Close(how));
    }

    pub(super) fn stall(&mut self) {
        self.actions.push_back(Action::Stall);
    }

    /// The line again and again, in packets of some 4 KiB.
    pub(super) fn endless(&mut self, line: &str) {
        let mut octets = Vec::with_capacity(4096 + line.len());
        while octets.len() < 4096 {
            octets.extend_from_slice(line.as_bytes());
            octets.extend_from_slice(b"\r\n");
        }
        self.actions.push_back(Action::Endless(octets));
    }

    /// Whether something waits to be sent or done before more input is looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.until.is_none()
    }

    /// Whether octets were made ready and not yet handed out.
    pub(super) fn holds_packet(&self) -> bool {
        !self.packet.is_empty()
    }

    /// What was asked for so far, for [`cut_back`](Self::cut_back) before the next is handed out.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.actions.len(), self.packet.len())
    }

    /// Forgets what was asked for since the mark.
    pub(super) fn cut_back(&mut self, (actions, packet): (usize, usize)) {
        self.actions.truncate(actions);
        self.packet.truncate(packet);
    }

    /// Throws away what has not been sent, for a connection that is gone.
    pub(super) fn abandon(&mut self) {
        self.actions.clear();
        self.packet.clear();
        self.until = None;
        self.close_entry();
    }

    /// The entries since the last call.
    pub(super) fn take_sent(&mut self) -> Vec<Sent> {
        core::mem::take(&mut self.sent)
    }

    pub(super) fn has_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    /// What to do next; `None` when there is nothing, and then a packet may still be held for what the next
    /// commands add to it.
    pub(super) fn next(&mut self, now: Duration) -> Option<Next> {
        loop {
            if let Some((until, stopped)) = self.until {
                if now < until {
                    return Some(if stopped { Next::StopReading(until) } else { Next::WaitUntil(until) });
                }
                self.until = None;
            }
            if self.packet.len() >= PACKET {
                return self.flush().map(Next::Send);
            }
            let ends_packet =
                !matches!(self.actions.front()?, Action::Begin(_) | Action::Octets(_) | Action::End);
            if ends_packet && self.holds_packet() {
                return self.flush().map(Next::Send);
            }
            match self.actions.pop_front()? {
                Action::Begin(rule) => {
                    self.open = Some(Sent { time: now, octets: Vec::new(), packets: Vec::new(), rule });
                }
                Action::Octets(octets) => {
                    self.packet.extend_from_slice(&octets);
                    match &mut self.open {
                        Some(open) if open.octets.is_empty() => {
                            open.time = now;
                            open.octets = octets;
                        }
                        Some(open) => open.octets.extend_from_slice(&octets),
                        None => {}
                    }
                }
                Action::End => self.close_entry(),
                Action::Border => {}
                Action::Wait(duration) => self.until = Some((now.saturating_add(duration), false)),
                Action::StopReading(duration) => self.until = Some((now.saturating_add(duration), true)),
                Action::Handshake(handshake) => return Some(Next::Handshake(handshake)),
                Action::Close(how) => {
                    self.close_entry();
                    if how != Close::HalfClose {
                        self.actions.clear();
                    }
                    return Some(Next::Close(how));
                }
                Action::Stall => {
                    self.actions.clear();
                    return Some(Next::Stall);
                }
                Action::Endless(octets) => {
                    if !self.endless && self.keep {
                        // One entry stands for all of it: a transcript must not grow with what never ends.
                        self.endless = true;
                        self.sent.push(Sent {
                            time: now,
                            octets: octets.clone(),
                            packets: Vec::new(),
                            rule: None,
                        });
                    }
                    self.actions.push_front(Action::Endless(octets.clone()));
                    return Some(Next::Send(octets));
                }
            }
        }
    }

    /// The packet that was held, ended here.
    pub(super) fn flush(&mut self) -> Option<Vec<u8>> {
        if self.packet.is_empty() {
            return None;
        }
        if let Some(open) = &mut self.open {
            let counted: usize = open.packets.iter().sum();
            open.packets.push(open.octets.len() - counted);
        }
        Some(core::mem::take(&mut self.packet))
    }

    /// Whether what is sent now may go into the packet at once: nothing comes before it.
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && self.open.is_none()
    }

    /// The packet that is held, for what is sent in one piece while the outbox is idle.
    pub(super) fn packet(&mut self) -> &mut Vec<u8> {
        if self.packet.capacity() == 0 {
            // The replies to one message, so that they are not moved while they gather.
            self.packet.reserve(256);
        }
        &mut self.packet
    }

    /// Takes back the room of a packet that was sent.
    pub(super) fn reuse(&mut self, mut packet: Vec<u8>) {
        if self.packet.capacity() == 0 && packet.capacity() <= ROOM {
            packet.clear();
            self.packet = packet;
        }
    }

    fn close_entry(&mut self) {
        if let Some(mut open) = self.open.take() {
            let counted: usize = open.packets.iter().sum();
            if !open.packets.is_empty() && open.octets.len() > counted {
                open.packets.push(open.octets.len() - counted);
            }
            self.sent.push(open);
        }
    }
}
