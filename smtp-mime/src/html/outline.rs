//! Provides [`outline`], which reduces HTML to what a plain text shows, well nested and within limits.
//!
//! The time to lay HTML out grows with the product of element depth, table columns and element count. Therefore tags
//! beyond the limits are removed and their text is kept. Also removed is what has no effect on a plain text: most
//! attributes, comments, styles and scripts.

use html5gum::{HtmlString, StartTag, State, Token, Tokenizer};
use std::collections::HashMap;

/// The maximum number of open elements; a layout of nested tables has about 60.
const DEPTH: usize = 128;
/// The maximum number of open lists and quotations, each of which takes at least two columns of the text.
const INDENTED: usize = 16;
/// The maximum number of open tables.
const TABLES: usize = 12;
/// The maximum number of columns in a table.
const COLUMNS: usize = 32;
/// The maximum number of elements.
const ELEMENTS: usize = 100_000;

/// Elements that may contain only certain elements.
const PARENTS: [&str; 5] = ["table", "tr", "ol", "ul", "dl"];

/// Returns HTML with the same text, in which every element is closed and all limits are met.
pub(super) fn outline(html: &str) -> String {
    let mut outline = Outline { html: String::with_capacity(html.len()), ..Outline::default() };
    let mut tokenizer = Tokenizer::new(html);
    // Reading from a string cannot fail.
    while let Some(Ok(token)) = tokenizer.next() {
        match token {
            Token::StartTag(tag) => {
                if let Some(state) = outline.start(&tag) {
                    tokenizer.set_state(state);
                }
            }
            Token::EndTag(tag) => outline.end(&tag.name),
            Token::String(text) => outline.text(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    outline.close_until(0);
    outline.html
}

/// The kind of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Within a line.
    Inline,
    /// Within a line and without content.
    Empty,
    Block,
    /// A list or a quotation.
    Indented,
    /// An item of a list, or a part of it.
    Item,
    Table,
    Row,
    Cell,
    /// The parts of a table that contain rows.
    Rows,
    /// An element whose content is not text of the page.
    Hidden,
}

/// The elements that a text shows, with their kinds and the elements written for them.
const ELEMENTS_SHOWN: [(&str, Kind, &str); 71] = [
    ("a", Kind::Inline, "a"),
    ("address", Kind::Block, "div"),
    ("article", Kind::Block, "div"),
    ("aside", Kind::Block, "div"),
    ("b", Kind::Inline, "b"),
    ("blockquote", Kind::Indented, "blockquote"),
    ("br", Kind::Empty, "br"),
    ("caption", Kind::Rows, ""),
    ("center", Kind::Block, "div"),
    ("code", Kind::Inline, "code"),
    ("dd", Kind::Item, "dd"),
    ("del", Kind::Inline, "del"),
    ("details", Kind::Block, "div"),
    ("dialog", Kind::Block, "div"),
    ("dir", Kind::Indented, "ul"),
    ("div", Kind::Block, "div"),
    ("dl", Kind::Indented, "dl"),
    ("dt", Kind::Item, "dt"),
    ("em", Kind::Inline, "em"),
    ("fieldset", Kind::Block, "div"),
    ("figcaption", Kind::Block, "div"),
    ("figure", Kind::Block, "div"),
    ("footer", Kind::Block, "div"),
    ("form", Kind::Block, "div"),
    ("h1", Kind::Block, "h1"),
    ("h2", Kind::Block, "h2"),
    ("h3", Kind::Block, "h3"),
    ("h4", Kind::Block, "h4"),
    ("h5", Kind::Block, "h5"),
    ("h6", Kind::Block, "h6"),
    ("header", Kind::Block, "div"),
    ("hgroup", Kind::Block, "div"),
    ("hr", Kind::Empty, "hr"),
    ("i", Kind::Inline, "i"),
    ("iframe", Kind::Hidden, ""),
    ("img", Kind::Empty, "img"),
    ("ins", Kind::Inline, "ins"),
    ("li", Kind::Item, "li"),
    ("listing", Kind::Block, "pre"),
    ("main", Kind::Block, "div"),
    ("menu", Kind::Indented, "ul"),
    ("nav", Kind::Block, "div"),
    ("noembed", Kind::Hidden, ""),
    ("noframes", Kind::Hidden, ""),
    ("ol", Kind::Indented, "ol"),
    ("p", Kind::Block, "p"),
    ("plaintext", Kind::Block, "pre"),
    ("pre", Kind::Block, "pre"),
    ("s", Kind::Inline, "s"),
    ("script", Kind::Hidden, ""),
    ("search", Kind::Block, "div"),
    ("section", Kind::Block, "div"),
    ("strike", Kind::Inline, "s"),
    ("strong", Kind::Inline, "strong"),
    ("style", Kind::Hidden, ""),
    ("summary", Kind::Block, "div"),
    ("sup", Kind::Inline, "sup"),
    ("table", Kind::Table, "table"),
    ("tbody", Kind::Rows, ""),
    ("td", Kind::Cell, "td"),
    ("tfoot", Kind::Rows, ""),
    ("th", Kind::Cell, "th"),
    ("thead", Kind::Rows, ""),
    ("title", Kind::Hidden, ""),
    ("tr", Kind::Row, "tr"),
    ("ul", Kind::Indented, "ul"),
    ("wbr", Kind::Empty, "wbr"),
    ("xmp", Kind::Block, "pre"),
    // Their text is shown, and only theirs is not parsed as HTML.
    ("textarea", Kind::Block, "div"),
    ("template", Kind::Block, "div"),
    ("option", Kind::Block, "div"),
];

fn element(name: &[u8]) -> Option<(&'static str, Kind, &'static str)> {
    ELEMENTS_SHOWN.iter().find(|(known, ..)| known.as_bytes() == name).copied()
}

/// Returns the tokenizer state after a start tag whose content is not HTML.
fn state_after(name: &[u8]) -> Option<State> {
    match name {
        b"title" | b"textarea" => Some(State::RcData),
        b"script" => Some(State::ScriptData),
        b"style" | b"xmp" | b"iframe" | b"noembed" | b"noframes" => Some(State::RawText),
        b"plaintext" => Some(State::PlainText),
        _ => None,
    }
}

/// An open element.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its name in the input.
    name: &'static str,
    kind: Kind,
    /// Its name in the output.
    written: &'static str,
    /// The number of columns of a row so far.
    columns: usize,
}

/// The separator between texts in place of a removed tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    Nothing,
    Blank,
    Line,
}

