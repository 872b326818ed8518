//! Who is heard, against a bus and a polkit that are played.

use std::collections::HashMap;
use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::pin::Pin;

use cardwarden_dbus::INTERFACE;
use futures_core::Stream;
use zbus::{Guid, MessageStream, OwnedVariant};

use super::tests::status;
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

/// polkit's half.
struct Polkit(bool);

type Subject = (String, HashMap<String, OwnedVariant>);

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Polkit {
    #[expect(clippy::too_many_arguments, reason = "polkit's")]
    fn check_authorization(
        &self,
        subject: Subject,
        action: &str,
        details: HashMap<&str, &str>,
        flags: u32,
        cancellation: &str,
    ) -> ((bool, bool, HashMap<String, String>),) {
        let (kind, named) = subject;
        let name = named
            .get("name")
            .and_then(|name| name.downcast_ref::<String>().ok());
        let understood = kind == "system-bus-name" && name.as_deref() == Some(":1.7");
        let plain = details.into_values().next().is_none() && flags == 0 && cancellation.is_empty();
        ((
            self.0 && plain && understood && action == cardwarden_dbus::ACTION_SYNC,
            false,
            HashMap::new(),
        ),)
    }
}

/// What `Sync` answers to a caller of this user.
async fn sync_as(authority: Authority) -> Result<(), cardwarden_dbus::Error> {
    let (_status, published) = watch::channel(status(1, 0));
    let (requests, mut asked) = mpsc::channel::<Request>(1);
    let (ours, theirs) = UnixStream::pair().unwrap();
    for end in [&ours, &theirs] {
        end.set_nonblocking(true).unwrap();
    }
    let server = Builder::unix_stream(ours).server(Guid::generate()).p2p();
    let mut client = Builder::unix_stream(theirs).p2p();
    if let Some(allows) = authority.allows {
        client = client.serve_at("/org/freedesktop/PolicyKit1/Authority", Polkit(allows));
    }
    let client = client.serve_at("/org/freedesktop/DBus", authority);
    let (agent, client) =
        tokio::join!(offer(server, &published, &requests).build(), client.build());
    let reconciler = async {
        while let Some(request) = asked.recv().await {
            if let Request::Sync { reply } = request {
                reply.send(Ok(())).unwrap();
            }
        }
    };
    let client = client.unwrap();
    let mut messages = MessageStream::from(&client);
    let call = zbus::Message::method_call(PATH, "Sync")
        .interface(INTERFACE)
        .sender(":1.7");
    let call = call.build(&()).unwrap();
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
    if answer.message_type() == zbus::message::Type::MethodReturn {
        return Ok(());
    }
    Err(cardwarden_dbus::Error::from(zbus::Error::from(answer)))
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
