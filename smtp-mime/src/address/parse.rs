//! Parses address lists (RFC 5322 §3.4), from people and from existing messages.
//!
//! One pass makes tokens of the text and a second one groups them, so that the time is linear for any text.

use std::borrow::Cow;

use smallvec::SmallVec;
use smtp_core::Mailbox;

use super::{Address, AddressList, Group, NameAddr};
use crate::{ValueError, header::phrase::is_atext};

/// Parses a list typed by a person: both sides of a comma must have an address.
pub(super) fn strict(text: &str) -> Result<AddressList, ValueError> {
    Parser::new(text, false)?.list()
}

/// Parses a field of an existing message, which may have empty elements (RFC 5322 §4.4) and folds.
pub(crate) fn lenient(text: &str) -> Result<AddressList, ValueError> {
    Parser::new(text, true)?.list()
}

/// Returns the positions in an address list where a domain is missing, in order.
///
/// They follow local names such as `root` and `Name <root>`. There are none if the text is not a valid list.
pub(crate) fn local_names(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut names = Vec::new();
    let mut name = |tokens: &[Token]| {
        if let [Token { kind: Kind::Atom | Kind::Quoted, start, end }] = *tokens {
            names.push(start..end);
        }
    };
    let tokens = tokens(text, true).unwrap_or_default();
    let mut first = 0;
    let mut in_brackets = false;
    for (place, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Special('<') => (first, in_brackets) = (place + 1, true),
            Kind::Special('>') if in_brackets => {
                name(&tokens[first..place]);
                // The text after the bracket is not an address of its own.
                first = tokens.len();
                in_brackets = false;
            }
            Kind::Special(',' | ';') if !in_brackets => {
                name(&tokens[first.min(place)..place]);
                first = place + 1;
            }
            // The name of a group, or the route of an address.
            Kind::Special(':') => first = place + 1,
            _ => {}
        }
    }
    name(tokens.get(first..).unwrap_or_default());
    names
}

const VALUE: &str = "address list";
/// Enough for a mailbox with a name.
const MAX_TOKENS: usize = 8;
/// The maximum nesting of comments.
const MAX_COMMENT_DEPTH: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Atoms with dots between them.
    Atom,
    Quoted,
    Literal,
    Special(char),
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// Needs no allocation for the tokens of one mailbox.
type Tokens = SmallVec<[Token; MAX_TOKENS]>;

struct Parser<'a> {
    text: &'a str,
    tokens: Tokens,
    next: usize,
    lenient: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, lenient: bool) -> Result<Self, ValueError> {
        Ok(Self { text, tokens: tokens(text, lenient)?, next: 0, lenient })
    }

    fn list(mut self) -> Result<AddressList, ValueError> {
        let mut addresses = SmallVec::new();
        loop {
            match self.peek() {
                None if addresses.is_empty() || self.lenient => break,
                None => return Err(ValueError::Incomplete { value: VALUE, missing: "an address" }),
                Some(Kind::Special(',')) if self.lenient => {
                    self.next += 1;
                    continue;
                }
                Some(_) => addresses.push(self.address()?),
            }
            match self.take() {
                None => break,
                Some(Token { kind: Kind::Special(','), .. }) => {}
                Some(token) => return Err(self.unexpected(token)),
            }
        }
        if addresses.is_empty() && !self.lenient {
            return Err(ValueError::Empty { value: VALUE });
        }
        Ok(AddressList { addresses })
    }

    /// Parses a mailbox or a group.
    fn address(&mut self) -> Result<Address, ValueError> {
        let first = self.next;
        let words = self.words();
        match self.peek() {
            Some(Kind::Special(':')) => {
                self.next += 1;
                self.group(self.phrase(first, words)).map(Address::Group)
            }
            _ => self.mailbox_after(first, words).map(Address::Mailbox),
        }
    }

    fn group(&mut self, name: String) -> Result<Group, ValueError> {
        let mut mailboxes = Vec::new();
        loop {
            match self.peek() {
                Some(Kind::Special(';')) if mailboxes.is_empty() || self.lenient => {
                    self.next += 1;
                    break;
                }
                Some(Kind::Special(',')) if self.lenient => {
                    self.next += 1;
                    continue;
                }
                _ => {
                    let first = self.next;
                    let words = self.words();
                    mailboxes.push(self.mailbox_after(first, words)?);
                }
            }
            match self.take() {
                Some(Token { kind: Kind::Special(','), .. }) => {}
                Some(Token { kind: Kind::Special(';'), .. }) => break,
                Some(token) => return Err(self.unexpected(token)),
                None => {
                    return Err(ValueError::Incomplete {
                        value: VALUE,
                        missing: "a ; at the end of the group",
                    });
                }
            }
        }
        Group::new(name, mailboxes)
    }

    /// Parses a mailbox whose first `words` words, starting at the token `first`, were consumed.
    fn mailbox_after(&mut self, first: usize, words: usize) -> Result<NameAddr, ValueError> {
        match self.peek() {
            Some(Kind::Special('<')) => {
                let name = self.phrase(first, words);
                self.next += 1;
                let inside = self.next;
                while !matches!(self.peek(), None | Some(Kind::Special('>' | '<'))) {
                    self.next += 1;
                }
                let mailbox = self.mailbox(inside, self.next)?;
                match self.take() {
                    Some(Token { kind: Kind::Special('>'), .. }) => NameAddr::new(name, mailbox),
                    Some(token) => Err(self.unexpected(token)),
                    None => Err(ValueError::Incomplete { value: VALUE, missing: "a closing angle bracket" }),
                }
            }
            Some(Kind::Special('@')) => {
                self.next += 1;
                while matches!(
                    self.peek(),
                    Some(Kind::Atom | Kind::Literal | Kind::Quoted | Kind::Special('@'))
                ) {
                    self.next += 1;
                }
                self.mailbox(first, self.next).map(NameAddr::from)
            }
            Some(Kind::Special(',' | ';')) | None if words == 0 => {
                Err(ValueError::Incomplete { value: VALUE, missing: "an address" })
            }
            _ => self.mailbox(first, self.next.max(first + 1)).map(NameAddr::from),
        }
    }

    /// Makes a mailbox of the tokens from `first` to `end`, ignoring white space and comments around its `@`.
    fn mailbox(&self, first: usize, end: usize) -> Result<Mailbox, ValueError> {
        let tokens = &self.tokens[first.min(self.tokens.len())..end.min(self.tokens.len())];
        let is_word = |token: &Token| !matches!(token.kind, Kind::Special(_));
        let text = match tokens {
            [] => Cow::Borrowed(""),
            // Two words in a row are neither local-part nor domain: show them unchanged.
            [head, .., tail] if tokens.windows(2).any(|pair| pair.iter().all(is_word)) => {
                Cow::Borrowed(&self.text[head.start..tail.end])
            }
            [head, .., tail] if tokens.windows(2).all(|pair| pair[0].end == pair[1].start) => {
                Cow::Borrowed(&self.text[head.start..tail.end])
            }
            _ => tokens.iter().map(|token| &self.text[token.start..token.end]).collect(),
        };
        Mailbox::try_from(text.as_ref()).map_err(|error| ValueError::Address { address: shown(&text), error })
    }

    /// Consumes words, which are atoms and quoted-strings; returns their number.
    fn words(&mut self) -> usize {
        let first = self.next;
        while matches!(self.peek(), Some(Kind::Atom | Kind::Quoted)) {
            self.next += 1;
        }
        self.next - first
    }

    /// Decodes words as a display name.
    fn phrase(&self, first: usize, words: usize) -> String {
        let tokens = &self.tokens[first..first + words];
        if let [Token { kind: Kind::Atom, start, end }] = *tokens {
            return self.text[start..end].to_owned();
        }
        let mut phrase = String::new();
        for token in tokens {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            let text = &self.text[token.start..token.end];
            if token.kind == Kind::Quoted {
                push_unquoted(&mut phrase, &text[1..text.len() - 1]);
            } else {
                phrase.push_str(text);
            }
        }
        phrase
    }

    fn peek(&self) -> Option<Kind> {
        self.tokens.get(self.next).map(|token| token.kind)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).copied();
        self.next += 1;
        token
    }

    fn unexpected(&self, token: Token) -> ValueError {
        let character = self.text[token.start..].chars().next().unwrap_or(' ');
        ValueError::Unexpected { value: VALUE, character, position: token.start }
    }
}

