//! Laws of consent at the terminal, with an agent and a person who are played.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;

use cardwarden_dbus::{PROMPTER_INTERFACE, PROMPTER_XML, PinDetails, PrompterProxy};
use zbus::Guid;
use zbus::connection::Builder;
use zeroize::Zeroizing;

use super::person::Prompter;
use super::*;
use crate::status::tests::{association, pending, pin_wanted};

/// An agent that stands as these say, one after the other; what is asked of it brings the next.
struct Scripted {
    stands: VecDeque<Agent>,
    asked: Vec<String>,
}

impl Scripted {
    fn standing(stands: impl IntoIterator<Item = Agent>) -> Self {
        Self {
            stands: stands.into_iter().collect(),
            asked: Vec::new(),
        }
    }

    fn ask(&mut self, what: &str) {
        self.asked.push(what.to_owned());
        self.stands.pop_front();
    }
}

impl Device for &mut Scripted {
    async fn agent(&mut self) -> Result<Agent, Failure> {
        Ok(self.stands.front().unwrap().clone())
    }

    async fn changed(&mut self) -> Result<(), Failure> {
        if self.stands.len() > 1 {
            self.ask("wait");
            return Ok(());
        }
        std::future::pending().await
    }

    async fn associate(&mut self, fingerprint: &str) -> Result<(), Failure> {
        self.ask(fingerprint);
        Ok(())
    }

    async fn offer_to_ask(&mut self) -> Result<(), Failure> {
        self.ask("offer");
        Ok(())
    }

    async fn ask_again(&mut self) -> Result<(), Failure> {
        self.asked.push("again".to_owned());
        Ok(())
    }
}

/// A person who answers so, and what they were shown and asked.
#[derive(Default)]
struct Answering {
    answers: RefCell<VecDeque<bool>>,
    seen: RefCell<Vec<String>>,
}

impl Person for &Answering {
    fn show(&self, card: &Pending) {
        self.seen.borrow_mut().push(shown::card(card, Paint::Plain));
    }

    fn agrees(&self, question: &str) -> Result<bool, Failure> {
        self.seen.borrow_mut().push(question.to_owned());
        Ok(self.answers.borrow_mut().pop_front().unwrap())
    }
}

fn answering(answers: impl IntoIterator<Item = bool>) -> Answering {
    Answering {
        answers: RefCell::new(answers.into_iter().collect()),
        ..Answering::default()
    }
}

fn session<'a>(
    device: &'a mut Scripted,
    person: &'a Answering,
) -> Session<'a, &'a mut Scripted, &'a Answering> {
    Session {
        device,
        person,
        fingerprint: None,
        agreed: false,
        deadline: None,
        before: Vec::new(),
        offered: false,
        result: Outcome::default(),
    }
}

/// A device in whose reader a card waits.
fn waiting() -> Agent {
    Agent {
        pending: vec![pending()],
        ..Agent::default()
    }
}

/// A device whose card wants a PIN, and how far that is.
fn wanting(state: &str) -> Agent {
    Agent {
        pin_wanted: PinWanted {
            state: Some(state.to_owned()),
            ..pin_wanted()
        },
        ..Agent::default()
    }
}

#[tokio::test]
async fn who_agrees_has_seen_who_it_is_what_it_restricts_and_that_only_the_company_can_undo_it() {
    let mut device = Scripted::standing([waiting(), Agent::default()]);
    let person = answering([true]);
    let result = session(&mut device, &person).run().await.unwrap();
    assert_eq!(result.associated, [Listed::from(&pending())]);
    assert_eq!(device.asked, ["8899 aabb"]);
    assert_eq!(
        person.seen.take(),
        [
            "\
Reader   Virtual PCD 00 00
Company  C Company, as the card says
Key      8899 aabb
Policy   version 3, group all
Card     copyable card: it has no key of its own, so it may be a copy

It would restrict this:
  The camera is off on weekdays.

C Company could change that at any time, and only C Company can undo it: taking the card out, \
restarting, or being root does not. Compare the key with the one that the company gave you.
",
            "Let C Company decide what this device may do?",
        ]
    );
}

