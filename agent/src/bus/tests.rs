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
    AssociationStatus, CardProof, CardStatus, FunctionStatus, Pending, PinWanted, Posture,
    ServerStatus, Status, Timings,
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
        guard: "up",
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
            ends: None,
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
            first: 1,
            exchange: 2,
            apdus: 12,
            total: 345_678,
            ..Timings::default()
        }),
    })
}

/// A card of B Company that waits for consent.
pub(super) fn waiting(fingerprint: &str, version: u64) -> Pending {
    Pending {
        reader: "Virtual PCD 00 00".to_owned(),
        company: "B Company".to_owned(),
        signer: "0011223344556677".to_owned(),
        fingerprint: fingerprint.to_owned(),
        version,
        group: "laptops".to_owned(),
        restricts: vec!["The camera is off.".to_owned()],
        proof: CardProof::Copyable,
    }
}

/// A card that wants a PIN.
pub(super) fn pin(insertion: u64, wrong: u32, tries: Option<u8>) -> PinWanted {
    PinWanted {
        reader: "Virtual PCD 00 00".to_owned(),
        insertion,
        company: "B Company".to_owned(),
        group: "laptops".to_owned(),
        tries,
        wrong,
    }
}

/// The same status with something else in it.
pub(super) fn with(status: &Published, change: impl FnOnce(&mut Status)) -> Published {
    let mut changed = Status::clone(status);
    change(&mut changed);
    Arc::new(changed)
}

/// The ends of an agent, and what is behind them.
pub(super) struct Behind {
    pub(super) status: watch::Sender<Published>,
    pub(super) asked: watch::Sender<Option<Asked>>,
    pub(super) requests: mpsc::Receiver<Request>,
    /// Nobody is asked for a PIN, but the way there stays open.
    _commands: mpsc::Receiver<Command>,
}

pub(super) fn ends(published: Published) -> (Ends, Behind) {
    let (status, published) = watch::channel(published);
    let (asked, asking) = watch::channel(None);
    let (request, requests) = mpsc::channel(1);
    let (prompts, commands) = mpsc::channel(1);
    let ends = Ends {
        status: published,
        asked: asking,
        requests: request,
        prompts,
    };
    let behind = Behind {
        status,
        asked,
        requests,
        _commands: commands,
    };
    (ends, behind)
}

/// Both ends of one connection.
pub(super) fn line() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    for end in [&ours, &theirs] {
        end.set_nonblocking(true).unwrap();
    }
    (ours, theirs)
}

/// The agent's end and a client's end of one connection, and what moves the agent.
struct Pair {
    agent: Connection,
    client: Connection,
    ends: Ends,
    behind: Behind,
    denials: broadcast::Sender<Denial>,
}

async fn pair() -> Pair {
    let (ends, behind) = ends(status(1, 0));
    let (denials, _) = broadcast::channel(4);
    let (ours, theirs) = line();
    let server = Builder::unix_stream(ours).server(Guid::generate()).p2p();
    let client = Builder::unix_stream(theirs).p2p();
    let (agent, client) = tokio::join!(offer(server, &ends).build(), client.build());
    Pair {
        agent: agent.unwrap(),
        client: client.unwrap(),
        ends,
        behind,
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
async fn cards_that_wait_and_every_association_read_as_they_were_published() {
    let pair = pair().await;
    pair.behind.status.send_modify(|status| {
        *status = with(status, |status| {
            let second = AssociationStatus {
                company: "C Company".to_owned(),
                proof: CardProof::Copyable,
                ..status.associations[0].clone()
            };
            status.associations.push(second);
            status.pending.push(waiting("0011 2233", 9));
            status.pin = Some(pin(3, 1, Some(2)));
        });
    });
    let agent = Snapshot::read(&pair.client).await.unwrap().agent;
    assert_eq!(
        (&*agent.company, &*agent.card_proof),
        ("B Company", "own-key")
    );
    let companies: Vec<_> = agent
        .associations
        .iter()
        .map(|known| (known.company.as_str(), known.proof.as_str()))
        .collect();
    assert_eq!(
        companies,
        [("B Company", "own-key"), ("C Company", "copyable")]
    );
    assert_eq!(agent.pending[0].fingerprint, "0011 2233");
    assert_eq!(agent.pending[0].restricts, ["The camera is off."]);
    assert_eq!(agent.pin_wanted.tries_left, Some(2));
    assert_eq!(agent.pin_wanted.state.as_deref(), Some("wrong"));
    pair.behind.status.send_replace(status(2, 0));
    let agent = Snapshot::read(&pair.client).await.unwrap().agent;
    assert_eq!(agent.pin_wanted, cardwarden_dbus::PinWanted::default());
}

#[tokio::test]
async fn how_far_the_asking_is_is_announced_by_itself() {
    let pair = pair().await;
    pair.behind.status.send_modify(|status| {
        *status = with(status, |status| status.pin = Some(pin(3, 0, None)));
    });
    let mut signals = MessageStream::from(&pair.client);
    let refused = pair.denials.subscribe();
    let (agent, ends) = (pair.agent.clone(), pair.ends.clone());
    // Whatever changed before the service began is no news; so it changes until it is.
    let announced = async {
        let both = [prompt::Progress::Asking, prompt::Progress::Cancelled];
        for progress in both.into_iter().cycle() {
            pair.behind.asked.send_replace(Some(Asked {
                insertion: 3,
                progress,
            }));
            tokio::select! {
                biased;
                message = next(&mut signals) => return Some(message),
                () = tokio::task::yield_now() => {}
            }
        }
        None
    };
    let message = tokio::select! {
        message = announced => message,
        _ = serve(&agent, ends, refused) => panic!("the service ended"),
    };
    let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
        message.unwrap().body().deserialize().unwrap();
    assert_eq!(changed.into_keys().collect::<Vec<_>>(), ["PinWanted"]);
}

#[tokio::test]
async fn only_what_changed_is_announced_and_functions_come_first() {
    let pair = pair().await;
    let mut signals = MessageStream::from(&pair.client);
    let mut announcer = Announcer::new(&pair.agent).await.unwrap();
    pair.behind.status.send_replace(status(2, 5));
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
    let refused = pair.denials.subscribe();
    let (agent, _) = tokio::join!(serve(&pair.agent, pair.ends, refused), pair.client.close());
    assert!(matches!(agent, Ended::Bus));

    let pair = self::pair().await;
    let refused = pair.denials.subscribe();
    drop(pair.behind);
    assert!(matches!(
        serve(&pair.agent, pair.ends, refused).await,
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
