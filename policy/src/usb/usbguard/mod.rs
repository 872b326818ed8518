//! Reads the rules of `USBGuard` (`rules.conf`) and says them in our words, as far as that is
//! possible without letting in a device that `USBGuard` would not let in.
//!
//! ```text
//!  text ─► scan: lines ─► carry: matches, or why not ─► order: allow, deny, default ─► Import
//! ```
//!
//! `USBGuard` takes the first line that applies, and its implicit target when none does; we
//! refuse what any `deny` matches, whatever an `allow` says. The law that everything here keeps:
//! **what the import allows, `USBGuard` allows**, with its implicit target `block`, whatever its
//! hashes and conditions are. Each line for which the reverse may fail is in the report.
//!
//! Not in here: the daemon's own settings, such as an implicit target that allows.

mod carry;
mod order;
mod report;
mod rule;
mod scan;

pub use report::{Import, Note, Outcome, Why};
pub use rule::{MAX_BYTES, MAX_LINE, MAX_RULES, MAX_VALUES, Malformed, Problem};

/// Reads rules.
///
/// # Errors
///
/// The first place at which `USBGuard` too would refuse the file, or a bound that is passed.
pub fn import(text: &str) -> Result<Import, Malformed> {
    let lines = scan::lines(text)?;
    let mut report = Vec::new();
    let rules = lines
        .iter()
        .filter_map(|line| carry::carry(line, &mut report))
        .collect();
    Ok(order::resolve(rules, report))
}
