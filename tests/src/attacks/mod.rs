//! The attacks of `tests/attacks`: one file each, whose first comment says who tries what, and what should stop it.
//! What the suite `attacks` finds fills the table of `docs/ATTACKS.md`.

mod record;
mod table;
mod vector;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::place;

pub use record::{Found, Record, Verdict, forget};
pub use table::{check, figures, rewrite};
pub use vector::{Control, Expected, Start, Vector, Who};

/// The sections, by a vector's hundreds.
pub const SECTIONS: [&str; 7] = [
    "Reaching a device node",
    "Cameras",
    "Bluetooth",
    "USB",
    "Infrared, microphones, NFC",
    "Cards, policies, and the agent's surfaces",
    "The enforcer itself",
];

/// Where the vectors are.
pub fn folder() -> PathBuf {
    place::repository().join("tests/attacks")
}

/// The files that vectors use together: name and content.
pub fn shared_files() -> Result<Vec<(String, Vec<u8>)>> {
    files()?
        .into_iter()
        .filter(|name| !is_vector(name))
        .map(|name| {
            let path = folder().join(&name);
            let content =
                std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            Ok((name, content))
        })
        .collect()
}

/// Every vector, in order.
pub fn vectors() -> Result<Vec<Vector>> {
    let names = files()?;
    let vectors: Vec<Vector> = names
        .iter()
        .filter(|name| is_vector(name))
        .map(|name| Vector::read(&folder().join(name)))
        .collect::<Result<_>>()?;
    for pair in vectors.windows(2) {
        if let [one, other] = pair {
            ensure!(
                one.number != other.number,
                "{} and {} have one number",
                one.file,
                other.file
            );
        }
    }
    Ok(vectors)
}

fn is_vector(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
}

fn files() -> Result<Vec<String>> {
    let dir = folder();
    let entries = std::fs::read_dir(&dir).with_context(|| format!("list {}", dir.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            let ending = Path::new(name).extension();
            ending.is_some_and(|ending| ["sh", "py"].iter().any(|known| ending == *known))
        })
        .collect();
    names.sort();
    Ok(names)
}
