//! Any policy, and any situation to ask it in.

use std::collections::BTreeSet;

use cardwarden_policy::condition::Condition;
use cardwarden_policy::document::{
    Action, Audience, Companies, Direction, Guard, Notice, OnUnknown, Policy, Remote, Rule, Switch,
    Task,
};
use cardwarden_policy::facts::{
    CardPresence, Connection, Facts, Fingerprint, Fix, Mac, Network, Point, Power, PowerSource,
    Session,
};
use cardwarden_policy::operation::{Operation, Origin};
use cardwarden_policy::usb::{Device, Match};
use cardwarden_policy::{Context, Function};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const ZONES: [&str; 4] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
];
const NAMES: [&str; 3] = ["B Office", "guest", "x.example"];

pub(crate) fn function() -> impl Strategy<Value = Function> {
    prop::sample::select(Function::ALL.to_vec())
}

/// From 2024 to 2030.
pub(crate) fn instant() -> impl Strategy<Value = Timestamp> {
    (1_704_067_200_i64..1_893_456_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    (0_u8..3).prop_map(|byte| Fingerprint([byte; 32]))
}

fn mac() -> impl Strategy<Value = Mac> {
    (0_u8..3).prop_map(|byte| Mac([byte; 6]))
}

fn point() -> impl Strategy<Value = Point> {
    (-900_i32..=900, -1800_i32..=1800).prop_map(|(latitude, longitude)| {
        Point::new(f64::from(latitude) / 10.0, f64::from(longitude) / 10.0).unwrap()
    })
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn days() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1..=7)
}

pub(crate) fn weekly() -> impl Strategy<Value = Value> {
    let zone = prop::sample::select(ZONES.to_vec());
    (days(), 0_u16..1440, 1_u16..1440, zone).prop_map(|(days, from, length, zone)| {
        json!({"weekly": {
            "days": days, "from": clock(from), "to": clock((from + length) % 1440), "zone": zone,
        }})
    })
}

fn period() -> impl Strategy<Value = Value> {
    let moment = (
        2024_u16..2030,
        1_u8..=12,
        1_u8..=28,
        prop::option::of(0_u16..1440),
    )
        .prop_map(|(year, month, day, minute)| {
            let time = minute.map_or_else(String::new, |minute| format!("T{}", clock(minute)));
            format!("{year}-{month:02}-{day:02}{time}")
        });
    let zone = prop::sample::select(ZONES.to_vec());
    (moment, any::<bool>(), zone).prop_map(|(moment, from, zone)| {
        json!({"period": {(if from { "from" } else { "to" }): moment, "zone": zone}})
    })
}

fn around() -> impl Strategy<Value = Value> {
    prop_oneof![
        name().prop_map(|ssid| json!({"network": {"ssid": ssid}})),
        (name(), mac())
            .prop_map(|(id, mac)| json!({"network": {"id": [id, "wired"], "gateway": mac}})),
        fingerprint().prop_map(|sha256| json!({
            "network": {"server": {"address": "intranet.example:443", "sha256": sha256}}
        })),
        (point(), 1_u32..1_000_000, prop::option::of(1_u32..1000)).prop_map(
            |(centre, radius, accuracy)| match accuracy {
                None => json!({"place": {"circle": {"centre": centre, "radius": radius}}}),
                Some(accuracy) => json!({"place": {
                    "circle": {"centre": centre, "radius": radius}, "accuracy": accuracy,
                }}),
            }
        ),
        prop::collection::vec(point(), 3..6)
            .prop_map(|corners| json!({"place": {"polygon": corners}})),
        Just(json!({"card": "present"})),
        Just(json!({"card": "absent"})),
        fingerprint().prop_map(|card| json!({"card": {"which": card}})),
        (any::<bool>(), name())
            .prop_map(|(is, user)| json!({"session": {"active": is, "user": user}})),
        any::<bool>().prop_map(|is| json!({"session": {"locked": is}})),
        (1_u8..=100).prop_map(|below| json!({"power": {"source": "battery", "below": below}})),
        Just(json!({"power": {"source": "mains"}})),
        (1_u32..40).prop_map(|days| json!({"server": {"silent-for": format!("{days}d")}})),
    ]
}

fn nested(atom: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Condition> {
    atom.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"all": all})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|any| json!({"any": any})),
            inner.prop_map(|not| json!({"not": not})),
        ]
    })
    .prop_map(|value| serde_json::from_value(value).unwrap())
}

/// Any condition; it may be one that can never hold.
pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    nested(prop_oneof![weekly(), weekly(), period(), around()])
}

