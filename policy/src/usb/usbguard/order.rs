//! From rules in an order, where the first one decides, to two lists, where what refuses wins.

use super::carry::Rule;
use super::report::{Import, Note, Why};
use super::rule::{MAX_RULES, Target};

/// Puts the rules into lists. `report` is what is known of the lines already.
pub(super) fn resolve(rules: Vec<Rule<'_>>, mut report: Vec<Note>) -> Import {
    let sorted = Sorted::new(rules, &mut report);
    let mut deny = Vec::new();
    for refusing in &sorted.deny {
        let why = sorted.overruled(refusing);
        if !matches!(why, Some(Why::Redundant(_))) {
            deny.extend(refusing.entries.iter().cloned());
        }
        report.extend(why.map(|why| note(refusing, why)));
    }
    report.sort_by_key(|note| note.line);
    Import {
        allow: sorted
            .allow
            .into_iter()
            .flat_map(|rule| rule.entries)
            .collect(),
        deny,
        default_block: sorted.default_block,
        report,
    }
}

fn note(rule: &Rule<'_>, why: Why) -> Note {
    Note {
        line: rule.line,
        text: rule.text.into(),
        why,
    }
}

/// The rules that were carried over.
struct Sorted<'a> {
    allow: Vec<Rule<'a>>,
    deny: Vec<Rule<'a>>,
    default_block: bool,
}

impl<'a> Sorted<'a> {
    fn new(rules: Vec<Rule<'a>>, report: &mut Vec<Note>) -> Self {
        let mut sorted = Self {
            allow: Vec::new(),
            deny: Vec::new(),
            default_block: true,
        };
        // Rules that may refuse and are in no list.
        let mut lost: Vec<Rule<'_>> = Vec::new();
        let mut end = None;
        let mut room = MAX_RULES;
        for mut rule in rules {
            if let Some(end) = end {
                report.push(note(&rule, Why::Unreachable(end)));
                continue;
            }
            if rule.is_for_all() {
                end = Some(rule.line);
            }
            if !rule.lost && rule.entries.len() > room {
                rule.lost = true;
                report.push(note(&rule, Why::TooMany));
            }
            if !rule.lost {
                room = room.saturating_sub(rule.entries.len());
            }
            match rule.target {
                Target::Allow => sorted.allows(rule, &lost, report),
                Target::Block | Target::Reject | Target::Other => {
                    if rule.target == Target::Reject && !rule.lost {
                        report.push(note(&rule, Why::Reject));
                    }
                    if rule.lost {
                        lost.push(rule);
                    } else if end.is_none() {
                        sorted.deny.push(rule);
                    }
                }
            }
        }
        sorted
    }

    /// Takes a rule that allows, unless something before it would have refused and is lost.
    fn allows(&mut self, rule: Rule<'a>, lost: &[Rule<'_>], report: &mut Vec<Note>) {
        if rule.lost {
            return;
        }
        if let Some(before) = lost.iter().find(|before| before.can_meet(&rule)) {
            report.push(note(&rule, Why::Overtaken(before.line)));
        } else if rule.is_for_all() {
            self.default_block = false;
        } else {
            self.allow.push(rule);
        }
    }

    /// What there is to know of a rule that refuses devices which a rule before it allows.
    fn overruled(&self, refusing: &Rule<'_>) -> Option<Why> {
        let meets = |allowing: &&Rule<'_>| allowing.can_meet(refusing);
        let mut before = self
            .allow
            .iter()
            .take_while(|allowing| allowing.line < refusing.line)
            .filter(meets);
        let first = before.next()?.line;
        let more = u32::try_from(before.count()).unwrap_or(u32::MAX);
        let mut behind = self
            .allow
            .iter()
            .skip_while(|allowing| allowing.line < refusing.line);
        // Whatever it refuses, the default refuses, unless something behind it allows.
        if self.default_block && !behind.any(|allowing| meets(&allowing)) {
            return Some(Why::Redundant(first));
        }
        Some(Why::Overrules { first, more })
    }
}
