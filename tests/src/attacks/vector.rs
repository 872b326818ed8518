//! One attack: what the first comment of its file says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::SECTIONS;
use crate::pins::Kernel;

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The person at the device: in the groups of cameras, sound and serial lines, with the active seat.
    User,
    /// Root.
    Root,
}

impl Who {
    /// As in results and headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Root => "root",
        }
    }
}

/// What should come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nobody succeeds.
    Refused,
    /// Everybody succeeds.
    Open,
    /// Root succeeds, a user does not.
    OpenAsRoot,
}

/// Under which policy it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// Everything is off but being a USB device.
    Everything,
    /// That too.
    Gadget,
    /// Storage may only be read.
    ReadOnly,
    /// Cameras are off until a time.
    Hours,
}

/// How it is known that the attempt is not refused by a mistake of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// It succeeds where nothing is restricted.
    Succeeds,
    /// It cannot, by its nature: why.
    None(String),
}

/// One attack.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Its number, as its file's name begins.
    pub number: u32,
    /// Its file.
    pub file: String,
    /// What is attempted, in plain words.
    pub title: String,
    /// Who attempts it.
    pub by: Vec<Who>,
    /// What should stop it.
    pub stands: String,
    /// What should come of it.
    pub expected: Expected,
    /// Why it is open.
    pub why: String,
    /// Words of the line of SECURITY.md, "Stays open", that tells of it.
    pub listed: String,
    /// Under which policy.
    pub start: Start,
    /// It changes the machine: it has one to itself.
    pub is_alone: bool,
    /// Even when it succeeds, the next may be tried in the same machine.
    pub is_harmless: bool,
    /// How it is known that it can succeed.
    pub control: Control,
    /// Only on this kernel.
    pub kernel: Option<Kernel>,
    /// The whole file.
    pub content: Vec<u8>,
}

impl Vector {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let content = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self::parse(name, content).with_context(|| format!("read {}", path.display()))
    }

    fn parse(file: String, content: Vec<u8>) -> Result<Self> {
        let text = std::str::from_utf8(&content).context("it is no text")?;
        let (title, mut said) = header(text);
        let number = file
            .split('-')
            .next()
            .unwrap_or_default()
            .parse()
            .context("its name has no number")?;
        ensure!(!title.is_empty(), "it does not say what is attempted");
        let by = one_of(&mut said, "as", BY)?.to_vec();
        let expected = one_of(&mut said, "expect", EXPECTED)?;
        let start = one_of(&mut said, "start", STARTS)?;
        let (is_alone, is_harmless) = one_of(&mut said, "machine", MACHINES)?;
        let kernel = one_of(&mut said, "kernel", KERNELS)?;
        let mut take = |key: &str| said.remove(key).unwrap_or_default();
        let control = match take("control").as_str() {
            "" => Control::Succeeds,
            reason => Control::None(reason.to_owned()),
        };
        let (stands, why, listed) = (take("stands"), take("why"), take("listed"));
        ensure!(!stands.is_empty(), "it does not say what stands in its way");
        ensure!(
            (expected == Expected::Refused) == why.is_empty(),
            "`why:` is for what stays open, and for that alone"
        );
        ensure!(
            said.is_empty(),
            "unknown words: {}",
            said.into_keys().collect::<Vec<_>>().join(", ")
        );
        let vector = Self {
            number,
            file,
            title,
            by,
            stands,
            expected,
            why,
            listed,
            start,
            is_alone,
            is_harmless,
            control,
            kernel,
            content,
        };
        ensure!(
            vector.section() < SECTIONS.len(),
            "there is no section for its number"
        );
        Ok(vector)
    }

    /// Which of [`SECTIONS`].
    pub fn section(&self) -> usize {
        usize::try_from(self.number / 100).unwrap_or(usize::MAX)
    }

    /// What runs its file.
    pub fn program(&self) -> &'static str {
        if self.content.starts_with(b"#!/bin/sh\n") {
            "sh"
        } else {
            "python3"
        }
    }

    /// Whether it is expected to succeed for him.
    pub fn is_open(&self, who: Who) -> bool {
        match self.expected {
            Expected::Refused => false,
            Expected::Open => true,
            Expected::OpenAsRoot => who == Who::Root,
        }
    }

    /// The kernels on which it is tried.
    pub fn kernels(&self) -> Vec<Kernel> {
        self.kernel
            .map_or_else(|| Kernel::ALL.to_vec(), |kernel| vec![kernel])
    }
}

