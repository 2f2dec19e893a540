//! Sessions typed at a pseudo-terminal: the use of the five programs that ours must cover, login that is tried again,
//! Ctrl-C and Ctrl-D at each prompt, and a server that leaves while the prompt waits.

use crate::support::{PASSWORD, place, program};
use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};
use smtp_mock::{Builder, Certificate, Mechanism, Mock, On, Rule, Step};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

/// Somebody at a terminal. Nobody waits for time: each answer is awaited by its text.
struct Typist {
    session: PtySession,
    seen: String,
}

impl Typist {
    /// Starts the shell with these options.
    fn new(options: &[&str]) -> Self {
        let mut command = program(&[&["shell"], options].concat());
        command.env("TERM", "xterm");
        let options = Options::new().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
        let session = spawn_with_options(command, options).expect("a pseudo-terminal can be had");
        let mut typist = Self { session, seen: String::new() };
        typist.waits_for(&["exit leaves", "no connection> "]);
        typist
    }

    /// Waits until these texts have come, in this order.
    #[track_caller]
    fn waits_for(&mut self, texts: &[&str]) {
        for text in texts {
            match self.session.exp_string(text) {
                Ok(before) => {
                    self.seen.push_str(&before);
                    self.seen.push_str(text);
                }
                Err(error) => panic!("{text:?} does not come: {error}\n{}", self.seen),
            }
        }
    }

    /// Types a line, then waits for these texts.
    #[track_caller]
    fn types(&mut self, line: &str, texts: &[&str]) {
        self.session.send_line(line).expect("it can be typed");
        self.waits_for(texts);
    }

    /// Types a control character, then waits for these texts.
    #[track_caller]
    fn presses(&mut self, control: char, texts: &[&str]) {
        self.session.send_control(control).expect("it can be typed");
        self.waits_for(texts);
    }

    /// Waits for the program's end, and gives all that was seen; no password is in it.
    #[track_caller]
    fn ends(mut self) -> String {
        match self.session.exp_eof() {
            Ok(rest) => self.seen.push_str(&rest),
            Err(error) => panic!("it does not end: {error}\n{}", self.seen),
        }
        let status = self.session.process().wait().expect("it has ended");
        assert!(format!("{status:?}").ends_with(", 0)"), "{status:?}\n{}", self.seen);
        assert!(!self.seen.contains(PASSWORD), "{}", self.seen);
        self.seen
    }
}

/// A server in clear, with a login.
fn with_login(user: &str) -> Builder {
    Mock::builder()
        .extensions(["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"])
        .user(user, PASSWORD)
        .plaintext_auth()
        .mechanisms([Mechanism::Login])
        .require_auth()
}

const IN_CLEAR: [&str; 3] = ["--tls", "none", "--allow-plaintext-auth"];

#[test]
fn a_console_client_with_login() {
    let mock = with_login("alice").start();
    let port = mock.addr().port().to_string();
    let mut typist = Typist::new(&IN_CLEAR);
    typist.types(
        "help",
        &["connect   Connect to a server", "quit", "exit", "connect, send, quit", "no connection> "],
    );
    typist.types("send", &["nothing can be sent without a connection", "no connection> "]);
    typist.types("quit", &["there is no connection to break", "no connection> "]);
    typist.types("sned", &["there is no command \"sned\"; did you mean send?", "no connection> "]);
    typist.types("connect", &["Server: "]);
    typist.types("127.0.0.1", &["Port [587]: "]);
    typist.types(&port, &["Own domain [that of this machine]: "]);
    typist.types("client.example", &["Login [none]: "]);
    typist.types("alice", &["Password of alice: "]);
    typist.types(PASSWORD, &["is connected and greeted", "logged in as alice", "127.0.0.1 alice> "]);
    typist.types("send", &["From: "]);
    typist.types("Alice <alice@example.org>", &["To, with commas: "]);
    typist.types("a@example.net, b@example.net, a@example.net", &["Cc: "]);
    typist.types("c@example.net", &["Bcc: "]);
    typist.types(
        "d@example.net, b@example.net",
        &["would be taken  a@example.net", "d@example.net", "Subject: "],
    );
    typist.types("Hello", &["Attach the file (empty for none): "]);
    typist.types("", &["lone dot:"]);
    typist.types("It works.", &[]);
    typist.types("..", &[]);
    typist.types(".", &["accepted  a@example.net", "accepted  d@example.net", "127.0.0.1 alice> "]);
    typist.types("quit", &["221 ", "the connection to 127.0.0.1 is closed", "no connection> "]);
    typist.types("exit", &[]);
    typist.ends();

    let message = mock.messages().pop().expect("it has come");
    assert_eq!(message.to(), ["a@example.net", "b@example.net", "c@example.net", "d@example.net"]);
    assert_eq!(message.subject().as_deref(), Some("Hello"));
    assert_eq!(message.text().as_deref(), Some("It works.\r\n..\r\n"));
    for name in ["From", "To", "Cc", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding"] {
        assert_eq!(message.headers(name).len(), 1, "{name}");
    }
    assert!(message.headers("Bcc").is_empty());
    assert_eq!(mock.transcript().commands()[0], "EHLO client.example");
}

