//! The PIN of a token: from a file, or from the person at the terminal; nowhere else, and gone from
//! memory once the token has it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::file;

/// Names the file that holds the PIN, when the URI names none.
const PIN_FILE: &str = "CARDWARDEN_PIN_FILE";
/// Longest PIN, in bytes; tokens take far fewer.
const MAX_PIN: usize = 256;

/// The PIN of the token of this name.
pub(super) fn ask(token: &str, source: Option<&Path>) -> Result<AuthPin, Failure> {
    let named = std::env::var_os(PIN_FILE).filter(|path| !path.is_empty());
    if let Some(path) = source.map(Path::to_owned).or(named.map(PathBuf::from)) {
        return from_file(&path);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "the token `{token}` wants a PIN, and there is no terminal to ask on; \
             name a file that holds it with pin-source in the URI or with {PIN_FILE}"
        )));
    }
    let typed = rpassword::prompt_password(format!("PIN of the token `{token}`: "))
        .map(Zeroizing::new)
        .map_err(|error| Failure::because("the PIN cannot be asked for", &error))?;
    Ok(AuthPin::new(Box::from(typed.as_str())))
}

/// The first line of a file.
fn from_file(path: &Path) -> Result<AuthPin, Failure> {
    let bytes = Zeroizing::new(file::read(path, MAX_PIN)?);
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| Failure::because(format!("{} holds no PIN", path.display()), &error))?;
    let pin = text.lines().next().unwrap_or_default();
    if pin.is_empty() {
        return Err(Failure::new(format!(
            "{} holds no PIN: its first line is empty",
            path.display()
        )));
    }
    Ok(AuthPin::new(Box::from(pin)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Readable;

    #[test]
    fn a_file_without_a_pin_is_told_and_a_pin_is_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        file::create(&path, b"\n4711\n", Readable::Owner).unwrap();
        let text = from_file(&path).unwrap_err().text;
        assert!(text.contains("first line is empty"), "{text}");
        let other = directory.path().join("other");
        file::create(&other, b"4711\n", Readable::Owner).unwrap();
        assert!(!format!("{:?}", from_file(&other).unwrap()).contains("4711"));
    }
}
