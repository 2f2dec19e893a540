//! Defines the explanations of a reply code's first two digits, for codes in no other table (RFC 5321 §4.2.1).

use super::{Fault, Openness, Row, rows};
use crate::reply::{Code, Severity};

/// Returns the row of the code's first two digits, or that of the first digit.
pub(super) fn find(code: Code) -> &'static Row {
    let digits = code.value() / 10;
    match ROWS.iter().find(|(value, _)| *value == digits) {
        Some((_, row)) => row,
        None => of_class(code.severity()),
    }
}

/// Returns the row of the first digit.
pub(super) fn of_class(severity: Severity) -> &'static Row {
    &CLASSES[match severity {
        Severity::Completed => 0,
        Severity::Intermediate => 1,
        Severity::Transient => 2,
        Severity::Permanent => 3,
    }]
    .1
}

/// The rows by first digit: 2yz to 5yz.
pub(super) const CLASSES: &[(u16, Row); 4] = rows! {
    2 Nobody Subject "accepted and done" => "go on";
    3 Nobody Settled "accepted so far; the server expects more" => "send the data that the command needs next";
    4 Server Subject "refused temporarily" => "try again later";
    5 Policy Subject "refused permanently" => "read the reply's text, and change what it objects to";
};

/// The rows by first and second digit; x3z and x4z are not defined.
pub(super) const ROWS: &[(u16, Row)] = rows! {
    20 Nobody Subject "the command was understood and done" => "go on";
    21 Nobody Subject "the reply has the requested information" => "read the lines of the reply";
    22 Nobody Subject "the connection is in order" => "go on";
    25 Nobody Subject "the mail system did the requested action" => "go on";
    40 Client Subject "the server cannot handle the form of the command right now"
        => "try again later, or with a simpler command";
    41 Server Subject "the information is not available right now" => "try again later";
    42 Server Subject "the connection cannot be served right now" => "try again later on a new connection";
    45 Server Subject "the mail system cannot do it right now" => "try again later";
    50 Client Subject "the server does not take the form of the command"
        => "check the command and its arguments";
    51 Server Subject "the information is not available" => "do without it";
    52 Server Subject "the server does not serve this connection" => "use another server, or another port";
    55 Policy Subject "the mail system refuses it" => "read the reply's text, and change what it objects to";
};
