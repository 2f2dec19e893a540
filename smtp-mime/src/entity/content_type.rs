//! Defines the content type of an entity (RFC 2045 §5).

use std::{borrow::Cow, fmt, path::Path, str::FromStr};

use crate::{
    ValueError,
    header::{
        fold::Folder,
        parameter::{self, is_attribute, is_token},
        unstructured,
    },
};

/// A media type and its parameters, as in `text/plain; charset=utf-8`.
///
/// ```
/// use smtp_mime::ContentType;
///
/// let content_type = ContentType::new("text", "calendar")?.with_parameter("method", "REQUEST")?;
/// assert_eq!(content_type.to_string(), "text/calendar; method=REQUEST");
/// assert!("text".parse::<ContentType>().is_err());
/// # Ok::<(), smtp_mime::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    main: Cow<'static, str>,
    subtype: Cow<'static, str>,
    parameters: Vec<(String, String)>,
}

impl ContentType {
    /// How many octets type and subtype may have each (RFC 6838 §4.2).
    pub const LIMIT: usize = 127;

    /// A media type without parameters.
    ///
    /// # Errors
    /// When one of the two is no token (RFC 2045 §5.1) or too long.
    pub fn new(main: &str, subtype: &str) -> Result<Self, ValueError> {
        for part in [main, subtype] {
            if !is_token(part) {
                return Err(ValueError::Malformed {
                    value: VALUE,
                    rule: "type and subtype must be letters, digits and marks, as in text/plain",
                });
            }
            if part.len() > Self::LIMIT {
                return Err(ValueError::TooLong { value: VALUE, octets: part.len(), limit: Self::LIMIT });
            }
        }
        Ok(Self {
            main: main.to_ascii_lowercase().into(),
            subtype: subtype.to_ascii_lowercase().into(),
            parameters: Vec::new(),
        })
    }

    /// The same with one more parameter, in place of one of that name.
    ///
    /// # Errors
    /// When the attribute is no token, or the value holds CR, LF or NUL.
    pub fn with_parameter(mut self, attribute: &str, value: &str) -> Result<Self, ValueError> {
        if !is_attribute(attribute) {
            return Err(ValueError::Malformed {
                value: "name of a parameter",
                rule: "it must be letters, digits and marks other than * ' and %",
            });
        }
        unstructured::check("value of a parameter", value)?;
        self.set_parameter(attribute, value);
        Ok(self)
    }

    /// The type, in lower case.
    #[must_use]
    pub fn main(&self) -> &str {
        &self.main
    }

    /// The subtype, in lower case.
    #[must_use]
    pub fn subtype(&self) -> &str {
        &self.subtype
    }

    /// Whether it is this media type.
    #[must_use]
    pub fn is(&self, main: &str, subtype: &str) -> bool {
        self.main.eq_ignore_ascii_case(main) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, attribute: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .map(|(_, value)| value.as_str())
    }

    /// The type that the ending of a file name stands for, `application/octet-stream` if none is known.
    #[must_use]
    pub fn guess(file_name: &str) -> Self {
        let guessed = mime_guess::from_path(Path::new(file_name)).first_or_octet_stream();
        Self::new(guessed.type_().as_str(), guessed.subtype().as_str())
            .unwrap_or_else(|_| Self::known("application", "octet-stream"))
    }

    /// A media type that is known to consist of tokens.
    pub(crate) fn known(main: &'static str, subtype: &'static str) -> Self {
        Self { main: main.into(), subtype: subtype.into(), parameters: Vec::new() }
    }

    /// Sets a parameter whose name and value are known to be valid.
    pub(crate) fn set_parameter(&mut self, attribute: &str, value: &str) {
        self.parameters.retain(|(name, _)| !name.eq_ignore_ascii_case(attribute));
        self.parameters.push((attribute.to_ascii_lowercase(), value.to_owned()));
    }