#[test]
fn a_server_is_answered_as_connect_takes_it_and_is_waited_for_with_a_word() {
    let mock = Mock::start();
    let port = mock.addr().port();
    let mut typist = Typist::new(&IN_CLEAR);
    typist.types("connect", &["Server: "]);
    typist.types("127.0.0.1 smtp", &["\"smtp\" is no port", "Server: "]);
    typist.types(&format!("127.0.0.1  {port}"), &["Own domain [that of this machine]: "]);
    typist.types("client.example", &["Login [none]: "]);
    typist.types(
        "",
        &[&format!("connecting to 127.0.0.1:{port}, Ctrl-C"), "is connected and greeted", "127.0.0.1> "],
    );
    typist.types("help status", &["Usage: status", "127.0.0.1> "]);
    typist.types("exit", &[]);
    typist.ends();
}

#[test]
fn a_client_over_implicit_tls() {
    let mock = Mock::builder()
        .extensions(["PIPELINING", "ENHANCEDSTATUSCODES"])
        .implicit_tls(Certificate::Good)
        .user("alice@example.org", PASSWORD)
        .require_auth()
        .rule(Rule::on(On::Rcpt).to("k1@*").reply("501 5.1.3 bad address"))
        .start();
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, mock.ca_pem()).unwrap();
    let ca_file = ca_file.display().to_string();
    let port = mock.addr().port().to_string();
    let mut typist = Typist::new(&["--tls", "implicit", "--ca-file", &ca_file]);
    typist.types("connect", &["Server: "]);
    typist.types("localhost", &["Port [465]: "]);
    typist.types("no port", &["\"no port\" is no port", "Port [465]: "]);
    typist.types(&port, &["Own domain"]);
    typist.types("", &["Login [none]: "]);
    // First the short name, then a wrong password, then all is right.
    typist.types("alice", &["Password of alice: "]);
    typist.types(PASSWORD, &["refused the login of alice: 535", "Login, or the whole address", "[alice]: "]);
    typist.types("alice@example.org", &["Password of alice@example.org: "]);
    typist.types("wrong", &["refused the login of alice@example.org: 535", "[alice@example.org]: "]);
    typist.types("", &["Password of alice@example.org: "]);
    typist.types(PASSWORD, &["logged in as alice@example.org", "localhost TLS alice@example.org> "]);
    typist.types("send", &["From [alice@example.org]: "]);
    typist.types("", &["To, with commas: "]);
    typist.types("nobody", &["is not an address", "To, with commas: "]);
    typist.types("a@example.net, k1@example.net", &["Cc: "]);
    typist.types("c@example.net", &["Bcc: "]);
    typist.types(
        "",
        &[
            "would be taken  a@example.net",
            "refused         k1@example.net",
            "501 5.1.3 bad address",
            "the addresses again",
            "To, with commas [a@example.net]: ",
        ],
    );
    typist.types("", &["Cc [c@example.net]: "]);
    typist.types("", &["Bcc: "]);
    typist.types("k2@example.net", &["would be taken  k2@example.net", "Subject: "]);
    typist.types(
        "",
        &["the subject is empty, the message may be taken for spam", "Subject (empty sends it without): "],
    );
    typist.types("Now with one", &["Attach the file"]);
    typist.types("", &["lone dot:"]);
    typist.types("Text.", &[]);
    typist.types(".", &["accepted  a@example.net", "localhost TLS alice@example.org> "]);
    typist.types("quit", &["221 ", "no connection> "]);
    typist.types("exit", &[]);
    let seen = typist.ends();
    assert!(!seen.contains("wrong"), "what is typed at a password prompt is not shown: {seen}");

    let messages = mock.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].to(), ["a@example.net", "c@example.net", "k2@example.net"]);
    assert_eq!(messages[0].subject().as_deref(), Some("Now with one"));
}

