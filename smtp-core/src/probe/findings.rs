//! Concludes from [`Facts`]: [`findings`], and what the server would refuse.

use super::facts::{Facts, Offer, OldTls, Tls};
use crate::Extensions;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How much a finding matters; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums)] // there are three
pub enum Severity {
    /// Passwords or mail are at risk, or others will not deliver.
    Serious,
    /// It will become serious, or is so for some clients.
    Doubtful,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serious => "serious",
            Self::Doubtful => "doubtful",
            Self::Note => "note",
        }
    }
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Its name for programs.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// A certificate that ends sooner is about to: authorities in use give 90 days and advise to renew at 30.
const SOON: i64 = 21 * DAY;
const DAY: i64 = 24 * 3600;
/// Senders give up waiting for a greeting long before the 5 minutes of RFC 5321 §4.5.3.2.1.
const SLOW: u64 = 20;
/// Mechanisms that show the password or token to whoever listens.
const REVEALING: [&str; 4] = ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];

/// All findings, the worst first.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    findings.of_start(facts);
    findings.of_clear(facts);
    findings.of_tls(facts);
    if let Some(tls) = &facts.tls {
        findings.of_certificate(facts, tls);
    }
    if let (Some(clear), Some(secured)) = (&facts.clear, &facts.secured) {
        findings.of_change(&clear.extensions, &secured.extensions);
    }
    if let Some(offer) = facts.offer() {
        findings.of_offer(facts, offer);
    }
    findings.0.sort_by_key(|finding| finding.severity);
    findings.0
}

/// What would be refused, and why.
#[must_use]
pub fn refusals(facts: &Facts) -> Vec<(String, String)> {
    let mut refusals: Vec<(String, String)> = Vec::new();
    let Some(Offer { extensions, .. }) = facts.offer() else { return refusals };
    let mut add = |what: String, why: &str| refusals.push((what, why.to_string()));
    if let Some(limit) = extensions.size_limit() {
        add(format!("a message of more than {}", octets(limit)), "the limit of SIZE");
    }
    let limits = extensions.session_limits();
    for (limit, what) in [
        (limits.mail, ["message in one connection", "messages in one connection"]),
        (limits.recipients, ["recipient of one message", "recipients of one message"]),
        (
            limits.recipient_domains,
            ["domain of recipients in one message", "domains of recipients in one message"],
        ),
    ] {
        if let Some(limit) = limit {
            let what = what[usize::from(limit != 1)];
            add(format!("more than {limit} {what}"), "the limit of LIMITS");
        }
    }
    let reveals = |extensions: &Extensions| extensions.mechanisms().any(is_revealing);
    if let (Some(clear), Some(secured)) = (&facts.clear, &facts.secured)
        && reveals(&secured.extensions)
        && !reveals(&clear.extensions)
    {
        add("a password in clear".to_string(), "the mechanisms that show it are offered under TLS alone");
    }
    if facts.old_tls == Some(OldTls::Refused) {
        add("TLS below 1.2".to_string(), "its hello is not answered");
    }
    if facts.clear.is_some() && facts.secured.is_none() && !facts.is_tls_unwanted {
        add("a session that must be encrypted".to_string(), "STARTTLS does not lead to TLS");
    }
    for (keyword, what) in [
        ("AUTH", "a login"),
        ("SMTPUTF8", "addresses and header fields in UTF-8"),
        ("8BITMIME", "octets above 127 that are not encoded"),
        ("DSN", "wishes for reports of delivery"),
    ] {
        if !extensions.has(keyword) {
            add(what.to_string(), &format!("{keyword} is not offered"));
        }
    }
    refusals
}