pub(crate) fn usb_match() -> impl Strategy<Value = Match> {
    prop_oneof![
        prop::sample::select(vec!["08", "03:01:01", "0e:*:*", "ff"])
            .prop_map(|class| json!({"class": class})),
        (1_u16..4, 1_u16..4)
            .prop_map(|(vendor, product)| json!({"id": format!("{vendor:04x}:{product:04x}")})),
        (1_u16..4, name()).prop_map(
            |(vendor, serial)| json!({"id": format!("{vendor:04x}:*"), "serial": serial})
        ),
        (1_u8..4).prop_map(|port| json!({"port": format!("1-{port}")})),
        Just(json!({"connection": "external"})),
        fingerprint().prop_map(|descriptors| json!({"descriptors": descriptors})),
        Just(json!({"interfaces": {"none-of": ["03:01:01"]}, "name": "guest"})),
    ]
    .prop_map(|value| serde_json::from_value(value).unwrap())
}

fn notice() -> impl Strategy<Value = Notice> {
    (
        "[a-z .{\\[]{1,20}",
        prop::option::of("[a-z@.]{1,10}"),
        prop::option::of("[a-z:/]{1,10}"),
    )
        .prop_map(|(text, contact, url)| Notice { text, contact, url })
}

prop_compose! {
    /// Any rule that a policy may have.
    pub(crate) fn rule(index: usize)(
        name in prop::sample::select(vec!["rule", "r/1 %", "a%2Fb", " x", "Ü"]),
        functions in prop::collection::btree_set(function(), 1..4),
        action in prop::sample::select(vec![Action::Enable, Action::Disable, Action::Audit]),
        when in prop::option::of(condition()),
        on_unknown in prop::sample::select(vec![OnUnknown::Restrict, OnUnknown::Ignore]),
        allow in prop::collection::vec(usb_match(), 0..3),
        deny in prop::collection::vec(usb_match(), 0..3),
        read_only in any::<bool>(),
        notify in prop::option::of(notice()),
    ) -> Rule {
        fitting(Rule {
            id: format!("{name}-{index}"),
            functions,
            action,
            when: when.map(Box::new),
            on_unknown,
            allow,
            deny,
            storage: read_only.then_some(cardwarden_policy::document::Storage::ReadOnly),
            notify: notify.map(Box::new),
        })
    }
}

/// The rule without what no policy takes.
fn fitting(mut rule: Rule) -> Rule {
    let fits = |rule: &Rule| {
        let policy = Policy {
            rules: vec![rule.clone()],
            ..Policy::default()
        };
        policy.check().is_ok() && policy.check_sense().is_ok()
    };
    if !fits(&rule) {
        rule.storage = None;
    }
    if !fits(&rule) {
        (rule.allow, rule.deny) = (Vec::new(), Vec::new());
    }
    if !fits(&rule) {
        rule.when = None;
    }
    if !fits(&rule) {
        rule.functions = BTreeSet::from([Function::Camera]);
    }
    rule
}

fn span() -> impl Strategy<Value = cardwarden_policy::span::Span> {
    (1_u32..1_000_000)
        .prop_map(|seconds| cardwarden_policy::span::Span::from_seconds(seconds).unwrap())
}

fn task(index: usize) -> impl Strategy<Value = Task> {
    let zone = || prop::sample::select(ZONES.to_vec());
    let at = prop_oneof![
        (days(), 0_u16..1440, zone()).prop_map(
            |(days, time, zone)| json!({"weekly": {"days": days, "time": clock(time), "zone": zone}})
        ),
        (1_u8..=31, 0_u16..1440, zone()).prop_map(
            |(day, time, zone)| json!({"monthly": {"day": day, "time": clock(time), "zone": zone}})
        ),
        (2024_u16..2030, 1_u8..=12, zone()).prop_map(
            |(year, month, zone)| json!({"once": {"date": format!("{year}-{month:02}-15T08:30"), "zone": zone}})
        ),
    ];
    (
        prop::collection::btree_set(function(), 1..3),
        prop::sample::select(vec!["enable", "disable"]),
        at,
        prop::option::of(span()),
        prop::sample::select(vec!["run-late", "skip", "latest-only"]),
        prop::option::of(notice()),
    )
        .prop_map(
            move |(functions, action, at, lasting, missed, notify)| Task {
                id: format!("task-{index}"),
                functions,
                action: serde_json::from_value(json!(action)).unwrap(),
                at: serde_json::from_value(at).unwrap(),
                lasting,
                missed: serde_json::from_value(json!(missed)).unwrap(),
                notify,
            },
        )
}

