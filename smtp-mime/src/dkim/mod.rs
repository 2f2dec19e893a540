//! Provides DKIM signatures (RFC 6376) by RSA and by Ed25519 (RFC 8463). Behind the feature `dkim`.

mod canonical;
mod key;

use ring::digest;
use smtp_core::{Domain, DomainPart, Mailbox};

pub use canonical::Canonicalization;
pub use key::DkimKey;

use crate::{
    Date, Error, Message,
    address::akin,
    existing::{Field, fields_of},
    header::fold::{Folder, LINE},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use canonical::{Body, data};

/// Signs messages for a domain.
///
/// Signed are the fields that readers show and that threads and lists depend on, From, To, Subject and Date once more
/// than they stand in the message, so that nobody can add one. The length of the body is never limited (`l=`).
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
    /// Signs for `domain` with the key whose other half is published at `selector._domainkey.domain`.
    ///
    /// # Errors
    /// When the selector is no domain name in ASCII (RFC 6376 §3.1), or the domain has no A-labels.
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

    /// Says how much servers on the way may change, in place of relaxed for both.
    #[must_use]
    pub fn canonicalization(self, header: Canonicalization, body: Canonicalization) -> Self {
        Self { header, body, ..self }
    }

    /// Signs further fields, if they stand in the message.
    ///
    /// # Errors
    /// When a name is none.
    pub fn also(mut self, names: &[&str]) -> Result<Self, Error> {
        for name in names {
            let name =
                crate::FieldName::new(name).map_err(Error::field(*name))?.as_str().to_ascii_lowercase();
            if !self.fields.contains(&name) {
                self.fields.push(name);
            }
        }
        Ok(self)
    }

    /// Lets signatures expire so many seconds after they were made (RFC 6376 §3.5, `x=`).
    #[must_use]
    pub fn lifetime(self, seconds: u32) -> Self {
        Self { lifetime: Some(seconds), ..self }
    }

    /// The field DKIM-Signature for a message, its last line ended.
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
            format!("t={};", date.unix()),
        ];
        if let Some(lifetime) = self.lifetime {
            tags.push(format!("x={};", date.unix().saturating_add(i64::from(lifetime))));
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
        // What is signed is the field with an empty b=, without its line end (RFC 6376 §3.7).
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

    /// Refuses a signature that would not hold: servers change what is not ASCII, and no one believes another's domain.
    fn check(&self, message: &Message) -> Result<(), Error> {
        let failed = |rule| Error::Part { part: "message".to_owned(), rule };
        if message.needs_8bitmime() {
            return Err(failed(
                "a DKIM signature needs a body of ASCII: build it without 8bit and binary parts",
            ));
        }
        let author = message.author().ok_or(Error::Missing { field: "From" })?;
        if akin(&author.domain(), &DomainPart::Domain(self.domain.clone())) {
            Ok(())
        } else {
            Err(failed("the domain of a DKIM signature must be that of From, or akin to it"))
        }
    }

    /// The names for `h=`: each as often as it stands in the message, and some once more.
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
    /// The same message under a DKIM signature, which is made last, over all its octets. It can be signed again with
    /// another key.
    ///
    /// The body is read once more for its hash, so its sources must still be what they were.
    ///
    /// # Errors
    /// When the message needs 8BITMIME, a line of it begins with `From ` (which mail stores change), the domain is not
    /// akin to that of From, or a source cannot be read.
    pub fn signed(&self, signer: &DkimSigner, date: &Date) -> Result<Self, Error> {
        Ok(self.with_field(&signer.sign(self, date)?))
    }

    /// Whoever wrote it: the first mailbox of From, whose domain or one akin to it a signature must be for.
    #[must_use]
    pub fn author(&self) -> Option<Mailbox> {
        let (fields, _) = fields_of(self.header_section());
        let field = fields.iter().find(|field| field.is("From"))?;
        crate::address::lenient(&field.unfolded()).ok()?.mailboxes().next().cloned()
    }
}

/// What readers show, and what threads, lists and the structure depend on (RFC 6376 §5.4.1, RFC 8058 §4).
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
/// Fields that somebody could add with effect.
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
