//! Reasons in plain words. Nothing else turns a reason into a sentence.

use jiff::tz::TimeZone;

use crate::decide::{Ruling, Source};
use crate::function::{Function, Verdict};

/// Who has a say: what sentences need beside the ruling.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    /// The company's name.
    pub company: &'a str,
    /// The policy's version.
    pub version: u64,
    /// Whom to ask.
    pub contact: Option<&'a str>,
}

/// Why a function is as it is, in one paragraph. `zone` is the zone in which times are shown.
pub fn explain(
    function: Function,
    ruling: &Ruling,
    authority: Option<Authority<'_>>,
    zone: &TimeZone,
) -> String {
    let state = match ruling.verdict {
        Verdict::Disabled => "off",
        Verdict::Enabled => "on",
    };
    let mut text = format!("{function} is {state}: {}", reason(&ruling.source, authority));
    if let Some(until) = ruling.until {
        let until = until.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z");
        text.push_str(&format!(", until {until}"));
    }
    text.push('.');
    if let Source::Rule { notify: Some(notify), .. } = &ruling.source {
        text.push_str(&format!(" {notify}"));
    }
    if ruling.verdict == Verdict::Disabled
        && let Some(contact) = authority.and_then(|authority| authority.contact)
    {
        text.push_str(&format!(" Ask {contact}."));
    }
    text
}

fn reason(source: &Source, authority: Option<Authority<'_>>) -> String {
    let whose = authority.map_or_else(String::new, |authority| {
        format!(" of version {} of the policy of {}", authority.version, authority.company)
    });
    match source {
        Source::Unmanaged => "no company has a say on this device".to_owned(),
        Source::Unproven { problem } => {
            format!("the policy that is in force cannot be read ({problem}), so it restricts")
        }
        Source::Baseline => format!("the baseline{whose}"),
        Source::Rule { id, unknown: false, .. } => format!("rule “{id}”{whose}"),
        Source::Rule { id, unknown: true, .. } => {
            format!("rule “{id}”{whose}, which restricts while the time is not known")
        }
    }
}
