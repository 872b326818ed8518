//! What lets us write to a card, from the command line, a file, or the person at the terminal.

use std::path::Path;

use cardwarden_card::{Authority, ManagementKey, Pin, READING_TIME, profile};

use super::args::Authorities;
use super::pin;
use super::reach::{Reached, Source, Trouble, kind, with_card};
use crate::failure::Failure;

/// What a person may have to be asked for, once for all cards of a run.
pub(super) struct Asking {
    management_key: Option<ManagementKey>,
    admin_pin: Option<Pin>,
    pin: Option<Pin>,
}

impl Asking {
    /// Reads what was named.
    pub(super) fn new(options: &Authorities) -> Result<Self, Failure> {
        Ok(Self {
            management_key: options
                .management_key
                .as_deref()
                .map(management_key)
                .transpose()?,
            admin_pin: options
                .admin_pin_file
                .as_deref()
                .map(|file| pin::ask(ADMIN_PIN, Some(file), "--admin-pin-file"))
                .transpose()?,
            pin: options
                .pin_file
                .as_deref()
                .map(|file| pin::ask(USER_PIN, Some(file), "--pin-file"))
                .transpose()?,
        })
    }

    /// Does something that needs an authority with a card, and asks for what is
    /// missing while nobody is kept from the card.
    pub(super) fn with<T>(
        &mut self,
        source: Source<'_>,
        doing: &str,
        mut act: impl FnMut(&mut Reached<'_>, &Authority) -> Result<T, Refusal>,
    ) -> Result<T, Trouble> {
        loop {
            let profile = with_card(source, READING_TIME, "looking at the card", |card| {
                Ok(card.profile.name())
            })?;
            let authority = self.authority(profile)?;
            let pin = self.pin.clone();
            let ended = with_card(source, cardwarden_card::WRITING_TIME, doing, |card| {
                if let Some(pin) = &pin {
                    card.profile
                        .verify_pin(pin)
                        .map_err(|error| card.blame(&error))?;
                }
                Ok(match act(card, &authority) {
                    Err(Refusal::Card(error)) => Err((card.blame(&error), Some(error))),
                    Err(Refusal::Other(trouble)) => Err((trouble, None)),
                    Ok(done) => Ok(done),
                })
            })?;
            match ended {
                Ok(done) => return Ok(done),
                Err((trouble, error)) => self.ask_for_missing(profile, trouble, error.as_ref())?,
            }
        }
    }

    /// What opens a card with a file system, as far as it was named: those that nobody has made
    /// theirs yet are open to everybody.
    pub(super) fn officer(&self) -> Authority {
        match &self.admin_pin {
            Some(pin) => Authority::AdminPin(pin.clone()),
            None => Authority::None,
        }
    }

    fn authority(&mut self, profile: &str) -> Result<Authority, Failure> {
        if profile == "piv" {
            let key = self.management_key.clone();
            return Ok(Authority::ManagementKey(
                key.unwrap_or_else(ManagementKey::factory),
            ));
        }
        if self.admin_pin.is_none() && profile == "openpgp" {
            let question = format!("{ADMIN_PIN} of the {} card", kind(profile));
            self.admin_pin = Some(pin::ask(&question, None, "--admin-pin-file")?);
        }
        Ok(self.officer())
    }

    /// Asks for what the card said is missing. Nothing is tried twice: what was given and refused
    /// is told, and ends the command.
    fn ask_for_missing(
        &mut self,
        profile: &str,
        trouble: Trouble,
        error: Option<&profile::Error>,
    ) -> Result<(), Trouble> {
        let Some(error) = error.filter(|_error| pin::can_ask()) else {
            return Err(trouble);
        };
        match error.code() {
            "management-key" if self.management_key.is_none() => {
                let typed = pin::typed("the card's management key (hexadecimal)")?;
                self.management_key = Some(hexadecimal(&typed)?);
                Ok(())
            }
            "pin-needed" if self.pin.is_none() => {
                let tries = if let profile::Error::PinNeeded { tries } = error {
                    pin::tries(*tries)
                } else {
                    String::new()
                };
                self.pin = Some(pin::ask(&format!("{USER_PIN}{tries}"), None, "--pin-file")?);
                Ok(())
            }
            "other-authority" if self.admin_pin.is_none() && profile != "piv" => {
                self.admin_pin = Some(pin::ask(ADMIN_PIN, None, "--admin-pin-file")?);
                Ok(())
            }
            _other => Err(trouble),
        }
    }
}

/// Why an act with a card failed.
pub(super) enum Refusal {
    /// The card failed.
    Card(profile::Error),
    /// Something else did.
    Other(Trouble),
}

impl From<profile::Error> for Refusal {
    fn from(error: profile::Error) -> Self {
        Self::Card(error)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Other(failure.into())
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Other(trouble)
    }
}

/// What is asked for.
const ADMIN_PIN: &str = "the administrator's PIN";
const USER_PIN: &str = "the card's PIN";

/// A key as `--management-key` names it.
fn management_key(named: &str) -> Result<ManagementKey, Failure> {
    match named.strip_prefix('@') {
        Some(path) => {
            let key = pin::from_file(Path::new(path))?;
            hexadecimal(&key).map_err(|failure| Failure::new(format!("{path}: {}", failure.text)))
        }
        None => hexadecimal(named),
    }
}

fn hexadecimal(text: &str) -> Result<ManagementKey, Failure> {
    ManagementKey::from_hex(text).map_err(|error| Failure::because("the management key", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{self, Readable};

    #[test]
    fn a_management_key_is_given_or_in_a_file_and_a_wrong_one_is_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let key = "0102030405060708".repeat(3);
        file::create(&path, format!("{key}\n").as_bytes(), Readable::Owner).unwrap();
        assert!(management_key(&key).is_ok());
        assert!(management_key(&format!("@{}", path.display())).is_ok());
        let text = management_key("secret").unwrap_err().text;
        assert!(!text.contains("secret"), "{text}");
        assert!(management_key("@/no/such/file").is_err());
    }
}
