//! Writes tables, and the document that holds them.

use super::clients::{Client, Programs};
use std::fmt::Write as _;
use std::process::Command;

/// A table with what is to be said of it.
#[derive(Debug, Default)]
pub(crate) struct Section {
    text: Vec<String>,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// What stands below the table.
    pub(crate) below: String,
}

impl Section {
    /// A table with these columns; those behind the first are numbers.
    pub(crate) fn new(text: &[&str], head: &[&'static str]) -> Self {
        let text = text.iter().map(ToString::to_string).collect();
        Self { text, head: head.to_vec(), rows: Vec::new(), below: String::new() }
    }

    /// Adds a row, and shows it to whoever waits.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        eprintln!("{}", cells.join("  "));
        self.rows.push(cells);
    }

    /// As Markdown.
    pub(crate) fn markdown(&self, title: &str) -> String {
        let mut out = format!("## {title}\n\n");
        for paragraph in &self.text {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{paragraph}\n");
        }
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        out.push_str(&line(&self.head.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let rule =
            self.head.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "---:" }.to_string());
        out.push_str(&line(&rule.collect::<Vec<_>>()));
        for row in &self.rows {
            out.push_str(&line(row));
        }
        if !self.below.is_empty() {
            let _ = write!(out, "\n{}\n", self.below.trim_end());
        }
        out
    }
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Document {
    text: String,
}

impl Document {
    /// Begins with the machine and the versions.
    pub(crate) fn new(programs: &Programs) -> Self {
        let mut text = "# Benchmarks\n\n\
            Written by `cargo bench -p smtp-tests --bench benchmark`; benchmarks within a process run with `cargo bench` in the\n\
            crates. A ratio compares the medians of alternating runs; more is better for messages and octets per second, less\n\
            for time and memory. A «turn» is a write followed by a wait for replies.\n\n"
            .to_string();
        let of = |program: &str, arguments: &[&str]| {
            let done = Command::new(program).args(arguments).output().ok()?;
            Some(String::from_utf8_lossy(&done.stdout).trim().to_string())
        };
        let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let system = of("uname", &["-sr"]).unwrap_or_default();
        let rustc = of("rustc", &["--version"]).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Machine: {processors} × {}, {system}, {rustc}.\n",
            model.trim_start_matches([' ', '\t', ':'])
        );
        // Figures of a machine that is busy with something else are worth less than their ratios.
        let busy = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let busy = busy.split(' ').take(3).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "Load averages at the end: {busy}.\n");
        let versions = [Client::Ours].into_iter().chain(Client::PEERS).filter_map(|client| {
            programs.version(client).map(|version| format!("{} {version}", client.name()))
        });
        let _ = writeln!(text, "Versions: {}.\n", versions.collect::<Vec<_>>().join(", "));
        Self { text }
    }

    /// Begins with the head of a document that exists.
    pub(crate) fn beginning_with(head: &str) -> Self {
        Self { text: format!("{}\n\n", head.trim_end()) }
    }

    /// Adds a section.
    pub(crate) fn add(&mut self, section: &str) {
        self.text.push_str(section.trim_end());
        self.text.push_str("\n\n");
    }

    /// All of it.
    pub(crate) fn markdown(&self) -> String {
        format!("{}\n", self.text.trim_end())
    }
}

/// What stands above the sections of a document that exists.
pub(crate) fn head_of(document: &str) -> Option<&str> {
    document.find("\n## ").map(|end| &document[..end])
}

/// The section of that title in a document that exists.
pub(crate) fn section_of<'a>(document: &'a str, title: &str) -> Option<&'a str> {
    let begin = document.find(&format!("## {title}\n"))?;
    let section = &document[begin..];
    let end = section.match_indices("\n## ").next().map_or(section.len(), |(end, _)| end);
    Some(&section[..end])
}

/// A ratio.
pub(crate) fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.1}×") } else { format!("{ratio:.2}×") }
}
