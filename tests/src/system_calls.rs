//! Provides what a program wrote to the network, system call by system call: strace's word for it.
//!
//! A peer cannot count writes: what was written at once may arrive in parts, and what was written in parts may
//! arrive at once.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// The words to run a program under strace, which notes each of its writes in `file`.
///
/// Each octet is noted as a number, and each file descriptor with what it stands for.
#[must_use]
pub fn strace(file: &Path) -> Vec<OsString> {
    let options = ["strace", "-f", "-qq", "-yy", "-xx", "-s", "16777216", "-e", "signal=none", "-e"];
    let calls = ["trace=write,writev,pwritev,sendto,sendmsg,sendmmsg,sendfile,splice", "-o"];
    options.into_iter().chain(calls).map(OsString::from).chain([file.into()]).collect()
}

/// The octets of each write to a TCP connection, in their order, from a file that [`strace`] made.
///
/// # Errors
/// When the file cannot be read, and `InvalidData` when it notes a call that does not carry its octets.
pub fn tcp_writes(file: &Path) -> io::Result<Vec<Vec<u8>>> {
    let notes = std::fs::read_to_string(file)?;
    let calls = notes.lines().filter(|line| line.contains("<TCP") && !line.contains(" resumed>"));
    calls.map(octets).collect()
}

/// The octets in the arguments of one call: `1 write(3<TCP:[…]>, "\x41\x0a", 2) = 2`, or several strings of
/// a `writev`.
fn octets(call: &str) -> io::Result<Vec<u8>> {
    let invalid =
        || io::Error::new(io::ErrorKind::InvalidData, format!("no octets in the system call {call}"));
    let strings: Vec<&str> = call.split('"').skip(1).step_by(2).collect();
    if strings.is_empty() {
        return Err(invalid());
    }
    let numbers = strings.iter().flat_map(|string| string.split("\\x").skip(1));
    numbers.map(|number| u8::from_str_radix(number, 16).map_err(|_| invalid())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &str = r#"7 sendto(4<TCP:[127.0.0.1:37734->127.0.0.1:25]>, "\x4d\x0d\x0a\x22", 4, 0, NULL, 0) = 4
7 write(2<\x2f\x64>, "\x7a", 1) = 1
8 writev(4<TCP:[127.0.0.1:1->127.0.0.1:25]>, [{iov_base="\x61\x00", iov_len=2}, {iov_base="\x62", iov_len=1}], 2 <unfinished ...>
8 <... writev resumed>) = 3
7 sendto(4<TCPv6:[[::1]:1->[::1]:25]>, "", 0, 0, NULL, 0) = 0
"#;

    #[test]
    fn writes_are_read_from_the_notes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), NOTES).unwrap();
        assert_eq!(tcp_writes(file.path()).unwrap(), [b"M\r\n\"".to_vec(), b"a\0b".to_vec(), Vec::new()]);
        std::fs::write(file.path(), "7 splice(5, NULL, 4<TCP:[127.0.0.1:1->127.0.0.1:25]>, NULL, 9, 0) = 9")
            .unwrap();
        assert_eq!(tcp_writes(file.path()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
