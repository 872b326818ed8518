//! Laws of asking for a PIN, against a bus, a polkit and people that are played at the other end of
//! a private connection.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "the signatures are those of the bus and of polkit"
)]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use cardwarden_dbus::{PinDetails, PromptError};
use tokio::sync::Notify;
use tokio::time::timeout;
use zbus::connection::Builder;
use zbus::{Guid, OwnedVariant};
use zeroize::Zeroizing;

use super::*;
use crate::bus::tests::{line, pin, status, with};

/// After this long, what is waited for does not come.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(30);

/// Answers that a person will give, in order; a person who has none waits for ever.
#[derive(Clone, Default)]
struct Person {
    answers: Arc<Mutex<VecDeque<Result<&'static str, ()>>>>,
    seen: Arc<Mutex<Vec<PinDetails>>>,
}

#[zbus::interface(name = "org.cardwarden.Prompter1")]
impl Person {
    async fn request_pin(&self, details: PinDetails) -> Result<cardwarden_dbus::Pin, PromptError> {
        self.seen.lock().unwrap().push(details);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Ok(pin)) => Ok(cardwarden_dbus::Pin::new(Zeroizing::new(pin.into()))),
            Some(Err(())) => Err(PromptError::Cancelled("not now".to_owned())),
            None => pending().await,
        }
    }
}

impl Person {
    fn answering(answers: impl IntoIterator<Item = Result<&'static str, ()>>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            ..Self::default()
        }
    }

    fn times_asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// The bus: everybody is user 1000, and there until they leave.
#[derive(Clone, Default)]
struct Bus {
    watched: Arc<Notify>,
}

#[zbus::interface(name = "org.freedesktop.DBus")]
impl Bus {
    fn get_connection_unix_user(&self, _name: &str) -> u32 {
        1000
    }

    fn name_has_owner(&self, _name: &str) -> bool {
        self.watched.notify_one();
        true
    }
}

/// polkit: `:1.9` is in a session that is not active.
struct Polkit;

type Subject = (String, HashMap<String, OwnedVariant>);

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Polkit {
    #[expect(clippy::too_many_arguments, reason = "polkit's")]
    fn check_authorization(
        &self,
        subject: Subject,
        action: &str,
        _details: HashMap<String, String>,
        flags: u32,
        _cancellation: &str,
    ) -> ((bool, bool, HashMap<String, String>),) {
        assert_eq!((action, flags), (cardwarden_dbus::ACTION_PROMPT, 0));
        let name = subject.1["name"].downcast_ref::<String>().unwrap();
        ((name != ":1.9", false, HashMap::new()),)
    }
}

/// An agent's prompts, and everything around them.
struct Bench {
    status: watch::Sender<Published>,
    asked: watch::Receiver<Option<Asked>>,
    requests: mpsc::Receiver<Request>,
    commands: mpsc::Sender<Command>,
    client: Connection,
    bus: Bus,
    _agent: Connection,
    running: tokio::task::JoinHandle<()>,
}

impl Bench {
    /// People at `/person/0`, `/person/1`, …
    async fn with(people: &[Person]) -> Self {
        let (status, published) = watch::channel(status(1, 0));
        let (asked, asking) = watch::channel(None);
        let (request, requests) = mpsc::channel(4);
        let (commands, received) = mpsc::channel(4);
        let (ours, theirs) = line();
        let bus = Bus::default();
        let mut client = Builder::unix_stream(theirs)
            .p2p()
            .serve_at("/org/freedesktop/DBus", bus.clone())
            .serve_at("/org/freedesktop/PolicyKit1/Authority", Polkit);
        for (number, person) in people.iter().enumerate() {
            client = client.serve_at(format!("/person/{number}"), person.clone());
        }
        let server = Builder::unix_stream(ours).server(Guid::generate()).p2p();
        let (agent, client) = tokio::join!(server.build(), client.build());
        let agent = agent.unwrap();
        let prompts = Prompts::new(&agent, &published, &request, &asked);
        Self {
            status,
            asked: asking,
            requests,
            commands,
            client: client.unwrap(),
            bus,
            _agent: agent,
            running: tokio::spawn(prompts.run(received)),
        }
    }

    /// Tells what a person registers, or asks.
    async fn tell(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.unwrap();
        answer.await.unwrap()
    }

    async fn register(&self, name: &str, person: usize) {
        let prompter = prompter(name, person);
        let registered = self.tell(|reply| Command::Register(prompter, reply)).await;
        assert_eq!(registered, Ok(()));
    }

