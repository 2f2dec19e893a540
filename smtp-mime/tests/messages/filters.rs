//! Rates every kind of message with `SpamAssassin` and rspamd.
//!
//! The same messages composed by Python's `email` and nodemailer are rated for comparison.
//!
//! Neither filter has network access, so they rate the message only.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mail_parser::{Address, MessageParser, MimeHeaders as _};
use serde_json::{Value, json};

use crate::kinds::{kinds, octets};

/// Symbols that are intended, each with its reason.
const EXPECTED: &[(&str, &str)] = &[
    // With only Bcc, To names no recipient, and a message without To is rated worse.
    ("only bcc", "R_UNDISC_RCPT"),
    // The test requests it.
    ("html only", "MIME_HTML_ONLY"),
];
/// Symbols that indicate a faulty message, whatever their weight.
const COMPOSERS: &[&str] = &[
    "BAD_ENC",
    "BASE64",
    "BOGUS",
    "BOUNDARY",
    "CHARSET",
    "DATE",
    "ENCODED",
    "EXCESS",
    "HEADER_CTYPE",
    "ILLEGAL",
    "INVALID",
    "MIME_BAD",
    "MIME_BASE64",
    "MIME_QP",
    "MISSING",
    "MSGID",
    "MULTIPLE",
    "NEEDS_ENCODING",
    "R_BAD_CTE",
];

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages");

