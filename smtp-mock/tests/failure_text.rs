//! What a failed test prints, whole: nearest rule, the difference marked, the transcript, the caller's line.
#![cfg(feature = "net")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use smtp_mock::{Mock, On, Rule, Server};

/// Says octets and reads to the end.
fn say(mock: &Mock, octets: &[u8]) {
    let mut stream = TcpStream::connect(mock.addr()).expect("the mock listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.write_all(octets).expect("the mock reads");
    let _ = stream.shutdown(std::net::Shutdown::Write);
    stream.read_to_end(&mut Vec::new()).expect("the mock closes");
    mock.wait_closed(1);
}

/// The text of a panic, with what differs from run to run replaced: times and line numbers of this file.
fn text_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    let text = panic.downcast::<String>().expect("panics here carry text");
    let mut shown = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        if let Some(at) = line.find("failure_text.rs:") {
            let begin = at + "failure_text.rs:".len();
            let digits = line[begin..].bytes().take_while(u8::is_ascii_digit).count();
            assert!(digits > 0, "{line}");
            let path = line[..at].rfind('(').map_or(0, |open| open + 1);
            line.replace_range(begin..begin + digits, "LINE");
            line.replace_range(path..at, "");
        }
        for (at, _) in line.clone().match_indices('.') {
            let before = line[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
            let after = line[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
            if before == 1 && after == 3 {
                line.replace_range(at - 1..at + 4, "T.TTT");
            }
        }
        shown.push_str(&line);
        shown.push('\n');
    }
    shown
}

#[test]
fn a_wrong_dialogue() {
    let mock = Mock::dialogue(
        "S: 220 mx.example.test ESMTP\nC: EHLO *\nS: 250-mx.example.test\nS: 250 DSN\nC: MAIL FROM:<alice@a.test>*\n\
         S: 250 ok\nC: RCPT TO:<bob@b.test>*\nS: 250 ok\n",
    )
    .unwrap()
    .start();
    say(&mock, b"EHLO client.test\r\nMAIL FROM:<alice@a.test> SIZE=3\r\nRCPT TO:<eve@b.test>\r\nQUIT\r\n");
    let text = text_of(|| drop(mock));
    assert_eq!(
        text,
        "\
smtp-mock: the run is not what the scenario expects   (failure_text.rs:LINE)
unexpected line on connection 1, line 7 of the dialogue
    expected  C: RCPT TO:<bob@b.test>*
    got       C: RCPT TO:<eve@b.test>
                          ^ differs here
  transcript
    connection 1
       1     T.TTT  S: 220 mx.example.test ESMTP
       2     T.TTT  C: EHLO client.test
       3     T.TTT  S: 250-mx.example.test
       4     T.TTT  S: 250 DSN
       5     T.TTT  C: MAIL FROM:<alice@a.test> SIZE=3
       6     T.TTT  S: 250 ok
  >    7     T.TTT  C: RCPT TO:<eve@b.test>   ← here
       8     T.TTT  S: 421 4.5.0 this is not what the dialogue expects, see the mock's report
       9     T.TTT  -- the server closed the connection
"
    );
}

#[test]
fn a_rule_that_never_fired() {
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(
            Rule::on(On::Rcpt).to("bob@*").times(2).reply("450 4.2.0 greylisted").named("greylist").expect(1),
        )
        .seed(7)
        .start();
    say(&mock, b"EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<eve@b.test>\r\nNOOP \xff\x01\r\nQUIT\r\n");
    let text = text_of(|| drop(mock));
    assert_eq!(
        text,
        "\
smtp-mock: the run is not what the scenario expects   (failure_text.rs:LINE)
rule \"greylist\" (on rcpt, to = bob@*) had to fire exactly 1 times and fired 0
  transcript
    connection 1
       1     T.TTT  S: 220 mock.example.test ESMTP smtp-mock
       2     T.TTT  C: EHLO x.test
       3     T.TTT  S: 250-mock.example.test greets you ⏎ 250 PIPELINING
       4     T.TTT  C: MAIL FROM:<a@b.test>
       5     T.TTT  S: 250 sender ok
       6     T.TTT  C: RCPT TO:<eve@b.test>
       7     T.TTT  S: 250 recipient ok
       8     T.TTT  C: NOOP \\xff\\x01
       9     T.TTT  S: 250 ok
      10     T.TTT  C: QUIT
      11     T.TTT  S: 221 bye
      12     T.TTT  -- the server closed the connection
  rules that never fired
    \"greylist\" (on rcpt, to = bob@*): nearest was entry 6 of connection 1, `to` did not match
  what the client did wrong
    connection 1: pipelining where it was not offered: EHLO x.test
    connection 1: octets after a command that must wait for its reply: NOOP \\xff\\x01
  replay with seed 7
"
    );
}

#[test]
fn a_wait_that_timed_out() {
    let mock = Mock::builder().extensions(["DSN"]).timeout(Duration::from_millis(50)).start();
    say(&mock, b"QUIT\r\n");
    let text = text_of(|| {
        mock.wait_for(|message| message.subject().as_deref() == Some("Hello"));
    });
    let shown = "\
smtp-mock: no such message within 50ms, 0 others came   (failure_text.rs:LINE)
  transcript
    connection 1
       1     T.TTT  S: 220 mock.example.test ESMTP smtp-mock
       2     T.TTT  C: QUIT
       3     T.TTT  S: 221 bye
       4     T.TTT  -- the server closed the connection
";
    assert!(text.starts_with(shown), "{text}");
    mock.stop();
}

#[test]
fn a_transcript_that_differs() {
    let mock = Mock::builder().extensions(["DSN"]).start();
    say(&mock, b"HELO x.test\r\nQUIT\r\n");
    let text = text_of(|| mock.transcript().assert("S: 220*\nC: EHLO *\n..."));
    let shown = "\
smtp-mock: the transcript leaves the pattern at its line 2
    expected  C: EHLO *
    got       C: HELO x.test
                 ^ differs here   (failure_text.rs:LINE)
  transcript
  connection 1
";
    assert!(text.starts_with(shown), "{text}");
}

#[test]
fn a_panicking_test_is_not_made_worse() {
    let unsatisfied = || Mock::builder().rule(Rule::on(On::Quit).reply("221 x").expect(1)).start();
    let text = text_of(|| {
        let _mock = unsatisfied();
        panic!("{}", "the test's own failure".to_owned());
    });
    assert_eq!(text, "the test's own failure\n");
    let report = unsatisfied().stop();
    assert!(!report.is_satisfied());
}

#[test]
fn a_secret_is_in_no_failure() {
    let server = Server::new({
        let mut scenario = smtp_mock::Scenario::parse_dialogue(
            "secret.smtp",
            "S: 220 x\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YWxpY2U=\nS: 334 UGFzc3dvcmQ6\nC: right\nS: 235 ok\n",
        )
        .unwrap();
        scenario.seed = 1;
        scenario
    });
    let mut said = Vec::new();
    let input: &[u8] = b"AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n";
    smtp_mock::serve(server.session(), input, &mut said);
    let report = format!("{} {:?}", server.report(), server.report());
    assert!(!server.report().is_satisfied());
    for secret in ["c2VjcmV0", "YWxpY2U=\r", "AGFsaWNl"] {
        assert!(!report.contains(secret), "{report}");
    }
}