    fn want(&self, wanted: Option<PinWanted>) {
        self.status
            .send_modify(|status| *status = with(status, |status| status.pin = wanted));
    }

    /// The next PIN that reaches the reconciler, which says that it is on its way.
    async fn given(&mut self) -> (String, u64, Vec<u8>) {
        let request = timeout(DEADLINE, self.requests.recv()).await.unwrap();
        match request.unwrap() {
            Request::Pin {
                reader,
                insertion,
                pin,
                reply,
            } => {
                reply.send(Ok(())).unwrap();
                (reader, insertion, pin.bytes().to_vec())
            }
            other @ (Request::Release { .. }
            | Request::Deliver { .. }
            | Request::WantGroup { .. }
            | Request::Associate { .. }
            | Request::Sync { .. }) => panic!("{other:?}"),
        }
    }

    /// Waits until the asking is so far.
    async fn until(&mut self, progress: Progress) -> Asked {
        let is_so_far =
            |asked: &Option<Asked>| asked.is_some_and(|asked| asked.progress == progress);
        let asked = timeout(DEADLINE, self.asked.wait_for(is_so_far)).await;
        asked.unwrap().unwrap().unwrap()
    }
}

fn prompter(name: &str, person: usize) -> Prompter {
    Prompter {
        name: name.to_owned(),
        path: OwnedObjectPath::try_from(format!("/person/{person}")).unwrap(),
    }
}

#[tokio::test]
async fn the_prompter_that_came_last_is_asked_and_its_pin_goes_to_the_card_that_wants_it() {
    let (first, last) = (Person::default(), Person::answering([Ok("4711")]));
    let mut bench = Bench::with(&[first.clone(), last.clone()]).await;
    bench.register(":1.7", 0).await;
    bench.register(":1.8", 1).await;
    bench.want(Some(pin(3, 0, Some(3))));
    let (reader, insertion, bytes) = bench.given().await;
    assert_eq!((&*reader, insertion), ("Virtual PCD 00 00", 3));
    assert_eq!(bytes, b"4711");
    bench.until(Progress::Given { wrong: 0 }).await;
    assert_eq!((first.times_asked(), last.times_asked()), (0, 1));
    let details = last.seen.lock().unwrap()[0].clone();
    assert_eq!(
        (&*details.company, details.tries_left),
        ("B Company", Some(3))
    );
}

#[tokio::test]
async fn who_comes_when_a_pin_is_wanted_already_is_asked_at_once() {
    let person = Person::answering([Ok("4711")]);
    let mut bench = Bench::with(std::slice::from_ref(&person)).await;
    bench.want(Some(pin(1, 0, None)));
    bench.register(":1.7", 0).await;
    assert_eq!(bench.given().await.2, b"4711");
}

#[tokio::test]
async fn a_wrong_pin_is_not_asked_for_again_until_a_person_wants_to() {
    let person = Person::answering([Ok("1111"), Ok("2222")]);
    let mut bench = Bench::with(std::slice::from_ref(&person)).await;
    bench.register(":1.7", 0).await;
    bench.want(Some(pin(1, 0, Some(3))));
    assert_eq!(bench.given().await.2, b"1111");
    let asked = bench.until(Progress::Given { wrong: 0 }).await;
    let wrong = pin(1, 1, Some(2));
    assert_eq!(state(&pin(1, 0, Some(3)), Some(asked)), "checking");
    assert_eq!(state(&wrong, Some(asked)), "wrong");
    bench.want(Some(wrong));
    // Registering anew is no person's wish either.
    bench.register(":1.8", 0).await;
    assert_eq!(person.times_asked(), 1);
    assert_eq!(bench.tell(Command::Ask).await, Ok(()));
    assert_eq!(bench.given().await.2, b"2222");
    assert_eq!(person.seen.lock().unwrap()[1].wrong, 1);
}

#[tokio::test]
async fn who_cancels_is_left_alone_until_the_next_card() {
    let person = Person::answering([Err(()), Ok("4711")]);
    let mut bench = Bench::with(std::slice::from_ref(&person)).await;
    bench.register(":1.7", 0).await;
    bench.want(Some(pin(1, 0, Some(3))));
    let asked = bench.until(Progress::Cancelled).await;
    assert_eq!(state(&pin(1, 0, Some(3)), Some(asked)), "cancelled");
    bench.want(Some(pin(1, 0, Some(2))));
    bench.register(":1.8", 0).await;
    assert_eq!(person.times_asked(), 1);
    assert!(bench.requests.try_recv().is_err());
    bench.want(Some(pin(2, 0, Some(3))));
    assert_eq!(bench.given().await.1, 2);
}

