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
    /// The maximum length of type and of subtype in octets (RFC 6838 §4.2).
    pub const LIMIT: usize = 127;

    /// Makes a media type without parameters.
    ///
    /// # Errors
    /// When type or subtype is not a token (RFC 2045 §5.1) or is too long.
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

    /// Sets a parameter, and replaces one of the same name.
    ///
    /// # Errors
    /// When the attribute is not a token, or the value has CR, LF or NUL.
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

    /// Returns whether it is this media type.
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

    /// Guesses the type from the extension of a file name; the default is `application/octet-stream`.
    #[must_use]
    pub fn guess(file_name: &str) -> Self {
        let guessed = mime_guess::from_path(Path::new(file_name)).first_or_octet_stream();
        Self::new(guessed.type_().as_str(), guessed.subtype().as_str())
            .unwrap_or_else(|_| Self::known("application", "octet-stream"))
    }

    /// Makes a media type of known tokens.
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
    /// The parameters in `further` have lower-case names and valid values, and replace those of the same name.
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
    /// Prints the type for people, on one line and without encoding the parameters.
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

    /// Parses `type/subtype` and parameters after semicolons, whose values are tokens or quoted-strings.
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
            let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
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
            let after = after.trim_start();
            rest = match after.strip_prefix(';') {
                Some(more) => more.trim_start(),
                None if after.is_empty() => after,
                None => return Err(ValueError::Incomplete { value: VALUE, missing: "a semicolon" }),
            };
        }
        Ok(content_type)
    }
}

const VALUE: &str = "content type";

/// Returns the content of a quoted-string, after its first quote, and the rest after its last quote.
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
    fn displayed_addresses_parse_to_the_same_value() {
        for text in
            ["text/plain", "text/html; charset=utf-8", "a/b; c=\"d e\"; f=\"g\\\"h\"", "a/b; name=\"ü\""]
        {
            assert_eq!(text.parse::<ContentType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_invalid_content_types() {
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
