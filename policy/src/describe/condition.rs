//! Conditions in plain words. What is denied is said of each part, so that no sentence needs to
//! be turned around in one's head: not (A and B) is “not A or not B”.

use super::words::{any_of, days, list, quoted, span};
use crate::condition::{
    CardIs, ClockTime, Condition, Moment, OnNetwork, Period, Place, PowerIs, ServerIs, SessionIs,
    Weekly, Zone,
};
use crate::facts::PowerSource;

/// When a condition holds, as the end of a sentence: “on Monday from 08:00 to 18:00
/// (Europe/Berlin)”. `zone` is the policy's.
pub fn condition(condition: &Condition, zone: Option<&Zone>) -> String {
    phrase(condition, zone, Sense::So, false)
}

/// Whether a phrase says that something is so, or that it is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sense {
    So,
    NotSo,
}

impl Sense {
    const fn turned(self) -> Self {
        match self {
            Self::So => Self::NotSo,
            Self::NotSo => Self::So,
        }
    }

    /// One of two phrases.
    const fn pick<'a>(self, so: &'a str, not_so: &'a str) -> &'a str {
        match self {
            Self::So => so,
            Self::NotSo => not_so,
        }
    }
}

fn phrase(condition: &Condition, zone: Option<&Zone>, sense: Sense, inner: bool) -> String {
    match condition {
        Condition::All(parts) => joined(parts, zone, sense, (sense.pick("and", "or"), inner)),
        Condition::Any(parts) => joined(parts, zone, sense, (sense.pick("or", "and"), inner)),
        Condition::Not(part) => phrase(part, zone, sense.turned(), inner),
        Condition::Weekly(window) => weekly(window, zone, sense),
        Condition::Period(one) => period(one, zone, sense),
        Condition::Network(one) => network(one, sense),
        Condition::Place(one) => place(one, sense),
        Condition::Card(one) => card(one, sense),
        Condition::Session(one) => session(one, sense),
        Condition::Power(one) => power(*one, sense),
        Condition::Server(one) => server(*one, sense),
    }
}

fn joined(
    parts: &[Condition],
    zone: Option<&Zone>,
    sense: Sense,
    (joint, inner): (&str, bool),
) -> String {
    if let [only] = parts {
        return phrase(only, zone, sense, inner);
    }
    let phrases: Vec<String> = parts
        .iter()
        .map(|part| phrase(part, zone, sense, true))
        .collect();
    let text = phrases.join(&format!(", {joint} "));
    if inner { format!("({text})") } else { text }
}

fn in_zone(own: Option<&Zone>, zone: Option<&Zone>) -> String {
    own.or(zone)
        .map_or_else(String::new, |zone| format!(" ({})", zone.name()))
}

fn weekly(window: &Weekly, zone: Option<&Zone>, sense: Sense) -> String {
    let days = days(window.days);
    let days = match (sense, days == "every day") {
        (Sense::So, false) => format!("on {days}"),
        (_, _) => days,
    };
    let until = if window.to > window.from {
        window.to.to_string()
    } else {
        format!("{} of the next day", window.to)
    };
    let is_whole = window.from.is_same_as(ClockTime::MIDNIGHT) && window.to == ClockTime::MIDNIGHT;
    let time = if is_whole {
        ", all day".to_owned()
    } else {
        format!(" from {} to {until}", window.from)
    };
    let zone = in_zone(window.zone.as_ref(), zone);
    format!("{}{days}{time}{zone}", sense.pick("", "at any time but "))
}

/// A moment without the letter that computers put between day and time.
pub(super) fn moment(moment: Moment) -> String {
    moment.to_string().replace('T', " ")
}

