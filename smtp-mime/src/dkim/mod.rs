//! Provides DKIM signatures (RFC 6376) with RSA and Ed25519 (RFC 8463); needs the feature `dkim`.

mod canonical;
mod key;

use ring::digest;
use smtp_core::{Domain, DomainPart, Mailbox};

pub use canonical::Canonicalization;
pub use key::DkimKey;

use crate::{
    Date, Error, Message,
    address::is_aligned,
    existing::{Field, fields_of},
    header::fold::{Folder, LINE},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use canonical::{Body, data};

/// Signs messages for a domain.
///
/// It signs the fields that readers show and that threads and lists depend on. From, To, Subject and Date are signed
/// once more than they occur, so that nobody can add another one. The body length is never limited (`l=`).
///
/// ```
/// use smtp_mime::{Context, Date, DkimKey, DkimSigner, Message, NameAddr};
///
/// # let pem = include_str!("../../tests/messages/keys/ed25519.pem");
/// let key = DkimKey::from_pem(pem)?;
/// let signer = DkimSigner::new(&"example.org".parse()?, "2026", key)?;
///
/// let you: NameAddr = "you@example.org".parse()?;
/// let context = Context::new(Date::from_unix(1_795_196_578, 0)?, [7; Context::SEED]);
/// let message = Message::builder().from(you.clone()).to(you).subject("Hello").build(&context)?;
/// let signed = message.signed(&signer, context.date())?;
/// assert!(signed.header_section().starts_with(b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DkimSigner {
    domain: Domain,
    selector: String,
    key: DkimKey,
    header: Canonicalization,
    body: Canonicalization,
    fields: Vec<String>,
    lifetime: Option<u32>,
}

impl DkimSigner {
    /// Signs for `domain` with the key whose public part is published at `selector._domainkey.domain`.
    ///
    /// # Errors
    /// When the selector is not an ASCII domain name (RFC 6376 §3.1), or the domain has no A-labels.
    pub fn new(domain: &Domain, selector: &str, key: DkimKey) -> Result<Self, Error> {
        let failed = |error| {
            Error::field("DKIM-Signature")(crate::ValueError::Address { address: selector.to_owned(), error })
        };
        Domain::new(selector).and_then(smtp_core::EhloDomain::new).map_err(failed)?;
        Ok(Self {
            domain: domain.to_ascii().map_err(failed)?,
            selector: selector.to_owned(),
            key,
            header: Canonicalization::Relaxed,
            body: Canonicalization::Relaxed,
            fields: FIELDS.iter().map(|name| (*name).to_owned()).collect(),
            lifetime: None,
        })
    }

    /// Sets how much servers may change in transit; the default is relaxed for both.
    #[must_use]
    pub fn canonicalization(self, header: Canonicalization, body: Canonicalization) -> Self {
        Self { header, body, ..self }
    }

    /// Signs additional fields, if the message has them.
    ///
    /// # Errors
    /// When a field name is invalid.
    pub fn additional_fields(mut self, names: &[&str]) -> Result<Self, Error> {
        for name in names {
            let name =
                crate::FieldName::new(name).map_err(Error::field(*name))?.as_str().to_ascii_lowercase();
            if !self.fields.contains(&name) {
                self.fields.push(name);
            }
        }
        Ok(self)
    }

    /// Sets after how many seconds signatures expire (RFC 6376 §3.5, `x=`).
    #[must_use]
    pub fn lifetime(self, seconds: u32) -> Self {
        Self { lifetime: Some(seconds), ..self }
    }

