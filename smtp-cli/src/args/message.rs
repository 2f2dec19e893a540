//! Defines the options of the message.
//!
//! Why structures have no documentation comments here: see [`Command`](super::Command).

use super::rules::{Rule, Rules as _};
use clap::ValueHint;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;

// A message that is composed, or exists.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Message")]
pub(crate) struct MessageArgs {
    /// Set the author
    #[arg(short, long, value_name = "ADDR", help_heading = "Envelope", rules = [Rule::ChoosesAccount])]
    pub(crate) from: Option<String>,
    /// Add recipients; repeatable, or a list with commas
    #[arg(short, long, value_name = "ADDR", help_heading = "Envelope")]
    pub(crate) to: Vec<String>,
    /// Add recipients of a copy
    #[arg(long, value_name = "ADDR", help_heading = "Envelope")]
    pub(crate) cc: Vec<String>,
    /// Add recipients that the others do not see
    #[arg(long, value_name = "ADDR", help_heading = "Envelope")]
    pub(crate) bcc: Vec<String>,
    /// Set the subject
    #[arg(long, value_name = "TEXT", conflicts_with = "eml")]
    pub(crate) subject: Option<String>,
    /// Set the text
    #[arg(long, value_name = "TEXT", group = "text", conflicts_with = "eml")]
    pub(crate) body: Option<String>,
    /// Read the text from a file or standard input (-)
    #[arg(long, value_name = "FILE|-", group = "text", conflicts_with = "eml")]
    pub(crate) body_file: Option<PathBuf>,
    /// Read the text as HTML from a file or standard input (-), beside the plain one
    #[arg(long, value_name = "FILE|-", conflicts_with = "eml")]
    pub(crate) html_file: Option<PathBuf>,
    /// Make the plain text from the HTML
    #[arg(long, conflicts_with_all = ["text", "eml"], rules = [Rule::WaitsFor("html-file")])]
    pub(crate) text_from_html: bool,
    /// Attach a file, with this media type and name if given
    #[arg(
        long, value_name = "PATH[;type=T][;name=N]", value_hint = ValueHint::FilePath, conflicts_with = "eml",
        value_parser = OsStringValueParser::new().try_map(|text| Attachment::parse(&text)),
    )]
    pub(crate) attach: Vec<Attachment>,
    /// Embed a file that the HTML shows as cid:ID
    #[arg(
        long, value_name = "PATH;cid=ID[;type=T]", value_hint = ValueHint::FilePath, conflicts_with = "eml",
        value_parser = OsStringValueParser::new().try_map(|text| Attachment::parse(&text)),
    )]
    pub(crate) inline: Vec<Attachment>,
    /// Set the address for replies
    #[arg(long, value_name = "ADDR", conflicts_with = "eml")]
    pub(crate) reply_to: Vec<String>,
    /// Set the sender, if it is not the author
    #[arg(long, value_name = "ADDR", conflicts_with = "eml")]
    pub(crate) sender: Option<String>,
    /// Write the headers in UTF-8 (RFC 6532), for servers that offer SMTPUTF8
    #[arg(long, conflicts_with = "eml")]
    pub(crate) smtputf8: bool,
    /// Add a header field
    #[arg(short = 'H', long, value_name = "NAME: VALUE", conflicts_with = "eml")]
    pub(crate) header: Vec<String>,
    /// Sign with this DKIM key: a PEM file
    #[arg(long, value_name = "FILE", rules = [Rule::Needs("dkim-selector")])]
    pub(crate) dkim_key: Option<PathBuf>,
    /// Sign with this DKIM selector
    #[arg(long, value_name = "S", rules = [Rule::Needs("dkim-key")])]
    pub(crate) dkim_selector: Option<String>,
    /// Sign for this domain instead of the author's
    #[arg(long, value_name = "D", rules = [Rule::Needs("dkim-key")])]
    pub(crate) dkim_domain: Option<String>,
    /// Read a ready message from a file or standard input (-)
    #[arg(long, value_name = "FILE|-")]
    pub(crate) eml: Vec<PathBuf>,
}

// What is done to a message that exists.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Message")]
pub(crate) struct FixArgs {
    /// Leave ready messages unchanged: add no Date or Message-ID, keep Bcc; --fix undoes it
    #[arg(long, rules = [Rule::WaitsFor("eml")])]
    pub(crate) no_fix: bool,
}

/// A file that goes with a message, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its media type, when it is not to be told from the name.
    pub(crate) media_type: Option<String>,
    /// The name it bears in the message, when it is not the file's.
    pub(crate) name: Option<String>,
    /// Its Content-ID, for what the HTML shows.
    pub(crate) content_id: Option<String>,
}

impl Attachment {
    /// The file as it is, under its own name.
    pub(crate) fn of_path(path: PathBuf) -> Self {
        Self { path, media_type: None, name: None, content_id: None }
    }

    /// Reads what was typed; the path may be any that the system has.
    pub(super) fn parse(text: &OsStr) -> Result<Self, String> {
        match text.to_str() {
            Some(text) => text.parse(),
            None => Self::parse_octets(text),
        }
    }

