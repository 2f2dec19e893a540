//! Provides the multiparts for signed and encrypted parts: S/MIME (RFC 8551) and PGP/MIME (RFC 3156).
//!
//! The caller signs and encrypts. The signed bytes must not change afterwards, so an entity is prepared first, signed
//! by the caller, and put into the multipart unchanged.

use std::sync::Arc;

use super::{Body, ContentType, Disposition, Entity, Plan, Requirements, plan_part};
use crate::{BodyType, ContentTransferEncoding, Context, Error, Reader, Source, ValueError};

/// An entity with fixed bytes, including its Content- fields, over which a signature is made.
#[derive(Clone, Debug)]
pub struct PreparedEntity {
    pub(super) plan: Arc<Plan>,
}

impl PreparedEntity {
    /// Returns a reader of the bytes.
    ///
    /// They are ASCII lines that end in CRLF, without trailing white space (RFC 1847 §2.1, RFC 3156 §5).
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::of(Plan::clone(&self.plan))
    }

    /// The number of bytes.
    #[must_use]
    pub fn encoded_len(&self) -> u64 {
        self.plan.octets()
    }
}

/// A detached signature of a [`PreparedEntity`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Signature {
    /// A detached CMS signature in DER (RFC 8551 §3.5.3).
    Smime {
        /// The hash algorithm, as in `sha-256` (RFC 8551 §3.5.3.2).
        micalg: String,
        /// The signature.
        der: Source,
    },
    /// A detached PGP signature in ASCII armour (RFC 3156 §5).
    Pgp {
        /// The hash algorithm, as in `pgp-sha512`.
        micalg: String,
        /// The signature.
        armour: Source,
    },
}

impl Entity {
    /// Fixes the bytes of the entity for a signature or encryption.
    ///
    /// # Errors
    /// When a part cannot be ASCII (such as an enclosed message that is not), or a source cannot be read.
    pub fn prepare(&self, context: &Context) -> Result<PreparedEntity, Error> {
        let requirements = Requirements { body_type: BodyType::SevenBit, smtputf8: false, signed: true };
        let (plan, body_type) = plan_part(self, context, requirements)?;
        if body_type != BodyType::SevenBit {
            return Err(Error::Part {
                part: self.label(),
                rule: "signed content must be ASCII (RFC 1847 §2.1): re-encode the enclosed message",
            });
        }
        Ok(PreparedEntity { plan: Arc::new(plan) })
    }

    /// Combines an entity with its signature (RFC 1847 §2.1).
    ///
    /// # Errors
    /// When `micalg` has CR, LF or NUL.
    pub fn signed(prepared: PreparedEntity, signature: Signature) -> Result<Self, ValueError> {
        let (protocol, micalg, part) = match signature {
            Signature::Smime { micalg, der } => {
                let part = Self::new(ContentType::known("application", "pkcs7-signature"), Body::Octets(der))
                    .with_disposition(Disposition::Attachment)
                    .named("smime.p7s");
                ("application/pkcs7-signature", micalg, part)
            }
            Signature::Pgp { micalg, armour } => {
                let part = Self::new(ContentType::known("application", "pgp-signature"), Body::Text(armour))
                    .with_disposition(Disposition::Attachment)
                    .named("signature.asc");
                ("application/pgp-signature", micalg, part)
            }
        };
        let content_type = ContentType::known("multipart", "signed")
            .with_parameter("protocol", protocol)?
            .with_parameter("micalg", &micalg)?;
        let content = Self::new(ContentType::known("text", "plain"), Body::Prepared(prepared));
        Self::multipart(content_type, vec![content, part])
    }

    /// Wraps an entity that was encrypted with PGP, in ASCII armour (RFC 3156 §4).
    #[must_use]
    pub fn encrypted_pgp(armour: impl Into<Source>) -> Self {
        let version = Self::new(
            ContentType::known("application", "pgp-encrypted"),
            Body::Text("Version: 1\r\n".into()),
        );
        let data = Self::new(ContentType::known("application", "octet-stream"), Body::Text(armour.into()))
            .with_disposition(Disposition::Inline)
            .named("encrypted.asc");
        let mut content_type = ContentType::known("multipart", "encrypted");
        content_type.set_parameter("protocol", "application/pgp-encrypted");
        Self::new(content_type, Body::Multipart(vec![version, data]))
    }

    /// Wraps an entity that was encrypted as CMS data in DER (RFC 8551 §3.3, §3.4).
    ///
    /// `smime_type` names the CMS type, `enveloped-data` or `authEnveloped-data`.
    ///
    /// # Errors
    /// When `smime_type` has CR, LF or NUL.
    pub fn encrypted_smime(smime_type: &str, der: impl Into<Source>) -> Result<Self, ValueError> {
        let content_type = ContentType::known("application", "pkcs7-mime")
            .with_parameter("smime-type", smime_type)?
            // RFC 8551 §3.2.1 asks for both names, for programs that support only one.
            .with_parameter("name", "smime.p7m")?;
        Ok(Self::new(content_type, Body::Octets(der.into()))
            .with_encoding(ContentTransferEncoding::Base64)
            .with_disposition(Disposition::Attachment)
            .named("smime.p7m"))
    }

    /// Sets a file name that is known to be valid.
    fn named(self, file_name: &str) -> Self {
        Self { file_name: Some(file_name.to_owned()), ..self }
    }
}