#[test]
fn the_commands_of_a_course_in_any_order_with_their_codes_and_timers() {
    let mock = Mock::builder()
        .extensions(["ENHANCEDSTATUSCODES"])
        .rule(Rule::on(On::Noop).skip(1).times(1).step(Step::Stall))
        .start();
    let mut typist = Typist::new(&["--timeout", "other=300ms", "--helo", "client.example", "--auth", "none"]);
    typist.types(&format!("connect {}", place(&mock)), &["is connected and greeted", "127.0.0.1> "]);
    typist.types("NOOP", &["250 ", "127.0.0.1> "]);
    typist.types("rset", &["250 ", "127.0.0.1> "]);
    typist.types("!RCPT TO:<a@example.net>", &["503 ", "out of order", "127.0.0.1> "]);
    typist.types("!MAIL FROM:<a@example.net>", &["250 ", "127.0.0.1> "]);
    typist.types("!RCPT TO:<b@example.net>", &["250 ", "127.0.0.1> "]);
    // What was begun by hand is ended before a transaction of the shell's own.
    typist.types("verify c@example.net", &["would be taken  c@example.net", "127.0.0.1> "]);
    typist.types("!DATA", &["DATA changes what the shell must know of, use send", "127.0.0.1> "]);
    typist.types("explain 452", &["452: ", "what to try: ", "127.0.0.1> "]);
    typist.types("vrfy postmaster", &["252 ", "127.0.0.1> "]);
    typist.types("expn staff", &["502 ", "127.0.0.1> "]);
    typist.types("noop", &["the limit of the phase other is 0.3 s", "no connection> "]);
    typist.types("noop", &["there is no connection", "no connection> "]);
    typist.types("exit", &[]);
    typist.ends();
    let commands = mock.transcript().commands();
    let from = commands.iter().position(|line| line == "RCPT TO:<b@example.net>").unwrap();
    assert_eq!(commands[from + 1], "RSET");
}

#[test]
fn a_client_with_attachments_sends_several_messages_over_one_connection() {
    let mock = Mock::builder().extensions(["PIPELINING", "8BITMIME"]).start();
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("my notes.txt");
    let image = directory.path().join("dot.png");
    std::fs::write(&text, "one\ntwo\n").unwrap();
    std::fs::write(&image, [0x89, b'P', b'N', b'G', 0, 255, 10, 13]).unwrap();
    let mut typist = Typist::new(&["--tls", "none", "--auth", "none", "--from", "me@example.org"]);
    let address = mock.addr();
    typist.types(&format!("connect 127.0.0.1 {}", address.port()), &["Own domain"]);
    typist.types("client.example", &["127.0.0.1> "]);
    for number in ["first", "second"] {
        typist.types("send", &["From [me@example.org]: "]);
        typist.types("", &["To, with commas: "]);
        typist.types("you@example.net", &["Cc: "]);
        typist.types("", &["Bcc: "]);
        typist.types("", &["Subject: "]);
        typist.types(number, &["Attach the file"]);
        typist.types("no/such/file", &["cannot read the file no/such/file", "Attach the file"]);
        // Completed up to the blank and over it, which is escaped then.
        let beginning = directory.path().join("my");
        typist.types(&format!("{}\t", beginning.display()), &["Attach the file"]);
        typist.types(&image.display().to_string(), &["Attach the file"]);
        typist.types("", &["lone dot:"]);
        typist.types("See above.", &[]);
        typist.types(".", &["accepted  you@example.net", "127.0.0.1> "]);
    }
    typist.types("quit", &["221 ", "no connection> "]);
    typist.types("exit", &[]);
    typist.ends();
    let messages = mock.messages();
    let subjects: Vec<_> = messages.iter().filter_map(|message| message.subject()).collect();
    assert_eq!((subjects, mock.connections()), (vec!["first".to_string(), "second".to_string()], 1));
    let attachments = messages[0].attachments();
    assert_eq!(attachments[0].0, "my notes.txt");
    assert_eq!(attachments[1], ("dot.png".to_string(), vec![0x89, b'P', b'N', b'G', 0, 255, 10, 13]));
}

