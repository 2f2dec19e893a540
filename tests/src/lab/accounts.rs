//! Defines the users of a server, and looks up those of the machine.

use std::path::Path;
use std::{fs, io};

/// A user who may log in to a server of the lab.
#[derive(Clone, Debug)]
pub struct User {
    /// The user name, as the authentication identity.
    pub name: String,
    /// The password.
    pub password: String,
}

impl User {
    /// A user of this name and password; neither may hold a colon or a line end, which end a field of
    /// Dovecot's passwd-file.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned() }
    }
}

/// The user whom most tests log in as, who is a mailbox of the lab, too.
pub const USER: &str = "you@example.org";

/// The password of that user.
pub const PASSWORD: &str = "open sesame & 1001 nights";

/// The users of a lab: [`USER`], and one for each kind of password that is easily spoilt on its way.
#[must_use]
pub fn users() -> Vec<User> {
    let long = "0123456789".repeat(30);
    let passwords = [
        "simple",
        "pässwörd漢字",
        " two words  and more ",
        "\"quoted\" 'both'\\",
        "=leading",
        "a,b=c$d",
        &long,
    ];
    let others = passwords.iter().enumerate();
    let others = others.map(|(number, password)| User::new(&format!("user{number}"), password));
    std::iter::once(User::new(USER, PASSWORD)).chain(others).collect()
}

/// The numbers of a user of the machine and of the user's first group, from `/etc/passwd`.
pub(super) fn system_user(name: &str) -> io::Result<(u32, u32)> {
    numbers(Path::new("/etc/passwd"), name)?.ok_or_else(|| missing(&format!("the user {name}"))).and_then(
        |fields| match fields[..] {
            [user, group, ..] => Ok((user, group)),
            _ => Err(missing(&format!("the group of the user {name}"))),
        },
    )
}

/// The number of a group of the machine, from `/etc/group`.
pub(super) fn system_group(name: &str) -> io::Result<u32> {
    numbers(Path::new("/etc/group"), name)?
        .and_then(|fields| fields.first().copied())
        .ok_or_else(|| missing(&format!("the group {name}")))
}

/// The numeric fields behind the password of an entry of `/etc/passwd` or `/etc/group`.
fn numbers(file: &Path, name: &str) -> io::Result<Option<Vec<u32>>> {
    let text = fs::read_to_string(file)?;
    let entry = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(entry.map(|fields| fields.split(':').skip(1).map_while(|field| field.parse().ok()).collect()))
}

/// What is missing on the machine, and what brings it.
fn missing(what: &str) -> io::Error {
    let message = format!("{what} does not exist on this machine: .ci/setup installs what the lab needs");
    io::Error::new(io::ErrorKind::NotFound, message)
}