#[test]
#[ignore = "needs spamassassin, rspamd and nodejs (apt-get install) and nodemailer (npm install; NODE_PATH says where)"]
fn no_filter_rates_another_composer_better() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let kinds = kinds();
    for (index, kind) in kinds.iter().enumerate() {
        let octets = octets(&kind.message);
        let described = directory.path().join(format!("{index}.json"));
        fs::write(&described, describe(kind.name, &octets).to_string()).unwrap();
        fs::write(directory.path().join(format!("{index}.ours.eml")), octets).unwrap();
        for (program, script, composer) in
            [("python3", "compose.py", "python"), ("node", "compose.js", "nodemailer")]
        {
            let composed = directory.path().join(format!("{index}.{composer}.eml"));
            let output =
                run(Command::new(program).arg(format!("{PROGRAMS}/{script}")).arg(&described).arg(&composed));
            assert!(
                output.status.success(),
                "{program} {}: {}",
                kind.name,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        files.extend(["ours", "python", "nodemailer"].map(|composer| format!("{index}.{composer}.eml")));
    }
    let judges = [
        ("SpamAssassin", spamassassin(directory.path(), &files)),
        ("rspamd", rspamd(directory.path(), &files)),
    ];
    let mut wrong = Vec::new();
    for (judge, verdicts) in &judges {
        let mut sums = BTreeMap::new();
        for (index, kind) in kinds.iter().enumerate() {
            let verdict = |composer: &str| &verdicts[&format!("{index}.{composer}.eml")];
            let ours = verdict("ours");
            let best = verdict("python").score.min(verdict("nodemailer").score);
            for composer in ["ours", "python", "nodemailer"] {
                *sums.entry(composer).or_insert(0.0) += verdict(composer).score;
            }
            let expected = |symbol: &str| EXPECTED.contains(&(kind.name, symbol));
            if ours.score > best + 0.005 {
                let symbols: Vec<_> = ours.symbols.iter().filter(|symbol| !expected(symbol)).collect();
                wrong.push(format!(
                    "{judge}: {}: {:.2} where another has {best:.2}: {symbols:?}",
                    kind.name, ours.score
                ));
            }
            for symbol in &ours.symbols {
                if COMPOSERS.iter().any(|mark| symbol.contains(mark))
                    && !expected(symbol)
                    && !harmless(symbol)
                {
                    wrong.push(format!("{judge}: {}: {symbol}", kind.name));
                }
            }
        }
        #[allow(clippy::cast_precision_loss)]
        for (composer, sum) in sums {
            println!("{judge}: {composer}: mean {:.3} over {} kinds", sum / kinds.len() as f64, kinds.len());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Symbols that contain one of these texts, each with its reason.
fn harmless(symbol: &str) -> bool {
    matches!(
        symbol,
        // Text in other scripts is half as large in base64; the weight is 0.1, no more than that of 8bit.
        "MIME_BASE64_TEXT"
        // The text itself mixes scripts.
        | "R_MIXED_CHARSET"
        // The test sets several authors.
        | "MULTIPLE_FROM"
    )
}

/// The rating of one message by a filter.
struct Verdict {
    score: f64,
    symbols: Vec<String>,
}

/// Describes the content of a message, using a parser that is independent of the composers.
fn describe(kind: &str, octets: &[u8]) -> Value {
    let parsed = MessageParser::default().parse(octets).unwrap();
    let mailboxes = |address: Option<&Address<'_>>| {
        address
            .into_iter()
            .flat_map(Address::iter)
            .map(
                |mailbox| json!({ "name": mailbox.name().unwrap_or_default(), "address": mailbox.address() }),
            )
            .collect::<Vec<_>>()
    };
    let body = |media: &str| {
        let part = parsed
            .parts
            .iter()
            .find(|part| part.is_content_type("text", media) && part.attachment_name().is_none());
        part.and_then(|part| part.text_contents().map(str::to_owned))
    };
    let attachments: Vec<_> = parsed
        .parts
        .iter()
        .filter_map(|part| {
            let name = part.attachment_name()?;
            let content_type = part.content_type()?;
            Some(json!({
                "name": name,
                "type": format!("{}/{}", content_type.ctype(), content_type.subtype().unwrap_or_default()),
                "octets": STANDARD.encode(part.contents()),
                "cid": part.content_id(),
            }))
        })
        .collect();
    let text = String::from_utf8_lossy(octets);
    let header = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
    let kept = [
        "list-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "auto-submitted",
        "importance",
        "in-reply-to",
        "references",
    ];
    let headers: Vec<_> = header
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| kept.contains(&name.to_lowercase().as_str()))
        .map(|(name, value)| json!([name, value]))
        .collect();
    json!({
        "kind": kind,
        "from": mailboxes(parsed.from()),
        "sender": mailboxes(parsed.sender()),
        "reply_to": mailboxes(parsed.reply_to()),
        "to": mailboxes(parsed.to()),
        "cc": mailboxes(parsed.cc()),
        "subject": parsed.subject(),
        "text": body("plain"),
        "html": body("html"),
        "attachments": attachments,
        "headers": headers,
    })
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Rates with the rules of Debian's package, except those that use the network or learn.
fn spamassassin(directory: &Path, files: &[String]) -> BTreeMap<String, Verdict> {
    let site = directory.join("spamassassin");
    fs::create_dir(&site).unwrap();
    for entry in fs::read_dir("/etc/spamassassin").expect("spamassassin is installed") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "pre") && !path.ends_with("sa-compile.pre") {
            fs::copy(&path, site.join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::write(site.join("local.cf"), "use_bayes 0\nskip_rbl_checks 1\ndns_available no\n").unwrap();
    fs::write(site.join("user_prefs"), "").unwrap();
    let script = format!("{PROGRAMS}/score.pl");
    let output = run(Command::new("perl").current_dir(directory).arg(script).arg(&site).args(files));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8(output.stdout).unwrap();
    let verdicts = report.lines().map(|line| {
        let words: Vec<_> = line.split([' ', ',']).map(str::to_owned).collect();
        let symbols = words[2..].iter().filter(|symbol| !symbol.starts_with("NO_RE")).cloned().collect();
        (words[0].clone(), Verdict { score: words[1].parse().unwrap(), symbols })
    });
    verdicts.collect()
}

/// Stops the process on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // On request it also ends its workers, which would survive if it was killed; it may have ended already.
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// Rates with rspamd in Debian's configuration, on its own port, without the modules that use the network.
fn rspamd(directory: &Path, files: &[String]) -> BTreeMap<String, Verdict> {
    let home = directory.join("rspamd");
    let overrides = home.join("conf/override.d");
    fs::create_dir_all(&overrides).unwrap();
    fs::create_dir_all(home.join("conf/local.d")).unwrap();
    // The port was free a moment ago, and no other program requests it by number.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = home.display();
    let set = |name: &str, text: String| fs::write(overrides.join(name), text).unwrap();
    set(
        "options.inc",
        format!(
            "dns {{ nameserver = [\"127.0.0.1:9\"]; timeout = 0.05s; retransmits = 1; }}\ncontrol_socket = \"{place}/socket mode=0600\";\npidfile = false;\n"
        ),
    );
    set("worker-normal.inc", format!("bind_socket = \"127.0.0.1:{port}\";\ncount = 1;\n"));
    set("logging.inc", format!("type = \"file\";\nfilename = \"{place}/log\";\nlevel = \"error\";\n"));
    for worker in ["controller", "proxy", "fuzzy"] {
        set(&format!("worker-{worker}.inc"), "enabled = false;\n".to_owned());
    }
    for module in [
        "rbl",
        "spf",
        "dmarc",
        "arc",
        "fuzzy_check",
        "surbl",
        "dkim",
        "history_redis",
        "greylist",
        "ratelimit",
        "phishing",
        "asn",
        "mx_check",
        "neural",
        "hfilter",
    ] {
        set(&format!("{module}.conf"), "enabled = false;\n".to_owned());
    }
    let variables = [("DBDIR", ""), ("LOGDIR", ""), ("RUNDIR", ""), ("LOCAL_CONFDIR", "/conf")];
    let child = Command::new("rspamd")
        .args(["-i", "-f", "-c", "/etc/rspamd/rspamd.conf"])
        .args(variables.map(|(name, path)| format!("--var={name}={place}{path}")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rspamd is installed");
    let _running = Running(child);
    let ask = |file: &str| {
        let address = format!("127.0.0.1:{port}");
        run(Command::new("rspamc").current_dir(directory).args(["-h", &address, "--json", "symbols", file]))
    };
    let patience = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(patience.elapsed() < Duration::from_mins(2), "rspamd does not start");
        std::thread::yield_now();
    }
    let verdict = |file: &String| {
        let output = ask(file);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{file}: {error}: {}", String::from_utf8_lossy(&output.stdout)));
        let symbols = report["symbols"].as_object().unwrap().keys().cloned().collect();
        (file.clone(), Verdict { score: report["score"].as_f64().unwrap(), symbols })
    };
    files.iter().map(verdict).collect()
}
