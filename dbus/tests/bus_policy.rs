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

/// The methods that the agent's description has, with those of the interfaces that every object has.
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
    methods.append(&mut methods_of(cardwarden_dbus::XML));
    methods
}

/// The methods of a description, with their interfaces.
fn methods_of(xml: &str) -> BTreeSet<(String, String)> {
    let mut methods = BTreeSet::new();
    let mut interface = String::new();
    for (tag, attributes) in tags(xml) {
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

/// What the rules of one policy of the bus admit to be sent, apart from owning a name.
fn admitted(policy: &str) -> Vec<Vec<(String, String)>> {
    let mut current = String::new();
    let mut admitted = Vec::new();
    for (tag, attributes) in tags(CONF) {
        match tag.as_str() {
            "policy" => {
                let named: Vec<_> = attributes
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                current = named.join(" ");
            }
            "allow" if current == policy && attribute(&attributes, "own").is_empty() => {
                admitted.push(attributes);
            }
            _ => {}
        }
    }
    admitted
}

#[test]
fn the_bus_admits_exactly_the_methods_that_are_described() {
    let admitted: BTreeSet<_> = admitted("context=default")
        .into_iter()
        .map(|attributes| {
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
fn only_root_may_ask_a_prompter_and_for_nothing_but_what_is_described() {
    let admitted: BTreeSet<_> = admitted("user=root")
        .into_iter()
        .map(|attributes| {
            assert_eq!(attributes.len(), 2, "{attributes:?}");
            (
                attribute(&attributes, "send_interface"),
                attribute(&attributes, "send_member"),
            )
        })
        .collect();
    assert_eq!(admitted, methods_of(cardwarden_dbus::PROMPTER_XML));
    assert!(
        admitted
            .iter()
            .all(|(interface, _)| interface == cardwarden_dbus::PROMPTER_INTERFACE)
    );
}

#[test]
fn what_is_not_listed_is_refused_and_only_root_owns_the_name() {
    let rules: Vec<_> = tags(CONF)
        .into_iter()
        .filter(|(tag, _)| tag != "busconfig")
        .take(6)
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
            "allow send_interface=org.cardwarden.Prompter1 send_member=RequestPin",
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
    let both = [cardwarden_dbus::XML, cardwarden_dbus::PROMPTER_XML];
    for line in both.iter().flat_map(|xml| xml.lines()).map(str::trim) {
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
            cardwarden_dbus::ACTION_ASSOCIATE,
            cardwarden_dbus::ACTION_DELIVER,
            cardwarden_dbus::ACTION_PROMPT,
            cardwarden_dbus::ACTION_RELEASE,
            cardwarden_dbus::ACTION_SYNC
        ]
    );
}

/// The texts of every element of a kind in one polkit action, by language.
fn texts(action: &str, element: &str) -> Vec<(String, String)> {
    let start = format!("<action id=\"{action}\"");
    let rest = POLKIT.split_once(&start).unwrap_or_default().1;
    let (body, _) = rest.split_once("</action>").unwrap_or_default();
    body.split(&format!("<{element}"))
        .skip(1)
        .map(|text| {
            let (attributes, text) = text.split_once('>').unwrap_or_default();
            let language = attributes.trim().trim_start_matches("xml:lang=");
            let text = text.split_once("</").unwrap_or_default().0;
            (language.trim_matches('"').to_owned(), text.to_owned())
        })
        .collect()
}

#[test]
fn every_action_speaks_every_language() {
    for (tag, attributes) in tags(POLKIT) {
        if tag == "action" {
            for element in ["description", "message"] {
                let languages: Vec<_> = texts(&attribute(&attributes, "id"), element)
                    .into_iter()
                    .map(|(language, _)| language)
                    .collect();
                assert_eq!(languages, ["", "de", "fr", "zh_CN"], "{attributes:?}");
            }
        }
    }
}

#[test]
fn the_dialogue_says_who_wants_what_and_no_agreement_is_kept_for_the_next_card() {
    for (language, message) in texts(cardwarden_dbus::ACTION_ASSOCIATE, "message") {
        for detail in ["$(company)", "$(fingerprint)", "$(restricts)"] {
            assert!(message.contains(detail), "{language}: {message}");
        }
    }
    let verdicts = |action| {
        ["allow_any", "allow_inactive", "allow_active"].map(|who| texts(action, who)[0].1.clone())
    };
    assert_eq!(
        verdicts(cardwarden_dbus::ACTION_ASSOCIATE),
        ["auth_admin", "auth_admin", "auth_self"]
    );
    assert_eq!(
        verdicts(cardwarden_dbus::ACTION_PROMPT),
        ["no", "no", "yes"]
    );
}

#[test]
fn activation_goes_through_systemd() {
    assert!(ACTIVATION.contains(&format!("Name={}\n", cardwarden_dbus::NAME)));
    assert!(ACTIVATION.contains("SystemdService=cardwardend.service\n"));
}
