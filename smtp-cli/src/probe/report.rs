//! Provides what was seen, in words and as one JSON document.

use crate::error::{Error, Escaped};
use crate::exit::Exit;
use crate::shown;
use serde_json::{Value, json};
use smtp_core::Extensions;
use smtp_core::probe::{self, Certificate, Facts, Finding, Offer, OldTls};
use std::fmt::Write as _;

/// The schema of the document; it changes when a program that reads it would have to.
const SCHEMA: &str = "smtp-cli/probe/1";
const DAY: i64 = 24 * 3600;

/// All that was seen, for people.
pub(super) fn text(facts: &Facts) -> String {
    let mut text = Text::default();
    let state = if facts.is_secured { ", under TLS" } else { "" };
    text.line(&format!("{} is connected and greeted{state}", facts.server));
    if let Some(greeting) = &facts.greeting {
        text.row("greeting", &greeting.to_string());
    }
    if let Some(offer) = facts.offer() {
        text.row("hello", &offer.hello);
    }
    if let Some(tls) = &facts.tls {
        let group = tls.group.as_ref().map(|group| format!(", {group}")).unwrap_or_default();
        text.row("TLS", &format!("{}, {}{group}", tls.version, tls.cipher));
        for (index, certificate) in tls.chain.iter().enumerate() {
            text.certificate(index, tls.chain.len(), certificate, facts.now);
        }
        match &facts.trust {
            Some(Ok(())) => text.row("trusted", "yes"),
            Some(Err(why)) => text.row("trusted", &format!("no: {why}")),
            None => {}
        }
    }
    match (&facts.clear, &facts.secured) {
        (Some(clear), Some(secured)) if differ_by_starttls(clear, secured) => {
            text.offer("offered, STARTTLS in clear alone", clear);
        }
        (Some(clear), Some(secured)) if clear.extensions != secured.extensions => {
            text.offer("offered in clear", clear);
            text.offer("offered under TLS", secured);
        }
        (_, Some(offer)) => text.offer("offered", offer),
        (Some(offer), None) => text.offer("offered in clear", offer),
        (None, None) => {}
    }
    let refusals = refusals(facts);
    if !refusals.is_empty() {
        text.line("what would be refused");
        for (what, why) in refusals {
            text.line(&format!("  {what}: {why}"));
        }
    }
    text.0.push_str(&findings(facts));
    text.0
}

/// Whether TLS changes nothing but that it is no longer offered, as it should be.
fn differ_by_starttls(clear: &Offer, secured: &Offer) -> bool {
    let without = |offer: &Offer| {
        let others = offer.extensions.iter().filter(|extension| extension.keyword != "STARTTLS");
        others.cloned().collect::<Vec<_>>()
    };
    !secured.extensions.has("STARTTLS") && without(clear) == without(secured)
}

/// The findings alone, and what could not be found out.
pub(super) fn findings(facts: &Facts) -> String {
    let mut text = Text::default();
    let findings = probe::findings(facts);
    text.line(if findings.is_empty() { "findings: none" } else { "findings" });
    for finding in findings {
        let line = format!(
            "{:<8}  {:<24}  {}; {}",
            finding.severity.name(),
            finding.rule,
            finding.what,
            advice(&finding)
        );
        text.line(&format!("  {line}"));
    }
    if !facts.not_checked.is_empty() {
        text.line("not found out");
        for (what, why) in &facts.not_checked {
            text.line(&format!("  {what}: {why}"));
        }
    }
    text.0
}

/// What to do about a finding, and the option that has to do with it.
fn advice(finding: &Finding) -> String {
    let option = match finding.rule {
        "certificate-name" => "; --tls-name tells what clients look for",
        "certificate-not-trusted" => "; --ca-file names another one",
        _ => "",
    };
    format!("{}{option}", finding.advice)
}

/// What the server would refuse, and why.
fn refusals(facts: &Facts) -> Vec<(String, String)> {
    let mut refusals = probe::refusals(facts);
    for (what, _) in refusals.iter_mut().filter(|(_, why)| why.starts_with("DSN ")) {
        what.push_str(" (--notify, --ret, --envid)");
    }
    refusals
}

