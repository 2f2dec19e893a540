//! Tests the form of the tables in a file.

use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use proptest::prelude::*;

/// Returns the error for a file, without the excerpt that shows its place.
fn error_of<T: serde::de::DeserializeOwned>(file: &str) -> String {
    toml::from_str::<T>(file).err().map(|error| error.message().to_string()).unwrap_or_default()
}

#[test]
fn a_file_changes_only_the_entries_that_it_names() {
    let timeouts: Timeouts = toml::from_str("connect = 30\ndata = \"2m\"\nlast_words = 0.5\n").unwrap();
    let expected = Timeouts {
        connect: Duration::from_secs(30),
        data: Duration::from_mins(2),
        last_words: Duration::from_millis(500),
        ..Timeouts::default()
    };
    assert_eq!(timeouts, expected);
    assert_eq!(toml::from_str::<Timeouts>("").unwrap(), Timeouts::default());

    let limits: Limits = toml::from_str("window = 1\nin_flight = 64\n").unwrap();
    assert_eq!(limits, Limits { window: 1, in_flight: 64, ..Limits::default() });
    assert_eq!(toml::from_str::<Limits>("").unwrap(), Limits::default());
}

#[test]
fn the_defaults_are_printed_in_readable_units() {
    let expected = r#"connect = "5m"
greeting = "5m"
hello = "5m"
tls = "2m"
auth = "2m"
mail = "5m"
rcpt = "5m"
data = "2m"
block = "3m"
end = "10m"
reset = "5m"
noop = "5m"
other = "5m"
quit = "1m"
last_words = "2s"
"#;
    assert_eq!(toml::to_string(&Timeouts::default()).unwrap(), expected);
    let expected = "reply_line = 4096\nreply_lines = 512\nreply_octets = 65536\nwindow = 128\nchunk = 65536\n\
                    in_flight = 1\nauth_rounds = 10\nchallenge = 8192\n";
    assert_eq!(toml::to_string(&Limits::default()).unwrap(), expected);
}

#[test]
fn an_error_names_the_misspelt_name() {
    let error = error_of::<Timeouts>("recipient = 5\n");
    assert!(error.contains("unknown field `recipient`") && error.contains("`rcpt`"), "{error}");
    let error = error_of::<Limits>("windows = 5\n");
    assert!(error.contains("unknown field `windows`") && error.contains("`window`"), "{error}");
}

#[test]
fn an_invalid_timeout_is_an_error_with_advice() {
    for (value, said) in [
        ("0", "a duration of zero is not possible, try \"1s\""),
        ("\"0ms\"", "a duration of zero is not possible, try \"1s\""),
        ("604801", "the duration is longer than a week, try \"1h\""),
        ("\"169h\"", "the duration is longer than a week, try \"1h\""),
    ] {
        assert_eq!(error_of::<Timeouts>(&format!("quit = {value}\n")), said);
    }
    for value in ["-1", "-0.5", "nan", "inf", "1e300", "\"soon\"", "\"1m30s\"", "true", "[1]"] {
        let error = error_of::<Timeouts>(&format!("quit = {value}\n"));
        assert!(
            error.ends_with(
                "expected a duration such as \"30s\", \"500ms\" or \"5m\", or a number of seconds"
            ),
            "{value}: {error}"
        );
    }
    assert_eq!(toml::from_str::<Timeouts>("quit = '168h'").unwrap().quit, Duration::from_hours(168));
}

#[test]
fn an_invalid_limit_is_an_error() {
    let names = ["reply_line", "reply_lines", "reply_octets", "window", "chunk", "auth_rounds", "challenge"];
    for name in names {
        assert_eq!(
            error_of::<Limits>(&format!("{name} = 0")),
            "a limit of zero is not possible, try 1 or more"
        );
        assert!(toml::from_str::<Limits>(&format!("{name} = 1")).is_ok(), "{name}");
        assert!(toml::from_str::<Limits>(&format!("{name} = -1")).is_err(), "{name}");
    }
    for count in [0, 65] {
        let said = format!("{count} messages in flight are not possible, try 1 to 64");
        assert_eq!(error_of::<Limits>(&format!("in_flight = {count}")), said);
    }
}

prop_compose! {
    fn any_timeout()(nanoseconds in 1_u64..=604_800_000_000_000) -> Duration {
        Duration::from_nanos(nanoseconds)
    }
}

proptest! {
    #[test]
    fn timeouts_are_read_back_as_they_were_written(all in any_timeout(), rcpt in any_timeout(), seconds in 1_u64..604_800) {
        let timeouts = Timeouts { rcpt, data: Duration::from_secs(seconds), ..Timeouts::all(all) };
        let file = toml::to_string(&timeouts).unwrap();
        prop_assert_eq!(toml::from_str::<Timeouts>(&file).unwrap(), timeouts);
    }

    #[test]
    fn limits_are_read_back_as_they_were_written(
        window in 1_usize..1_000_000,
        chunk in 1_usize..1_000_000_000,
        in_flight in 1_usize..=64,
    ) {
        let limits = Limits { window, chunk, in_flight, ..Limits::default() };
        let file = toml::to_string(&limits).unwrap();
        prop_assert_eq!(toml::from_str::<Limits>(&file).unwrap(), limits);
    }
}
