//! Reads `--fault`: `VERB=ACTION[:ARGUMENT][*TIMES][@CONNECTION]`.

use crate::{Close, Drip, On, Reply, Rule, Step, parse_duration, scenario::reply_steps};

const ACTIONS: &str = "a reply code, 421-continue, stall, fin, rst, half, delay:D, drip:D, split:1,3, split-lines:D, garbage:N, \
                       long-line:N, endless:TEXT, stop-reading:D, raw:OCTETS";

/// Reads a fault as a rule.
pub(crate) fn parse(text: &str) -> Result<Rule, String> {
    let (verb, action) = text.split_once('=').ok_or_else(|| format!("«{text}» has no =, try rcpt=452*2"))?;
    let verb = verb.to_ascii_lowercase();
    let on = On::ALL.into_iter().find(|on| on.as_str() == verb).ok_or_else(|| {
        let words: Vec<_> = On::ALL.iter().map(|on| on.as_str()).collect();
        format!("«{verb}» is no place for a fault, expected one of {}", words.join(", "))
    })?;
    let (action, connection) = suffix(action, '@');
    let (action, times) = suffix(action, '*');
    let mut rule = Rule::on(on).named(text);
    if let Some(connection) = connection {
        rule = rule.connection(connection);
    }
    if let Some(times) = times {
        rule = rule.times(times);
    }
    rule = steps(action)?.into_iter().fold(rule, Rule::step);
    rule.check()?;
    Ok(rule)
}

/// Cuts `*2` or `@1` from the end.
fn suffix(text: &str, mark: char) -> (&str, Option<u64>) {
    match text.rsplit_once(mark) {
        Some((before, digits))
            if !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()) =>
        {
            match digits.parse() {
                Ok(number) => (before, Some(number)),
                Err(_) => (text, None),
            }
        }
        _ => (text, None),
    }
}

fn steps(action: &str) -> Result<Vec<Step>, String> {
    let (word, argument) = match action.split_once(':') {
        Some((word, argument)) => (word, Some(argument)),
        None => (action, None),
    };
    let wanted = || argument.ok_or_else(|| format!("{word} wants an argument, try {word}:…"));
    let duration = || wanted().and_then(parse_duration);
    let number = || wanted().and_then(|text| text.parse().map_err(|_| format!("«{text}» is not a number")));
    let step = match word {
        "stall" => Step::Stall,
        "421-continue" => Step::UnavailableContinues,
        "fin" => Step::Close(Close::Fin),
        "rst" => Step::Close(Close::Rst),
        "half" | "half-close" => Step::Close(Close::HalfClose),
        "delay" => return Ok(vec![Step::Delay(duration()?), Step::Default]),
        "drip" => return Ok(vec![Step::Drip(Drip { bytes: 1, every: duration()? }), Step::Default]),
        "split" => {
            let offsets: Result<Vec<usize>, _> = wanted()?.split(',').map(str::parse).collect();
            let offsets = offsets.map_err(|_| "split wants offsets, try split:1,3".to_owned())?;
            return Ok(vec![Step::Split(offsets), Step::Default]);
        }
        "split-lines" => return Ok(vec![Step::SplitLines(duration()?), Step::Default]),
        "garbage" => Step::Garbage(number()?),
        "long-line" => Step::LongLine(number()?),
        "endless" => Step::Endless(wanted()?.to_owned()),
        "stop-reading" => return Ok(vec![Step::Default, Step::StopReading(duration()?)]),
        "raw" => Step::Raw(crate::Octets::parse(wanted()?)?),
        code if code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit()) => {
            let text = argument.unwrap_or("as you wish");
            return Ok(reply_steps(Reply::parse(&format!("{code} {text}"))?));
        }
        _ => return Err(format!("«{word}» is no fault, expected one of {ACTIONS}")),
    };
    Ok(vec![step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_become_rules() {
        let rule = parse("rcpt=452:4.2.2 full*2@3").unwrap();
        assert_eq!((rule.on, rule.times, rule.when.connection), (On::Rcpt, Some(2), Some(3)));
        assert_eq!(rule.then, [Step::reply("452 4.2.2 full").unwrap()]);
        assert_eq!(parse("connect=rst@1").unwrap().then, [Step::Close(Close::Rst)]);
        assert_eq!(parse("mail=421").unwrap().then.len(), 2);
        assert_eq!(parse("rcpt=421-continue*2").unwrap().then, [Step::UnavailableContinues]);
        assert_eq!(parse("ehlo=drip:10ms").unwrap().then.len(), 2);
        assert_eq!(parse("body=stall").unwrap().then, [Step::Stall]);
    }

    #[test]
    fn nonsense_is_named() {
        for (text, told) in [
            ("rcpt", "has no ="),
            ("foo=452", "expected one of connect"),
            ("rcpt=maybe", "expected one of a reply code"),
            ("rcpt=delay", "wants an argument"),
            ("rcpt=delay:x", "not a duration"),
            ("rcpt=split:0", "offsets"),
            ("rcpt=452*0", "never fires"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