/// Octets, and the same in larger units where that is shorter.
fn octets(count: u64) -> String {
    let mut units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")].into_iter();
    match units.find(|(size, _)| count >= *size) {
        Some((size, unit)) => {
            let tenths = u128::from(count) * 10 / u128::from(size);
            let fraction =
                if tenths.is_multiple_of(10) { String::new() } else { format!(".{}", tenths % 10) };
            format!("{count} octets ({}{fraction} {unit})", tenths / 10)
        }
        None => format!("{count} octets"),
    }
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, rule: &'static str, what: impl Into<String>, advice: &'static str) {
        self.0.push(Finding { severity, rule, what: what.into(), advice });
    }

    /// Of greeting and hello.
    fn of_start(&mut self, facts: &Facts) {
        use Severity::{Doubtful, Note, Serious};
        if facts.greeted_after.as_secs() >= SLOW {
            self.add(
                Doubtful,
                "slow-greeting",
                format!("the greeting took {} s", facts.greeted_after.as_secs()),
                "look for slow look-ups of the client's name or of block lists; some senders do not wait so long",
            );
        }
        if let Some(why) = &facts.hello_refusal {
            self.add(
                Serious,
                "hello-refused",
                why.clone(),
                "nobody can send mail here; look at the server's log",
            );
            return;
        }
        let Some(offer) = facts.clear.as_ref().or(facts.secured.as_ref()) else { return };
        if !offer.is_extended {
            self.add(
                Doubtful,
                "no-ehlo",
                "EHLO is refused and HELO taken, so there are no extensions and no STARTTLS",
                "let the server speak ESMTP (RFC 5321 §2.2.1); a filter between may hide it",
            );
        }
        let greeting = facts.greeting.as_ref().and_then(|reply| name_in(reply.text()));
        let hello = name_in(&offer.hello);
        for (place, name) in [("the greeting", greeting), ("the reply to the hello", hello)] {
            if facts.is_remote && !name.is_some_and(is_full_name) {
                let what = match name {
                    Some(name) => format!("{place} begins with {name:?}, which is no full host name"),
                    None => format!("{place} does not begin with a host name"),
                };
                let advice =
                    "let the server say its full name (RFC 5321 §4.2), as its log and its DNS have it";
                self.add(Note, "host-name", what, advice);
            }
        }
        if let (Some(greeting), Some(hello)) = (greeting, hello)
            && is_full_name(greeting)
            && is_full_name(hello)
            && !greeting.eq_ignore_ascii_case(hello)
        {
            self.add(
                Note,
                "two-names",
                format!("the greeting says {greeting}, the reply to the hello {hello}"),
                "let both say the same name; a proxy may answer one of them",
            );
        }
    }

    /// Of what is offered in clear.
    fn of_clear(&mut self, facts: &Facts) {
        use Severity::{Doubtful, Note, Serious};
        let Some(Offer { extensions, .. }) = &facts.clear else { return };
        if !extensions.has("STARTTLS") && facts.is_remote && !facts.is_lmtp {
            self.add(
                Serious,
                "no-starttls",
                "STARTTLS is not offered, so everything goes in clear",
                "set TLS up; senders that must encrypt cannot deliver here, and passwords would be seen",
            );
        }
        if !facts.is_remote {
            return;
        }
        let mechanisms: Vec<_> = extensions.mechanisms().collect();
        let revealing: Vec<_> = mechanisms.iter().copied().filter(|name| is_revealing(name)).collect();
        if !revealing.is_empty() {
            self.add(
                Serious,
                "auth-in-clear",
                format!(
                    "AUTH is offered in clear with {}, which show the password or token",
                    revealing.join(" ")
                ),
                "offer AUTH under TLS alone (RFC 4954 §4); clients that take it up lose their password",
            );
        } else if !mechanisms.is_empty() {
            self.add(
                Doubtful,
                "auth-in-clear",
                format!("AUTH is offered in clear with {}", mechanisms.join(" ")),
                "offer AUTH under TLS alone: what follows the login can be read and changed on the way",
            );
        }
        if extensions.has("TURN") {
            self.add(
                Note,
                "turn",
                "TURN is offered, which is obsolete and unsafe",
                "switch it off (RFC 5321 F.1)",
            );
        }
    }

    /// Of TLS itself.
    fn of_tls(&mut self, facts: &Facts) {
        use Severity::{Doubtful, Serious};
        if let Some(why) = &facts.tls_failure {
            self.add(
                Serious,
                "starttls-fails",
                format!("STARTTLS is offered and does not work: {why}"),
                "look at certificate and key of the server; many senders do not fall back to clear text",
            );
        }
        if facts.injection == Some(true) {
            self.add(
                Serious,
                "starttls-injection",
                "a command in the packet of STARTTLS is answered under TLS",
                "update the server, which must throw away what comes before the handshake (RFC 3207 §4.2, \
                 CVE-2011-0411): who sits between can put commands into sessions",
            );
        }
        if let Some(OldTls::Accepted(version)) = facts.old_tls {
            self.add(
                Doubtful,
                "old-tls",
                format!("{version} is spoken"),
                "switch off all below TLS 1.2 (RFC 8996)",
            );
        }
    }

    fn of_certificate(&mut self, facts: &Facts, tls: &Tls) {
        use Severity::{Doubtful, Serious};
        let mut is_date_wrong = false;
        for (index, certificate) in tls.chain.iter().enumerate() {
            let which = match index {
                0 => "the certificate".to_string(),
                _ => format!("certificate {} of the chain ({})", index + 1, certificate.subject),
            };
            let left = certificate.not_after - facts.now;
            if left < 0 {
                is_date_wrong = true;
                let what = format!("{which} has expired {}", days_ago(-left));
                self.add(
                    Serious,
                    "certificate-expired",
                    what,
                    "renew it; clients that verify do not connect",
                );
            } else if left < SOON {
                let what = format!("{which} expires in {} days", left / DAY);
                self.add(
                    Doubtful,
                    "certificate-expires",
                    what,
                    "renew it, and look why that was not done by itself",
                );
            }
            if certificate.not_before > facts.now {
                is_date_wrong = true;
                let what = format!("{which} is not valid yet");
                self.add(
                    Serious,
                    "certificate-not-yet-valid",
                    what,
                    "look at the clock of who issued it, and at yours",
                );
            }
            if certificate.is_key_weak {
                let what = format!("the key of {which} is weak: {}", certificate.key);
                self.add(Doubtful, "certificate-key", what, "take RSA of 2048 bits at least, or EC");
            }
            if certificate.is_signature_weak() {
                let what = format!("{which} is signed by {}", certificate.signature);
                self.add(Doubtful, "certificate-signature", what, "have it issued anew with SHA-256");
            }
        }
        if !tls.is_for_name {
            let names = tls.chain.first().map(|first| first.names.join(", ")).unwrap_or_default();
            let names = if names.is_empty() { "no name".to_string() } else { names };
            self.add(
                Serious,
                "certificate-name",
                format!("the certificate is not for {} but for {names}", facts.tls_name),
                "have the name issued, or connect by one of those",
            );
        }
        if let Some(Err(why)) = &facts.trust {
            // A library that names one fault of several may have named the date, which was said already.
            let is_said = is_date_wrong && (why.contains("expired") || why.contains("not yet valid"));
            if !is_said {
                self.add(
                    Serious,
                    "certificate-not-trusted",
                    format!("the certificate is not trusted: {why}"),
                    "send the whole chain, of an authority that clients know",
                );
            }
        }
    }

    /// Of what changes with TLS.
    fn of_change(&mut self, clear: &Extensions, secured: &Extensions) {
        use Severity::{Doubtful, Serious};
        let kept = |keyword: &str| keyword == "STARTTLS" || secured.has(keyword);
        let lost: Vec<_> = clear
            .iter()
            .map(|extension| extension.keyword.as_str())
            .filter(|keyword| !kept(keyword))
            .collect();
        if lost.contains(&"AUTH") {
            self.add(
                Serious,
                "auth-lost",
                "AUTH is offered in clear and not under TLS",
                "offer it the other way round: under TLS alone",
            );
        }
        let others: Vec<_> = lost.into_iter().filter(|keyword| *keyword != "AUTH").collect();
        if !others.is_empty() {
            self.add(
                Doubtful,
                "extensions-lost",
                format!("offered in clear and not under TLS: {}", others.join(" ")),
                "offer the same under TLS; two programs may answer before and behind STARTTLS",
            );
        }
        let gone: Vec<_> = clear
            .mechanisms()
            .filter(|name| {
                secured.has("AUTH") && !secured.mechanisms().any(|known| known.eq_ignore_ascii_case(name))
            })
            .collect();
        if !gone.is_empty() {
            self.add(
                Doubtful,
                "mechanisms-lost",
                format!("mechanisms offered in clear and not under TLS: {}", gone.join(" ")),
                "offer under TLS all that is offered in clear",
            );
        }
        if let (Some(before), Some(after)) = (clear.size_limit(), secured.size_limit())
            && after < before
        {
            self.add(
                Doubtful,
                "size-shrinks",
                format!("messages may have {before} octets in clear and {after} under TLS"),
                "give both the same limit",
            );
        }
        if secured.has("STARTTLS") {
            self.add(
                Doubtful,
                "starttls-again",
                "STARTTLS is offered under TLS too",
                "offer it in clear alone (RFC 3207 §4.2)",
            );
        }
    }

    /// Of what is offered where mail would be sent.
    fn of_offer(&mut self, facts: &Facts, offer: &Offer) {
        use Severity::{Doubtful, Note};
        let extensions = &offer.extensions;
        if facts.is_remote {
            for keyword in ["XCLIENT", "XFORWARD"] {
                if extensions.has(keyword) {
                    self.add(
                        Note,
                        "trusts-us",
                        format!("{keyword} is offered: the server believes what we say of who its client is"),
                        "offer it to your own proxies alone (smtpd_authorized_xclient_hosts in Postfix)",
                    );
                }
            }
        }
        if extensions.mechanisms().any(|name| name.eq_ignore_ascii_case("ANONYMOUS")) {
            let what = "AUTH offers ANONYMOUS, by which everyone may log in";
            self.add(Doubtful, "anonymous", what, "switch the mechanism off");
        }
        if extensions.has("EXPN") {
            let what = "EXPN is offered, which shows who is on a list";
            self.add(Note, "expn", what, "switch it off, unless it answers for the trusted alone");
        }
        if offer.is_extended && !extensions.has("PIPELINING") {
            let what = "PIPELINING is not offered, so each command costs a round trip";
            self.add(Note, "no-pipelining", what, "switch it on (RFC 2920)");
        }
    }
}

