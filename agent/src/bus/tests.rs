//! The objects over a private connection, without a bus.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;

use cardwarden_dbus::{FUNCTION_INTERFACE, INTERFACE, Snapshot, XML};
use cardwarden_policy::outcome::{Achieved, Tier};
use cardwarden_policy::{Ruling, Source, Verdict};
use futures_core::Stream;
use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use uuid::Uuid;
use zbus::{Guid, MessageStream, OwnedVariant};

use super::*;
use crate::status::{
    AssociationStatus, CardProof, CardStatus, FunctionStatus, Posture, ServerStatus, Status,
    Timings,
};

/// The camera was refused so many times, everything else never.
fn known(function: Function, denials: u64) -> FunctionStatus {
    let denials = if function == Function::Camera {
        denials
    } else {
        0
    };
    FunctionStatus {
        ruling: Ruling {
            verdict: Verdict::Disabled,
            source: Source::Rule {
                id: "work-hours".to_owned(),
                index: 0,
                unknown: false,
                notify: None,
            },
            read_only: false,
            until: Some(Timestamp::constant(1_800_000_000, 0)),
            audited: Vec::new(),
        },
        since: Timestamp::constant(1_790_000_000, 0),
        achieved: Achieved::Enforced,
        tier: Tier::KernelOpen,
        enforcers: vec!["cgroup-device".to_owned()],
        proof: "open of /dev/video0 was refused with EPERM".to_owned(),
        denials,
        sentence: "camera is off".to_owned(),
        company: "B Company".to_owned(),
    }
}

pub(super) fn status(generation: u64, denials: u64) -> Published {
    Arc::new(Status {
        generation,
        settled: true,
        posture: Posture::Enforcing,
        device: "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e".to_owned(),
        association_id: Uuid::nil(),
        associations: vec![AssociationStatus {
            id: Uuid::nil(),
            company: "B Company".to_owned(),
            version: 7,
            group: "laptops".to_owned(),
            contact: None,
            since: Timestamp::constant(1_780_000_000, 0),
            signer: "0011223344556677".to_owned(),
            proof: CardProof::OwnKey,
        }],
        pending: Vec::new(),
        pin: None,
        functions: Function::ALL
            .map(|function| (function, known(function, denials)))
            .into(),
        card: CardStatus::default(),
        server: ServerStatus::default(),
        problems: Vec::new(),
        timings: Some(Timings {
            apdus: 12,
            total: 345_678,
            ..Timings::default()
        }),
    })
}

/// The agent's end and a client's end of one connection, and what moves the agent.
struct Pair {
    agent: Connection,
    client: Connection,
    status: watch::Sender<Published>,
    denials: broadcast::Sender<Denial>,
}

