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

/// Whether the sender of a call may do what the polkit action is about.
pub(super) async fn authorise(
    bus: &Connection,
    call: &Header<'_>,
    action: &'static str,
) -> Result<(), Error> {
    let Some(sender) = call.sender() else {
        return Err(Error::NotAuthorized(
            "the caller is not known to the bus".to_owned(),
        ));
    };
    if user_of(bus, sender.as_str()).await? == 0 {
        return Ok(());
    }
    let interactive = call
        .primary()
        .flags()
        .contains(Flags::ALLOW_INTERACTIVE_AUTH);
    match polkit_allows(bus, sender.as_str(), action, interactive).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotAuthorized(format!(
            "polkit does not allow it ({action})"
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

async fn polkit_allows(
    bus: &Connection,
    sender: &str,
    action: &str,
    interactive: bool,
) -> zbus::Result<bool> {
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(sender))]),
    );
    let details: HashMap<&str, &str> = HashMap::new();
    let flags = if interactive { ALLOW_INTERACTION } else { 0 };
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
