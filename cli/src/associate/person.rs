//! The person at the terminal, who is asked, and asked for PINs on the agent's behalf.

use cardwarden_dbus::{Pending, Pin, PinDetails, PromptError};
use zeroize::Zeroizing;

use super::shown;
use crate::failure::{Exit, Failure};
use crate::output::{self, Paint};

/// Longest PIN that any card takes, in bytes (`OpenPGP` card 3.4, 4.3.1).
const MAX_PIN: usize = 127;

/// Who decides.
pub(super) trait Person {
    /// Shows a card that waits.
    fn show(&self, card: &Pending);
    /// Whether they agree; nothing at all is no.
    fn agrees(&self, question: &str) -> Result<bool, Failure>;
}

/// Whoever sits at the terminal.
pub(super) struct Terminal {
    pub(super) paint: Paint,
}

impl Person for Terminal {
    fn show(&self, card: &Pending) {
        output::show(&shown::card(card, self.paint));
    }

    fn agrees(&self, question: &str) -> Result<bool, Failure> {
        match output::confirm(question) {
            Ok(()) => Ok(true),
            Err(failure) if failure.exit == Exit::Refused => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// `org.cardwarden.Prompter1`: has a PIN typed.
pub(super) struct Prompter<T> {
    /// Asks a question, without showing the answer.
    pub(super) typed: T,
}

#[zbus::interface(name = "org.cardwarden.Prompter1", introspection_docs = false)]
impl<T> Prompter<T>
where
    T: Fn(&str) -> Result<Zeroizing<String>, Failure> + Clone + Send + Sync + 'static,
{
    #[zbus(out_args("pin"))]
    async fn request_pin(&self, details: PinDetails) -> Result<Pin, PromptError> {
        let typed = self.typed.clone();
        let cancelled = |why: String| PromptError::Cancelled(why);
        // Typing takes a person's time; the bus goes on meanwhile.
        let typing = tokio::task::spawn_blocking(move || typed(&shown::pin(&details)));
        let pin = typing
            .await
            .map_err(|error| cancelled(error.to_string()))?
            .map_err(|failure| cancelled(failure.text))?;
        if pin.is_empty() || pin.len() > MAX_PIN {
            return Err(cancelled("what was typed is no PIN".to_owned()));
        }
        Ok(Pin::new(Zeroizing::new(pin.as_bytes().to_vec())))
    }
}

/// Has a PIN typed at the terminal, unseen.
pub(super) fn typed(question: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(format!("{question}: "))
        .map(Zeroizing::new)
        .map_err(|error| Failure::because("the PIN cannot be asked for", &error))
}
