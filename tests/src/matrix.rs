//! What the scenarios of functions found: for each function, kernel and tier, which cases hold. The table of
//! `docs/ENFORCEMENT.md` is made of it, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::machine::Machine;
use crate::pins::{Kernel, System, Tier};
use crate::place;
use crate::say::progress;
use crate::scenario;

/// A way in which somebody may come to use what is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// It is opened after the policy came.
    NewOpen,
    /// It was open, and in use, before.
    OpenBefore,
    /// Somebody who has it open hands the descriptor on, or it is taken from him.
    Passed,
    /// It is plugged in later.
    HotPlug,
    /// The machine starts with it.
    Boot,
    /// The policy no longer asks for it: everything works again.
    PolicyEnd,
    /// A policy only wants to know who would have been refused.
    Audit,
}

impl Case {
    /// All of them, in the table's order.
    pub const ALL: [Self; 7] = [
        Self::NewOpen,
        Self::OpenBefore,
        Self::Passed,
        Self::HotPlug,
        Self::Boot,
        Self::PolicyEnd,
        Self::Audit,
    ];

    /// The column's head.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewOpen => "new open",
            Self::OpenBefore => "open before",
            Self::Passed => "passed descriptor",
            Self::HotPlug => "plugged in later",
            Self::Boot => "there at start",
            Self::PolicyEnd => "policy ends",
            Self::Audit => "audit",
        }
    }
}

/// What was found about a function on a system.
#[derive(Debug)]
pub struct Record {
    function: &'static str,
    system: System,
    cells: BTreeMap<&'static str, bool>,
    broken: Vec<String>,
    /// Of several records of one function in one scenario, which.
    part: &'static str,
}

impl Record {
    /// Nothing yet.
    pub fn new(function: &'static str, system: System) -> Self {
        Self {
            function,
            system,
            cells: BTreeMap::new(),
            broken: Vec::new(),
            part: "",
        }
    }

    /// Beside another of the same function in the same scenario.
    #[must_use]
    pub fn beside(mut self, part: &'static str) -> Self {
        self.part = part;
        self
    }

    /// Tries a case. One that does not hold is noted, and keeps the next from nothing.
    pub fn case(
        &mut self,
        machine: &mut Machine,
        case: Case,
        law: impl FnOnce(&mut Machine) -> Result<()>,
    ) {
        let found = law(machine);
        let holds = self.cells.entry(case.name()).or_insert(true);
        if let Err(error) = found {
            *holds = false;
            self.broken
                .push(format!("{}, {}: {error:#}", self.function, case.name()));
        }
    }

    /// Keeps what was found; an error if a case does not hold.
    pub fn finish(self) -> Result<()> {
        // Another scenario may find other cases of the same function.
        let scenario = std::thread::current()
            .name()
            .unwrap_or("alone")
            .replace("::", "-");
        let dir = place::lab(&format!("matrix/{}@{}", self.function, self.system.name()))?;
        let text = serde_json::to_string_pretty(&json!(self.cells)).context("write cells")?;
        let name = format!("{scenario}{}.json", self.part);
        place::write_whole(&dir.join(name), text + "\n")?;
        ensure!(self.broken.is_empty(), "{}", self.broken.join("\n"));
        Ok(())
    }
}

/// The functions of the table, in its order.
pub const FUNCTIONS: &[&str] = &[
    "camera",
    "microphone",
    "bluetooth",
    "infrared",
    "nfc",
    "usb.storage",
    "usb.storage, read-only",
    "usb.hid",
    "usb.network",
    "usb.serial",
    "usb.audio",
    "usb.video",
    "usb.printer",
    "usb.other",
    "usb-gadget",
];

const START: &str = "<!-- matrix: `cargo xtask matrix` writes this -->\n";
const END: &str = "<!-- end of the matrix -->\n";

fn page() -> PathBuf {
    place::repository().join("docs/ENFORCEMENT.md")
}

/// Forgets what was found before.
pub fn forget() -> Result<()> {
    let dir = place::lab("matrix")?;
    std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
}

/// Writes the table from what the last run of the scenarios found.
pub fn rewrite() -> Result<()> {
    let (page, text) = (page(), read()?);
    let fresh = with_table(&text, &table()?)?;
    if fresh == text {
        progress("matrix: the table is as the results say");
        return Ok(());
    }
    place::write_whole(&page, fresh)?;
    progress(format!("matrix: wrote {}", page.display()));
    Ok(())
}

/// An error if the table is not what the last run of the scenarios found.
pub fn check() -> Result<()> {
    let text = read()?;
    ensure!(
        with_table(&text, &table()?)? == text,
        "the table of {} is not what the scenarios found; `cargo xtask matrix` writes it",
        page().display()
    );
    Ok(())
}

fn read() -> Result<String> {
    let page = page();
    std::fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))
}

fn with_table(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text.split_once(START).context("the page has no matrix")?;
    let (_, after) = rest.split_once(END).context("the matrix has no end")?;
    Ok(format!("{before}{START}{table}{END}{after}"))
}