fn period(period: &Period, zone: Option<&Zone>, sense: Sense) -> String {
    let zone = in_zone(period.zone.as_ref(), zone);
    let end = |to: Moment| match to {
        Moment::Day(_) => format!("the end of {}", moment(to)),
        Moment::Minute(_) => moment(to),
    };
    let text = match (period.from, period.to, sense) {
        (Some(from), Some(to), Sense::So) => format!("from {} to {}", moment(from), end(to)),
        (Some(from), Some(to), Sense::NotSo) => {
            format!("before {} or after {}", moment(from), end(to))
        }
        (Some(from), None, Sense::So) => format!("from {} on", moment(from)),
        (Some(from), None, Sense::NotSo) => format!("before {}", moment(from)),
        (None, Some(to), Sense::So) => format!("until {}", end(to)),
        (None, Some(to), Sense::NotSo) => format!("after {}", end(to)),
        (None, None, _) => sense.pick("at any time", "never").to_owned(),
    };
    format!("{text}{zone}")
}

fn network(network: &OnNetwork, sense: Sense) -> String {
    let mut names = Vec::new();
    if !network.ssid.is_empty() {
        names.push(format!(
            "the wireless network {}",
            any_of(network.ssid.iter())
        ));
    }
    if !network.id.is_empty() {
        names.push(format!("the connection {}", any_of(network.id.iter())));
    }
    let mut marks = Vec::new();
    if !network.domain.is_empty() {
        marks.push(format!(
            "the search domain {}",
            any_of(network.domain.iter())
        ));
    }
    if !network.gateway.is_empty() {
        marks.push(format!(
            "the gateway {}",
            list(network.gateway.iter(), "or")
        ));
    }
    let on = (!names.is_empty() || !marks.is_empty()).then(|| {
        let is = sense.pick("is", "is not");
        let name = if names.is_empty() {
            "a network".to_owned()
        } else {
            names.join(" by ")
        };
        let with = if marks.is_empty() { "" } else { " with " };
        format!("the device {is} on {name}{with}{}", list(marks, "and"))
    });
    let reached = network.server.as_ref().map(|server| {
        let answers = sense.pick("answers", "does not answer");
        format!(
            "the server {} {answers} with the certificate {}",
            server.address, server.sha256
        )
    });
    let joint = sense.pick("and", "or");
    format!("while {}", list(on.into_iter().chain(reached), joint))
}

fn place(place: &Place, sense: Sense) -> String {
    let is = sense.pick("is", "is not");
    let area = place.circle.map_or_else(
        || {
            let corners = place.polygon.iter().map(|corner| format!("({corner})"));
            format!("inside the area with the corners {}", list(corners, "and"))
        },
        |circle| format!("within {} m of {}", circle.radius, circle.centre),
    );
    let known = place.accuracy.map_or_else(String::new, |metres| {
        format!(", by a position known to {metres} m or better")
    });
    format!("while the device {is} {area}{known}")
}

fn card(card: &CardIs, sense: Sense) -> String {
    const PRESENT: &str = "while a card of the company is in a reader";
    const ABSENT: &str = "while no card of the company is in a reader";
    match card {
        CardIs::Present => sense.pick(PRESENT, ABSENT).to_owned(),
        CardIs::Absent => sense.pick(ABSENT, PRESENT).to_owned(),
        CardIs::Which(cards) => {
            let is = sense.pick("is", "is not");
            format!(
                "while the card {} {is} in a reader",
                list(cards.iter(), "or")
            )
        }
    }
}

fn session(session: &SessionIs, sense: Sense) -> String {
    let mut parts = Vec::new();
    if !session.user.is_empty() {
        parts.push(format!("is {}", any_of(session.user.iter())));
    }
    if !session.group.is_empty() {
        parts.push(format!(
            "belongs to the group {}",
            any_of(session.group.iter())
        ));
    }
    let answers = [
        (
            session.active,
            "is in the foreground",
            "is not in the foreground",
        ),
        (
            session.locked,
            "has locked the screen",
            "has not locked the screen",
        ),
        (
            session.remote,
            "comes over the network",
            "does not come over the network",
        ),
    ];
    for (asked, yes, no) in answers {
        parts.extend(asked.map(|is| if is { yes } else { no }.to_owned()));
    }
    let who = sense.pick("somebody", "nobody");
    format!("while {who} is logged in who {}", list(parts, "and"))
}

