//! Writes all command lines (RFC 5321 §4.1.1).
//!
//! The arguments are values that hold no CR, LF or NUL, so that a line cannot contain two commands.

use crate::envelope::{BodyType, Envelope, Recipient};
use crate::extensions::Extensions;
use crate::fault::Misuse;
use crate::parameter::Parameter;
use crate::transmit::{Content, Transmit};
use core::fmt::Write as _;

/// The maximum length of a command line: 512 octets (RFC 5321 §4.5.3.1.4) and what extensions add to MAIL and RCPT.
const LINE_LIMIT: usize = 2048;

/// The maximum length of a command line that no extension lengthens (RFC 5321 §4.5.3.1.4).
const PLAIN_LINE_LIMIT: usize = 512;

/// The maximum length of the AUTH command (RFC 4954 §4 applies the limit of RFC 5321).
pub(crate) const AUTH_LINE_LIMIT: usize = 512;

/// Writes `parts` as one command line.
pub(crate) fn line(transmit: &mut Transmit, parts: &[&str]) {
    for part in parts {
        debug_assert!(!part.contains(['\r', '\n', '\0']), "a command argument that ends the line");
        transmit.push(Content::Command, part.as_bytes());
    }
    transmit.push(Content::Command, b"\r\n");
}

/// Writes MAIL with the parameters that the message needs and the server offers.
pub(crate) fn mail(transmit: &mut Transmit, envelope: &Envelope, extensions: &Extensions) {
    let before = transmit.octets.len();
    let out = &mut transmit.octets;
    out.extend_from_slice(b"MAIL FROM:");
    out.extend_from_slice(envelope.from.as_str().as_bytes());
    if let Some(size) = envelope.size.filter(|_| extensions.size) {
        let mut digits = Digits::default();
        write!(digits, "{size}").expect("a number of 64 bits has at most 20 digits");
        out.extend_from_slice(b" SIZE=");
        out.extend_from_slice(digits.as_bytes());
    }
    match envelope.body {
        BodyType::SevenBit => {}
        BodyType::EightBitMime => out.extend_from_slice(b" BODY=8BITMIME"),
        BodyType::Binary => out.extend_from_slice(b" BODY=BINARYMIME"),
    }
    if envelope.needs_smtputf8() {
        out.extend_from_slice(b" SMTPUTF8");
    }
    parameters(transmit, &envelope.parameters);
    transmit.octets.extend_from_slice(b"\r\n");
    transmit.mark(Content::Command, transmit.octets.len() - before);
}

/// Writes RCPT.
pub(crate) fn rcpt(transmit: &mut Transmit, recipient: &Recipient) {
    let before = transmit.octets.len();
    transmit.octets.extend_from_slice(b"RCPT TO:");
    transmit.octets.extend_from_slice(recipient.to.as_str().as_bytes());
    parameters(transmit, &recipient.parameters);
    transmit.octets.extend_from_slice(b"\r\n");
    transmit.mark(Content::Command, transmit.octets.len() - before);
}

/// Writes BDAT (RFC 3030 §2) without the chunk.
pub(crate) fn bdat(transmit: &mut Transmit, length: usize, is_last: bool) {
    let mut digits = Digits::default();
    write!(digits, "{length}").expect("a number of 64 bits has at most 20 digits");
    line(transmit, &["BDAT ", digits.as_str(), if is_last { " LAST" } else { "" }]);
}

/// Refuses an XCLIENT command that is too long.
pub(crate) fn check_xclient(attributes: &[Parameter]) -> Result<(), Misuse> {
    let length: usize = attributes.iter().map(|attribute| attribute.as_str().len() + 1).sum();
    if "XCLIENT\r\n".len() + length > PLAIN_LINE_LIMIT {
        return Err(Misuse::CommandTooLong { limit: PLAIN_LINE_LIMIT });
    }
    Ok(())
}

/// Writes XCLIENT.
pub(crate) fn xclient(transmit: &mut Transmit, attributes: &[Parameter]) {
    let before = transmit.octets.len();
    transmit.octets.extend_from_slice(b"XCLIENT");
    parameters(transmit, attributes);
    transmit.octets.extend_from_slice(b"\r\n");
    transmit.mark(Content::Command, transmit.octets.len() - before);
}

/// Refuses a command line whose parts have these lengths if it is too long.
pub(crate) fn check_length(lengths: impl IntoIterator<Item = usize>) -> Result<(), Misuse> {
    // the longest verb and the parameters that the client adds
    const OWN: usize = 80;
    let length: usize = lengths.into_iter().sum();
    if length + OWN > LINE_LIMIT { Err(Misuse::CommandTooLong { limit: LINE_LIMIT }) } else { Ok(()) }
}

/// Refuses an envelope if a command line would be too long or have a parameter twice.
pub(crate) fn check_envelope(envelope: &Envelope) -> Result<(), Misuse> {
    let of = |parameters: &[Parameter]| {
        parameters.iter().map(|parameter| parameter.as_str().len() + 1).sum::<usize>()
    };
    check_length([envelope.from.as_str().len(), of(&envelope.parameters)])?;
    check_repetition(&envelope.parameters)?;
    let is_set = |parameter: &Parameter| match parameter.keyword() {
        "SIZE" => envelope.size.is_some(),
        "BODY" => envelope.body != BodyType::SevenBit,
        "SMTPUTF8" => envelope.needs_smtputf8(),
        _ => false,
    };
    if envelope.parameters.iter().any(is_set) {
        return Err(Misuse::RepeatedParameter);
    }
    for recipient in &envelope.recipients {
        check_length([recipient.to.as_str().len(), of(&recipient.parameters)])?;
        check_repetition(&recipient.parameters)?;
    }
    Ok(())
}

/// Refuses a parameter that is given twice, because a server could use either one.
fn check_repetition(parameters: &[Parameter]) -> Result<(), Misuse> {
    // RFC 4865 §4: a message has at most one of these two
    let is_hold = |keyword: &str| matches!(keyword, "HOLDFOR" | "HOLDUNTIL");
    let is_same = |a: &str, b: &str| a == b || (is_hold(a) && is_hold(b));
    let is_repeated = |(at, parameter): (usize, &Parameter)| {
        parameters[..at].iter().any(|before| is_same(before.keyword(), parameter.keyword()))
    };
    if parameters.iter().enumerate().any(is_repeated) { Err(Misuse::RepeatedParameter) } else { Ok(()) }
}

fn parameters(transmit: &mut Transmit, parameters: &[Parameter]) {
    for parameter in parameters {
        transmit.octets.push(b' ');
        transmit.octets.extend_from_slice(parameter.as_str().as_bytes());
    }
}

/// Formats a number in decimal without an allocation.
#[derive(Default)]
struct Digits {
    octets: [u8; 20],
    length: usize,
}

impl Digits {
    fn as_bytes(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).expect("digits are ASCII")
    }
}

impl core::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.octets.get_mut(self.length..self.length + text.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}