    /// Reads a text that is not UTF-8: as one of a character for each octet, which gives the octets back at the end.
    #[cfg(unix)]
    fn parse_octets(text: &OsStr) -> Result<Self, String> {
        use std::ffi::OsString;
        use std::os::unix::ffi::{OsStrExt, OsStringExt};

        let read: Self =
            text.as_bytes().iter().map(|&octet| char::from(octet)).collect::<String>().parse()?;
        // Each of these characters is one of the first 256.
        let octets = |text: &str| text.chars().filter_map(|c| u8::try_from(c).ok()).collect::<Vec<u8>>();
        let utf8 = |parameter: Option<String>| {
            let decoded = parameter.map(|text| String::from_utf8(octets(&text))).transpose();
            decoded.map_err(|_| "a parameter is not UTF-8, only the path may be so".to_string())
        };
        Ok(Self {
            path: OsString::from_vec(octets(&read.path.to_string_lossy())).into(),
            media_type: utf8(read.media_type)?,
            name: utf8(read.name)?,
            content_id: utf8(read.content_id)?,
        })
    }

    /// Reads a text that is not Unicode, which cannot be taken apart here.
    #[cfg(not(unix))]
    fn parse_octets(text: &OsStr) -> Result<Self, String> {
        Err(format!("{} is not Unicode, rename the file", text.to_string_lossy()))
    }
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = parts(text)?.into_iter();
        let path = parts.next().filter(|path| !path.is_empty()).ok_or("the path is missing")?;
        let mut attachment = Self { path: path.into(), media_type: None, name: None, content_id: None };
        for part in parts {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!(
                    "{part:?} is none of type=…, name=… and cid=…; a ; in a path needs double quotes around the path"
                ));
            };
            let slot = match key.trim() {
                "type" => &mut attachment.media_type,
                "name" => &mut attachment.name,
                "cid" => &mut attachment.content_id,
                other => return Err(format!("the parameter {other:?} is none of type, name and cid")),
            };
            if value.is_empty() {
                return Err(format!("the parameter {:?} has no value", key.trim()));
            }
            if slot.replace(value.to_string()).is_some() {
                return Err(format!("the parameter {:?} comes twice", key.trim()));
            }
        }
        Ok(attachment)
    }
}

/// Cuts at each `;` outside double quotes, and takes quotes and backslashes inside them away.
fn parts(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let last = parts.last_mut().expect("there is always a part");
        match character {
            '"' if quoted => quoted = false,
            // A quote opens where a value begins; elsewhere it is a character of a file's name.
            '"' if last.is_empty() || last.ends_with('=') => quoted = true,
            '\\' if quoted => match characters.next() {
                Some(escaped) => last.push(escaped),
                None => return Err("nothing stands behind the last backslash".to_string()),
            },
            ';' if !quoted => parts.push(String::new()),
            character => last.push(character),
        }
    }
    if quoted {
        return Err("a double quote is not closed".to_string());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(
        path: &str,
        media_type: Option<&str>,
        name: Option<&str>,
        content_id: Option<&str>,
    ) -> Attachment {
        let owned = |text: Option<&str>| text.map(String::from);
        Attachment {
            path: path.into(),
            media_type: owned(media_type),
            name: owned(name),
            content_id: owned(content_id),
        }
    }

    #[test]
    fn attachments_are_read() {
        for (text, expected) in [
            ("report.pdf", attachment("report.pdf", None, None, None)),
            ("a b.txt;type=text/x-log", attachment("a b.txt", Some("text/x-log"), None, None)),
            (r#""a;b.txt";name="c;\"d\".txt""#, attachment("a;b.txt", None, Some("c;\"d\".txt"), None)),
            (
                "logo.png;cid=logo;type=image/png",
                attachment("logo.png", Some("image/png"), None, Some("logo")),
            ),
            (r"C:\mail\report.pdf", attachment(r"C:\mail\report.pdf", None, None, None)),
            (r#"15" screen.txt"#, attachment(r#"15" screen.txt"#, None, None, None)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_may_be_any_octets() {
        use std::os::unix::ffi::OsStrExt;

        let read = |octets: &[u8]| Attachment::parse(OsStr::from_bytes(octets));
        let expected = attachment("", None, Some("größe.txt"), None);
        let path = OsStr::from_bytes(b"gr\xf6\xdfe.txt").into();
        let octets = [b"gr\xf6\xdfe.txt;name=".as_slice(), "größe.txt".as_bytes()].concat();
        assert_eq!(read(&octets), Ok(Attachment { path, ..expected }));
        assert!(read(b"a.txt;name=\xff").unwrap_err().contains("UTF-8"));
        assert!(read(b"\xff;typ=x").is_err());
    }

    #[test]
    fn what_is_no_attachment_is_refused() {
        for text in ["", ";type=a/b", "a;b", "a;typ=x", "a;type=", "a;name=b;name=c", "\"a", "\"a\\"] {
            assert!(text.parse::<Attachment>().is_err(), "{text}");
        }
    }
}
