//! Any text is refused or becomes a value that is printed, parsed back, and cannot end a command or an argument.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_core::{Domain, EhloDomain, ForwardPath, LocalPart, Mailbox, Parameter, ReversePath, Text};
use std::fmt::{Debug, Display};
use std::str::FromStr;

fuzz_target!(|text: &str| {
    holds::<Mailbox>(text, true);
    holds::<ReversePath>(text, true);
    holds::<ForwardPath>(text, true);
    holds::<LocalPart>(text, true);
    holds::<Domain>(text, false);
    holds::<EhloDomain>(text, false);
    holds::<Parameter>(text, false);
    if let Ok(value) = Text::from_str(text) {
        assert!(!value.as_str().contains(['\r', '\n', '\0']));
    }
    if let Ok(domain) = Domain::from_str(text)
        && let Ok(ascii) = domain.to_ascii()
    {
        assert!(ascii.is_ascii());
    }
});

fn holds<T: FromStr + Display + PartialEq + Debug>(text: &str, may_quote: bool) {
    let Ok(value) = text.parse::<T>() else { return };
    let printed = value.to_string();
    assert!(!printed.chars().any(char::is_control), "{printed:?}");
    assert!(printed.len() <= 1024);
    assert_eq!(printed.parse::<T>().ok().as_ref(), Some(&value), "{printed:?}");
    assert!(may_quote || !printed.contains(' '), "{printed:?}");
    // a bracket stands only around a path, or in quotes
    let inside = printed.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(&printed);
    assert!(!may_quote || inside.contains('"') || !inside.contains(['<', '>']), "{printed:?}");
}
