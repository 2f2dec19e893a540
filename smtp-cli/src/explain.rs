//! Provides the command `explain`: codes in words, offline.

use crate::args::ExplainArgs;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Terminal;
use smtp_core::reply::explain_enhanced;
use smtp_core::{Code, EnhancedCode, Occasion, explain as explain_code};

/// Says what the codes mean.
pub(crate) fn explain(args: &ExplainArgs, terminal: &mut Terminal) -> Result<Exit> {
    let mut code = None;
    let mut enhanced = None;
    for written in args.codes.iter().flat_map(|text| text.split_whitespace()) {
        let text = written.trim_matches(|character: char| !character.is_ascii_digit());
        let is_taken = if text.contains('.') {
            let parsed = EnhancedCode::split_from(text.as_bytes()).filter(|(_, rest)| rest.is_empty());
            let (parsed, _) = parsed.ok_or_else(|| no_code(written))?;
            enhanced.replace(parsed).is_some()
        } else {
            let parsed = text.parse().ok().and_then(Code::new).ok_or_else(|| no_code(written))?;
            code.replace(parsed).is_some()
        };
        if is_taken {
            return Err(Error::usage(
                "one reply code and one enhanced status code can be explained at a time",
            ));
        }
    }
    let (name, explanation) = match (code, enhanced) {
        (Some(code), Some(enhanced)) if u16::from(enhanced.class) != code.value() / 100 => {
            return Err(Error::usage(format!(
                "{code} and {enhanced} contradict each other: their first digits differ"
            )));
        }
        (Some(code), Some(enhanced)) => {
            (format!("{code} {enhanced}"), explain_code(code, Some(enhanced), Occasion::Unknown))
        }
        (Some(code), None) => (code.to_string(), explain_code(code, None, Occasion::Unknown)),
        (None, Some(enhanced)) => (enhanced.to_string(), explain_enhanced(enhanced)),
        (None, None) => return Err(Error::usage("a code is missing, try smtp-cli explain 550 5.1.1")),
    };
    terminal.print(&format!(
        "{name}: {}\nwhose fault: {}\nwhat to try: {}\nwhat follows: {}\n",
        explanation.meaning,
        explanation.fault,
        explanation.advice,
        explanation.next.name()
    ))?;
    Ok(Exit::OK)
}

fn no_code(text: &str) -> Error {
    Error::usage(format!("{text:?} is no code, which looks like 550 or 5.1.1"))
}
