//! Who is heard, against a bus and a polkit that are played.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use cardwarden_dbus::INTERFACE;
use futures_core::Stream;
use zbus::{Guid, MessageStream, OwnedVariant};

use super::tests::{ends, line, status, waiting, with};
use super::*;

/// A bus and polkit in one: it says who a sender is, and what that sender may do.
struct Authority {
    user: u32,
    allows: Option<bool>,
}

#[zbus::interface(name = "org.freedesktop.DBus")]
impl Authority {
    fn get_connection_unix_user(&self, name: &str) -> u32 {
        assert_eq!(name, ":1.7");
        self.user
    }
}

/// What polkit was asked: the action, the details of the dialogue, and whether it may be shown.
type Asked = Arc<Mutex<Vec<(String, HashMap<String, String>, bool)>>>;

/// polkit's half.
struct Polkit {
    allows: bool,
    asked: Asked,
}

type Subject = (String, HashMap<String, OwnedVariant>);

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Polkit {
    #[expect(clippy::too_many_arguments, reason = "polkit's")]
    fn check_authorization(
        &self,
        subject: Subject,
        action: &str,
        details: HashMap<String, String>,
        flags: u32,
        cancellation: &str,
    ) -> ((bool, bool, HashMap<String, String>),) {
        let (kind, named) = subject;
        let name = named
            .get("name")
            .and_then(|name| name.downcast_ref::<String>().ok());
        assert_eq!(
            (kind.as_str(), name.as_deref()),
            ("system-bus-name", Some(":1.7"))
        );
        assert!(cancellation.is_empty() && flags <= 1);
        let mut asked = self.asked.lock().unwrap();
        asked.push((action.to_owned(), details, flags == 1));
        ((self.allows, false, HashMap::new()),)
    }
}

/// What came of a call: its answer, what polkit was asked, and what reached the reconciler.
struct Called {
    answer: Result<(), cardwarden_dbus::Error>,
    asked: Vec<(String, HashMap<String, String>, bool)>,
    reached: Vec<String>,
}

/// Has a user call a method of an agent with this status.
async fn call(authority: Authority, published: Published, call: zbus::Message) -> Called {
    let (ends, mut behind) = ends(published);
    let (ours, theirs) = line();
    let server = Builder::unix_stream(ours).server(Guid::generate()).p2p();
    let mut client = Builder::unix_stream(theirs).p2p();
    let asked = Asked::default();
    if let Some(allows) = authority.allows {
        let polkit = Polkit {
            allows,
            asked: Arc::clone(&asked),
        };
        client = client.serve_at("/org/freedesktop/PolicyKit1/Authority", polkit);
    }
    let client = client.serve_at("/org/freedesktop/DBus", authority);
    let (agent, client) = tokio::join!(offer(server, &ends).build(), client.build());
    let mut reached = Vec::new();
    let reconciler = async {
        while let Some(request) = behind.requests.recv().await {
            let (what, reply) = match request {
                Request::Sync { reply } => ("sync".to_owned(), reply),
                Request::Release { reply, .. } => ("release".to_owned(), reply),
                Request::Deliver { reply, .. } => ("deliver".to_owned(), reply),
                Request::Pin { reply, .. } => ("pin".to_owned(), reply),
                Request::WantGroup { reply, .. } => ("group".to_owned(), reply),
                Request::Associate { fingerprint, reply } => (fingerprint, reply),
            };
            reached.push(what);
            reply.send(Ok(())).unwrap();
        }
    };
    let client = client.unwrap();
    let mut messages = MessageStream::from(&client);
    client.send(&call).await.unwrap();
    let answered = async {
        loop {
            let message = poll_fn(|context| Stream::poll_next(Pin::new(&mut messages), context));
            let message = message.await.unwrap().unwrap();
            if message.header().reply_serial() == Some(call.header().primary().serial_num()) {
                return message;
            }
        }
    };
    let answer = tokio::select! {
        answer = answered => answer,
        () = reconciler => panic!("the agent let go of its requests"),
    };
    drop(agent);
    let answer = if answer.message_type() == zbus::message::Type::MethodReturn {
        Ok(())
    } else {
        Err(cardwarden_dbus::Error::from(zbus::Error::from(answer)))
    };
    let asked = asked.lock().unwrap().clone();
    Called {
        answer,
        asked,
        reached,
    }
}

/// A method of the agent, by name.
fn method(name: &'static str) -> zbus::message::Builder<'static> {
    zbus::Message::method_call(PATH, name)
        .interface(INTERFACE)
        .sender(":1.7")
}

/// What `Sync` answers to a caller of this user.
async fn sync_as(authority: Authority) -> Result<(), cardwarden_dbus::Error> {
    let sync = method("Sync").build(&()).unwrap();
    let Called { answer, asked, .. } = call(authority, status(1, 0), sync).await;
    for asked in asked {
        let action = cardwarden_dbus::ACTION_SYNC.to_owned();
        assert_eq!(asked, (action, HashMap::new(), false));
    }
    answer
}

/// Has a user of this kind associate, where one card waits.
async fn associate(allows: Option<bool>, fingerprint: &str) -> Called {
    let authority = Authority { user: 1000, allows };
    let published = with(&status(1, 0), |status| {
        status.pending.push(waiting("0011 2233 aabb ccdd", 7));
    });
    let message = method("Associate")
        .with_flags(zbus::message::Flags::ALLOW_INTERACTIVE_AUTH)
        .build(&fingerprint)
        .unwrap();
    call(authority, published, message).await
}

#[tokio::test]
async fn the_dialogue_shows_which_company_wants_what_before_it_has_a_say() {
    let called = associate(Some(true), "00112233AABBCCDD").await;
    assert_eq!(called.answer, Ok(()));
    let details = [
        ("company", "B Company"),
        ("fingerprint", "0011 2233 aabb ccdd"),
        ("restricts", "The camera is off."),
    ]
    .map(|(name, what)| (name.to_owned(), what.to_owned()));
    let action = cardwarden_dbus::ACTION_ASSOCIATE.to_owned();
    assert_eq!(called.asked, [(action, details.into(), true)]);
    assert_eq!(called.reached, ["0011 2233 aabb ccdd"]);
}

#[tokio::test]
async fn without_consent_or_with_another_fingerprint_nothing_reaches_the_reconciler() {
    let refused = associate(Some(false), "0011 2233 aabb ccdd").await;
    assert!(matches!(
        refused.answer,
        Err(cardwarden_dbus::Error::NotAuthorized(_))
    ));
    let other = associate(Some(true), "0011 2233 aabb ccde").await;
    assert!(matches!(
        other.answer,
        Err(cardwarden_dbus::Error::WrongFingerprint(_))
    ));
    assert!(other.asked.is_empty(), "nobody is shown a dialogue");
    assert!(refused.reached.is_empty() && other.reached.is_empty());
}

#[tokio::test]
async fn root_is_heard_without_polkit_and_others_as_polkit_says() {
    assert_eq!(
        sync_as(Authority {
            user: 0,
            allows: None
        })
        .await,
        Ok(())
    );
    assert_eq!(
        sync_as(Authority {
            user: 1000,
            allows: Some(true)
        })
        .await,
        Ok(())
    );
    for allows in [Some(false), None] {
        let refused = sync_as(Authority { user: 1000, allows }).await.unwrap_err();
        assert!(
            matches!(refused, cardwarden_dbus::Error::NotAuthorized(_)),
            "{refused:?}"
        );
    }
}
