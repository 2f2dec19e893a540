//! The program does not run with the rights of another user than the one who calls.

use smtp_mock::Mock;
use smtp_tests::program::smtp_cli_path;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

/// A user and group that no process here has.
const OTHER: u32 = 65534;

#[test]
fn a_program_that_is_set_user_id_or_set_group_id_refuses_to_run() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a file to another user.
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mock = Mock::start();
    for name in ["smtp-cli", "sendmail"] {
        let program = directory.path().join(name);
        std::fs::copy(smtp_cli_path().unwrap(), &program).unwrap();
        for (mode, words) in [(0o4755, Some("set-user-ID")), (0o2755, Some("set-group-ID")), (0o755, None)] {
            // A new owner takes the bits away.
            chown(&program, Some(OTHER), Some(OTHER)).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
            let mut command = Command::new(&program);
            if name == "smtp-cli" {
                command.args(["send", "--body", "x", "--subject", "s", "--to", "friend@example.net"]);
            } else {
                command.arg("friend@example.net");
            }
            let output = command
                .env_clear()
                .env("SMTP_CLI_SERVER", mock.addr().to_string())
                .env("SMTP_CLI_FROM", "you@example.org")
                .stdin(std::process::Stdio::null())
                .output()
                .unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            match words {
                Some(words) => {
                    assert_eq!(output.status.code(), Some(77), "{name} {mode:o}: {error}");
                    assert!(error.contains(words) && error.lines().count() == 1, "{error}");
                    assert_eq!(mock.connections(), u64::from(name == "sendmail"));
                }
                None => assert_eq!(output.status.code(), Some(0), "{name} {mode:o}: {error}"),
            }
        }
    }
    assert_eq!(mock.messages().len(), 2);
}