fn table() -> Result<String> {
    let mut table = String::from("| function | tier |");
    for case in Case::ALL {
        write!(table, " {} |", case.name())?;
    }
    table.push_str("\n|---|---|");
    table.push_str(&"---|".repeat(Case::ALL.len()));
    table.push('\n');
    for function in FUNCTIONS {
        for tier in Tier::ALL {
            let found = found(function, tier)?;
            if found.is_empty() {
                continue;
            }
            write!(table, "| `{function}` | `{}` |", tier.name())?;
            for case in Case::ALL {
                write!(table, " {} |", cell(&found, case))?;
            }
            table.push('\n');
        }
    }
    Ok(table)
}

type Found = BTreeMap<Kernel, BTreeMap<String, bool>>;

/// What was found about a function at a tier, by kernel.
fn found(function: &str, tier: Tier) -> Result<Found> {
    let mut found = Found::new();
    for kernel in Kernel::ALL {
        let system = System { kernel, tier };
        let dir = place::lab(&format!("matrix/{function}@{}", system.name()))?;
        let entries = std::fs::read_dir(&dir).with_context(|| format!("list {}", dir.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let cells: BTreeMap<String, bool> =
                serde_json::from_slice(&text).context("read what a scenario found")?;
            let all: &mut BTreeMap<String, bool> = found.entry(kernel).or_default();
            for (case, holds) in cells {
                *all.entry(case).or_insert(true) &= holds;
            }
        }
    }
    Ok(found)
}

/// `yes`, `no`, the kernels on which it holds, or a dash where the case is none.
fn cell(found: &Found, case: Case) -> String {
    let each: Vec<(Kernel, bool)> = found
        .iter()
        .filter_map(|(kernel, cells)| Some((*kernel, *cells.get(case.name())?)))
        .collect();
    let kinds: BTreeSet<bool> = each.iter().map(|(_, holds)| *holds).collect();
    match (kinds.contains(&true), kinds.contains(&false)) {
        (true, false) => "yes".to_owned(),
        (false, true) => "no".to_owned(),
        (false, false) => "–".to_owned(),
        (true, true) => {
            let held = each.iter().filter(|(_, holds)| *holds);
            let names: Vec<&str> = held.map(|(kernel, _)| kernel.name()).collect();
            format!("{} only", names.join(", "))
        }
    }
}

/// The lab's own USB devices, as a rule names those that it denies.
pub const DENIED: &str = "deny = [{ id = \"1d6b:*\" }, { id = \"046d:0825\" }]\n";

/// A policy with one rule, `law`, about these functions. About USB it names the lab's own devices, since one that would
/// take every keyboard is refused.
pub fn rule(functions: &[&str], action: &str) -> String {
    let is_usb = functions
        .iter()
        .all(|function| function.starts_with("usb."));
    let only = if is_usb && action != "enable" {
        DENIED
    } else {
        ""
    };
    format!(
        "contact = \"security@b-company.example\"\n\n[[rules]]\nid = \"law\"\nfunctions = {functions:?}\naction = \"{action}\"\n{only}"
    )
}

/// A device of a function, and how it is used and tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The function's name in a policy.
    pub function: &'static str,
    /// A line of shell that plugs it in.
    pub plug: &'static str,
    /// A line of shell that takes it out.
    pub unplug: &'static str,
    /// A line of shell that uses it anew and prints a word.
    pub attempt: &'static str,
    /// The word while it is on.
    pub works: &'static str,
    /// The word while it is off.
    pub refused: &'static str,
}

impl Device {
    /// A policy that does this with the function.
    pub fn policy(&self, action: &str) -> String {
        rule(&[self.function], action)
    }

    /// Brings such a policy into force, on a new card.
    pub fn under(&self, machine: &mut Machine, action: &str) -> Result<()> {
        scenario::insert(machine, &self.policy(action), "")
    }

    /// It works.
    pub fn is_on(&self, machine: &mut Machine) -> Result<()> {
        scenario::expect(machine, self.attempt, self.works)
    }

    /// It is refused, and the agent says that the function is off.
    pub fn is_off(&self, machine: &mut Machine) -> Result<()> {
        scenario::expect(machine, self.attempt, self.refused)?;
        if self.function.starts_with("usb.") {
            // The rule names devices: others of the function may be used, and it is on.
            return Ok(());
        }
        let status = scenario::status(machine)?;
        let said = status
            .get("functions")
            .and_then(|functions| functions.get(self.function))
            .map(|function| scenario::text(function, "/verdict").to_owned());
        ensure!(
            said.as_deref() == Some("disabled"),
            "the agent says {said:?} of {}",
            self.function
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_on_which_kernels_a_case_holds() {
        let cells = |holds: bool| BTreeMap::from([("audit".to_owned(), holds)]);
        let of = |old: bool, new: bool| {
            Found::from([(Kernel::V6_1, cells(old)), (Kernel::V6_12, cells(new))])
        };
        assert_eq!(cell(&of(true, true), Case::Audit), "yes");
        assert_eq!(cell(&of(false, false), Case::Audit), "no");
        assert_eq!(cell(&of(true, false), Case::Audit), "6.1 only");
        assert_eq!(cell(&of(true, true), Case::Boot), "–");
    }

    #[test]
    fn the_table_stands_between_its_marks() {
        let page = format!("a\n{START}old\n{END}b\n");
        assert_eq!(
            with_table(&page, "new\n").unwrap(),
            format!("a\n{START}new\n{END}b\n")
        );
        assert!(with_table("a", "new\n").is_err());
    }
}
