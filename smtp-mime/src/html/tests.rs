//! Tests the texts made of HTML, and that no HTML takes long.

use super::*;
use proptest::prelude::*;

#[test]
fn html_structure_is_shown_in_characters() {
    let html = "<html><head><title>no</title><style>p { color: red }</style></head><body><p>Grüße &amp; mehr</p><ul><li>one<li>two</ul><script>no()</script><table><tr><td>a</td><td>b</td></tr></table></body></html>";
    let text = text_from_html(html).unwrap();
    assert!(text.contains("Grüße & mehr") && text.contains("* one\n* two"), "{text}");
    assert!(!text.contains("no()") && !text.contains("color"), "{text}");
}

/// Tests that the limits do not affect ordinary HTML.
#[test]
fn the_limits_do_not_affect_ordinary_html() {
    for html in [
        "<!DOCTYPE html><html><head><meta charset=utf-8><title>t</title><style>p { x: y }</style></head>\n<body>\n<h1>News</h1>\n\
         <p>Hello <b>you</b>, see <a href=\"https://example.org/?a=1&amp;b=2\">our <i>page</i></a>.\n</p><hr>\
         <ul>\n <li>one</li>\n <li>two <ul><li>three</ul></li></ul><ol start=3><li>x<li>y</ol>\
         <img src=a.png alt='a picture'><img src=b.png><p>a<br>b<br/>c</body></html>",
        "<table width=100%><tr><td><table><tr><td>Name<td>Price</tr><tr><td>A thing<td align=right>1&nbsp;€</table>\
         <tr><td><p>Thanks<p>Bye</table>after",
        "<table><thead><tr><th>a<th>b</thead><tbody><tr><td colspan=2>wide</tbody></table>",
        "<blockquote type=cite><div>On Monday:<blockquote><p>deep</p></blockquote></div></blockquote>reply",
        "<div dir=ltr><div>first</div><div><br></div><div>second</div></div><pre>a  b\n  c &lt;d&gt;</pre>",
        "<dl><dt>term<dd>meaning<dt>other<dd>more</dl><p><code>x = 1</code> <del>old</del> <ins>new</ins> E=mc<sup>2</sup>",
        "no tags at all &amp; an ampersand",
        "<p>un<b>closed <i>both</b> crossed</i> end",
    ] {
        assert_eq!(laid_out(&outline(html)), laid_out(html), "{html}");
    }
}

/// Runs the conversion; a time that grows faster than the HTML would exceed the limit many times.
fn in_time(what: &str, html: &str) -> String {
    let begin = std::time::Instant::now();
    let text = text_from_html(html).unwrap_or_else(|error| panic!("{what}: {error}"));
    let took = begin.elapsed();
    eprintln!("{what}: {} octets, {} of text, {took:?}", html.len(), text.len());
    assert!(took < std::time::Duration::from_mins(1), "{what} takes {took:?}");
    text
}

/// Elements that can be nested, by their definition or in practice.
const NESTING: [(&str, &str); 11] = [
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
];

#[track_caller]
fn has_all(what: &str, html: &str) {
    let text = in_time(what, html);
    let places = ["first", "inmost", "last"].map(|word| text.find(word));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{what}: {places:?}");
}

#[test]
fn elements_can_be_nested_to_any_depth() {
    for (begin, end) in NESTING {
        let nested = |depth: usize| {
            format!("<p>first</p>{}inmost{}<p>last</p>", begin.repeat(depth), end.repeat(depth))
        };
        has_all(begin, &nested(50_000));
        if ["<div>", "<b>", "<table><tr><td>", "<blockquote>", "<ul><li>"].contains(&begin) {
            has_all(begin, &nested(200_000));
        }
    }
}

#[test]
fn unclosed_elements_and_elements_with_texts_can_be_nested_to_any_depth() {
    for (begin, end) in NESTING {
        has_all(begin, &format!("<p>first</p>{}inmost <i>last</i>", begin.repeat(20_000)));
        let (begins, ends) = (format!("{begin}x "), format!("{end}y "));
        has_all(begin, &format!("first {} inmost {}last", begins.repeat(20_000), ends.repeat(20_000)));
    }
}

fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

#[test]
fn the_time_is_proportional_to_the_size_of_the_html() {
    let cells = format!("<tr>{}</tr>", "<td>x</td>".repeat(1_000)).repeat(1_000);
    for (what, html) in [
        ("a wide table", format!("<table>{cells}<tr><td>last</table>")),
        ("a table without ends", format!("<table>{}last", "<tr><td>x<td>y".repeat(100_000))),
        (
            "rows and a wide one",
            format!("<table><tr>{}{}<tr><td>last", "<td>x".repeat(10_000), "<tr>".repeat(40_000)),
        ),
        (
            "cells over many columns",
            format!("<table><tr>{}<td>last", "<td colspan=1000000000000>x".repeat(50_000)),
        ),
        (
            "cells over no columns",
            "<table><tr><td colspan=0>last<td rowspan=99999999999999999999>x".to_string(),
        ),
        ("cells over many rows", format!("<table>{}<tr><td>last", "<tr><td rowspan=65534>x".repeat(50_000))),
        ("texts between rows", format!("<p>x</p><table>{}last", "text<tr>".repeat(100_000))),
        (
            "unclosed tags of all kinds",
            format!("{}last", "<div><b><p><li><a href=x><font><td><h1>".repeat(25_000)),
        ),
        (
            "formats that reach over paragraphs",
            format!("{}last", numbered(100_000, |n| format!("<p><font size={n}><b></p>"))),
        ),
        ("formats that cross", format!("{}last", "<b><div></b><i></div></i>".repeat(50_000))),
        ("end tags alone", format!("{}last", "</div></b></table></p>".repeat(100_000))),
        ("a large attribute", format!("<p style='{}'>last", "x".repeat(4 << 20))),
        ("many attributes", format!("<p {}>last", numbered(200_000, |n| format!("a{n} ")))),
        ("many links", format!("{}last", "<a href='https://example.org/'>x</a> ".repeat(50_000))),
        ("a long link", format!("<a href='{}'>last</a>", "x".repeat(1 << 20))),
        ("a long word", format!("{} last", "x".repeat(1 << 20))),
        ("many words", format!("{} last", "x ".repeat(1 << 19))),
        ("many lines", format!("{} last", "<br>x".repeat(300_000))),
        ("lines in quotations", format!("{}{} last", "<blockquote>".repeat(200), "<br>x".repeat(100_000))),
        ("many items", format!("<ol>{}<li>last", "<li>x".repeat(100_000))),
        ("ampersands", format!("{} last", "&".repeat(300_000))),
        ("less-than signs", format!("{} last", "< ".repeat(300_000))),
        ("comments", format!("{}--> last", "<!--".repeat(100_000))),
        ("preformatted", format!("<pre>{}</pre> last", "x\ty\n".repeat(100_000))),
    ] {
        let text = in_time(what, &html);
        // A narrow column may divide it.
        let end: String = text.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
        let is_there = text.contains("last") || end.split_whitespace().collect::<String>().ends_with("last");
        assert!(is_there, "{what}: {end}");
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
