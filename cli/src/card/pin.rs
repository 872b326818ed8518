//! PINs and keys of cards: from a file or from the person at the terminal, never from the command
//! line, and gone from memory once the card has them.

use std::io::IsTerminal as _;
use std::path::Path;

use cardwarden_card::Pin;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::file;

/// Longest line that is read, in bytes.
const MAX_SECRET: usize = 256;

/// Whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// A PIN, from the file that was named, or typed. `how_to_name` says with which option a file is
/// named.
pub(super) fn ask(question: &str, file: Option<&Path>, how_to_name: &str) -> Result<Pin, Failure> {
    let secret = match file {
        Some(path) => from_file(path)?,
        None if can_ask() => typed(question)?,
        None => {
            return Err(Failure::new(format!(
                "{question} is needed, and there is no terminal to ask on; name a file that holds \
                 it with {how_to_name}"
            )));
        }
    };
    Pin::new(secret.as_bytes().to_vec()).map_err(|error| Failure::because(question, &error))
}

/// The first line of a file.
pub(super) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(file::read(path, MAX_SECRET)?);
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| Failure::because(format!("{} is no text", path.display()), &error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new(format!(
            "the first line of {} is empty",
            path.display()
        )));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// What a person types, without showing it.
pub(super) fn typed(question: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(format!("{question}: "))
        .map(Zeroizing::new)
        .map_err(|error| Failure::because(format!("{question} cannot be asked for"), &error))
}

/// How many tries are left, in words.
pub(super) fn tries(left: Option<u8>) -> String {
    match left {
        None => String::new(),
        Some(1) => " (1 try is left: one more wrong one blocks the card)".to_owned(),
        Some(left) => format!(" ({left} tries are left)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Readable;

    #[test]
    fn a_pin_is_the_first_line_of_its_file_and_is_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        file::create(&path, b"4711\nnote\n", Readable::Owner).unwrap();
        assert_eq!(from_file(&path).unwrap().as_str(), "4711");
        let pin = ask("the PIN", Some(&path), "--pin-file").unwrap();
        assert!(!format!("{pin:?}").contains("4711"));
        let empty = directory.path().join("empty");
        file::create(&empty, b"\n4711\n", Readable::Owner).unwrap();
        let text = ask("the PIN", Some(&empty), "--pin-file").unwrap_err().text;
        assert!(text.contains("first line"), "{text}");
    }

    #[test]
    fn the_last_try_is_told_as_such() {
        assert!(tries(Some(1)).contains("blocks"));
        assert_eq!(tries(Some(3)), " (3 tries are left)");
        assert_eq!(tries(None), "");
    }
}