#[test]
fn ctrl_c_leaves_each_question_but_not_the_shell_and_ctrl_d_ends_the_input() {
    let mock = with_login("alice").start();
    let address = place(&mock);
    let mut typist = Typist::new(&IN_CLEAR);
    let port = mock.addr().port().to_string();
    let connect = ["127.0.0.1", &port, "client.example", "alice"];
    let questions = ["Server: ", "Port [587]: ", "Own domain", "Login [none]: ", "Password of alice: "];
    typist.presses('c', &["exit leaves the shell", "no connection> "]);
    for (control, word) in [('c', "given up"), ('d', "the input ended at the question")] {
        for count in 0..questions.len() {
            typist.types("connect", &[questions[0]]);
            for (answer, question) in connect.iter().zip(&questions[1..]).take(count) {
                typist.types(answer, &[question]);
            }
            typist.presses(control, &[word, "no connection> "]);
        }
    }
    assert_eq!(mock.connections(), 0);
    typist.types(&format!("connect {address} --helo client.example --user alice"), &["Password of alice: "]);
    typist.types("wrong", &["refused the login", "[alice]: "]);
    typist.presses('c', &["given up", "not logged in; auth tries again", "127.0.0.1> "]);
    typist.types("auth", &["Login [alice]: "]);
    typist.types("", &["Password of alice: "]);
    typist.presses('d', &["the input ended", "127.0.0.1> "]);
    typist.types("auth alice", &["Password of alice: "]);
    typist.types(PASSWORD, &["logged in as alice", "127.0.0.1 alice> "]);
    typist.types("auth", &["logged in already", "127.0.0.1 alice> "]);
    let answers = ["a@example.org", "b@example.org", "", "", "Subject", "", "Text."];
    let questions =
        ["From: ", "To, with commas: ", "Cc: ", "Bcc: ", "Subject: ", "Attach the file", "lone dot:"];
    for (control, word) in [('c', "given up"), ('d', "the input ended")] {
        for count in 0..questions.len() {
            typist.types("send", &[questions[0]]);
            for (answer, question) in answers.iter().zip(&questions[1..]).take(count) {
                typist.types(answer, &[question]);
            }
            typist.presses(control, &[word, "127.0.0.1 alice> "]);
        }
    }
    typist.presses('c', &["exit leaves the shell", "127.0.0.1 alice> "]);
    typist.presses('d', &[]);
    typist.ends();
    assert!(mock.messages().is_empty());
    mock.wait_closed(1);
    assert_eq!(mock.transcript().commands().last().map(String::as_str), Some("QUIT"));
}

/// A server of which the test decides when it leaves.
struct Leaving {
    port: String,
    leave: mpsc::Sender<&'static str>,
    left: mpsc::Receiver<()>,
}

impl Leaving {
    fn new(connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let (leave, words) = mpsc::channel::<&'static str>();
        let (tell, left) = mpsc::channel();
        thread::spawn(move || {
            for _ in 0..connections {
                let (socket, _) = listener.accept().unwrap();
                greet(&socket);
                let word = words.recv().unwrap();
                (&socket).write_all(word.as_bytes()).unwrap();
                drop(socket);
                tell.send(()).unwrap();
            }
        });
        Self { port, leave, left }
    }

    fn leave(&self, words: &'static str) {
        self.leave.send(words).unwrap();
        self.left.recv().unwrap();
    }
}

fn greet(mut socket: &TcpStream) {
    socket.write_all(b"220 mx.example.net ESMTP\r\n").unwrap();
    BufReader::new(socket).read_line(&mut String::new()).unwrap();
    socket.write_all(b"250 mx.example.net\r\n").unwrap();
}