    /// Writes the field Content-Type.
    ///
    /// The further parameters, whose names are in lower case and whose values are valid, take the place of those of the
    /// same name.
    pub(crate) fn write(&self, further: &[(&str, &str)], out: &mut Vec<u8>) {
        let mut folder = Folder::new(out, "Content-Type");
        folder.pieces(" ", [&self.main, "/", &self.subtype]);
        for (attribute, value) in &self.parameters {
            if further.iter().all(|(other, _)| other != attribute) {
                parameter::write(&mut folder, attribute, value);
            }
        }
        for (attribute, value) in further {
            parameter::write(&mut folder, attribute, value);
        }
        folder.end();
    }
}

impl fmt::Display for ContentType {
    /// As a person writes it, on one line and in the characters of the parameters.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.main, self.subtype)?;
        for (attribute, value) in &self.parameters {
            if is_token(value) {
                write!(formatter, "; {attribute}={value}")?;
            } else {
                write!(formatter, "; {attribute}={}", crate::header::phrase::quoted(value))?;
            }
        }
        Ok(())
    }
}

impl FromStr for ContentType {
    type Err = ValueError;

    /// Takes `type/subtype` and parameters behind semicolons, their values tokens or quoted-strings.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (media, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let (main, subtype) = media
            .trim()
            .split_once('/')
            .ok_or(ValueError::Incomplete { value: VALUE, missing: "a slash and a subtype" })?;
        let mut content_type = Self::new(main, subtype)?;
        rest = rest.trim();
        while !rest.is_empty() {
            let (attribute, value) = rest
                .split_once('=')
                .ok_or(ValueError::Incomplete { value: VALUE, missing: "the value of a parameter" })?;
            let value = value.trim_start();
            let (value, behind) = if let Some(quoted) = value.strip_prefix('"') {
                quoted_string(quoted)?
            } else {
                let end = value.find(';').unwrap_or(value.len());
                let token = value[..end].trim_end();
                if !is_token(token) {
                    return Err(ValueError::Malformed {
                        value: VALUE,
                        rule: "the value of a parameter needs double quotes around it",
                    });
                }
                (token.to_owned(), &value[end..])
            };
            content_type = content_type.with_parameter(attribute.trim(), &value)?;
            let behind = behind.trim_start();
            rest = match behind.strip_prefix(';') {
                Some(more) => more.trim_start(),
                None if behind.is_empty() => behind,
                None => return Err(ValueError::Incomplete { value: VALUE, missing: "a semicolon" }),
            };
        }
        Ok(content_type)
    }
}

const VALUE: &str = "content type";

/// The content of a quoted-string behind its first quote, and what stands behind its last one.
fn quoted_string(text: &str) -> Result<(String, &str), ValueError> {
    let mut content = String::new();
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Ok((content, &text[at + 1..])),
            _ => {
                escaped = false;
                content.push(character);
            }
        }
    }
    Err(ValueError::Incomplete { value: VALUE, missing: "a closing quote" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_displayed_is_parsed_again() {
        for text in
            ["text/plain", "text/html; charset=utf-8", "a/b; c=\"d e\"; f=\"g\\\"h\"", "a/b; name=\"ü\""]
        {
            assert_eq!(text.parse::<ContentType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_content_type() {
        for text in [
            "",
            "text",
            "/",
            "text/",
            "a b/c",
            "a/b; c",
            "a/b; c=d e",
            "a/b; c=\"d",
            "a/b; c=\"d\" e",
            "a/b\r\nX: y",
            "a/b; c=\"d\r\ne\"",
            "a/b; c*=d",
        ] {
            assert!(text.parse::<ContentType>().is_err(), "{text}");
        }
    }

    #[test]
    fn endings_are_known() {
        for (name, content_type) in [
            ("a.pdf", "application/pdf"),
            ("b.TXT", "text/plain"),
            ("c", "application/octet-stream"),
            ("d.png", "image/png"),
            ("e.eml", "message/rfc822"),
        ] {
            assert_eq!(ContentType::guess(name).to_string(), content_type);
        }
    }
}