/// All that was seen, or why nothing was, for programs.
pub(super) fn json(server: &str, seen: Result<&Facts, &Error>) -> String {
    let document = match seen {
        Err(error) => json!({
            "schema": SCHEMA,
            "exit": error.exit().status(),
            "error": error.to_string(),
            "server": server,
        }),
        Ok(facts) => {
            let tls = facts.tls.as_ref().map(|tls| {
                json!({
                    "version": tls.version,
                    "cipher": tls.cipher,
                    "group": tls.group,
                    "name": facts.tls_name,
                    "certificate_is_for_name": tls.is_for_name,
                    "trusted": facts.trust.as_ref().map(Result::is_ok),
                    "not_trusted_because": facts.trust.as_ref().and_then(|trust| trust.as_ref().err()),
                    "chain": tls.chain.iter().map(|one| certificate(one, facts.now)).collect::<Vec<_>>(),
                })
            });
            let findings: Vec<_> = probe::findings(facts)
                .into_iter()
                .map(|finding| {
                    json!({
                        "severity": finding.severity.name(),
                        "rule": finding.rule,
                        "what": finding.what,
                        "advice": advice(&finding),
                    })
                })
                .collect();
            let pairs = |pairs: Vec<(String, String)>| {
                pairs.into_iter().map(|(what, why)| json!({ "what": what, "why": why })).collect::<Vec<_>>()
            };
            let not_checked =
                facts.not_checked.iter().map(|(what, why)| ((*what).to_string(), why.clone())).collect();
            json!({
                "schema": SCHEMA,
                "exit": Exit::OK.status(),
                "server": facts.server,
                "greeting": facts.greeting.as_ref().map(ToString::to_string),
                "greeted_after_ms": u64::try_from(facts.greeted_after.as_millis()).unwrap_or(u64::MAX),
                "clear": facts.clear.as_ref().map(offer),
                "secured": facts.secured.as_ref().map(offer),
                "tls": tls,
                "starttls_injection": facts.injection,
                "old_tls": match facts.old_tls {
                    Some(OldTls::Accepted(version)) => Some(version),
                    _ => None,
                },
                "refusals": pairs(refusals(facts)),
                "findings": findings,
                "not_checked": pairs(not_checked),
            })
        }
    };
    shown::json_lines(&document) + "\n"
}

fn offer(offer: &Offer) -> Value {
    let extensions = &offer.extensions;
    let limits = extensions.session_limits();
    json!({
        "hello": offer.hello,
        "extended": offer.is_extended,
        "extensions": extensions.iter().map(|extension| json!({
            "keyword": extension.keyword,
            "parameters": extension.parameters,
            "explanation": extension.explanation(),
        })).collect::<Vec<_>>(),
        "mechanisms": extensions.mechanisms().collect::<Vec<_>>(),
        "size_limit": extensions.size_limit(),
        "messages_limit": limits.mail,
        "recipients_limit": limits.recipients,
        "recipient_domains_limit": limits.recipient_domains,
    })
}

fn certificate(certificate: &Certificate, now: i64) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": certificate.names,
        "not_before": date(certificate.not_before),
        "not_after": date(certificate.not_after),
        "days_left": (certificate.not_after - now).div_euclid(DAY),
        "key": certificate.key,
        "signature": certificate.signature,
        "pin": certificate.pin.to_string(),
    })
}

/// A text in the making, whose parts that come from the server cannot play with a terminal.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{}", Escaped(line).to_string().trim_end());
    }

    fn row(&mut self, name: &str, value: &str) {
        let mut name = name;
        for line in value.lines() {
            self.line(&format!("  {name:<12}{line}"));
            name = "";
        }
    }

    fn certificate(&mut self, index: usize, count: usize, certificate: &Certificate, now: i64) {
        let name = if index == 0 { "certificate" } else { "signed by" };
        self.row(name, &format!("{} ({} of {count})", certificate.subject, index + 1));
        if !certificate.names.is_empty() {
            self.row("", &format!("for {}", certificate.names.join(", ")));
        }
        self.row("", &format!("issued by {}", certificate.issuer));
        let left = (certificate.not_after - now).div_euclid(DAY);
        let left = if left < 0 { format!("{} days ago", -left) } else { format!("{left} days left") };
        self.row(
            "",
            &format!(
                "valid from {} to {} ({left})",
                date(certificate.not_before),
                date(certificate.not_after)
            ),
        );
        self.row("", &format!("key {}, signed by {}", certificate.key, certificate.signature));
        self.row("", &certificate.pin.to_string());
    }

    fn offer(&mut self, heading: &str, offer: &Offer) {
        self.line(heading);
        let extensions: &Extensions = &offer.extensions;
        for extension in extensions.iter() {
            let head = format!("{} {}", extension.keyword, extension.parameters);
            let explanation = extension.explanation().unwrap_or("not known here");
            self.line(&format!("  {:<24}  {explanation}", head.trim_end()));
        }
        if extensions.iter().next().is_none() {
            self.line("  no extension");
        }
    }
}

/// A day, in UTC.
fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| format!("{seconds} s"), |time| time.strftime("%Y-%m-%d").to_string())
}
