//! Who may ask for something: root always, others as polkit says, nobody else where there is no
//! polkit. None of it can loosen a policy; it keeps strangers from making the agent work.

use std::collections::HashMap;

use cardwarden_dbus::Error;
use zbus::message::{Flags, Header};
use zbus::{Connection, Variant};

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
const POLKIT: &str = "org.freedesktop.PolicyKit1";
const POLKIT_PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const POLKIT_INTERFACE: &str = "org.freedesktop.PolicyKit1.Authority";
/// `AllowUserInteraction` of polkit's `CheckAuthorizationFlags`.
const ALLOW_INTERACTION: u32 = 1;

/// What polkit is asked about.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The polkit action.
    pub(super) action: &'static str,
    /// What its dialogue shows, by the names in the action's message.
    pub(super) details: HashMap<&'static str, String>,
    /// Whether a person may be asked.
    pub(super) interactive: bool,
}

/// Whether the sender of a call may do what the polkit action is about.
pub(super) async fn authorise(
    bus: &Connection,
    call: &Header<'_>,
    action: &'static str,
) -> Result<(), Error> {
    authorise_showing(bus, call, action, HashMap::new()).await
}

/// The same, where the dialogue shows details.
pub(super) async fn authorise_showing(
    bus: &Connection,
    call: &Header<'_>,
    action: &'static str,
    details: HashMap<&'static str, String>,
) -> Result<(), Error> {
    let Some(sender) = call.sender() else {
        return Err(Error::NotAuthorized(
            "the caller is not known to the bus".to_owned(),
        ));
    };
    let question = Question {
        action,
        details,
        interactive: call
            .primary()
            .flags()
            .contains(Flags::ALLOW_INTERACTIVE_AUTH),
    };
    allow(bus, sender.as_str(), &question).await
}

/// Whether a connection, by its unique name, may do what the polkit action is about.
pub(super) async fn allow(
    bus: &Connection,
    sender: &str,
    question: &Question,
) -> Result<(), Error> {
    if user_of(bus, sender).await? == 0 {
        return Ok(());
    }
    match polkit_allows(bus, sender, question).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotAuthorized(format!(
            "polkit does not allow it ({})",
            question.action
        ))),
        Err(error) => {
            tracing::debug!("polkit cannot be asked: {error}");
            Err(Error::NotAuthorized(
                "only root may ask this here, since there is no polkit to ask".to_owned(),
            ))
        }
    }
}

async fn user_of(bus: &Connection, sender: &str) -> zbus::Result<u32> {
    bus.call_method(
        Some(BUS),
        BUS_PATH,
        Some(BUS),
        "GetConnectionUnixUser",
        &sender,
    )
    .await?
    .body()
    .deserialize()
}

async fn polkit_allows(bus: &Connection, sender: &str, question: &Question) -> zbus::Result<bool> {
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(sender))]),
    );
    let Question {
        action,
        details,
        interactive,
    } = question;
    let flags = if *interactive { ALLOW_INTERACTION } else { 0 };
    let reply = bus
        .call_method(
            Some(POLKIT),
            POLKIT_PATH,
            Some(POLKIT_INTERFACE),
            "CheckAuthorization",
            &(subject, action, details, flags, ""),
        )
        .await?;
    let (allowed, _challenge, _details): (bool, bool, HashMap<String, String>) =
        reply.body().deserialize()?;
    Ok(allowed)
}
