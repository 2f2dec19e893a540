//! Five clients that people use, each in clear, with STARTTLS and AUTH, with implicit TLS, and refused.

use std::{fs, path::PathBuf};

use smtp_mock::{Certificate, Mechanism, Mock, On, Rule};
use tempfile::TempDir;

use crate::{run, text};

const MESSAGE: &str = "From: a@b.test\r\nTo: c@d.test\r\nSubject: Hello\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\
                       Message-ID: <1@b.test>\r\n\r\nfirst\r\n.dot\r\n";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Case {
    Plain,
    StarttlsAuth,
    Implicit,
    Refused,
}

/// What a client needs to know.
struct Job {
    case: Case,
    port: String,
    authority: PathBuf,
    directory: TempDir,
}

impl Job {
    fn authority(&self) -> &str {
        self.authority.to_str().expect("the directory has a plain name")
    }

    fn message(&self) -> String {
        let path = self.directory.path().join("message.eml");
        fs::write(&path, MESSAGE).expect("a file can be written");
        path.display().to_string()
    }
}

/// Runs a client in a case and holds the transcript against what it must have said.
fn check(client: impl Fn(&Job) -> std::process::Output) {
    for case in [Case::Plain, Case::StarttlsAuth, Case::Implicit, Case::Refused] {
        let mut builder = Mock::builder();
        builder = match case {
            Case::Plain => builder,
            Case::StarttlsAuth => builder
                .starttls(Certificate::Good)
                .user("alice", "secret")
                .mechanisms([Mechanism::Plain])
                .require_tls()
                .require_auth(),
            Case::Implicit => builder.implicit_tls(Certificate::Good),
            Case::Refused => builder.rule(Rule::on(On::Rcpt).reply("550 5.1.1 no such user here").expect(1)),
        };
        let mock = builder.start();
        let directory = tempfile::tempdir().expect("the set-up of the test works");
        let authority = directory.path().join("ca.pem");
        fs::write(&authority, mock.ca_pem()).expect("the set-up of the test works");
        let job = Job { case, port: mock.addr().port().to_string(), authority, directory };
        let output = client(&job);
        let told = text(&output);
        mock.wait_closed(1);
        let transcript = mock.transcript();
        let context = format!("{case:?}: {told}\n{transcript}");
        assert_eq!(output.status.success(), case != Case::Refused, "{context}");
        let pattern = match case {
            Case::Plain | Case::Implicit => {
                "S: 220 *\nC: ?*LO *\n...\nC: MAIL FROM:<a@b.test>*\n...\nC: RCPT TO:<c@d.test>*\n...\nC: DATA\n...\n\
                 S: 354 *\nC: <* octets of mail data>\nS: 250 *queued as 1.1\nC: QUIT\nS: 221*"
            }
            Case::StarttlsAuth => {
                "S: 220 *\nC: EHLO *\n...\nC: STARTTLS\nS: 220 *\nC: EHLO *\n...\nC: AUTH PLAIN*\n...\nS: 235 *\n\
                 C: MAIL FROM:<a@b.test>*\n...\nC: RCPT TO:<c@d.test>*\n...\nC: DATA\n...\nS: 354 *\n\
                 C: <* octets of mail data>\nS: 250 2.0.0 queued as 1.1\nC: QUIT\nS: 221*"
            }
            Case::Refused => {
                "S: 220 *\nC: ?*LO *\n...\nC: RCPT TO:<c@d.test>*\n...\nS: 550 5.1.1 no such user here\n..."
            }
        };
        if let Err(difference) = transcript.compare(pattern) {
            panic!("{difference}\n{context}");
        }
        let messages = mock.messages();
        if case == Case::Refused {
            assert!(messages.is_empty(), "{context}");
            continue;
        }
        assert_eq!(messages.len(), 1, "{context}");
        assert_eq!(messages[0].envelope.secure, case != Case::Plain, "{context}");
        let user = (case == Case::StarttlsAuth).then_some("alice");
        assert_eq!(messages[0].envelope.user.as_deref(), user, "{context}");
        assert_eq!(messages[0].subject().as_deref(), Some("Hello"), "{context}");
        let body = messages[0].text().unwrap_or_default().replace("\r\n", "\n");
        // swaks ends what it reads from a file with a line end of its own.
        assert_eq!(body.trim_end(), "first\n.dot", "{context}");
        assert!(
            !told.contains("AGFsaWNlAHNlY3JldA==") || told.contains("swaks") || told.contains("~>"),
            "{context}"
        );
        assert!(!transcript.to_string().contains("AGFsaWNlAHNlY3JldA=="), "{context}");
    }
}

