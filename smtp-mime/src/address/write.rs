//! Writes address fields.

use std::borrow::Cow;

use super::{Address, AddressList, NameAddr};
use crate::{
    Error, ValueError,
    header::{fold::Folder, phrase},
};
use smtp_core::Mailbox;

/// The form in which addresses are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Whether to write UTF-8 instead of encoded-words and A-labels.
    pub(crate) smtputf8: bool,
    /// Whether to put brackets around a mailbox without a name; without them, filters count HTML messages as spam.
    pub(crate) brackets: bool,
}

/// Writes a field of addresses.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, list: &AddressList, style: Style) -> Result<(), Error> {
    // A mailbox may be followed by the end of a group and a comma.
    let mut folder = Folder::new(out, name).reserving(2);
    for (index, address) in list.addresses().iter().enumerate() {
        if index > 0 {
            folder.glue(",");
        }
        match address {
            Address::Mailbox(mailbox) => write_mailbox(&mut folder, name, mailbox, style)?,
            Address::Group(group) => {
                phrase::write(&mut folder, " ", group.display_name(), style.smtputf8);
                folder.glue(":");
                for (index, mailbox) in group.mailboxes().iter().enumerate() {
                    if index > 0 {
                        folder.glue(",");
                    }
                    write_mailbox(&mut folder, name, mailbox, style)?;
                }
                folder.glue(";");
            }
        }
    }
    folder.end();
    Ok(())
}

/// Writes a field of one mailbox.
pub(crate) fn field_of_one(
    out: &mut Vec<u8>,
    name: &str,
    mailbox: &NameAddr,
    style: Style,
) -> Result<(), Error> {
    let mut folder = Folder::new(out, name).reserving(2);
    write_mailbox(&mut folder, name, mailbox, style)?;
    folder.end();
    Ok(())
}

/// Returns the mailbox as it is sent: unchanged with SMTPUTF8, otherwise with A-labels.
pub(crate) fn ready(mailbox: &Mailbox, smtputf8: bool) -> Result<Cow<'_, Mailbox>, ValueError> {
    if smtputf8 || mailbox.is_ascii() {
        return Ok(Cow::Borrowed(mailbox));
    }
    mailbox
        .to_ascii_domain()
        .map(Cow::Owned)
        .map_err(|error| ValueError::Address { address: mailbox.to_string(), error })
}

/// Returns a display name, quoted if a list could not be parsed otherwise.
pub(super) fn readable(name: &str) -> Cow<'_, str> {
    let bare = name.split(' ').all(|word| !word.is_empty() && word.chars().all(phrase::is_atext));
    if bare { Cow::Borrowed(name) } else { Cow::Owned(phrase::quoted(name)) }
}

fn write_mailbox(
    folder: &mut Folder<'_>,
    field: &str,
    name_addr: &NameAddr,
    style: Style,
) -> Result<(), Error> {
    let mailbox = ready(name_addr.mailbox(), style.smtputf8).map_err(Error::field(field))?;
    match name_addr.display_name() {
        None if style.brackets => folder.pieces(" ", ["<", mailbox.as_str(), ">"]),
        None => folder.word(" ", mailbox.as_str()),
        Some(name) => {
            phrase::write(folder, " ", name, style.smtputf8);
            folder.pieces(" ", ["<", mailbox.as_str(), ">"]);
        }
    }
    Ok(())
}