#[tokio::test]
async fn who_does_not_agree_changes_nothing_and_is_told_so() {
    let mut device = Scripted::standing([waiting()]);
    let person = answering([false]);
    let result = session(&mut device, &person).run().await.unwrap();
    assert!(device.asked.is_empty());
    assert_eq!(result.declined, [Listed::from(&pending())]);
    assert_eq!(result.text(), "C Company has no say; nothing has changed\n");
}

#[tokio::test]
async fn who_agreed_on_the_command_line_agreed_to_one_key_alone() {
    let mut both = waiting();
    both.pending.insert(
        0,
        Pending {
            fingerprint: "0011 2233".to_owned(),
            ..pending()
        },
    );
    let mut device = Scripted::standing([both.clone(), both.clone()]);
    let person = answering([]);
    let named = Session {
        fingerprint: Some("8899aabb"),
        agreed: true,
        ..session(&mut device, &person)
    };
    let result = named.run().await.unwrap();
    assert_eq!(result.associated, [Listed::from(&pending())]);
    assert_eq!(device.asked, ["8899 aabb"]);

    let mut device = Scripted::standing([both]);
    let other = Session {
        fingerprint: Some("ffff"),
        agreed: true,
        ..session(&mut device, &person)
    };
    let failure = other.run().await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.text.contains("0011 2233; 8899 aabb"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_card_is_waited_for_as_long_as_it_may_take() {
    let person = answering([true]);
    let wait = Duration::from_secs(5);
    let mut device = Scripted::standing([Agent::default(), waiting(), Agent::default()]);
    let patient = Session {
        deadline: Some((wait, Instant::now() + wait)),
        ..session(&mut device, &person)
    };
    assert_eq!(patient.run().await.unwrap().associated.len(), 1);

    let mut device = Scripted::standing([Agent::default()]);
    let patient = Session {
        deadline: Some((wait, Instant::now() + wait)),
        ..session(&mut device, &person)
    };
    assert_eq!(patient.run().await.unwrap_err().exit, Exit::TimedOut);

    let mut device = Scripted::standing([Agent::default()]);
    let hasty = session(&mut device, &person);
    assert_eq!(hasty.run().await.unwrap_err().exit, Exit::Refused);
}

#[tokio::test]
async fn a_company_that_is_trusted_already_needs_no_consent() {
    let mut device = Scripted::standing([
        wanting("waiting"),
        wanting("asking"),
        wanting("checking"),
        Agent {
            associations: vec![association()],
            ..Agent::default()
        },
    ]);
    let person = answering([]);
    let result = session(&mut device, &person).run().await.unwrap();
    assert_eq!(device.asked, ["offer", "wait", "wait"]);
    assert_eq!(result.associated, [Listed::from(&association())]);
}

#[tokio::test]
async fn a_wrong_pin_is_tried_again_only_if_the_person_wants_to() {
    let wrong = || Scripted::standing([wanting("asking"), wanting("asking"), wanting("wrong")]);
    let (mut device, person) = (wrong(), answering([false]));
    let failure = session(&mut device, &person).run().await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert_eq!(device.asked, ["offer", "wait"]);
    assert_eq!(
        person.seen.take(),
        ["The PIN was wrong (2 tries are left). Try another?"]
    );

    let (mut device, person) = (wrong(), answering([true, false]));
    session(&mut device, &person).run().await.unwrap_err();
    assert_eq!(device.asked, ["offer", "wait", "again"]);
}

#[tokio::test]
async fn what_was_cancelled_elsewhere_is_asked_here_and_a_blocked_card_is_not() {
    let mut device = Scripted::standing([wanting("cancelled"), wanting("cancelled")]);
    let person = answering([]);
    let failure = session(&mut device, &person).run().await.unwrap_err();
    assert_eq!(device.asked, ["offer", "again"]);
    assert!(failure.text.contains("no PIN was given"), "{failure:?}");

    let mut device = Scripted::standing([wanting("blocked")]);
    let failure = session(&mut device, &person).run().await.unwrap_err();
    assert!(device.asked.is_empty() && failure.exit == Exit::Refused);
}

#[test]
fn programs_get_fields_that_stay() {
    let result = Outcome {
        associated: vec![Listed::from(&association())],
        declined: vec![Listed::from(&pending())],
        pin_taken: true,
    };
    assert_eq!(
        serde_json::to_value(&result).unwrap(),
        serde_json::json!({
            "associated": [{
                "company": "B Company", "version": 7, "group": "laptops",
                "signer": "0011223344556677", "fingerprint": null,
            }],
            "declined": [{
                "company": "C Company", "version": 3, "group": "all",
                "signer": "8899aabbccddeeff", "fingerprint": "8899 aabb",
            }],
            "pin_taken": true,
        })
    );
}

/// A prompter at one end of a private connection, and the other end.
async fn prompter(
    typed: fn(&str) -> Result<Zeroizing<String>, Failure>,
) -> (Connection, Connection) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    for end in [&ours, &theirs] {
        end.set_nonblocking(true).unwrap();
    }
    let asking = Builder::unix_stream(ours)
        .server(Guid::generate())
        .p2p()
        .serve_at("/org/cardwarden/Prompter1", Prompter { typed });
    let agent = Builder::unix_stream(theirs).p2p();
    let (asking, agent) = tokio::join!(asking.build(), agent.build());
    (asking.unwrap(), agent.unwrap())
}

/// The start tags of one interface, without comments.
fn members(xml: &str) -> Vec<String> {
    let mut text = xml.to_owned();
    while let (Some(from), Some(to)) = (text.find("<!--"), text.find("-->")) {
        text.replace_range(from..to + 3, "");
    }
    let start = format!("<interface name=\"{PROMPTER_INTERFACE}\"");
    let rest = text.split_once(&start).unwrap().1;
    let (inside, _) = rest.split_once("</interface>").unwrap();
    let tags = inside
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'));
    tags.map(|tag| {
        let tag = tag.split('>').next().unwrap().trim_end_matches('/');
        let mut words: Vec<_> = tag.split_whitespace().collect();
        words[1..].sort_unstable();
        words.join(" ")
    })
    .collect()
}

#[tokio::test]
async fn what_asks_for_pins_is_what_the_xml_describes() {
    let (_asking, agent) = prompter(|_| Ok(Zeroizing::default())).await;
    let reply = agent
        .call_method(
            None::<&str>,
            "/org/cardwarden/Prompter1",
            Some("org.freedesktop.DBus.Introspectable"),
            "Introspect",
            &(),
        )
        .await
        .unwrap();
    let served: String = reply.body().deserialize().unwrap();
    assert_eq!(members(&served), members(PROMPTER_XML));
}

#[tokio::test]
async fn a_typed_pin_goes_back_to_the_agent_and_nothing_typed_means_no() {
    let details = PinDetails {
        reader: "Virtual PCD 00 00".to_owned(),
        company: "C \u{1b}[2JCompany".to_owned(),
        group: "laptops".to_owned(),
        wrong: 2,
        tries_left: Some(1),
    };
    let typed: fn(&str) -> Result<Zeroizing<String>, Failure> = |question| {
        assert_eq!(
            question,
            "PIN of the card of C \u{fffd}[2JCompany in Virtual PCD 00 00, for the group laptops \
             (1 try is left: one more wrong one blocks the card)"
        );
        Ok(Zeroizing::new("4711".to_owned()))
    };
    let nothing: fn(&str) -> Result<Zeroizing<String>, Failure> = |_| Ok(Zeroizing::default());
    for (typed, expected) in [(typed, Some(b"4711")), (nothing, None)] {
        let (_asking, agent) = prompter(typed).await;
        let proxy = PrompterProxy::builder(&agent)
            .destination(":1.1")
            .path("/org/cardwarden/Prompter1")
            .build()
            .await
            .unwrap();
        match (proxy.request_pin(&details).await, expected) {
            (Ok(pin), Some(expected)) => assert_eq!(*pin.into_bytes(), expected),
            (Err(error), None) => {
                assert!(matches!(error, cardwarden_dbus::PromptError::Cancelled(_)));
            }
            (answer, _) => panic!("{answer:?}"),
        }
    }
}
