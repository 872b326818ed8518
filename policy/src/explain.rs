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
        Verdict::Enabled if ruling.read_only => "on for reading",
        Verdict::Enabled => "on",
    };
    let reason = reason(&ruling.source, authority);
    let until = ruling.until.map_or_else(String::new, |until| {
        until
            .to_zoned(zone.clone())
            .strftime(", until %a %Y-%m-%d %H:%M %Z")
            .to_string()
    });
    let notice = ruling
        .source
        .notice()
        .map_or_else(String::new, |notice| format!(" {notice}"));
    let contact = authority
        .and_then(|authority| authority.contact)
        .filter(|_| ruling.verdict == Verdict::Disabled)
        .map_or_else(String::new, |contact| format!(" Ask {contact}."));
    format!("{function} is {state}: {reason}{until}.{notice}{contact}")
}

fn reason(source: &Source, authority: Option<Authority<'_>>) -> String {
    let whose = authority.map_or_else(String::new, |authority| {
        format!(
            " of version {} of the policy of {}",
            authority.version, authority.company
        )
    });
    match source {
        Source::Unmanaged => "no company has a say on this device".to_owned(),
        Source::Unproven { problem } => {
            format!("the policy that is in force cannot be read ({problem}), so it restricts")
        }
        Source::Baseline => format!("the baseline{whose}"),
        Source::Rule {
            id, unknown: false, ..
        } => format!("rule “{id}”{whose}"),
        Source::Rule {
            id, unknown: true, ..
        } => format!(
            "rule “{id}”{whose}, which restricts while it is not known whether its condition holds"
        ),
        Source::Server { .. } => {
            let company = authority.map_or("the company", |authority| authority.company);
            format!("the server of {company} asked for it")
        }
        Source::Task { id, .. } => format!("task “{id}”{whose}"),
    }
}

/// An error and its causes in one line. No message of ours repeats its cause, so nothing is said
/// twice.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