#[test]
fn a_server_that_leaves_while_the_prompt_waits_is_noticed_at_the_next_command() {
    let server = Leaving::new(4);
    let mut typist = Typist::new(&["--tls", "none", "--auth", "none", "--helo", "client.example"]);
    let connect = format!("connect 127.0.0.1 {}", server.port);
    let prompt = "127.0.0.1> ";
    typist.types(&connect, &["is connected", prompt]);
    server.leave("421 4.3.2 shutting down\r\n");
    typist.types(
        "noop",
        &["is not available: 421 4.3.2 shutting down", "there is no connection", "no connection> "],
    );
    typist.types(&connect, &["is connected", prompt]);
    server.leave("");
    typist.types(
        "status",
        &["ended the connection after its reply to EHLO", "no connection, connect", "no connection> "],
    );
    typist.types(&connect, &["is connected", prompt]);
    server.leave("250 who asked?\r\n");
    typist.types("quit", &["a reply came that belongs to no command", "no connection> "]);
    typist.types(&connect, &["is connected", prompt]);
    server.leave("");
    // The command line is not lost: it connects anew.
    let mock = Mock::start();
    typist.types(&format!("connect {}", place(&mock)), &["ended the connection", "is connected", prompt]);
    typist.types("exit", &[]);
    typist.ends();
}

#[test]
fn a_server_that_leaves_under_tls_is_noticed_too() {
    for builder in
        [Mock::builder().implicit_tls(Certificate::Good), Mock::builder().starttls(Certificate::Good)]
    {
        let mock = builder.start();
        let tls = if mock.uri().starts_with("smtps") { "implicit" } else { "starttls" };
        let mut typist =
            Typist::new(&["--tls", tls, "--insecure", "--auth", "none", "--helo", "client.example"]);
        typist.types(&format!("connect {}", place(&mock)), &["under TLS", "127.0.0.1 TLS> "]);
        typist.types("noop", &["250 ", "127.0.0.1 TLS> "]);
        drop(mock.stop());
        typist.types("noop", &["ended the connection after its reply to NOOP", "no connection> "]);
        typist.types("exit", &[]);
        typist.ends();
    }
}

#[test]
fn a_message_that_was_typed_while_the_server_left_is_kept() {
    let server = Leaving::new(1);
    let mock = Mock::start();
    let mut typist = Typist::new(&["--tls", "none", "--auth", "none", "--helo", "client.example"]);
    typist.types(&format!("connect 127.0.0.1 {}", server.port), &["127.0.0.1> "]);
    typist.types("resend", &["there is no message that could not be sent", "127.0.0.1> "]);
    typist.types("send --from a@example.org --to b@example.org --body Dear", &["Subject: "]);
    server.leave("421 4.4.2 idle for too long\r\n");
    typist.types(
        "Kept",
        &[
            "421 4.4.2 idle for too long",
            "the message was not sent",
            "resend sends it again",
            "no connection> ",
        ],
    );
    typist.types(&format!("connect {}", place(&mock)), &["127.0.0.1> "]);
    typist.types("resend", &["accepted  b@example.org", "127.0.0.1> "]);
    typist.types("exit", &[]);
    typist.ends();
    let message = mock.messages().pop().expect("it has come");
    assert_eq!(message.subject().as_deref(), Some("Kept"));
}

#[test]
fn tab_completes_and_the_arrows_bring_back_commands_but_no_password() {
    let mock = with_login("alice").start();
    let mut typist = Typist::new(&IN_CLEAR);
    typist.types("expl\t 550", &["550: ", "no connection> "]);
    typist.types(
        &format!("connect {} --helo client.example --user alice", place(&mock)),
        &["Password of alice: "],
    );
    typist.types(PASSWORD, &["logged in as alice", "127.0.0.1 alice> "]);
    typist.types("noop", &["250 ", "127.0.0.1 alice> "]);
    // Up three times: what was typed as a password is not among it.
    typist.types("\u{1b}[A\u{1b}[A\u{1b}[A", &["550: ", "127.0.0.1 alice> "]);
    typist.types("exit", &[]);
    typist.ends();
}
