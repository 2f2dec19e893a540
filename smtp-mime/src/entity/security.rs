//! Provides the containers of signed and encrypted parts: S/MIME (RFC 8551) and PGP/MIME (RFC 3156).
//!
//! Signing and encrypting are the caller's. What is signed are octets that must not change afterwards, so they are
//! decided first, handed out to be signed, and put into the container as they are.

use std::sync::Arc;

use super::{Body, ContentType, Disposition, Entity, Plan, Requirements, plan_part};
use crate::{BodyType, ContentTransferEncoding, Context, Error, Reader, Source, ValueError};

/// An entity whose octets are decided, its Content- fields included: what a signature is made over.
#[derive(Clone, Debug)]
pub struct PreparedEntity {
    pub(super) plan: Arc<Plan>,
}

impl PreparedEntity {
    /// A reader of the octets: ASCII in lines that end with CRLF, without blanks at their ends (RFC 1847 §2.1,
    /// RFC 3156 §5).
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::of(Plan::clone(&self.plan))
    }

    /// How many octets there are.
    #[must_use]
    pub fn encoded_len(&self) -> u64 {
        self.plan.octets()
    }
}

/// A signature that was made over a [`PreparedEntity`], apart from it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Signature {
    /// A detached CMS signature in DER (RFC 8551 §3.5.3).
    Smime {
        /// The hash, as in `sha-256` (RFC 8551 §3.5.3.2).
        micalg: String,
        /// The signature.
        der: Source,
    },
    /// A detached PGP signature in ASCII armour (RFC 3156 §5).
    Pgp {
        /// The hash, as in `pgp-sha512`.
        micalg: String,
        /// The signature.
        armour: Source,
    },
}

impl Entity {
    /// Decides the octets of the entity, for a signature or an encryption of them.
    ///
    /// # Errors
    /// When a part cannot be ASCII (a message within it is not), or a source cannot be read.
    pub fn prepare(&self, context: &Context) -> Result<PreparedEntity, Error> {
        let requirements = Requirements { body_type: BodyType::SevenBit, smtputf8: false, signed: true };
        let (plan, body_type) = plan_part(self, context, requirements)?;
        if body_type != BodyType::SevenBit {
            return Err(Error::Part {
                part: self.label(),
                rule: "what is signed must be ASCII (RFC 1847 §2.1): re-encode the message within it",
            });
        }
        Ok(PreparedEntity { plan: Arc::new(plan) })
    }

    /// An entity and its signature (RFC 1847 §2.1).
    ///
    /// # Errors
    /// When `micalg` holds CR, LF or NUL.
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

    /// An entity that was encrypted by PGP into ASCII armour (RFC 3156 §4).
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

    /// An entity that was encrypted into a CMS enveloped-data or auth-enveloped-data in DER (RFC 8551 §3.3, §3.4);
    /// `smime_type` says which of the two, as in `enveloped-data`.
    ///
    /// # Errors
    /// When `smime_type` holds CR, LF or NUL.
    pub fn encrypted_smime(smime_type: &str, der: impl Into<Source>) -> Result<Self, ValueError> {
        let content_type = ContentType::known("application", "pkcs7-mime")
            .with_parameter("smime-type", smime_type)?
            // RFC 8551 §3.2.1 asks for both names, for programs that know one of them.
            .with_parameter("name", "smime.p7m")?;
        Ok(Self::new(content_type, Body::Octets(der.into()))
            .with_encoding(ContentTransferEncoding::Base64)
            .with_disposition(Disposition::Attachment)
            .named("smime.p7m"))
    }

    /// The same under a file name that is known to be one.
    fn named(self, file_name: &str) -> Self {
        Self { file_name: Some(file_name.to_owned()), ..self }
    }
}
