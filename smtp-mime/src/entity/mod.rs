//! Defines the entities of a message (RFC 2045 §2.4): texts, attachments and multiparts.

mod content_type;
mod cursor;
mod plan;
mod security;

use std::path::Path;

pub use content_type::ContentType;
pub(crate) use cursor::Cursor;
pub(crate) use plan::{Plan, Requirements, Segment, plan, plan_part};
pub use security::{PreparedEntity, Signature};

use crate::{
    ContentTransferEncoding, Error, MessageId, Source, ValueError, header::unstructured, source::CHUNK,
};

/// A part of a message with its Content- fields: a text, an attachment, a message or a multipart.
///
/// ```
/// use smtp_mime::Entity;
///
/// let report = Entity::attachment("report.csv", "a,b\r\n1,2\r\n")?;
/// let text = Entity::text("The report is attached.");
/// let both = Entity::mixed(vec![text, report]);
/// # Ok::<(), smtp_mime::ValueError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Entity {
    content_type: ContentType,
    disposition: Option<Disposition>,
    file_name: Option<String>,
    content_id: Option<MessageId>,
    description: Option<String>,
    encoding: Option<ContentTransferEncoding>,
    body: Body,
}

/// The presentation of a part (RFC 2183 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disposition {
    /// Shown within the text.
    Inline,
    /// Shown separately, for the reader to open.
    Attachment,
}

#[derive(Clone, Debug)]
enum Body {
    /// Lines of UTF-8.
    Text(Source),
    /// Bytes that arrive unchanged.
    Octets(Source),
    /// A whole message.
    Message(Source),
    /// Lines of UTF-8 that a reader may reflow (RFC 3676).
    Flowed(Source),
    /// Prepared bytes, including the Content- fields.
    Prepared(PreparedEntity),
    Multipart(Vec<Entity>),
}

impl Entity {
    /// Makes plain text in UTF-8, with any line ends.
    #[must_use]
    pub fn text(source: impl Into<Source>) -> Self {
        Self::new(ContentType::known("text", "plain"), Body::Text(source.into()))
    }

    /// Makes plain text that a reader may reflow at lines with a trailing space (RFC 3676).
    ///
    /// Lines that begin with a space get another one, which the reader removes.
    #[must_use]
    pub fn flowed(source: impl Into<Source>) -> Self {
        let mut content_type = ContentType::known("text", "plain");
        content_type.set_parameter("format", "flowed");
        Self::new(content_type, Body::Flowed(source.into()))
    }

    /// Makes HTML in UTF-8.
    #[must_use]
    pub fn html(source: impl Into<Source>) -> Self {
        Self::new(ContentType::known("text", "html"), Body::Text(source.into()))
    }

    /// Makes another kind of text in UTF-8, such as `text/calendar; method=REQUEST`.
    ///
    /// # Errors
    /// When the content type is not a text type, or its charset is not UTF-8.
    pub fn text_of(content_type: ContentType, source: impl Into<Source>) -> Result<Self, ValueError> {
        let foreign =
            content_type.parameter("charset").is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8"));
        if content_type.main() == "text" && !foreign {
            Ok(Self::new(content_type, Body::Text(source.into())))
        } else {
            Err(ValueError::Malformed { value: "content type", rule: "a text must be text/... in utf-8" })
        }
    }

    /// Makes a part whose bytes arrive unchanged, without a file name and a disposition.
    #[must_use]
    pub fn octets(content_type: ContentType, source: impl Into<Source>) -> Self {
        Self::new(content_type, Body::Octets(source.into()))
    }

    /// Makes an attachment whose bytes arrive unchanged, with a type guessed from the file name.
    ///
    /// # Errors
    /// As [`Entity::with_file_name`].
    pub fn attachment(file_name: &str, source: impl Into<Source>) -> Result<Self, ValueError> {
        let content_type = ContentType::guess(file_name);
        let source = source.into();
        let body =
            if content_type.is("message", "rfc822") { Body::Message(source) } else { Body::Octets(source) };
        Self::new(content_type, body).with_disposition(Disposition::Attachment).with_file_name(file_name)
    }

