//! One question to a person: who is asked, and where the PIN goes.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin as Pinned;

use cardwarden_dbus::{ACTION_PROMPT, Pin, PinDetails, PromptError, PrompterProxy};
use futures_core::Stream;
use tokio::sync::{mpsc, oneshot};
use zbus::message::Type;
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, MessageStream};

use super::Prompter;
use crate::bus::authorise::{Question, allow};
use crate::request::{self, Request};
use crate::status::PinWanted;

/// Longest PIN, in bytes (`OpenPGP` card 3.4, 4.3.1: 127; PIV and PKCS#15 take fewer).
const MAX_PIN: usize = 127;

/// What came of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    /// The PIN is on its way to the card.
    Given {
        /// How many were wrong before it.
        wrong: u32,
    },
    /// The person does not want to.
    Cancelled,
    /// Nobody who may ask gave an answer that is a PIN.
    Nobody,
}

/// Asks the first of the prompters that may ask (its session may have become another's since it was
/// registered) and does answer. The person takes as long as they want.
pub(super) async fn ask(
    bus: Connection,
    prompters: Vec<Prompter>,
    wanted: PinWanted,
    requests: mpsc::Sender<Request>,
) -> Ended {
    let question = Question {
        action: ACTION_PROMPT,
        details: HashMap::new(),
        interactive: false,
    };
    for prompter in prompters {
        if let Err(error) = allow(&bus, &prompter.name, &question).await {
            tracing::debug!("{} may not ask for a PIN: {error}", prompter.name);
            continue;
        }
        match request(&bus, &prompter, &wanted).await {
            Ok(pin) => return hand_on(pin, &wanted, &requests).await,
            Err(PromptError::Cancelled(_)) => return Ended::Cancelled,
            Err(error @ PromptError::Bus(_)) => {
                tracing::info!("{} does not ask for a PIN: {error}", prompter.name);
            }
        }
    }
    Ended::Nobody
}

async fn request(
    bus: &Connection,
    prompter: &Prompter,
    wanted: &PinWanted,
) -> Result<Pin, PromptError> {
    let proxy = PrompterProxy::builder(bus)
        .destination(prompter.name.as_str())
        .path(prompter.path.as_str())
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let details = PinDetails {
        reader: wanted.reader.clone(),
        company: wanted.company.clone(),
        group: wanted.group.clone(),
        wrong: wanted.wrong,
        tries_left: wanted.tries.map(u32::from),
    };
    proxy.request_pin(&details).await
}

/// Gives the PIN to the reconciler; there is no other copy.
async fn hand_on(pin: Pin, wanted: &PinWanted, requests: &mpsc::Sender<Request>) -> Ended {
    let bytes = pin.into_bytes();
    if bytes.is_empty() {
        return Ended::Cancelled;
    }
    if bytes.len() > MAX_PIN {
        tracing::info!("what was given is longer than any PIN, and is not tried");
        return Ended::Nobody;
    }
    let (reply, answer) = oneshot::channel();
    let request = Request::Pin {
        reader: wanted.reader.clone(),
        insertion: wanted.insertion,
        pin: request::Pin::new(bytes),
        reply,
    };
    if requests.send(request).await.is_err() {
        return Ended::Nobody;
    }
    match answer.await {
        Ok(Ok(())) => Ended::Given {
            wrong: wanted.wrong,
        },
        Ok(Err(refused)) => {
            tracing::info!("the PIN was not used: {refused}");
            Ended::Nobody
        }
        Err(_dropped) => Ended::Nobody,
    }
}

/// Waits until nobody on the bus has this unique name any more, and gives the name back. Where that
/// cannot be watched, nobody is relied on to be there.
pub(super) async fn departed(bus: Connection, name: String) -> String {
    if let Err(error) = departure(&bus, &name).await {
        tracing::debug!("cannot watch {name} on the bus: {error}");
    }
    name
}

async fn departure(bus: &Connection, name: &str) -> zbus::Result<()> {
    const BUS: &str = "org.freedesktop.DBus";
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)
        .member("NameOwnerChanged")
        .arg(0, name)
        .build()?;
    let mut changes = MessageStream::for_match_rule(rule, bus, None).await?;
    // From here on nothing is missed; it may have gone before.
    let is_there: bool = bus
        .call_method(
            Some(BUS),
            "/org/freedesktop/DBus",
            Some(BUS),
            "NameHasOwner",
            &name,
        )
        .await?
        .body()
        .deserialize()?;
    if !is_there {
        return Ok(());
    }
    while let Some(change) =
        poll_fn(|context| Stream::poll_next(Pinned::new(&mut changes), context)).await
    {
        let change = change?;
        let (_, _, owner): (String, String, String) = change.body().deserialize()?;
        if owner.is_empty() {
            return Ok(());
        }
    }
    Ok(())
}