impl Gap {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Inline => Self::Nothing,
            Kind::Cell => Self::Blank,
            _ => Self::Line,
        }
    }
}

/// The HTML being written.
#[derive(Debug, Default)]
struct Outline {
    html: String,
    open: Vec<Open>,
    /// Start tags removed since the last element was opened or closed; their end tags are removed too.
    omitted: HashMap<&'static str, usize>,
    /// The element whose content is skipped.
    hidden: Option<&'static str>,
    /// The separator before the next text, because a tag was removed there.
    gap: Gap,
    count: usize,
}

impl Outline {
    /// Handles a start tag; returns the tokenizer state for its content, if it changes.
    fn start(&mut self, tag: &StartTag<()>) -> Option<State> {
        if self.hidden.is_some() {
            return None;
        }
        if let Some((name, kind, written)) = element(&tag.name) {
            match kind {
                Kind::Hidden => self.hidden = Some(name),
                // Elements are not closed any more either: what follows remains within the last one.
                _ if self.count >= ELEMENTS => self.omit(name, kind),
                Kind::Rows => self.begin_rows(),
                Kind::Inline | Kind::Empty => self.begin_inline(tag, name, kind, written),
                Kind::Block | Kind::Indented | Kind::Item => self.begin_block(tag, name, kind, written),
                Kind::Table | Kind::Row | Kind::Cell => self.begin_table(tag, name, kind, written),
            }
        }
        state_after(&tag.name)
    }

    /// Ends the open rows, because a part of a table begins or ends.
    fn begin_rows(&mut self) {
        if let Some(table) = self.place(|open| open.kind == Kind::Table, |_| false) {
            self.close_until(table + 1);
        }
        self.gap = Gap::Line;
    }

