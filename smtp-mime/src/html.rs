//! Converts HTML to plain text; needs the feature `html`.

mod outline;
#[cfg(test)]
mod tests;

use html2text::config;
use outline::outline;

use crate::{Error, Source};

/// The line length of the text, which fits a terminal even with quotation marks (RFC 3676 §4.2).
const WIDTH: usize = 72;
/// The maximum size of HTML, which is processed in memory; readers do not show larger pages.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Converts HTML to plain text, with lists, tables and headings in characters and link addresses at the end.
///
/// ```
/// let text = smtp_mime::text_from_html("<h1>News</h1><p>See <a href='https://example.org/'>here</a>.</p>")?;
/// assert_eq!(text, "# News\n\nSee [here][1].\n\n[1]: https://example.org/\n");
/// # Ok::<(), smtp_mime::Error>(())
/// ```
///
/// # Errors
/// When the HTML is too large or cannot be laid out.
pub fn text_from_html(html: &str) -> Result<String, Error> {
    if html.len() as u64 > LIMIT {
        return Err(failed("it is larger than 16 MiB: give the message a text of its own"));
    }
    let text = laid_out(&outline(html))
        .ok_or_else(|| failed("it cannot be made a plain text: give the message a text of its own"))?;
    // Layout in HTML becomes white space in the text.
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    Ok(lines.iter().flat_map(|line| [*line, "\n"]).collect())
}

fn laid_out(html: &str) -> Option<String> {
    let config = config::plain().no_table_borders().no_link_wrapping().allow_width_overflow();
    config.string_from_read(html.as_bytes(), WIDTH).ok()
}

/// Converts HTML that is the body of a message.
pub(crate) fn text_from_source(html: &Source) -> Result<Source, Error> {
    if html.size() > LIMIT {
        return Err(failed("it is larger than 16 MiB: give the message a text of its own"));
    }
    let mut octets = Vec::new();
    let mut reader = html.open()?;
    while !reader.is_at_end() {
        octets.extend_from_slice(reader.chunk(html)?);
    }
    let html = String::from_utf8(octets)
        .map_err(|_| failed("the text is not UTF-8: convert it, or attach it as a file"))?;
    text_from_html(&html).map(Source::from)
}

fn failed(rule: &'static str) -> Error {
    Error::Part { part: "text/html".to_owned(), rule }
}