#[test]
fn curl() {
    check(|job| {
        let message = job.message();
        let scheme = if job.case == Case::Implicit { "smtps" } else { "smtp" };
        let url = format!("{scheme}://127.0.0.1:{}/client.test", job.port);
        let mut arguments =
            vec!["-sS", "--url", &url, "--mail-from", "a@b.test", "--mail-rcpt", "c@d.test", "-T", &message];
        if matches!(job.case, Case::StarttlsAuth | Case::Implicit) {
            arguments.extend(["--ssl-reqd", "--cacert", job.authority()]);
        }
        if job.case == Case::StarttlsAuth {
            arguments.extend(["--user", "alice:secret", "--login-options", "AUTH=PLAIN"]);
        }
        run("curl", &arguments, b"")
    });
}

#[test]
fn swaks() {
    check(|job| {
        let data = format!("@{}", job.message());
        let mut arguments = vec![
            "--server",
            "127.0.0.1",
            "--port",
            &job.port,
            "--from",
            "a@b.test",
            "--to",
            "c@d.test",
            "--helo",
            "client.test",
            "--data",
            &data,
        ];
        match job.case {
            Case::StarttlsAuth => {
                arguments.extend(["--tls", "--tls-verify", "--tls-ca-path", job.authority()]);
            }
            Case::Implicit => arguments.extend(["--tlsc", "--tls-verify", "--tls-ca-path", job.authority()]),
            _ => {}
        }
        if job.case == Case::StarttlsAuth {
            arguments.extend(["--auth", "PLAIN", "--auth-user", "alice", "--auth-password", "secret"]);
        }
        run("swaks", &arguments, b"")
    });
}

#[test]
fn msmtp() {
    check(|job| {
        let (port, trust) = (format!("--port={}", job.port), format!("--tls-trust-file={}", job.authority()));
        let mut arguments =
            vec!["--file=/dev/null", "--host=127.0.0.1", &port, "--from=a@b.test", "--domain=client.test"];
        match job.case {
            Case::StarttlsAuth => arguments.extend([
                "--tls=on",
                "--tls-starttls=on",
                &trust,
                "--auth=plain",
                "--user=alice",
                "--passwordeval=echo secret",
            ]),
            Case::Implicit => arguments.extend(["--tls=on", "--tls-starttls=off", &trust]),
            _ => arguments.push("--tls=off"),
        }
        arguments.extend(["--", "c@d.test"]);
        run("msmtp", &arguments, MESSAGE.replace("\r\n", "\n").as_bytes())
    });
}

#[test]
fn python_smtplib() {
    check(|job| {
        let script = "
import smtplib, ssl, sys
case, port, authority, path = sys.argv[1:5]
context = ssl.create_default_context(cafile=authority)
if case == 'Implicit':
    client = smtplib.SMTP_SSL('127.0.0.1', int(port), 'client.test', context=context)
else:
    client = smtplib.SMTP('127.0.0.1', int(port), 'client.test')
if case == 'StarttlsAuth':
    client.starttls(context=context)
    client.login('alice', 'secret')
try:
    client.sendmail('a@b.test', ['c@d.test'], open(path, 'rb').read())
finally:
    client.quit()
";
        let case = format!("{:?}", job.case);
        run("python3", &["-c", script, &case, &job.port, job.authority(), &job.message()], b"")
    });
}

#[test]
fn s_nail() {
    check(|job| {
        let scheme = if job.case == Case::Implicit { "smtps" } else { "smtp" };
        let login = if job.case == Case::StarttlsAuth { "alice:secret@" } else { "" };
        let mta = format!("mta={scheme}://{login}localhost:{}", job.port);
        let trust = format!("tls-ca-file={}", job.authority());
        let mut arguments = vec![
            "-:/",
            "-S",
            "v15-compat",
            "-S",
            &mta,
            "-S",
            "from=a@b.test",
            "-S",
            "sendwait",
            "-S",
            "ttycharset=utf-8",
            "-S",
            "tls-ca-no-defaults",
            "-S",
            &trust,
            "-S",
            "tls-verify=strict",
        ];
        match job.case {
            Case::StarttlsAuth => arguments.extend(["-S", "smtp-use-starttls", "-S", "smtp-auth=plain"]),
            _ => arguments.extend(["-S", "smtp-auth=none"]),
        }
        arguments.extend(["-r", "a@b.test", "-s", "Hello", "c@d.test"]);
        run("s-nail", &arguments, b"first\n.dot\n")
    });
}