fn tokens(text: &str, lenient: bool) -> Result<Tokens, ValueError> {
    let mut tokens = Tokens::new();
    let mut characters = text.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let kind = match character {
            ' ' | '\t' => continue,
            '\r' | '\n' if lenient => continue,
            '(' => {
                pass_comment(&mut characters)?;
                continue;
            }
            '"' => {
                pass_until(&mut characters, '"', "a closing quote", lenient)?;
                Kind::Quoted
            }
            '[' => {
                pass_until(&mut characters, ']', "a closing bracket", lenient)?;
                Kind::Literal
            }
            ',' | ':' | ';' | '<' | '>' | '@' => Kind::Special(character),
            _ if is_word(character) => {
                while characters.peek().is_some_and(|(_, character)| is_word(*character)) {
                    characters.next();
                }
                Kind::Atom
            }
            _ => return Err(ValueError::Unexpected { value: VALUE, character, position: start }),
        };
        let end = characters.peek().map_or(text.len(), |(end, _)| *end);
        tokens.push(Token { kind, start, end });
    }
    Ok(tokens)
}

/// Dots belong to words: they occur in local-parts, domains and many unquoted names (RFC 5322 §4.1).
fn is_word(character: char) -> bool {
    is_atext(character) || character == '.'
}

type Characters<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn pass_until(
    characters: &mut Characters<'_>,
    close: char,
    missing: &'static str,
    lenient: bool,
) -> Result<(), ValueError> {
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => {
                if let Some((position, character)) = characters.next() {
                    check_quoted(character, position, false)?;
                }
            }
            _ if character == close => return Ok(()),
            _ => check_quoted(character, position, lenient)?,
        }
    }
    Err(ValueError::Incomplete { value: VALUE, missing })
}

fn pass_comment(characters: &mut Characters<'_>) -> Result<(), ValueError> {
    let mut depth = 1;
    while let Some((_, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '(' if depth == MAX_COMMENT_DEPTH => {
                return Err(ValueError::Malformed { value: VALUE, rule: "comments are nested too deep" });
            }
            '(' => depth += 1,
            ')' if depth == 1 => return Ok(()),
            ')' => depth -= 1,
            _ => {}
        }
    }
    Err(ValueError::Incomplete { value: VALUE, missing: "the end of a comment" })
}

fn check_quoted(character: char, position: usize, folds: bool) -> Result<(), ValueError> {
    match character {
        '\r' | '\n' if folds => Ok(()),
        '\r' | '\n' | '\0' => Err(ValueError::Unexpected { value: VALUE, character, position }),
        _ => Ok(()),
    }
}

fn push_unquoted(phrase: &mut String, quoted: &str) {
    let mut escaped = false;
    for character in quoted.chars() {
        match character {
            '\\' if !escaped => escaped = true,
            // Folding within a quoted-string is not part of it (RFC 5322 §3.2.4).
            '\r' | '\n' => {}
            _ => {
                escaped = false;
                phrase.push(character);
            }
        }
    }
}

/// Returns the part of an invalid address that an error shows.
fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
