//! Reads `--fault`: `VERB=ACTION[:ARGUMENT][*TIMES][@CONNECTION]`.

use crate::{
    On, Rule, Step,
    scenario::{ACTIONS, Action},
};

/// What `--fault` takes, for its help.
pub(crate) fn help() -> String {
    let verbs: Vec<_> = On::ALL.iter().map(|on| on.as_str()).collect();
    format!(
        "Inject a fault: VERB=ACTION[:ARGUMENT][*TIMES][@CONNECTION], such as rcpt=452*2, body=stall, connect=rst@1, \
         mail=delay:5s (repeatable). Verbs: {} (body is the end of a message). Actions: a reply code with or without \
         text, {}",
        verbs.join(", "),
        actions()
    )
}

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

/// The actions with their arguments, for errors and help.
fn actions() -> String {
    let forms = ACTIONS.iter().map(|action| match action.argument {
        Some(argument) => format!("{}:{argument}", action.word),
        None => action.word.to_owned(),
    });
    forms.collect::<Vec<_>>().join(", ")
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let (word, argument) = match text.split_once(':') {
        Some((word, argument)) => (word, Some(argument)),
        None => (text, None),
    };
    if word.len() == 3 && word.bytes().all(|octet| octet.is_ascii_digit()) {
        let text = argument.unwrap_or("as you wish");
        return Ok(Step::reply(&format!("{word} {text}"))?.alone());
    }
    let action = Action::find(word)
        .ok_or_else(|| format!("«{word}» is no fault, expected one of a reply code, {}", actions()))?;
    Ok(action.step(argument)?.alone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Close;

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
        assert_eq!(parse("quit=half").unwrap().then, [Step::Close(Close::HalfClose)]);
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
            ("body=stall:5s", "stall takes no argument, «5s» is one"),
            ("mail=rst:soon", "rst takes no argument"),
            ("rcpt=999", "999 is no reply code"),
            ("rcpt=452*0", "never fires"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