    /// Makes an attachment of a file, named by the last part of its path.
    ///
    /// # Errors
    /// When the file cannot be read, or its name cannot be used.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let source = Source::file(path)?;
        Self::attachment(&name, source).map_err(Error::field("Content-Disposition"))
    }

    /// Encloses a whole message (RFC 2046 §5.2.1).
    #[must_use]
    pub fn message(source: impl Into<Source>) -> Self {
        Self::new(ContentType::known("message", "rfc822"), Body::Message(source.into()))
    }

    /// Makes a multipart of independent parts (RFC 2046 §5.1.3).
    #[must_use]
    pub fn mixed(parts: Vec<Self>) -> Self {
        Self::new(ContentType::known("multipart", "mixed"), Body::Multipart(parts))
    }

    /// Makes a multipart of alternative forms of the same content, the plainest first (RFC 2046 §5.1.4).
    #[must_use]
    pub fn alternative(parts: Vec<Self>) -> Self {
        Self::new(ContentType::known("multipart", "alternative"), Body::Multipart(parts))
    }

    /// Makes a multipart of a root and the parts that it refers to, such as HTML and its images (RFC 2387).
    #[must_use]
    pub fn related(root: Self, parts: Vec<Self>) -> Self {
        let mut content_type = ContentType::known("multipart", "related");
        content_type
            .set_parameter("type", &format!("{}/{}", root.content_type.main(), root.content_type.subtype()));
        Self::new(content_type, Body::Multipart(std::iter::once(root).chain(parts).collect()))
    }

    /// Makes a multipart of another type, such as `multipart/report`.
    ///
    /// # Errors
    /// When the content type is not a multipart type.
    pub fn multipart(content_type: ContentType, parts: Vec<Self>) -> Result<Self, ValueError> {
        if content_type.main() == "multipart" && content_type.parameter("boundary").is_none() {
            Ok(Self::new(content_type, Body::Multipart(parts)))
        } else {
            Err(ValueError::Malformed {
                value: "content type",
                rule: "it must be multipart/..., without a boundary, which is chosen automatically",
            })
        }
    }

    /// Changes the content type.
    ///
    /// # Errors
    /// When the part is or would become a multipart or a message, or a text would become something else.
    pub fn with_content_type(self, content_type: ContentType) -> Result<Self, ValueError> {
        match self.body {
            // A file guessed to be a message can still be sent as bytes.
            Body::Octets(source) | Body::Message(source)
                if !matches!(content_type.main(), "multipart" | "message") =>
            {
                Ok(Self { content_type, body: Body::Octets(source), ..self })
            }
            Body::Octets(source) if content_type.is("message", "rfc822") => {
                Ok(Self { content_type, body: Body::Message(source), ..self })
            }
            Body::Text(source) => {
                let text = Self::text_of(content_type, source)?;
                Ok(Self { content_type: text.content_type, body: text.body, ..self })
            }
            _ => Err(ValueError::Malformed {
                value: "content type",
                rule: "multiparts and messages keep the type that they were made with",
            }),
        }
    }

    /// Sets the presentation.
    #[must_use]
    pub fn with_disposition(self, disposition: Disposition) -> Self {
        Self { disposition: Some(disposition), ..self }
    }

    /// Sets the file name, which is the last part of a path.
    ///
    /// # Errors
    /// When the name is empty or has a control character.
    pub fn with_file_name(self, file_name: &str) -> Result<Self, ValueError> {
        let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        if base.is_empty() {
            return Err(ValueError::Empty { value: FILE_NAME });
        }
        match base.char_indices().find(|(_, character)| character.is_control()) {
            Some((position, character)) => {
                Err(ValueError::Unexpected { value: FILE_NAME, character, position })
            }
            None => Ok(Self { file_name: Some(base.to_owned()), ..self }),
        }
    }

    /// Sets the Content-ID, to which HTML refers as `cid:left@right` (RFC 2392).
    #[must_use]
    pub fn with_content_id(self, content_id: MessageId) -> Self {
        Self { content_id: Some(content_id), ..self }
    }

    /// Sets a description (RFC 2045 §8).
    ///
    /// # Errors
    /// When the description has CR, LF or NUL.
    pub fn with_description(self, description: &str) -> Result<Self, ValueError> {
        unstructured::check("description", description)?;
        Ok(Self { description: Some(description.to_owned()), ..self })
    }

    /// Sets the encoding; building the message fails if the content does not allow it.
    #[must_use]
    pub fn with_encoding(self, encoding: ContentTransferEncoding) -> Self {
        Self { encoding: Some(encoding), ..self }
    }

    /// The content type, without the charset and boundary that are added later.
    #[must_use]
    pub fn content_type(&self) -> &ContentType {
        &self.content_type
    }

    /// The file name.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The parts, if it is a multipart.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        match &self.body {
            Body::Multipart(parts) => parts,
            _ => &[],
        }
    }

    /// Returns whether it can be a message without a multipart around it.
    ///
    /// The last line of a message is always completed, so unencoded bytes could not arrive unchanged.
    pub(crate) fn can_stand_alone(&self) -> bool {
        match self.body {
            Body::Octets(_) => {
                self.encoding == Some(ContentTransferEncoding::Base64)
                    || (self.encoding.is_none() && self.content_type.main() != "text")
            }
            Body::Text(_) | Body::Flowed(_) | Body::Multipart(_) => true,
            Body::Message(_) | Body::Prepared(_) => false,
        }
    }

    /// Returns whether it has HTML that is not an attachment.
    pub(crate) fn shows_html(&self) -> bool {
        let html = self.content_type.is("text", "html") && matches!(self.body, Body::Text(_));
        html || self.parts().iter().any(Self::shows_html)
    }

    fn new(content_type: ContentType, body: Body) -> Self {
        Self {
            content_type,
            disposition: None,
            file_name: None,
            content_id: None,
            description: None,
            encoding: None,
            body,
        }
    }

    /// Estimates its share of the message's head, if it is a text that can be copied there.
    pub(crate) fn expected_octets(&self) -> usize {
        match &self.body {
            // A line end grows by one byte, and a line of prose has about fifty.
            Body::Text(source) => source.in_memory().map_or(0, |text| text.len().min(CHUNK)) * 17 / 16,
            _ => 0,
        }
    }

    /// The charset to declare, if it is a text.
    fn charset(&self) -> Option<&'static str> {
        (self.content_type.main() == "text").then_some("utf-8")
    }

    /// The name for errors.
    fn label(&self) -> String {
        self.file_name.clone().unwrap_or_else(|| self.content_type.to_string())
    }
}

const FILE_NAME: &str = "file name";