    fn begin_inline(&mut self, tag: &StartTag<()>, name: &'static str, kind: Kind, written: &'static str) {
        if name == "a"
            && let Some(place) = self.place(|open| open.name == "a", is_table)
        {
            // A link cannot contain another one.
            self.close_until(place);
        }
        self.open_parent(written);
        if kind == Kind::Empty {
            self.write_tag(tag, written);
        } else {
            self.open_or_omit(tag, name, kind, written);
        }
    }

    fn begin_block(&mut self, tag: &StartTag<()>, name: &'static str, kind: Kind, written: &'static str) {
        // HTML allows these end tags to be omitted.
        let is_ended = |open: &Open| match kind {
            Kind::Item => open.name == name || (name != "li" && open.kind == Kind::Item && open.name != "li"),
            _ => name == "option" && open.name == "option",
        };
        let is_scope = |open: &Open| is_table(open) || open.kind == Kind::Indented;
        if let Some(place) = self.place(is_ended, is_scope) {
            self.close_until(place);
        }
        if let Some(place) = self.place(|open| open.name == "p", is_table) {
            self.close_until(place);
        }
        self.open_parent(written);
        self.open_or_omit(tag, name, kind, written);
    }

    fn begin_table(&mut self, tag: &StartTag<()>, name: &'static str, kind: Kind, written: &'static str) {
        if kind == Kind::Table {
            if let Some(place) = self.place(|open| open.name == "p", is_table) {
                self.close_until(place);
            }
            self.open_parent(written);
            return self.open_or_omit(tag, name, kind, written);
        }
        let Some(table) = self.place(|open| open.kind == Kind::Table, |_| false) else {
            self.gap = self.gap.max(Gap::of(kind));
            return;
        };
        let has_row = self.open.get(table + 1).is_some_and(|open| open.kind == Kind::Row);
        if kind == Kind::Row {
            self.close_until(table + 1);
            return self.open_or_omit(tag, name, kind, written);
        }
        if self.is_full(table + 1) {
            // A text cannot show so many: they are put into the last one.
            return self.omit(name, kind);
        }
        if !has_row {
            self.close_until(table + 1);
        }
        self.close_until((table + 2).min(self.open.len()));
        if !has_row {
            self.open_unnamed("tr", Kind::Row);
        }
        let span = number(tag, "colspan").clamp(1, COLUMNS);
        let Some(row) = self.open.last_mut().filter(|open| open.kind == Kind::Row) else { return };
        let span = span.min(COLUMNS - row.columns);
        row.columns += span;
        let mut cell = StartTag { name: tag.name.clone(), ..StartTag::default() };
        if span > 1 {
            cell.attributes.insert(HtmlString(b"colspan".to_vec()), span.to_string().into_bytes().into());
        }
        self.open_or_omit(&cell, name, kind, written);
    }

    /// Returns whether the row at that position has the maximum number of columns.
    fn is_full(&self, place: usize) -> bool {
        self.open.get(place).is_some_and(|open| open.kind == Kind::Row && open.columns >= COLUMNS)
    }

    fn open_or_omit(&mut self, tag: &StartTag<()>, name: &'static str, kind: Kind, written: &'static str) {
        let count = |kind: Kind| self.open.iter().filter(|open| open.kind == kind).count();
        let is_beyond = self.open.len() >= DEPTH
            || kind == Kind::Indented && count(kind) >= INDENTED
            || kind == Kind::Table && count(kind) >= TABLES;
        if is_beyond {
            self.omit(name, kind);
        } else {
            self.push(tag, name, kind, written);
        }
    }

    fn push(&mut self, tag: &StartTag<()>, name: &'static str, kind: Kind, written: &'static str) {
        self.write_tag(tag, written);
        self.open.push(Open { name, kind, written, columns: 0 });
        self.omitted.clear();
        if kind != Kind::Inline {
            self.gap = Gap::Nothing;
        }
    }

    fn omit(&mut self, name: &'static str, kind: Kind) {
        *self.omitted.entry(name).or_default() += 1;
        self.gap = self.gap.max(Gap::of(kind));
    }

