//! Laws of the files that are installed beside the agent.

use std::collections::BTreeSet;

const CONF: &str = include_str!("../org.cardwarden.Agent1.conf");
const POLKIT: &str = include_str!("../org.cardwarden.policy");
const ACTIVATION: &str = include_str!("../org.cardwarden.Agent1.service");

/// Every start tag of a document without comments: its name and attributes.
fn tags(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut text = xml.to_owned();
    while let (Some(from), Some(to)) = (text.find("<!--"), text.find("-->")) {
        text.replace_range(from..to + 3, "");
    }
    text.split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with(['/', '?', '!']))
        .map(|tag| {
            let tag = tag
                .split('>')
                .next()
                .unwrap_or_default()
                .trim_end_matches('/');
            let (name, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            let texts: Vec<_> = rest.split('"').collect();
            let attributes = texts
                .iter()
                .step_by(2)
                .zip(texts.iter().skip(1).step_by(2))
                .map(|(key, value)| {
                    (
                        key.trim().trim_end_matches('=').to_owned(),
                        (*value).to_owned(),
                    )
                })
                .collect();
            (name.to_owned(), attributes)
        })
        .collect()
}

fn attribute(attributes: &[(String, String)], name: &str) -> String {
    attributes
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.clone())
        .unwrap_or_default()
}

/// The methods that the description has, with those of the interfaces that every object has.
fn described() -> BTreeSet<(String, String)> {
    let standard = [
        ("org.freedesktop.DBus.Introspectable", "Introspect"),
        ("org.freedesktop.DBus.Peer", "GetMachineId"),
        ("org.freedesktop.DBus.Peer", "Ping"),
        ("org.freedesktop.DBus.Properties", "Get"),
        ("org.freedesktop.DBus.Properties", "GetAll"),
    ];
    let mut methods: BTreeSet<_> = standard
        .into_iter()
        .map(|(interface, member)| (interface.to_owned(), member.to_owned()))
        .collect();
    let mut interface = String::new();
    for (tag, attributes) in tags(cardwarden_dbus::XML) {
        match tag.as_str() {
            "interface" => interface = attribute(&attributes, "name"),
            "method" => {
                methods.insert((interface.clone(), attribute(&attributes, "name")));
            }
            _ => {}
        }
    }
    methods
}

#[test]
fn the_bus_admits_exactly_the_methods_that_are_described() {
    let admitted: BTreeSet<_> = tags(CONF)
        .into_iter()
        .filter(|(tag, attributes)| tag == "allow" && attribute(attributes, "own").is_empty())
        .map(|(_, attributes)| {
            assert_eq!(attributes.len(), 3, "{attributes:?}");
            assert_eq!(
                attribute(&attributes, "send_destination"),
                cardwarden_dbus::NAME
            );
            (
                attribute(&attributes, "send_interface"),
                attribute(&attributes, "send_member"),
            )
        })
        .collect();
    assert_eq!(admitted, described());
}

#[test]
fn what_is_not_listed_is_refused_and_only_root_owns_the_name() {
    let rules: Vec<_> = tags(CONF)
        .into_iter()
        .filter(|(tag, _)| tag != "busconfig")
        .take(5)
        .map(|(tag, attributes)| {
            let attributes: Vec<_> = attributes
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("{tag} {}", attributes.join(" "))
        })
        .collect();
    assert_eq!(
        rules,
        [
            "policy user=root",
            "allow own=org.cardwarden.Agent1",
            "policy context=default",
            "deny own=org.cardwarden.Agent1",
            "deny send_destination=org.cardwarden.Agent1",
        ]
    );
}

#[test]
fn no_property_can_be_set() {
    for (tag, attributes) in tags(cardwarden_dbus::XML) {
        if tag == "property" {
            assert_eq!(attribute(&attributes, "access"), "read", "{attributes:?}");
        }
    }
}

#[test]
fn every_member_is_described() {
    let mut previous = "";
    for line in cardwarden_dbus::XML.lines().map(str::trim) {
        let ours = ["<property ", "<method ", "<signal "]
            .iter()
            .any(|tag| line.starts_with(tag));
        let standard = ["GetManagedObjects", "InterfacesAdded", "InterfacesRemoved"]
            .iter()
            .any(|member| line.contains(member));
        assert!(!ours || standard || previous.ends_with("-->"), "{line}");
        previous = line;
    }
}

#[test]
fn the_polkit_actions_are_those_that_the_agent_asks_for() {
    let actions: Vec<_> = tags(POLKIT)
        .into_iter()
        .filter(|(tag, _)| tag == "action")
        .map(|(_, attributes)| attribute(&attributes, "id"))
        .collect();
    assert_eq!(
        actions,
        [
            cardwarden_dbus::ACTION_RELEASE,
            cardwarden_dbus::ACTION_SYNC
        ]
    );
}

#[test]
fn activation_goes_through_systemd() {
    assert!(ACTIVATION.contains(&format!("Name={}\n", cardwarden_dbus::NAME)));
    assert!(ACTIVATION.contains("SystemdService=cardwardend.service\n"));
}