fn power(power: PowerIs, sense: Sense) -> String {
    let source = power.source.map(|source| {
        let (so, not_so) = match source {
            PowerSource::Mains => ("runs on mains", "does not run on mains"),
            PowerSource::Battery => ("runs on its battery", "does not run on its battery"),
        };
        format!("the device {}", sense.pick(so, not_so))
    });
    let charge = power.below.map(|below| match sense {
        Sense::So => format!("its battery has less than {below} %"),
        Sense::NotSo => format!("its battery does not have less than {below} %"),
    });
    let joint = sense.pick("and", "or");
    format!("while {}", list(source.into_iter().chain(charge), joint))
}

fn server(server: ServerIs, sense: Sense) -> String {
    let span = span(server.silent_for);
    match sense {
        Sense::So => format!("while the company's server has not answered for {span}"),
        Sense::NotSo => format!("while the company's server has answered within {span}"),
    }
}

/// A zone in quotation marks, for sentences about it.
pub(super) fn zone_name(zone: Option<&Zone>) -> String {
    zone.map_or_else(|| "none".to_owned(), |zone| quoted(zone.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let zone: Zone = "Europe/Berlin".to_owned().try_into().unwrap();
        condition(&toml::from_str(text).unwrap(), Some(&zone))
    }

    #[test]
    fn a_condition_is_the_end_of_a_sentence() {
        let cases = [
            (
                r#"weekly = { days = "mon-fri", from = "08:00", to = "18:00" }"#,
                "on Monday to Friday from 08:00 to 18:00 (Europe/Berlin)",
            ),
            (
                r#"weekly = { days = "mon-sun", from = "22:00", to = "06:00", zone = "UTC" }"#,
                "every day from 22:00 to 06:00 of the next day (UTC)",
            ),
            (
                r#"weekly = { days = "sat", from = "00:00", to = "24:00" }"#,
                "on Saturday, all day (Europe/Berlin)",
            ),
            (
                r#"period = { from = "2026-12-24T18:00", to = "2027-01-06" }"#,
                "from 2026-12-24 18:00 to the end of 2027-01-06 (Europe/Berlin)",
            ),
            (
                r#"network = { ssid = "B Office" }"#,
                "while the device is on the wireless network “B Office”",
            ),
            (
                r#"place = { circle = { centre = "52.52, 13.4", radius = 250 } }"#,
                "while the device is within 250 m of 52.52, 13.4",
            ),
            (
                r#"card = "absent""#,
                "while no card of the company is in a reader",
            ),
            (
                r#"session = { locked = true, group = ["interns", "visitors"] }"#,
                "while somebody is logged in who belongs to the group “interns” or “visitors” \
                 and has locked the screen",
            ),
            (
                r#"power = { source = "battery", below = 15 }"#,
                "while the device runs on its battery and its battery has less than 15 %",
            ),
            (
                r#"server.silent-for = "7d""#,
                "while the company's server has not answered for 7 days",
            ),
        ];
        for (text, words) in cases {
            assert_eq!(said(text), words, "{text}");
        }
    }

    #[test]
    fn what_is_denied_is_denied_of_each_part() {
        assert_eq!(
            said(
                r#"not.all = [{ card = "present" }, { not.any = [{ power = { source = "mains" } }, { server.silent-for = "1h" }] }]"#
            ),
            "while no card of the company is in a reader, or (while the device runs on mains, or \
             while the company's server has not answered for 1 hour)"
        );
        assert_eq!(
            said(r#"not.weekly = { days = "mon", from = "08:00", to = "18:00" }"#),
            "at any time but Monday from 08:00 to 18:00 (Europe/Berlin)"
        );
    }
}
