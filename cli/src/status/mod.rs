//! `cardwarden status`: everything on one screen, for people and (with fields that stay) for
//! programs.

mod json;
mod screen;

use cardwarden_dbus::Snapshot;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use zbus::Connection;

use crate::failure::Failure;
use crate::output::{Output, Paint};
pub(crate) use json::FunctionStatus;
use json::Status;
pub(crate) use screen::Screen;

/// Shows how the device stands.
pub(crate) async fn show(bus: &Connection, json: bool, paint: Paint) -> Result<Output, Failure> {
    let snapshot = Snapshot::read(bus).await?;
    if json {
        return Output::json(&Status::from(&snapshot));
    }
    Ok(Output::text(
        Screen {
            paint,
            zone: TimeZone::system(),
        }
        .status(&snapshot),
    ))
}

/// An empty text stands for none on D-Bus.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// 0 stands for none on D-Bus.
pub(crate) fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds)
        .ok()
        .filter(|_| seconds != 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use cardwarden_dbus::{Agent, Association, Function, Pending, PinWanted, Problem};

    use super::*;

    pub(crate) fn camera() -> Function {
        Function {
            name: "camera".to_owned(),
            verdict: "disabled".to_owned(),
            source: "rule".to_owned(),
            reason: "rule:work-hours".to_owned(),
            rule: "work-hours".to_owned(),
            until: 1_800_028_800,
            since: 1_799_992_800,
            achieved: "enforced".to_owned(),
            tier: "kernel-open".to_owned(),
            enforcers: vec!["cgroup-device".to_owned()],
            proof: "open of /dev/video0 was refused (EPERM)".to_owned(),
            denials: 3,
            sentence: "camera is off: rule “work-hours” of version 7 of the policy of B Company."
                .to_owned(),
            company: "B Company".to_owned(),
            audited: Vec::new(),
        }
    }

    pub(crate) fn association() -> Association {
        Association {
            company: "B Company".to_owned(),
            version: 7,
            group: "laptops".to_owned(),
            signer: "0011223344556677".to_owned(),
            since: 1_799_992_800,
            proof: "own-key".to_owned(),
            contact: "security@b-company.example".to_owned(),
            id: "0d1f6a8e-8f0a-4d7b-9a51-3e1f7c1d2b3a".to_owned(),
            ends: 0,
        }
    }

    pub(crate) fn pending() -> Pending {
        Pending {
            reader: "Virtual PCD 00 00".to_owned(),
            company: "C Company".to_owned(),
            signer: "8899aabbccddeeff".to_owned(),
            fingerprint: "8899 aabb".to_owned(),
            group: "all".to_owned(),
            version: 3,
            restricts: vec!["The camera is off on weekdays.".to_owned()],
            proof: "copyable".to_owned(),
        }
    }

    pub(crate) fn pin_wanted() -> PinWanted {
        PinWanted {
            reader: Some("Virtual PCD 00 00".to_owned()),
            company: Some("C Company".to_owned()),
            group: Some("laptops".to_owned()),
            wrong: Some(1),
            tries_left: Some(2),
            state: Some("wrong".to_owned()),
        }
    }

    pub(crate) fn snapshot() -> Snapshot {
        let nfc = Function {
            name: "nfc".to_owned(),
            verdict: "enabled".to_owned(),
            source: "baseline".to_owned(),
            reason: "baseline".to_owned(),
            since: 1_799_992_800,
            achieved: "enforced".to_owned(),
            tier: "none".to_owned(),
            ..Function::default()
        };
        Snapshot {
            agent: Agent {
                version: "0.1.0".to_owned(),
                posture: "enforcing".to_owned(),
                settled: true,
                guard: "up".to_owned(),
                generation: 12,
                device: "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e".to_owned(),
                association_id: "0d1f6a8e-8f0a-4d7b-9a51-3e1f7c1d2b3a".to_owned(),
                company: "B Company".to_owned(),
                policy_version: 7,
                group: "laptops".to_owned(),
                contact: "security@b-company.example".to_owned(),
                since: 1_799_992_800,
                signer: "0011223344556677".to_owned(),
                card_proof: "own-key".to_owned(),
                associations: vec![association()],
                pending: vec![pending()],
                pin_wanted: pin_wanted(),
                reader: String::new(),
                readers: vec!["Virtual PCD 00 00".to_owned()],
                server_url: "https://dm.b-company.example".to_owned(),
                server_pending: 2,
                server_enrolled: true,
                server_last_contact: 1_799_996_400,
                server_problem: String::new(),
                problems: vec![Problem {
                    code: "copied-card".to_owned(),
                    text: "the card in Virtual PCD 00 00 may be a copy; use the one you were given"
                        .to_owned(),
                    at: 1_799_996_400,
                }],
                timings: BTreeMap::from([("total".to_owned(), 345_678)]),
            },
            functions: [camera(), nfc]
                .map(|function| (function.name.clone(), function))
                .into(),
        }
    }

    pub(crate) fn screen() -> Screen {
        Screen {
            paint: Paint::Plain,
            zone: TimeZone::UTC,
        }
    }

    #[test]
    fn a_device_without_a_company_has_no_association() {
        let snapshot = Snapshot {
            agent: Agent {
                posture: "unmanaged".to_owned(),
                ..Agent::default()
            },
            ..Snapshot::default()
        };
        let json = serde_json::to_value(Status::from(&snapshot)).unwrap();
        assert!(
            json["association"].is_null() && json["server"]["url"].is_null(),
            "{json}"
        );
        assert_eq!(
            screen().status(&snapshot).lines().next(),
            Some("Posture  unmanaged: no company has a say on this device (still being applied)")
        );
    }
}
