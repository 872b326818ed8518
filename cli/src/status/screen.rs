//! The status as people see it.

use cardwarden_dbus::{Agent, Association, Function, Snapshot};
use cardwarden_policy::Function as Known;
use jiff::tz::TimeZone;

use super::{instant, some};
use crate::associate::tries;
use crate::output::{Lines, Paint, harmless};

/// How things are shown to a person.
pub(crate) struct Screen {
    /// Whether in colour.
    pub(crate) paint: Paint,
    /// In whose wall-clock time.
    pub(crate) zone: TimeZone,
}

impl Screen {
    /// The whole screen.
    pub(crate) fn status(&self, Snapshot { agent, functions }: &Snapshot) -> String {
        let mut lines = self.heading(agent);
        let known: Vec<_> = Known::ALL
            .iter()
            .filter_map(|known| {
                functions
                    .get(known.name())
                    .map(|function| (known, function))
            })
            .filter(|(known, function)| {
                // A part that is as its whole is says nothing new.
                let whole = known.whole().and_then(|whole| functions.get(whole.name()));
                whole.is_none_or(|whole| {
                    (&whole.verdict, &whole.reason) != (&function.verdict, &function.reason)
                })
            })
            .map(|(_, function)| function)
            .collect();
        lines.add("");
        lines.append(&self.table(&known, agent.associations.len() > 1));
        for function in known.iter().filter(|function| is_notable(function)) {
            lines.add(&format!(
                "  {}: {}",
                function.name,
                harmless(&function.proof)
            ));
        }
        lines.add("");
        lines.append(&self.surroundings(agent));
        for problem in &agent.problems {
            let code = self.paint.bad(&harmless(&problem.code));
            lines.pair("Problem", &format!("{code}: {}", harmless(&problem.text)));
        }
        lines.into_text()
    }

    fn heading(&self, agent: &Agent) -> Lines {
        let posture = match agent.posture.as_str() {
            "unmanaged" => self
                .paint
                .strong("unmanaged: no company has a say on this device"),
            "enforcing" => self
                .paint
                .good("enforcing: all that the company asks holds"),
            "degraded" => self
                .paint
                .bad("degraded: some of what the company asks does not hold"),
            "unproven" => self
                .paint
                .bad("unproven: the policy cannot be read, so all is off"),
            other => self.paint.bad(&harmless(other)),
        };
        let mut lines = Lines::default();
        let unsettled = if agent.settled {
            ""
        } else {
            " (still being applied)"
        };
        lines.pair("Posture", &format!("{posture}{unsettled}"));
        for known in &agent.associations {
            self.company(&mut lines, known);
        }
        self.guard(&mut lines, agent);
        lines.append(&self.waiting(agent));
        lines
    }

    /// Whether what is off can be undone, once a company has a say.
    fn guard(&self, lines: &mut Lines, agent: &Agent) {
        if agent.associations.is_empty() {
            return;
        }
        let text = match agent.guard.as_str() {
            "up" => "stands: nobody undoes it while the device is on".to_owned(),
            "rising" => "on its way".to_owned(),
            "down" => "off, as the policy says: root can undo it".to_owned(),
            "failed" => self.paint.bad("none: root can undo it"),
            other => self.paint.bad(&harmless(other)),
        };
        lines.pair("Guard", &text);
    }

    /// Who has a say, and whom to ask.
    fn company(&self, lines: &mut Lines, known: &Association) {
        let company = self.paint.strong(&harmless(&known.company));
        let (version, group) = (known.version, harmless(&known.group));
        let mut text = format!(
            "{company}, version {version} of its policy, group {group}, since {}",
            self.time(known.since)
        );
        if known.proof == "copyable" {
            text.extend([", ", &self.paint.off("copyable card")]);
        }
        if known.ends != 0 {
            text.extend([", until ", &self.time(known.ends)]);
        }
        lines.pair("Company", &text);
        if let Some(contact) = some(&known.contact) {
            lines.pair("Ask", &harmless(contact));
        }
    }