    /// Returns the DKIM-Signature field for a message, including its line end.
    fn sign(&self, message: &Message, date: &Date) -> Result<Vec<u8>, Error> {
        self.check(message)?;
        let body_hash = body_hash(message, self.body)?;
        let (fields, _) = fields_of(message.header_section());
        let names = self.signed_names(&fields);
        let mut field = Vec::new();
        let mut folder = Folder::new(&mut field, "DKIM-Signature").reserving(1);
        let mut tags = vec![
            "v=1;".to_owned(),
            format!("a={};", self.key.algorithm()),
            format!("c={}/{};", self.header.as_str(), self.body.as_str()),
            format!("d={};", self.domain),
            format!("s={};", self.selector),
            format!("t={};", date.to_unix()),
        ];
        if let Some(lifetime) = self.lifetime {
            tags.push(format!("x={};", date.to_unix().saturating_add(i64::from(lifetime))));
        }
        for (index, name) in names.iter().enumerate() {
            let start = if index == 0 { "h=" } else { "" };
            let end = if index + 1 == names.len() { ";" } else { ":" };
            tags.push(format!("{start}{name}{end}"));
        }
        tags.push(format!("bh={};", STANDARD.encode(body_hash)));
        tags.push("b=".to_owned());
        for tag in &tags {
            folder.word(" ", tag);
        }
        let column = folder.column();
        // The field is signed with an empty b= and without its line end (RFC 6376 §3.7).
        let signature = STANDARD.encode(self.key.sign(&data(&fields, &names, &field, self.header))?);
        let (first, rest) = signature.split_at(signature.len().min(LINE.saturating_sub(column)));
        field.extend_from_slice(first.as_bytes());
        for line in rest.as_bytes().chunks(LINE - 1) {
            field.extend_from_slice(b"\r\n ");
            field.extend_from_slice(line);
        }
        field.extend_from_slice(b"\r\n");
        Ok(field)
    }

    /// Refuses signatures that would not verify, or would not count for the domain of From.
    fn check(&self, message: &Message) -> Result<(), Error> {
        let failed = |rule| Error::Part { part: "message".to_owned(), rule };
        if message.needs_8bitmime() {
            return Err(failed(
                "a DKIM signature needs an ASCII body: build it without 8bit and binary parts",
            ));
        }
        let author = message.author().ok_or(Error::Missing { field: "From" })?;
        if is_aligned(&author.domain(), &DomainPart::Domain(self.domain.clone())) {
            Ok(())
        } else {
            Err(failed("the domain of a DKIM signature must be aligned with that of From"))
        }
    }

    /// Returns the names for `h=`: each as often as it occurs in the message, some once more.
    fn signed_names(&self, fields: &[Field]) -> Vec<String> {
        let mut names = Vec::new();
        for name in &self.fields {
            let more = usize::from(OVERSIGNED.contains(&name.as_str()));
            let count = fields.iter().filter(|field| field.is(name)).count() + more;
            names.extend(std::iter::repeat_n(name.clone(), count));
        }
        names
    }
}

impl Message {
    /// Adds a DKIM signature to the message; it can be repeated with another key.
    ///
    /// The signature must be made last, because it covers all bytes of the message. The body is read again for its
    /// hash, so its sources must be unchanged.
    ///
    /// # Errors
    /// When the message needs 8BITMIME, a line begins with `From ` (which mail stores change), the domain is not
    /// aligned with that of From, or a source cannot be read.
    pub fn signed(&self, signer: &DkimSigner, date: &Date) -> Result<Self, Error> {
        Ok(self.with_field(&signer.sign(self, date)?))
    }

    /// The first mailbox of From, with whose domain the domain of a signature must be aligned.
    #[must_use]
    pub fn author(&self) -> Option<Mailbox> {
        let (fields, _) = fields_of(self.header_section());
        let field = fields.iter().find(|field| field.is("From"))?;
        crate::address::lenient(&field.unfolded()).ok()?.mailboxes().next().cloned()
    }
}

/// The fields that readers show, or that threads, lists and structure depend on (RFC 6376 §5.4.1, RFC 8058 §4).
const FIELDS: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];
/// Fields that another party could add with effect.
const OVERSIGNED: &[&str] = &["from", "to", "subject", "date"];

fn body_hash(message: &Message, canonicalization: Canonicalization) -> Result<digest::Digest, Error> {
    let mut body = Body::new(canonicalization);
    let mut reader = message.reader();
    let mut header = message.header_section().len() + 2;
    loop {
        let chunk = reader.chunk()?;
        if chunk.is_empty() {
            break;
        }
        let skipped = header.min(chunk.len());
        header -= skipped;
        body.take(&chunk[skipped..]);
    }
    let (hash, harmed) = body.finish();
    match harmed {
        Some(rule) => Err(Error::Part { part: "message".to_owned(), rule }),
        None => Ok(hash),
    }
}

#[cfg(test)]
mod tests;
