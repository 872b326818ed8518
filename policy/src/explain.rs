//! Reasons in plain words. Nothing else turns a reason into a sentence.

use jiff::tz::TimeZone;

use crate::decide::{Access, DeviceRuling, Ruling, Source};
use crate::describe;
use crate::document::{Action, Policy, Rule};
use crate::function::{Function, Verdict};
use crate::usb::Device;

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

/// Why a function is as it is, in one paragraph. `zone` is the zone in which times are shown. With
/// the policy itself it also tells what a rule waits to know, and by what else a part of USB is
/// touched.
pub fn explain(
    policy: Option<&Policy>,
    function: Function,
    ruling: &Ruling,
    authority: Option<Authority<'_>>,
    zone: &TimeZone,
) -> String {
    let state = match ruling.verdict {
        Verdict::Disabled => "off",
        Verdict::Enabled if ruling.read_only => "on for reading, not for writing",
        Verdict::Enabled => "on",
    };
    let reason = reason(&ruling.source, authority, policy);
    let until = ruling.until.map_or_else(String::new, |until| {
        until
            .to_zoned(zone.clone())
            .strftime(", until %a %Y-%m-%d %H:%M %Z")
            .to_string()
    });
    let whole = policy.map_or("", |policy| by_whole(policy, function, &ruling.source));
    let spared = policy.map_or_else(String::new, |policy| spared(policy, &ruling.source));
    let told = told(
        &ruling.source,
        ruling.verdict == Verdict::Disabled,
        authority,
    );
    let audited = audited(&ruling.audited);
    format!("{function} is {state}: {reason}{whole}{until}.{spared}{audited}{told}")
}

/// Why a USB device may be used as far as it may, in one paragraph.
pub fn explain_device(
    policy: Option<&Policy>,
    device: &Device,
    ruling: &DeviceRuling,
    authority: Option<Authority<'_>>,
) -> String {
    let name = device.name.as_deref().filter(|name| !name.is_empty());
    let name = name.map_or_else(
        || {
            format!(
                "The USB device {:04x}:{:04x}",
                device.vendor, device.product
            )
        },
        |name| format!("The USB device “{}”", name.escape_debug()),
    );
    let access = match ruling.access {
        Access::Refused => "is refused",
        Access::ReadOnly => "can be read, but not written",
        Access::Full => "may be used",
    };
    let reason = reason(&ruling.source, authority, policy);
    let told = told(&ruling.source, ruling.access == Access::Refused, authority);
    let audited = audited(&ruling.audited);
    let spared = policy.map_or_else(String::new, |policy| spared_by(policy, device, ruling));
    let port = device.port.escape_debug();
    format!("{name} at port {port} {access}: {reason}.{spared}{audited}{told}")
}

/// Says which rule leaves a device out that may be used.
fn spared_by(policy: &Policy, device: &Device, ruling: &DeviceRuling) -> String {
    let spares = |rule: &&Rule| {
        rule.action == Action::Disable && rule.allow.iter().any(|one| one.matches(device))
    };
    policy
        .rules
        .iter()
        .find(spares)
        .filter(|_| ruling.access == Access::Full)
        .map_or_else(String::new, |rule| {
            format!(" Rule “{}” spares it.", rule.id)
        })
}

/// What is told beside the reason: the notice, and, where something must not be used, whom to ask.
fn told(source: &Source, is_refused: bool, authority: Option<Authority<'_>>) -> String {
    let notice = source
        .notice()
        .map_or_else(String::new, |notice| format!(" {notice}"));
    let contact = authority
        .and_then(|authority| authority.contact)
        .filter(|_| is_refused)
        .map_or_else(String::new, |contact| format!(" Ask {contact}."));
    format!("{notice}{contact}")
}

fn audited(rules: &[String]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let names: Vec<String> = rules.iter().map(|id| format!("“{id}”")).collect();
    let rule = if names.len() == 1 { "rule" } else { "rules" };
    format!(" On trial: {rule} {} would refuse it.", names.join(", "))
}

fn rule_of<'a>(policy: &'a Policy, source: &Source) -> Option<&'a Rule> {
    match source {
        Source::Rule { id, .. } => policy.rules.iter().find(|rule| rule.id == *id),
        Source::Unmanaged
        | Source::Unproven { .. }
        | Source::Baseline
        | Source::Server { .. }
        | Source::Task { .. } => None,
    }
}

/// Says that it is by what is said of USB as a whole that a part of it is as it is.
fn by_whole(policy: &Policy, function: Function, source: &Source) -> &'static str {
    const BY_WHOLE: &str = ", by what it says of usb as a whole";
    let Some(whole) = function.whole() else {
        return "";
    };
    let is_by_whole = match source {
        Source::Baseline => {
            policy.baseline.contains_key(&whole) && !policy.baseline.contains_key(&function)
        }
        Source::Rule { .. } => rule_of(policy, source).is_some_and(|rule| {
            rule.functions.contains(&whole) && !rule.functions.contains(&function)
        }),
        Source::Unmanaged
        | Source::Unproven { .. }
        | Source::Server { .. }
        | Source::Task { .. } => false,
    };
    if is_by_whole { BY_WHOLE } else { "" }
}

/// Says that some devices are not meant.
fn spared(policy: &Policy, source: &Source) -> String {
    let count = rule_of(policy, source)
        .filter(|rule| rule.action == Action::Disable)
        .map_or(0, |rule| rule.allow.len());
    match count {
        0 => String::new(),
        1 => " It spares one kind of device.".to_owned(),
        count => format!(" It spares {count} kinds of device."),
    }
}

fn reason(source: &Source, authority: Option<Authority<'_>>, policy: Option<&Policy>) -> String {
    let whose = authority.map_or_else(String::new, |authority| {
        format!(
            " of version {} of the policy of {}",
            authority.version, authority.company
        )
    });
    let company = authority.map_or("the company", |authority| authority.company);
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
        } => {
            let zone = policy.and_then(|policy| policy.zone.as_ref());
            let when = policy
                .and_then(|policy| rule_of(policy, source))
                .and_then(|rule| rule.when.as_deref())
                .map_or_else(String::new, |when| {
                    format!(" ({})", describe::condition(when, zone))
                });
            format!(
                "rule “{id}”{whose}, which restricts while it is not known whether its condition \
                 holds{when}"
            )
        }
        Source::Server { id, .. } => format!("the server of {company} asked for it (“{id}”)"),
        Source::Task { id, .. } => format!("task “{id}”{whose} switched it at its time"),
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