prop_compose! {
    pub(crate) fn policy()(
        baseline in prop::collection::btree_map(
            function(), prop::sample::select(vec![Switch::Enable, Switch::Disable]), 0..7,
        ),
        rules in (0_usize..5).prop_flat_map(|count| (0..count).map(rule).collect::<Vec<_>>()),
        tasks in (0_usize..3).prop_flat_map(|count| (0..count).map(task).collect::<Vec<_>>()),
        contact in prop::option::of("[a-z@.]{1,20}"),
        organisation in prop::option::of("[A-Z][a-z ]{1,20}"),
        kinds in prop::collection::btree_set("[a-z]{1,8}", 0..3),
        may in prop::sample::select(vec![Direction::Tighten, Direction::Loosen]),
        lasting in prop::option::of(span()),
        zone in prop::option::of(prop::sample::select(ZONES.to_vec())),
        not_before in prop::option::of(instant()),
        companies in prop::sample::select(vec![Companies::One, Companies::Several]),
        guard in prop::sample::select(vec![Guard::On, Guard::Off]),
    ) -> Policy {
        Policy {
            companies,
            guard,
            organisation,
            contact,
            zone: zone.map(|zone| zone.to_owned().try_into().unwrap()),
            validity: cardwarden_policy::document::Validity { not_before, not_after: None },
            audience: Audience { kinds, ..Audience::default() },
            baseline,
            remote: Remote { may, lasting },
            rules,
            tasks,
            ..Policy::default()
        }
    }
}

pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = (
        any::<bool>(),
        prop::collection::btree_set(function(), 1..3),
        prop::sample::select(vec![Switch::Enable, Switch::Disable]),
        instant(),
        prop::option::of(span()),
    )
        .prop_map(|(server, functions, action, begun, lasting)| Operation {
            origin: if server {
                Origin::Server("1".to_owned())
            } else {
                Origin::Task("nightly".to_owned())
            },
            functions,
            action,
            begun,
            ends: lasting.and_then(|lasting| lasting.after(begun)),
            notify: None,
        });
    prop::collection::vec(operation, 0..3)
}

pub(crate) fn device() -> impl Strategy<Value = Device> {
    (
        (
            1_u16..4,
            1_u16..4,
            prop::option::of(name()),
            prop::option::of(name()),
        ),
        1_u8..5,
        prop::sample::select(vec!["built-in", "external", "unknown"]),
        prop::option::of(fingerprint()),
        prop::collection::vec(
            prop::sample::select(vec![
                "08:06:50", "03:01:01", "0e:01:00", "0b:00:00", "ff:ff:ff",
            ]),
            1..3,
        ),
    )
        .prop_map(
            |((vendor, product, serial, name), port, connection, descriptors, interfaces)| {
                let mut device = json!({
                    "vendor": vendor, "product": product, "port": format!("1-{port}"),
                    "connection": connection, "class": "00:00:00", "interfaces": interfaces,
                });
                for (key, text) in [("serial", serial), ("name", name)] {
                    if let Some(text) = text {
                        device[key] = json!(text);
                    }
                }
                if let Some(descriptors) = descriptors {
                    device["descriptors"] = json!(descriptors);
                }
                serde_json::from_value(device).unwrap()
            },
        )
}

prop_compose! {
    fn network()(
        connections in prop::collection::vec(
            (name(), prop::option::of(name()), prop::option::of(mac())), 0..3,
        ),
        reached in prop::collection::btree_set(fingerprint(), 0..2),
    ) -> Network {
        let connections = connections.into_iter().map(|(id, ssid, gateway)| Connection {
            id: id.to_owned(), ssid: ssid.map(str::to_owned), domains: BTreeSet::new(), gateway,
        }).collect();
        Network { connections, reached }
    }
}

prop_compose! {
    fn session()(user in name(), active in any::<bool>(), locked in any::<bool>()) -> Session {
        Session { user: user.to_owned(), active, locked, ..Session::default() }
    }
}

prop_compose! {
    pub(crate) fn facts()(
        network in prop::option::of(network()),
        place in prop::option::of((point(), 1_u32..1000)),
        card in prop::option::of(prop::option::of(fingerprint())),
        sessions in prop::option::of(prop::collection::vec(session(), 0..3)),
        power in prop::option::of((any::<bool>(), prop::option::of(0_u8..=100))),
        contact in prop::option::of(instant()),
    ) -> Facts {
        Facts {
            network,
            place: place.map(|(at, accuracy)| Fix { at, accuracy }),
            card: card.map(|card| card.map_or(CardPresence::Absent, CardPresence::Present)),
            sessions,
            power: power.map(|(mains, charge)| Power {
                source: if mains { PowerSource::Mains } else { PowerSource::Battery },
                charge,
            }),
            contact,
        }
    }
}

prop_compose! {
    pub(crate) fn context()(
        facts in facts(),
        usb in prop::collection::vec(device(), 0..4),
    ) -> Context {
        Context { facts, usb }
    }
}