    /// What waits for a person.
    fn waiting(&self, agent: &Agent) -> Lines {
        let mut lines = Lines::default();
        for card in &agent.pending {
            let copyable = match card.proof.as_str() {
                "copyable" => "A copyable card",
                _ => "A card",
            };
            lines.pair(
                "Waiting",
                &format!(
                    "{copyable} of {} wants to decide what this device may do: run `cardwarden \
                     associate`",
                    self.paint.strong(&harmless(&card.company))
                ),
            );
            lines.pair("", &format!("Its key: {}", harmless(&card.fingerprint)));
        }
        let wanted = &agent.pin_wanted;
        if let Some(reader) = &wanted.reader {
            let what = match wanted.state.as_deref().unwrap_or_default() {
                "blocked" => "is blocked after too many wrong ones; ask whoever gave it to you",
                "asking" => "is being asked for",
                "checking" => "is being checked",
                "wrong" => "was wrong: run `cardwarden associate`",
                "cancelled" => "was not given: run `cardwarden associate`",
                _ => "is wanted: run `cardwarden associate`",
            };
            let company = harmless(wanted.company.as_deref().unwrap_or_default());
            lines.pair(
                "PIN",
                &format!(
                    "of the card of {company} in {} {what}{}",
                    harmless(reader),
                    tries(wanted.tries_left)
                ),
            );
        }
        lines
    }

    /// Where several companies have a say, with whose it is.
    fn table(&self, functions: &[&Function], several: bool) -> Lines {
        let heading = [
            "FUNCTION", "STATE", "WHY", "SINCE", "UNTIL", "HELD BY", "REFUSED",
        ];
        let mut rows = vec![heading.map(|cell| (cell.to_owned(), None))];
        for function in functions {
            let state = match (function.verdict.as_str(), function.achieved.as_str()) {
                ("enabled", _) => ("on".to_owned(), Some(Shade::Good)),
                ("disabled", "enforced") => ("off".to_owned(), Some(Shade::Off)),
                ("disabled", achieved) => (format!("off, {achieved}"), Some(Shade::Bad)),
                (other, _) => (harmless(other), Some(Shade::Bad)),
            };
            let plain = |cell: String| (cell, None);
            rows.push([
                plain(function.name.clone()),
                state,
                plain(why(function, several)),
                plain(self.time(function.since)),
                plain(self.time(function.until)),
                plain(held_by(function)),
                plain(if function.denials == 0 {
                    String::new()
                } else {
                    function.denials.to_string()
                }),
            ]);
        }
        self.columns(&rows)
    }

