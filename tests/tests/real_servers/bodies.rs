//! A message that cannot be read to its end never arrives.

use smtp_tests::lab::Postfix;

use crate::bodies::{send_a_file_that_shrinks, unsent};

#[test]
fn a_file_that_shrinks_half_way_is_not_delivered() {
    for hidden in ["", "chunking"] {
        let settings = [("smtpd_discard_ehlo_keywords", hidden), ("message_size_limit", "1000000000")];
        let postfix = Postfix::start_with(&settings).unwrap();
        let (finished, said) = send_a_file_that_shrinks(postfix.plain());
        unsent(&finished, &said, hidden);
        postfix.settle().unwrap();
        let landed = postfix.maildir("friend@example.net").messages().unwrap();
        assert!(landed.is_empty(), "{}", postfix.log());
    }
}
