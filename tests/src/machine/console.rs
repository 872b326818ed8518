//! A machine's serial console: kept in a file, and watched for silence and for the kernel's last words.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::link::Deadline;

/// What a kernel says when it will not go on.
const LAST_WORDS: [&str; 2] = ["Kernel panic", "lab: cannot start"];

/// A watched console.
#[derive(Debug, Clone)]
pub struct Console(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    text: String,
    ended: bool,
}

impl Console {
    /// Reads QEMU's end of the console and copies everything to `log`.
    pub fn watch(mut stream: UnixStream, log: &Path) -> Result<Self> {
        let mut log =
            std::fs::File::create(log).with_context(|| format!("make {}", log.display()))?;
        let console = Self(Arc::default());
        let shared = Arc::clone(&console.0);
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            loop {
                let length = match stream.read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Ok(length) => length,
                    Err(_) => 0,
                };
                let bytes = buffer.get(..length).unwrap_or_default();
                // The log is for a person afterwards; a full disk must not stop the machine.
                drop(log.write_all(bytes));
                let (state, changed) = &*shared;
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                state.text.push_str(&String::from_utf8_lossy(bytes));
                state.ended = length == 0;
                changed.notify_all();
                if state.ended {
                    break;
                }
            }
        });
        Ok(console)
    }

    /// Waits until `words` have appeared. Silence for `patience`, or last words, end the wait with an error.
    pub fn await_words(&self, words: &str, patience: Duration) -> Result<()> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = state.text.len();
        let mut deadline = Deadline::within(patience);
        while !state.text.contains(words) {
            if let Some(last) = last_words(&state.text) {
                bail!("the machine stopped with: {last}");
            }
            if state.ended {
                bail!(
                    "QEMU ended; the console's last line: {}",
                    last_line(&state.text)
                );
            }
            if state.text.len() > seen {
                seen = state.text.len();
                deadline = Deadline::within(patience);
            }
            let left = deadline.left().with_context(|| {
                format!(
                    "nothing on the console; its last line: {}",
                    last_line(&state.text)
                )
            })?;
            state = changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }

    /// The kernel's last words, if it has said any.
    pub fn last_words(&self) -> Option<String> {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        last_words(&state.text)
    }
}

fn last_words(text: &str) -> Option<String> {
    text.lines()
        .find(|line| LAST_WORDS.iter().any(|words| line.contains(words)))
        .map(str::to_owned)
}

fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or("(none)")
}

#[cfg(test)]
mod tests {
    use super::last_words;

    #[test]
    fn a_panic_is_noticed() {
        assert_eq!(
            last_words("a\nKernel panic - not syncing: x\nb").unwrap(),
            "Kernel panic - not syncing: x"
        );
        assert_eq!(last_words("all is well"), None);
    }
}