    /// Pads every column to its widest cell; a shade does not count.
    fn columns<const N: usize>(&self, rows: &[[(String, Option<Shade>); N]]) -> Lines {
        let mut widths = [0; N];
        for row in rows {
            for (width, (cell, _)) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut lines = Lines::default();
        for row in rows {
            let mut shown = String::new();
            for (width, (cell, shade)) in widths.iter().zip(row) {
                let painted = match shade {
                    Some(Shade::Good) => self.paint.good(cell),
                    Some(Shade::Off) => self.paint.off(cell),
                    Some(Shade::Bad) => self.paint.bad(cell),
                    None => cell.clone(),
                };
                let gap = width.saturating_sub(cell.chars().count()).saturating_add(2);
                shown.extend([painted, " ".repeat(gap)]);
            }
            lines.add(shown.trim_end());
        }
        lines
    }

    fn surroundings(&self, agent: &Agent) -> Lines {
        let mut lines = Lines::default();
        let card = match (some(&agent.reader), agent.readers.len()) {
            (Some(reader), _) => format!("in {}", harmless(reader)),
            (None, 0) => "none, and no reader either".to_owned(),
            (None, 1) => "none in the reader".to_owned(),
            (None, readers) => format!("none in any of {readers} readers"),
        };
        lines.pair("Card", &card);
        if let Some(url) = some(&agent.server_url) {
            let mut parts = vec![harmless(url)];
            let enrolled = if agent.server_enrolled {
                "enrolled"
            } else {
                "not yet enrolled"
            };
            parts.push(enrolled.to_owned());
            if agent.server_pending > 0 {
                parts.push(format!("{} outcomes wait", agent.server_pending));
            }
            if agent.server_last_contact != 0 {
                parts.push(format!(
                    "last spoke {}",
                    self.time(agent.server_last_contact)
                ));
            }
            lines.pair("Server", &parts.join(", "));
            if let Some(problem) = some(&agent.server_problem) {
                lines.pair("", &self.paint.bad(&harmless(problem)));
            }
        }
        lines.pair("Device", &harmless(&agent.device));
        lines
    }

    /// An instant as a person reads it.
    pub(crate) fn time(&self, seconds: i64) -> String {
        instant(seconds)
            .map(|at| {
                at.to_zoned(self.zone.clone())
                    .strftime("%a %Y-%m-%d %H:%M")
                    .to_string()
            })
            .unwrap_or_default()
    }
}

/// How a cell is coloured.
#[derive(Clone, Copy)]
enum Shade {
    Good,
    Off,
    Bad,
}

/// Whether the proof is worth a line: something is off, or is not as it should be.
fn is_notable(function: &Function) -> bool {
    !function.proof.is_empty() && (function.verdict != "enabled" || function.achieved != "enforced")
}

fn why(function: &Function, several: bool) -> String {
    match some(&function.company).filter(|_| several) {
        Some(company) => harmless(&format!("{} ({company})", function.reason)),
        None => harmless(&function.reason),
    }
}

fn held_by(function: &Function) -> String {
    if function.enforcers.is_empty() {
        return String::new();
    }
    harmless(&format!(
        "{} ({})",
        function.enforcers.join(", "),
        function.tier
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{association, screen, snapshot};
    use super::*;

    #[test]
    fn one_screen_says_what_is_off_why_until_when_and_whom_to_ask() {
        assert_eq!(
            screen().status(&snapshot()),
            "\
Posture  enforcing: all that the company asks holds
Company  B Company, version 7 of its policy, group laptops, since Fri 2027-01-15 06:00
Ask      security@b-company.example
Guard    stands: nobody undoes it while the device is on
Waiting  A copyable card of C Company wants to decide what this device may do: run `cardwarden associate`
         Its key: 8899 aabb
PIN      of the card of C Company in Virtual PCD 00 00 was wrong: run `cardwarden associate` (2 tries are left)

FUNCTION  STATE  WHY              SINCE                 UNTIL                 HELD BY                      REFUSED
camera    off    rule:work-hours  Fri 2027-01-15 06:00  Fri 2027-01-15 16:00  cgroup-device (kernel-open)  3
nfc       on     baseline         Fri 2027-01-15 06:00
  camera: open of /dev/video0 was refused (EPERM)

Card     none in the reader
Server   https://dm.b-company.example, enrolled, 2 outcomes wait, last spoke Fri 2027-01-15 07:00
Device   urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e
Problem  copied-card: the card in Virtual PCD 00 00 may be a copy; use the one you were given
"
        );
    }

    #[test]
    fn where_several_companies_have_a_say_each_is_named_with_what_it_turned_off() {
        let mut snapshot = snapshot();
        snapshot.agent.pending.clear();
        snapshot.agent.pin_wanted = cardwarden_dbus::PinWanted::default();
        snapshot.agent.associations.push(Association {
            company: "C Company".to_owned(),
            proof: "copyable".to_owned(),
            contact: String::new(),
            ends: 1_800_028_800,
            ..association()
        });
        let text = screen().status(&snapshot);
        assert!(
            text.contains("camera    off    rule:work-hours (B Company)  Fri"),
            "{text}"
        );
        assert!(
            text.contains("copyable card, until Fri 2027-01-15 16:00\n"),
            "{text}"
        );
    }

    #[test]
    fn colour_changes_no_column() {
        let coloured = Screen {
            paint: Paint::Colour,
            zone: TimeZone::UTC,
        }
        .status(&snapshot());
        assert!(
            coloured.contains("camera    \u{1b}[33moff\u{1b}[0m    rule:work-hours"),
            "{coloured}"
        );
    }

    #[test]
    fn what_does_not_hold_is_said_where_it_is_off() {
        let mut snapshot = snapshot();
        for function in snapshot.functions.values_mut() {
            function.achieved = "failed".to_owned();
        }
        let text = screen().status(&snapshot);
        assert!(
            text.contains("camera    off, failed  rule:work-hours"),
            "{text}"
        );
    }
}
