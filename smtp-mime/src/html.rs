//! Provides a plain text made from HTML. Behind the feature `html`.

mod outline;

use html2text::config;
use outline::outline;

use crate::{Error, Source};

/// How long the lines of the text are: with a mark of quotation or two they still fit a terminal (RFC 3676 §4.2).
const WIDTH: usize = 72;
/// How large HTML may be; it is taken to pieces in memory. No reader shows a page of this size.
const LIMIT: u64 = 16 * 1024 * 1024;

/// A plain text that says what HTML says: lists, tables and headings in characters, the addresses of links below.
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
    let text = config::plain()
        .no_table_borders()
        .no_link_wrapping()
        .allow_width_overflow()
        .string_from_read(outline(html).as_bytes(), WIDTH)
        .map_err(|_| failed("it cannot be made a plain text: give the message a text of its own"))?;
    // What is a layout in HTML is blanks in the text.
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    Ok(lines.iter().flat_map(|line| [*line, "\n"]).collect())
}

/// The same of HTML that is to be the body of a message.
pub(crate) fn text_from_source(html: &Source) -> Result<Source, Error> {
    if html.octets() > LIMIT {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_html_says_is_said_in_characters() {
        let html = "<html><head><title>no</title><style>p { color: red }</style></head><body><p>Grüße &amp; mehr</p><ul><li>one<li>two</ul><script>no()</script><table><tr><td>a</td><td>b</td></tr></table></body></html>";
        let text = text_from_html(html).unwrap();
        assert!(text.contains("Grüße & mehr") && text.contains("* one\n* two"), "{text}");
        assert!(!text.contains("no()") && !text.contains("color"), "{text}");
    }

    /// Runs it; a time that grows faster than the HTML would take many times longer than the limit.
    fn in_time(what: &str, html: &str) -> String {
        let begin = std::time::Instant::now();
        let text = text_from_html(html).unwrap_or_else(|error| panic!("{what}: {error}"));
        let took = begin.elapsed();
        eprintln!("{what}: {} octets, {} of text, {took:?}", html.len(), text.len());
        assert!(took < std::time::Duration::from_mins(1), "{what} takes {took:?}");
        text
    }

    #[test]
    fn elements_may_nest_as_deep_as_they_will() {
        for depth in [50_000, 200_000] {
            for (begin, end) in [
                ("<div>", "</div>"),
                ("<b>", "</b>"),
                ("<table><tr><td>", "</td></tr></table>"),
                ("<blockquote>", "</blockquote>"),
                ("<ul><li>", "</li></ul>"),
                ("<ol><li>", "</li></ol>"),
                ("<span>", "</span>"),
                ("<font color=red>", "</font>"),
                ("<p>", "</p>"),
                ("<dl><dd>", "</dd></dl>"),
                ("<b><i><a href=x>", "</a></i></b>"),
            ] {
                let (begins, ends) = (begin.repeat(depth), end.repeat(depth));
                // Closed, open to the end, and with a text in each of them.
                for html in [
                    format!("<p>first</p>{begins}inmost{ends}<p>last</p>"),
                    format!("<p>first</p>{begins}inmost <i>last</i>"),
                    format!(
                        "first {} inmost {}last",
                        format!("{begin}x ").repeat(depth),
                        format!("{end}y ").repeat(depth)
                    ),
                ] {
                    let text = in_time(begin, &html);
                    let places = ["first", "inmost", "last"].map(|word| text.find(word));
                    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{begin}: {places:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_long_or_wide_or_many_takes_its_share_of_time_and_no_more() {
        let cells = format!("<tr>{}</tr>", "<td>x</td>".repeat(1_000)).repeat(1_000);
        for (what, html, contains) in [
            ("a wide table", format!("<table>{cells}<tr><td>last</table>"), "last"),
            ("a table without ends", format!("<table>{}last", "<tr><td>x<td>y".repeat(100_000)), "last"),
            (
                "rows and a wide one",
                format!("<table><tr>{}{}<tr><td>last", "<td>x".repeat(10_000), "<tr>".repeat(300_000)),
                "last",
            ),
            (
                "cells over many columns",
                format!("<table><tr>{}<td>last", "<td colspan=1000000000000>x".repeat(50_000)),
                "last",
            ),
            (
                "cells over no columns",
                "<table><tr><td colspan=0>last<td rowspan=99999999999999999999>x".to_string(),
                "last",
            ),
            (
                "cells over many rows",
                format!("<table>{}<tr><td>last", "<tr><td rowspan=65534>x".repeat(50_000)),
                "last",
            ),
            ("texts between rows", format!("<p>x</p><table>{}last", "text<tr>".repeat(100_000)), "last"),
            (
                "unclosed tags of all kinds",
                format!("{}last", "<div><b><p><li><a href=x><font><td><h1>".repeat(25_000)),
                "last",
            ),
            (
                "formats that reach over paragraphs",
                format!(
                    "{}last",
                    (0..100_000).map(|n| format!("<p><font size={n}><b></p>")).collect::<String>()
                ),
                "last",
            ),
            ("formats that cross", format!("{}last", "<b><div></b><i></div></i>".repeat(50_000)), "last"),
            ("end tags alone", format!("{}last", "</div></b></table></p>".repeat(100_000)), "last"),
            ("a large attribute", format!("<p style='{}'>last", "x".repeat(4 << 20)), "last"),
            (
                "many attributes",
                format!("<p {}>last", (0..200_000).map(|n| format!("a{n} ")).collect::<String>()),
                "last",
            ),
            ("many links", format!("{}last", "<a href='https://example.org/'>x</a> ".repeat(50_000)), "last"),
            ("a long link", format!("<a href='{}'>last</a>", "x".repeat(1 << 20)), "last"),
            ("a long word", format!("{} last", "x".repeat(1 << 20)), "last"),
            ("many words", format!("{} last", "x ".repeat(1 << 19)), "last"),
            ("many lines", format!("{} last", "<br>x".repeat(300_000)), "last"),
            (
                "lines in quotations",
                format!("{}{} last", "<blockquote>".repeat(200), "<br>x".repeat(100_000)),
                "last",
            ),
            ("many items", format!("<ol>{}<li>last", "<li>x".repeat(100_000)), "last"),
            ("ampersands", format!("{} last", "&".repeat(300_000)), "last"),
            ("less-than signs", format!("{} last", "< ".repeat(300_000)), "last"),
            ("comments", format!("{}--> last", "<!--".repeat(100_000)), "last"),
            ("preformatted", format!("<pre>{}</pre> last", "x\ty\n".repeat(100_000)), "last"),
        ] {
            let text = in_time(what, &html);
            assert!(text.contains(contains), "{what}: {}", &text[text.len().saturating_sub(200)..]);
        }
        assert!(text_from_html(&"x".repeat(17 * 1024 * 1024)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(html in "(<[a-z]{1,5}( [a-z]{1,4}=\"?[a-z]{0,4})?>|</[a-z]{1,5}>|[ -~ä漢]{0,9}){0,20}") {
            if let Ok(text) = text_from_html(&html) {
                prop_assert!(!text.contains('\r'));
            }
        }
    }
}
