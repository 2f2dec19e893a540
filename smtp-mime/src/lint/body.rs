//! Provides the checks of a message's body.

use super::{Findings, decode::decode, rules};
use crate::{
    existing::structure::{StoredPart, Structure},
    header::fold::MAX_LINE,
};

/// File extensions that large receivers refuse because the files can run code.
const RISKY: &[&str] = &[
    "ade",
    "adp",
    "apk",
    "appx",
    "appxbundle",
    "bat",
    "cab",
    "chm",
    "cmd",
    "com",
    "cpl",
    "diagcab",
    "dll",
    "dmg",
    "docm",
    "ex_",
    "exe",
    "hta",
    "img",
    "ins",
    "iso",
    "isp",
    "jar",
    "js",
    "jse",
    "lib",
    "lnk",
    "mde",
    "mjs",
    "msc",
    "msi",
    "msix",
    "msp",
    "mst",
    "nsh",
    "pif",
    "ppam",
    "ps1",
    "reg",
    "scr",
    "sct",
    "shb",
    "sys",
    "url",
    "vb",
    "vbe",
    "vbs",
    "vhd",
    "vxd",
    "wsc",
    "wsf",
    "wsh",
    "xlam",
    "xll",
    "xlsm",
];

pub(super) fn check(structure: &Structure, findings: &mut Findings) {
    let [crlf, lf, cr] = structure.line_ends;
    if cr > 0 {
        findings.add(&rules::BARE_LINE_END, "message", format!("{cr} lines end with CR alone"));
    }
    if crlf > 0 && lf > 0 {
        findings.add(
            &rules::BARE_LINE_END,
            "message",
            format!("{lf} lines end with LF alone, the others with CRLF"),
        );
    }
    for (index, part) in structure.parts.iter().enumerate() {
        octets(part, findings);
        content(&structure.parts, index, findings);
    }
    alternatives(&structure.parts, findings);
}

fn octets(part: &StoredPart, findings: &mut Findings) {
    let scan = &part.scan;
    let encoding = part.content.encoding.as_str();
    if encoding == "binary" {
        return;
    }
    let place = place(part);
    if scan.nul {
        findings.add(&rules::NUL, place.clone(), "it has a NUL");
    }
    if scan.longest_line > MAX_LINE as u64 {
        findings.add(
            &rules::LONG_LINE,
            place.clone(),
            format!("it has a line of {} octets", scan.longest_line),
        );
    }
    if scan.eight_bit && encoding != "8bit" {
        let problem = format!("it has non-ASCII bytes, and its encoding is {encoding}");
        findings.add(&rules::EIGHT_BIT_UNDECLARED, place.clone(), problem);
    }
    let is_text = part.content.media.starts_with("text/");
    if scan.eight_bit && is_text && part.content.parameter("charset").is_none() {
        findings.add(&rules::NO_CHARSET, place, "it has non-ASCII bytes, and no charset");
    }
}

fn content(parts: &[StoredPart], index: usize, findings: &mut Findings) {
    let part = &parts[index];
    let media = part.content.media.as_str();
    if media.starts_with("multipart/") && !parts.iter().any(|other| other.parent == Some(index)) {
        findings.add(&rules::NO_PARTS, place(part), "it has no parts");
    }
    if media == "message/rfc822" && matches!(part.content.encoding.as_str(), "base64" | "quoted-printable") {
        findings.add(&rules::ENCODED_MESSAGE, place(part), format!("it says {}", part.content.encoding));
    }
    if let Some(name) = part.content.file_name() {
        let name = decode(&name).to_ascii_lowercase();
        let ending = name.trim_end_matches(['.', ' ']).rsplit('.').next().unwrap_or_default();
        if name.contains('.') && RISKY.contains(&ending) {
            findings.add(&rules::RISKY_ATTACHMENT, name.clone(), format!("it ends with .{ending}"));
        }
    }
}

/// Checks that HTML has a plain text before it.
fn alternatives(parts: &[StoredPart], findings: &mut Findings) {
    let is_body =
        |part: &StoredPart, media: &str| part.content.media == media && part.content.file_name().is_none();
    for (index, part) in parts.iter().enumerate() {
        if !is_body(part, "text/html") || within_message(parts, index) {
            continue;
        }
        let alternative =
            ancestors(parts, index).find(|at| parts[*at].content.media == "multipart/alternative");
        let plain = alternative.and_then(|alternative| {
            let within = |at: usize| ancestors(parts, at).any(|ancestor| ancestor == alternative);
            (0..parts.len()).find(|at| is_body(&parts[*at], "text/plain") && within(*at))
        });
        match plain {
            None => findings.add(&rules::HTML_WITHOUT_TEXT, place(part), "it has no plain text alternative"),
            Some(plain) if plain > index => {
                findings.add(&rules::ALTERNATIVE_ORDER, place(part), "the plain text comes after it");
            }
            Some(_) => {}
        }
    }
}

/// Returns whether a part is within an enclosed message, which has another sender.
fn within_message(parts: &[StoredPart], index: usize) -> bool {
    ancestors(parts, index).any(|ancestor| parts[ancestor].content.media == "message/rfc822")
}

fn ancestors(parts: &[StoredPart], index: usize) -> impl Iterator<Item = usize> + '_ {
    std::iter::successors(parts[index].parent, |at| parts[*at].parent)
}

fn place(part: &StoredPart) -> String {
    part.content.file_name().unwrap_or_else(|| part.content.media.clone())
}