    /// Opens the parents that HTML allows to be omitted, without which the content would not be shown.
    ///
    /// They are row and cell of a table, and the item of a list.
    fn open_parent(&mut self, written: &str) {
        if self.open.last().is_some_and(|open| open.kind == Kind::Table) {
            self.open_unnamed("tr", Kind::Row);
        }
        if let Some(row) = self.open.last_mut().filter(|open| open.kind == Kind::Row) {
            row.columns += 1;
            self.open_unnamed("td", Kind::Cell);
        }
        match self.open.last().map(|open| open.written) {
            Some("ol" | "ul") if written != "li" => self.open_unnamed("li", Kind::Item),
            Some("dl") if !matches!(written, "dt" | "dd") => self.open_unnamed("dd", Kind::Item),
            _ => {}
        }
    }

    fn open_unnamed(&mut self, name: &'static str, kind: Kind) {
        self.push(&StartTag::default(), name, kind, name);
    }

    fn end(&mut self, name: &[u8]) {
        let Some((name, kind, _)) = element(name) else { return };
        if self.hidden.is_some() {
            self.hidden = self.hidden.filter(|hidden| *hidden != name);
            return;
        }
        if self.count >= ELEMENTS && kind != Kind::Inline {
            self.gap = self.gap.max(Gap::of(kind));
            return;
        }
        if let Some(count) = self.omitted.get_mut(name).filter(|count| **count > 0) {
            *count -= 1;
            self.gap = self.gap.max(Gap::of(kind));
            return;
        }
        let place = match kind {
            Kind::Rows => return self.begin_rows(),
            Kind::Table => self.place(|open| open.kind == Kind::Table, |_| false),
            Kind::Row | Kind::Cell => self.place(|open| open.name == name, |open| open.kind == Kind::Table),
            _ => self.place(|open| open.name == name, is_table),
        };
        let Some(place) = place else { return };
        if kind == Kind::Cell && self.is_full(place.saturating_sub(1)) {
            self.gap = self.gap.max(Gap::of(kind));
            return;
        }
        let is_crossed = |open: &Open| kind == Kind::Inline && open.kind != Kind::Inline;
        if self.open[place..].iter().any(is_crossed) {
            // It ends within a block that began within it and continues.
            let open = self.open.remove(place);
            self.write(["</", open.written, ">"]);
        } else {
            self.close_until(place);
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        let is_blank = text.bytes().all(|octet| octet.is_ascii_whitespace());
        if !is_blank {
            self.open_parent("");
            match std::mem::take(&mut self.gap) {
                _ if self.html.is_empty() => {}
                Gap::Nothing => {}
                Gap::Line if self.count < ELEMENTS => self.write_tag(&StartTag::default(), "br"),
                Gap::Blank | Gap::Line => self.html.push(' '),
            }
        } else if self.open.last().is_some_and(|open| PARENTS.contains(&open.written)) {
            return;
        }
        self.write_text(text, false);
    }

    /// Finds the innermost open element that is wanted, unless a scope lies in between.
    fn place(&self, is_wanted: impl Fn(&Open) -> bool, is_scope: impl Fn(&Open) -> bool) -> Option<usize> {
        for (place, open) in self.open.iter().enumerate().rev() {
            if is_wanted(open) {
                return Some(place);
            }
            if is_scope(open) {
                return None;
            }
        }
        None
    }

    /// Closes open elements until this many remain.
    fn close_until(&mut self, count: usize) {
        while self.open.len() > count {
            if let Some(open) = self.open.pop() {
                self.write(["</", open.written, ">"]);
            }
            self.omitted.clear();
        }
    }

    fn write_tag(&mut self, tag: &StartTag<()>, written: &'static str) {
        self.count += 1;
        self.write(["<", written]);
        // Other attributes have no effect on a text; it does not show that a cell spans several rows.
        for name in ["alt", "colspan", "href", "src", "start"] {
            if let Some(value) = tag.attributes.get(name.as_bytes()) {
                self.write([" ", name, "=\""]);
                self.write_text(&String::from_utf8_lossy(value), true);
                self.html.push('"');
            }
        }
        self.html.push('>');
    }

    fn write_text(&mut self, text: &str, is_quoted: bool) {
        for character in text.chars() {
            match character {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '"' if is_quoted => self.html.push_str("&quot;"),
                character => self.html.push(character),
            }
        }
    }

    fn write<const N: usize>(&mut self, parts: [&str; N]) {
        self.html.extend(parts);
    }
}

/// Returns whether the element is a table, beyond which no element extends.
fn is_table(open: &Open) -> bool {
    matches!(open.kind, Kind::Table | Kind::Row | Kind::Cell)
}

/// Returns the number in an attribute, or 1.
fn number(tag: &StartTag<()>, name: &str) -> usize {
    let value = tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_has_the_elements_that_a_text_shows() {
        for (html, output) in [
            (
                "<!DOCTYPE html><head><title>no</title><style>no</style></head><p class=x>a<p>b",
                "<p>a</p><p>b</p>",
            ),
            ("a &amp; <b title=t>b</B> <span>&lt;c</span>", "a &amp; <b>b</b> &lt;c"),
            ("<a href='x&quot;>y'>a<a href=z>b", "<a href=\"x&quot;>y\">a</a><a href=\"z\">b</a>"),
            ("<ul><li>a<ul><li>b</ul><li>c</ul>", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
            ("<ol> a<li>b</ol>", "<ol><li> a</li><li>b</li></ol>"),
            ("<ol><ol><li>a</ol></ol>", "<ol><li><ol><li>a</li></ol></li></ol>"),
            ("<dl><dt>a<dd>b<dt>c<p>d</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c<p>d</p></dt></dl>"),
            (
                "<table><tr><td>a<td colspan=2>b<tr><th>c</table>",
                "<table><tr><td>a</td><td colspan=\"2\">b</td></tr><tr><th>c</th></tr></table>",
            ),
            (
                "<table><caption>a</caption><tbody><td>b</tbody>",
                "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>",
            ),
            ("<td>a<td>b", "a b"),
            ("<b>a<p>b</b>c</p>d", "<b>a<p>b</b>c</p>d"),
            (
                "<p>a<script>'<p>'</script><noscript>b</noscript><xmp><i></xmp>c",
                "<p>ab</p><pre>&lt;i></pre>c",
            ),
            ("<plaintext><p>", "<pre>&lt;p></pre>"),
            ("<section>a</section><section>b<br/>c<hr></section></p>", "<div>a</div><div>b<br>c<hr></div>"),
            ("<svg><path/><text>a</text></svg>", "a"),
        ] {
            assert_eq!(outline(html), output, "{html}");
        }
    }

    #[test]
    fn depth_columns_and_elements_are_limited_and_no_text_is_lost() {
        let depth = |html: &str| {
            let tags = html.split('<').skip(1).filter(|tag| !tag.starts_with("br>"));
            let steps = tags.scan(0_usize, |depth, tag| {
                *depth = if tag.starts_with('/') { *depth - 1 } else { *depth + 1 };
                Some(*depth)
            });
            steps.max().unwrap_or(0)
        };
        for (html, deepest) in [
            ("<div>".repeat(200_000), DEPTH),
            ("<blockquote>".repeat(200_000), INDENTED),
            ("<ul><li>".repeat(200_000), 2 * INDENTED + 2),
            ("<table><tr><td>".repeat(200_000), 3 * TABLES),
            ("<b>".repeat(200_000), DEPTH),
            ("<td>x".repeat(200_000), 0),
        ] {
            let output = outline(&format!("first{html}inmost"));
            assert!(output.starts_with("first") && output.contains("inmost"), "{output}");
            assert!(depth(&output) <= deepest, "{}", depth(&output));
            assert!(output.matches('<').count() <= 2 * ELEMENTS + DEPTH, "{}", output.matches('<').count());
        }
        let output = outline(&format!("<table><tr>{}", "<td>x</td>".repeat(1_000)));
        assert_eq!((output.matches("<td>").count(), output.matches('x').count()), (COLUMNS, 1_000));
        let output = outline(&"<table><tr><td colspan=1000000000000>x<td>y".repeat(3));
        assert_eq!(output.matches("colspan=\"32\"").count(), 3);
    }
}
