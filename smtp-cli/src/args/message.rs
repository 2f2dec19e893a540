//! Defines the options of the message.

use std::path::PathBuf;
use std::str::FromStr;

/// What is said.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Message")]
pub(crate) struct MessageArgs {
    /// The subject
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,
    /// The text
    #[arg(long, value_name = "TEXT", group = "text")]
    pub(crate) body: Option<String>,
    /// The text from a file, or from standard input (-)
    #[arg(long, value_name = "FILE|-", group = "text")]
    pub(crate) body_file: Option<PathBuf>,
    /// The text as HTML, beside the plain one
    #[arg(long, value_name = "FILE|-")]
    pub(crate) html_file: Option<PathBuf>,
    /// Make the plain text from the HTML
    #[arg(long, requires = "html_file", conflicts_with = "text")]
    pub(crate) text_from_html: bool,
    /// A file to attach; its type and the name it bears may be said
    #[arg(long, value_name = "PATH[;type=T][;name=N]", value_parser = str::parse::<Attachment>)]
    pub(crate) attach: Vec<Attachment>,
    /// A file that the HTML shows by cid:ID
    #[arg(long, value_name = "PATH;cid=ID[;type=T]", value_parser = str::parse::<Attachment>)]
    pub(crate) inline: Vec<Attachment>,
    /// Where answers go, when it is not the author
    #[arg(long, value_name = "ADDR")]
    pub(crate) reply_to: Vec<String>,
    /// Who sends the message for its author
    #[arg(long, value_name = "ADDR")]
    pub(crate) sender: Option<String>,
    /// Write the headers in UTF-8 (RFC 6532), for servers that offer SMTPUTF8
    #[arg(long)]
    pub(crate) smtputf8: bool,
    /// A further header field
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// Sign by DKIM with this key: a PEM file
    #[arg(long, value_name = "FILE", requires = "dkim_selector")]
    pub(crate) dkim_key: Option<PathBuf>,
    /// The selector under which the key is published
    #[arg(long, value_name = "S", requires = "dkim_key")]
    pub(crate) dkim_selector: Option<String>,
    /// The domain to sign for, when it is not the author's
    #[arg(long, value_name = "D", requires = "dkim_key")]
    pub(crate) dkim_domain: Option<String>,
    /// Send this message, which exists, or the one of standard input (-)
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["subject", "text", "html_file", "attach", "inline", "reply_to", "sender", "header"])]
    pub(crate) eml: Vec<PathBuf>,
    /// Send it as it is, without adding a missing Date or Message-ID and removing Bcc
    #[arg(long, requires = "eml")]
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

    #[test]
    fn what_is_no_attachment_is_refused() {
        for text in ["", ";type=a/b", "a;b", "a;typ=x", "a;type=", "a;name=b;name=c", "\"a", "\"a\\"] {
            assert!(text.parse::<Attachment>().is_err(), "{text}");
        }
    }
}