#[tokio::test]
async fn only_the_active_session_is_asked_whoever_came_last() {
    let (active, other) = (
        Person::answering([Ok("4711")]),
        Person::answering([Ok("0")]),
    );
    let mut bench = Bench::with(&[active.clone(), other.clone()]).await;
    bench.register(":1.7", 0).await;
    bench.register(":1.9", 1).await;
    bench.want(Some(pin(1, 0, None)));
    assert_eq!(bench.given().await.2, b"4711");
    assert_eq!(other.times_asked(), 0);
}

#[tokio::test]
async fn a_prompter_that_is_broken_or_gone_is_passed_over() {
    let person = Person::answering([Ok("4711")]);
    let mut bench = Bench::with(std::slice::from_ref(&person)).await;
    bench.register(":1.7", 0).await;
    // There is nobody at that path.
    bench.register(":1.8", 5).await;
    bench.want(Some(pin(1, 0, None)));
    assert_eq!(bench.given().await.2, b"4711");
}

#[tokio::test]
async fn who_leaves_the_bus_or_takes_the_offer_back_is_not_asked() {
    let person = Person::default();
    let bench = Bench::with(std::slice::from_ref(&person)).await;
    // In a session that is not active, so that asking it changes nothing.
    bench.register(":1.9", 0).await;
    bench.want(Some(pin(1, 0, None)));
    bench.bus.watched.notified().await;
    let left = zbus::Message::signal(
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus",
        "NameOwnerChanged",
    )
    .sender("org.freedesktop.DBus");
    let left = left.build(&(":1.9", ":1.9", "")).unwrap();
    bench.client.send(&left).await.unwrap();
    let forgotten = async {
        while !matches!(bench.tell(Command::Ask).await, Err(Error::NotRegistered(_))) {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, forgotten).await.unwrap();

    bench.want(None);
    bench.register(":1.8", 0).await;
    let back = |reply| Command::Unregister(prompter(":1.8", 0), reply);
    assert_eq!(bench.tell(back).await, Ok(()));
    assert!(matches!(
        bench.tell(back).await,
        Err(Error::NotRegistered(_))
    ));
    bench.want(Some(pin(2, 0, None)));
    assert!(matches!(
        bench.tell(Command::Ask).await,
        Err(Error::NotRegistered(_))
    ));
    assert_eq!(person.times_asked(), 0);
}

#[tokio::test]
async fn a_question_is_void_once_the_card_is_gone() {
    let person = Person::default();
    let mut bench = Bench::with(std::slice::from_ref(&person)).await;
    bench.register(":1.7", 0).await;
    bench.want(Some(pin(1, 0, None)));
    bench.until(Progress::Asking).await;
    assert!(matches!(
        bench.tell(Command::Ask).await,
        Err(Error::Busy(_))
    ));
    bench.want(None);
    let void = timeout(DEADLINE, bench.asked.wait_for(Option::is_none)).await;
    void.unwrap().unwrap();
    assert!(matches!(
        bench.tell(Command::Ask).await,
        Err(Error::NoPinWanted(_))
    ));
    drop(bench.status);
    bench.running.await.unwrap();
}

#[tokio::test]
async fn a_blocked_card_is_asked_for_nothing_and_what_is_no_pin_is_not_tried() {
    const LONG: &str = match str::from_utf8(&[b'1'; 128]) {
        Ok(long) => long,
        Err(_) => "",
    };
    let person = Person::answering([Ok(LONG), Ok("")]);
    let mut bench = Bench::with(std::slice::from_ref(&person)).await;
    bench.register(":1.7", 0).await;
    bench.want(Some(pin(1, 0, Some(0))));
    assert!(matches!(
        bench.tell(Command::Ask).await,
        Err(Error::NoPinWanted(_))
    ));
    assert_eq!(person.times_asked(), 0);
    assert_eq!(state(&pin(1, 0, Some(0)), None), "blocked");
    bench.want(Some(pin(2, 0, Some(3))));
    bench.until(Progress::Unanswered).await;
    assert_eq!(bench.tell(Command::Ask).await, Ok(()));
    bench.until(Progress::Cancelled).await;
    assert!(bench.requests.try_recv().is_err());
}