async fn pair() -> Pair {
    let (status, published) = watch::channel(status(1, 0));
    let (requests, _) = mpsc::channel(1);
    let (denials, _) = broadcast::channel(4);
    let (ours, theirs) = UnixStream::pair().unwrap();
    for end in [&ours, &theirs] {
        end.set_nonblocking(true).unwrap();
    }
    let theirs = tokio::net::UnixStream::from_std(theirs).unwrap();
    let ours = tokio::net::UnixStream::from_std(ours).unwrap();
    let server = Builder::unix_stream(ours.into_std().unwrap())
        .server(Guid::generate())
        .p2p();
    let client = Builder::unix_stream(theirs.into_std().unwrap()).p2p();
    let (agent, client) =
        tokio::join!(offer(server, &published, &requests).build(), client.build());
    Pair {
        agent: agent.unwrap(),
        client: client.unwrap(),
        status,
        denials,
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    tag.attributes()
        .map(Result::unwrap)
        .find(|attribute| attribute.key.as_ref() == name)
        .map(|attribute| attribute.value.to_string())
        .unwrap_or_default()
}

/// Every interface's members: kind, name, access and arguments, one line each.
fn members(xml: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut interfaces: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut interface, mut member) = (String::new(), String::new());
    let mut reader = Reader::from_str(xml);
    loop {
        let event = reader.read_event().unwrap();
        let closed = matches!(event, Event::Empty(_));
        match event {
            Event::Eof => return interfaces,
            Event::Start(tag) | Event::Empty(tag) => {
                let name = attribute(&tag, "name");
                match tag.name().as_ref() {
                    "interface" => interface = name,
                    kind @ ("method" | "signal" | "property") => {
                        let rest = [attribute(&tag, "type"), attribute(&tag, "access")].join(" ");
                        member = format!("{kind} {name} {rest}");
                        if closed {
                            interfaces
                                .entry(interface.clone())
                                .or_default()
                                .insert(member.clone());
                        }
                    }
                    "arg" => {
                        let direction = attribute(&tag, "direction");
                        member.extend([
                            "; ",
                            &name,
                            " ",
                            &attribute(&tag, "type"),
                            " ",
                            &direction,
                        ]);
                    }
                    "annotation" => {
                        member.extend(["; ", &name, " ", &attribute(&tag, "value")]);
                    }
                    _ => {}
                }
            }
            Event::End(tag) => {
                if matches!(tag.name().as_ref(), "method" | "signal" | "property") {
                    interfaces
                        .entry(interface.clone())
                        .or_default()
                        .insert(member.clone());
                }
            }
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

#[tokio::test]
async fn what_is_served_is_what_the_xml_describes() {
    let pair = pair().await;
    let mut served = BTreeMap::new();
    for path in [PATH.to_owned(), path(Function::UsbGadget)] {
        let reply = pair
            .client
            .call_method(
                None::<&str>,
                path.as_str(),
                Some("org.freedesktop.DBus.Introspectable"),
                "Introspect",
                &(),
            )
            .await
            .unwrap();
        served.append(&mut members(&reply.body().deserialize::<String>().unwrap()));
    }
    let standard = ["Introspectable", "Peer", "Properties"];
    served.retain(|name, _| {
        !standard
            .iter()
            .any(|end| name.ends_with(&format!("DBus.{end}")))
    });
    assert_eq!(served, members(XML));
}

#[tokio::test]
async fn every_function_has_its_object_and_reads_as_it_was_published() {
    let pair = pair().await;
    let snapshot = Snapshot::read(&pair.client).await.unwrap();
    assert_eq!(snapshot.agent.company, "B Company");
    assert_eq!(snapshot.agent.policy_version, 7);
    assert_eq!(snapshot.agent.timings.get("total"), Some(&345_678));
    assert_eq!(snapshot.functions.len(), Function::ALL.len());
    let camera = snapshot.functions.get("camera").unwrap();
    assert_eq!(camera.reason, "rule:work-hours");
    assert_eq!(camera.until, 1_800_000_000);
    assert_eq!(camera.tier, "kernel-open");
}

#[tokio::test]
async fn only_what_changed_is_announced_and_functions_come_first() {
    let pair = pair().await;
    let mut signals = MessageStream::from(&pair.client);
    let mut announcer = Announcer::new(&pair.agent).await.unwrap();
    pair.status.send_replace(status(2, 5));
    announcer.changed().await.unwrap();
    let mut signalled = Vec::new();
    while signalled.len() < 2 {
        let message = next(&mut signals).await;
        let (interface, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
            message.body().deserialize().unwrap();
        signalled.push((interface, changed.into_keys().collect::<Vec<_>>()));
    }
    assert_eq!(
        signalled,
        [
            (FUNCTION_INTERFACE.to_owned(), vec!["Denials".to_owned()]),
            (INTERFACE.to_owned(), vec!["Generation".to_owned()]),
        ]
    );
}

#[tokio::test]
async fn the_service_ends_with_the_bus_or_with_the_reconciler() {
    let pair = pair().await;
    let (published, refused) = (pair.status.subscribe(), pair.denials.subscribe());
    let (agent, _) = tokio::join!(serve(&pair.agent, published, refused), pair.client.close());
    assert!(matches!(agent, Ended::Bus));

    let pair = self::pair().await;
    let (published, refused) = (pair.status.subscribe(), pair.denials.subscribe());
    drop(pair.status);
    assert!(matches!(
        serve(&pair.agent, published, refused).await,
        Ended::Agent
    ));
}

#[tokio::test]
async fn nobody_without_a_name_on_the_bus_may_ask_for_anything() {
    let pair = pair().await;
    let reply = pair
        .client
        .call_method(None::<&str>, PATH, Some(INTERFACE), "Sync", &())
        .await;
    let error = cardwarden_dbus::Error::from(reply.unwrap_err());
    assert!(
        matches!(error, cardwarden_dbus::Error::NotAuthorized(_)),
        "{error:?}"
    );
}

/// The next change of properties; the objects' own coming is announced before.
async fn next(signals: &mut MessageStream) -> zbus::Message {
    loop {
        let message = poll_fn(|context| Stream::poll_next(Pin::new(&mut *signals), context)).await;
        let message = message.unwrap().unwrap();
        if message
            .header()
            .member()
            .is_some_and(|member| member == "PropertiesChanged")
        {
            return message;
        }
    }
}
