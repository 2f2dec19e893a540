//! Signs messages by DKIM (RFC 6376), as the options say.

use crate::args::MessageArgs;
use crate::error::{Error, Result};
use crate::exit::Exit;
use smtp_core::Domain;
use smtp_mime::{Date, DkimKey, DkimSigner, Message};

/// Signs the message, where a key is named.
///
/// `failed` words what is wrong with the message.
pub(super) fn signed(
    message: Message,
    args: &MessageArgs,
    date: &Date,
    failed: impl FnOnce(&smtp_mime::Error) -> Error,
) -> Result<Message> {
    let Some(path) = &args.dkim_key else { return Ok(message) };
    let pem = std::fs::read_to_string(path)
        .map_err(|error| Error::unreadable("the key of --dkim-key", path, &error))?;
    let key = DkimKey::from_pem(&pem)
        .map_err(|error| Error::new(Exit::NO_INPUT, format!("--dkim-key {}: {error}", path.display())))?;
    let selector = args.dkim_selector.as_deref().unwrap_or_default();
    // The author's, whoever sends it: receivers compare the signature with From (RFC 7489 §3.1.1).
    let domain = match (&args.dkim_domain, message.author()) {
        (Some(domain), _) => domain.clone(),
        (None, Some(author)) => author.domain().as_str().to_string(),
        (None, None) => return Err(Error::usage("the domain to sign for is missing, use --dkim-domain")),
    };
    let domain = Domain::new(&domain)
        .and_then(|domain| domain.to_ascii())
        .map_err(|error| Error::usage(format!("--dkim-domain: {error}")))?;
    let signer = DkimSigner::new(&domain, selector, key)
        .map_err(|error| Error::usage(format!("--dkim-selector: {error}")))?;
    message.signed(&signer, date).map_err(|error| failed(&error))
}
