//! A session with a local Postfix, recorded, then replayed: the same client meets the same server twice.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{run, support, text};

/// A Postfix of its own: configuration, queue and data in a temporary directory, on a high port of loopback.
struct Postfix {
    directory: TempDir,
    port: u16,
    master: Child,
}

impl Postfix {
    fn start() -> Self {
        let directory =
            tempfile::Builder::new().prefix("mock-postfix-").tempdir().expect("the set-up of the test works");
        let root = directory.path();
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("the set-up of the test works")
            .local_addr()
            .expect("the set-up of the test works")
            .port();
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(root.join(name)).expect("the set-up of the test works");
        }
        // Postfix's own processes run as its user and must reach the directory.
        run("chmod", &["755", root.to_str().expect("the set-up of the test works")], b"");
        run("chown", &["postfix", root.join("data").to_str().expect("the set-up of the test works")], b"");
        let path = |name: &str| root.join(name).display().to_string();
        let certificates = root.join("certificates");
        let program = env!("CARGO_BIN_EXE_smtp-mock");
        let made =
            run(program, &["certs", certificates.to_str().expect("the set-up of the test works")], b"");
        assert!(made.status.success(), "{}", text(&made));
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmail_owner = postfix\n\
             setgid_group = postdrop\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mail.postfix.test\n\
             mydestination = postfix.test\nlocal_recipient_maps =\nalias_maps =\nalias_database =\n\
             mynetworks = 127.0.0.0/8\nlocal_transport = discard\nmaillog_file = {}\nmaillog_file_prefixes = {}\n\
             smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nsmtpd_tls_security_level = may\n",
            path("queue"),
            path("data"),
            path("mail/log"),
            path("mail"),
            path("certificates/good.pem"),
            path("certificates/good.key"),
        );
        let services = format!(
            "127.0.0.1:{port} inet n - n - - smtpd\nsmtp unix - - n - - smtp\npickup unix n - n 60 1 pickup\n\
             cleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\nproxymap unix - - n - - proxymap\ndiscard unix - - n - - discard\n\
             error unix - - n - - error\nanvil unix - - n - 1 anvil\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
             scache unix - - n - 1 scache\npostlog unix-dgram n - n - 1 postlogd\n"
        );
        fs::write(root.join("etc/main.cf"), main).expect("the set-up of the test works");
        fs::write(root.join("etc/master.cf"), services).expect("the set-up of the test works");
        // The first call makes the directories of the queue; the master itself is our own child.
        let check = run("postfix", &["-c", &path("etc"), "check"], b"");
        assert!(root.join("queue/pid").exists(), "{}", text(&check));
        let master = Command::new("/usr/lib/postfix/sbin/master")
            .args(["-c", &path("etc"), "-d", "-s"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the set-up of the test works");
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(root.join("mail/log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(15), "Postfix does not come up: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { directory, port, master }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let etc = self.path().join("etc");
        run("postfix", &["-c", etc.to_str().unwrap_or_default(), "stop"], b"");
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

/// Starts the program and gives it with the address of its start line.
fn start(arguments: &[&str]) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-mock"));
    let (child, line) = support::start_command(command.args(arguments).stderr(Stdio::piped()));
    (child, support::address(&line).to_owned())
}

/// What a client says and hears, by its own log. What it says of itself, such as the time, is left out.
fn client(address: &str, authority: &str, starttls: bool) -> String {
    let script = "
import smtplib, ssl, sys
address, authority, starttls = sys.argv[1:4]
host, port = address.split(':')
client = smtplib.SMTP(local_hostname='client.test')
client.set_debuglevel(1)
client._host = host
client.connect(host, int(port))
if starttls == 'yes':
    client.ehlo()
    client.starttls(context=ssl.create_default_context(cafile=authority))
client.sendmail('a@b.test', ['c@postfix.test'], b'Subject: Hello\\r\\n\\r\\nfirst\\r\\n.dot\\r\\n')
try:
    client.sendmail('a@b.test', ['no such user'], b'never')
except smtplib.SMTPRecipientsRefused:
    pass
client.quit()
";
    let starttls = if starttls { "yes" } else { "no" };
    let output = run("python3", &["-c", script, address, authority, starttls], b"");
    assert!(output.status.success(), "{}", text(&output));
    let (_, port) = address.rsplit_once(':').expect("the set-up of the test works");
    text(&output).lines().filter(|line| !line.contains(port)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_recorded_session_replays() {
    let postfix = Postfix::start();
    let upstream = format!("localhost:{}", postfix.port);
    let upstream_authority = postfix.path().join("certificates/ca.pem");
    let (file_path, authority) = (postfix.path().join("recorded.toml"), postfix.path().join("relay.pem"));
    for starttls in [false, true] {
        let (recorder, address) = start(&[
            "record",
            "--upstream",
            &upstream,
            "--upstream-ca-file",
            upstream_authority.to_str().expect("the set-up of the test works"),
            "--ca-file",
            authority.to_str().expect("the set-up of the test works"),
            "--timeout",
            "30s",
            "-o",
            file_path.to_str().expect("the set-up of the test works"),
        ]);
        let first = client(&address, authority.to_str().expect("the set-up of the test works"), starttls);
        let output = recorder.wait_with_output().expect("the set-up of the test works");
        assert!(output.status.success(), "{}", text(&output));
        assert!(first.contains("Ok: queued as"), "{first}");
        let file = fs::read_to_string(&file_path).expect("the set-up of the test works");
        assert!(file.contains("S: 220 mail.postfix.test ESMTP Postfix") && !file.contains("first"), "{file}");
        assert_eq!(file.contains("!starttls"), starttls, "{file}");

        let (replayer, address) = start(&[
            "replay",
            file_path.to_str().expect("the set-up of the test works"),
            "--ca-file",
            authority.to_str().expect("the set-up of the test works"),
            "--exit-after",
            "1 sessions",
            "--timeout",
            "30s",
        ]);
        let second = client(&address, authority.to_str().expect("the set-up of the test works"), starttls);
        let output = replayer.wait_with_output().expect("the set-up of the test works");
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(first, second, "starttls {starttls}");
    }
}
