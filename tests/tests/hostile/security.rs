//! Holds `SECURITY.md` against the tests that it names.

use std::fs;
use std::path::Path;

const SECURITY: &str = include_str!("../../../SECURITY.md");

/// The tests that the page names, as `path::name`.
fn named() -> Vec<(&'static str, &'static str)> {
    SECURITY.split('`').skip(1).step_by(2).filter_map(|text| text.split_once(".rs::")).collect()
}

#[test]
fn every_test_that_security_md_names_exists() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = named();
    assert!(named.len() >= 48, "{}", named.len());
    for (path, name) in named {
        let path = workspace.join(path).with_extension("rs");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let is_test = |place: usize| lines[..place].iter().rev().take(2).any(|line| *line == "#[test]");
        let written = lines.iter().position(|line| line.starts_with(&format!("fn {name}(")));
        let by_macro =
            lines.iter().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(": ")));
        assert!(written.is_some_and(is_test) || by_macro, "{name} is no test of {}", path.display());
    }
}

#[test]
fn every_threat_has_its_section_and_its_test_there() {
    let threats = include_str!("mod.rs");
    for row in 1..=24 {
        let start = SECURITY.find(&format!("\n### {row}. ")).unwrap_or_else(|| panic!("no section {row}"));
        let section = &SECURITY[start + 1..];
        let section = &section[..section.find("\n#").unwrap_or(section.len())];
        let is_named = |line: &str| {
            let name = line.trim().strip_suffix(&format!(": {row},"));
            name.is_some_and(|name| section.contains(&format!("hostile/mod.rs::{name}`")))
        };
        assert!(threats.lines().any(is_named), "the test of threat {row} is not named in {section}");
    }
}