/// What the words of a header stand for; the empty one is for a header without.
type Words<T> = &'static [(&'static str, T)];

const BY: Words<&[Who]> = &[
    ("user", &[Who::User]),
    ("root", &[Who::Root]),
    ("both", &[Who::User, Who::Root]),
];
const EXPECTED: Words<Expected> = &[
    ("refused", Expected::Refused),
    ("open", Expected::Open),
    ("open as root", Expected::OpenAsRoot),
];
const STARTS: Words<Start> = &[
    ("", Start::Everything),
    ("gadget", Start::Gadget),
    ("read-only", Start::ReadOnly),
    ("hours", Start::Hours),
];
const MACHINES: Words<(bool, bool)> = &[
    ("", (false, false)),
    ("alone", (true, false)),
    ("unchanged", (false, true)),
];
const KERNELS: Words<Option<Kernel>> = &[
    ("", None),
    ("6.1", Some(Kernel::V6_1)),
    ("6.12", Some(Kernel::V6_12)),
];

fn one_of<T: Copy>(said: &mut BTreeMap<String, String>, key: &str, words: Words<T>) -> Result<T> {
    let word = said.remove(key).unwrap_or_default();
    let found = words.iter().find(|(known, _)| *known == word);
    found
        .map(|(_, meaning)| *meaning)
        .with_context(|| format!("`{key}: {word}` is not known"))
}

/// The first line of the first comment, and what follows there as `key: value`; a line that has no key goes on with
/// the value of the one before.
fn header(text: &str) -> (String, BTreeMap<String, String>) {
    const KEYS: [&str; 9] = [
        "as", "stands", "expect", "why", "listed", "start", "machine", "control", "kernel",
    ];
    let mut title = String::new();
    let mut said = BTreeMap::new();
    let mut last = String::new();
    let lines = text
        .lines()
        .skip_while(|line| line.starts_with("#!"))
        .map_while(|line| line.strip_prefix('#'));
    for line in lines {
        let line = line.trim();
        let pair = line.split_once(':').filter(|(key, _)| KEYS.contains(key));
        if let Some((key, value)) = pair {
            key.clone_into(&mut last);
            said.insert(last.clone(), value.trim().to_owned());
            continue;
        }
        let value = said.get_mut(&last).unwrap_or(&mut title);
        if !value.is_empty() && !line.is_empty() {
            value.push(' ');
        }
        value.push_str(line);
    }
    (title, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Vector> {
        Vector::parse(
            "204-sco.sh".to_owned(),
            format!("#!/bin/sh\n{header}\necho\n# as: none\n").into_bytes(),
        )
    }

    #[test]
    fn a_header_says_who_tries_what_and_what_stands_in_the_way() {
        let vector = parse(
            "# Make a socket\n# of sound\n# as: both\n# stands: lsm/socket_create\n# expect: refused\n# kernel: 6.12",
        )
        .unwrap();
        assert_eq!(vector.title, "Make a socket of sound");
        assert_eq!((vector.number, vector.section()), (204, 2));
        assert_eq!(vector.by, [Who::User, Who::Root]);
        assert_eq!(vector.stands, "lsm/socket_create");
        assert_eq!(vector.kernels(), [Kernel::V6_12]);
        assert!(!vector.is_open(Who::Root));
    }

    #[test]
    fn what_stays_open_says_why_and_nothing_else_does() {
        let open = "# T\n# as: root\n# stands: guard\n# expect: open as root";
        assert!(parse(open).is_err());
        assert!(
            parse(&format!("{open}\n# why: no guard"))
                .unwrap()
                .is_open(Who::Root)
        );
        assert!(
            parse("# T\n# as: root\n# stands: usb\n# expect: refused\n# why: no guard").is_err()
        );
        assert!(parse("# T\n# as: root\n# expect: refused").is_err());
    }
}