/// The name that such a line begins with.
fn name_in(line: &str) -> Option<&str> {
    line.split_whitespace().next().filter(|word| {
        word.chars().any(char::is_alphanumeric)
            && word.chars().all(|c| c.is_alphanumeric() || ".-_[]:".contains(c))
    })
}

/// Whether it is a name of more than one label, or an address literal.
fn is_full_name(name: &str) -> bool {
    name.starts_with('[') || name.trim_end_matches('.').contains('.')
}

fn is_revealing(name: &str) -> bool {
    REVEALING.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn days_ago(seconds: i64) -> String {
    match seconds / DAY {
        0 => "today".to_string(),
        1 => "1 day ago".to_string(),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Certificate;
    use super::*;
    use crate::mailer::{Pin, Server, Settings};
    use alloc::vec;

    fn facts() -> Facts {
        Facts::new(&Settings::new(Server::host("mx.example", 25)), 1_800_000_000)
    }

    fn rules(facts: &Facts) -> Vec<&'static str> {
        findings(facts).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_greeting_that_takes_long_is_told() {
        let mut facts = facts();
        facts.greeted_after = core::time::Duration::from_secs(SLOW - 1);
        assert_eq!(rules(&facts), Vec::<&str>::new());
        facts.greeted_after = core::time::Duration::from_secs(SLOW);
        assert_eq!(rules(&facts), ["slow-greeting"]);
    }

    #[test]
    fn each_certificate_of_the_chain_is_looked_at() {
        let mut facts = facts();
        let good = Certificate {
            subject: "CN=mx.example".to_string(),
            issuer: "CN=authority".to_string(),
            names: vec!["mx.example".to_string()],
            not_before: 0,
            not_after: facts.now + 99 * 365 * DAY,
            key: "EC, P-256".to_string(),
            is_key_weak: false,
            signature: "ecdsa-with-SHA256".to_string(),
            pin: Pin::new([0; 32]),
            is_self_issued: false,
        };
        let weak =
            Certificate { is_key_weak: true, signature: "sha1WithRSAEncryption".to_string(), ..good.clone() };
        let tls = |chain| Tls {
            version: "TLS 1.3".to_string(),
            cipher: String::new(),
            group: None,
            chain,
            is_for_name: true,
        };
        facts.tls = Some(tls(vec![good.clone()]));
        assert_eq!(rules(&facts), Vec::<&str>::new());
        facts.tls = Some(tls(vec![good.clone(), weak]));
        assert_eq!(rules(&facts), ["certificate-key", "certificate-signature"]);
        let mut late = good.clone();
        late.not_after = facts.now + SOON - 1;
        facts.tls = Some(tls(vec![good.clone(), late]));
        assert_eq!(rules(&facts), ["certificate-expires"]);
        let mut over = good;
        over.not_after = facts.now - 1;
        facts.tls = Some(tls(vec![over]));
        // The platform's words for what was found already are not a second finding, other words are.
        facts.trust = Some(Err("the certificate has expired".to_string()));
        assert_eq!(rules(&facts), ["certificate-expired"]);
        facts.trust = Some(Err("signed by nobody that is trusted".to_string()));
        assert_eq!(rules(&facts), ["certificate-expired", "certificate-not-trusted"]);
    }

    #[test]
    fn sizes_are_said_in_octets_and_larger_units() {
        for (count, text) in [
            (100, "100 octets"),
            (10_485_760, "10485760 octets (10 MiB)"),
            (26_214_400, "26214400 octets (25 MiB)"),
            (1_610_612_736, "1610612736 octets (1.5 GiB)"),
            (u64::MAX, "18446744073709551615 octets (17179869183.9 GiB)"),
        ] {
            assert_eq!(octets(count), text);
        }
    }

    #[test]
    fn names_are_told_from_other_words() {
        for (line, name) in [
            ("mx.example.org ESMTP", Some("mx.example.org")),
            ("[192.0.2.1] hello", Some("[192.0.2.1]")),
            ("*** hello", None),
            ("", None),
        ] {
            assert_eq!(name_in(line), name);
        }
        assert!(is_full_name("mx.example") && is_full_name("[192.0.2.1]"));
        assert!(!is_full_name("localhost") && !is_full_name("ESMTP"));
    }
}
