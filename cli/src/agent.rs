//! Asking the agent.

use cardwarden_dbus::AgentProxy;
use zbus::Connection;
use zbus::proxy::CacheProperties;

use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Runs something that needs the system bus, on a runtime that ends with it.
pub(crate) fn ask<T>(
    question: impl AsyncFnOnce(Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("no event loop can be made", &error))?;
    let answer = runtime.block_on(async {
        let bus = Connection::system().await.map_err(|error| {
            Failure::because(
                "the system bus cannot be reached, so neither can the agent",
                &error,
            )
            .exiting(Exit::Unreachable)
        })?;
        question(bus).await
    });
    // A question that is void by now is not waited for.
    runtime.shutdown_background();
    answer
}

/// The agent's object, always asked afresh.
pub(crate) async fn proxy(bus: &Connection) -> Result<AgentProxy<'static>, Failure> {
    let proxy = AgentProxy::builder(bus)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    Ok(proxy)
}

/// Has the agent look at everything again.
pub(crate) async fn sync(bus: &Connection) -> Result<Output, Failure> {
    proxy(bus).await?.sync().await?;
    Ok(Output::text(""))
}
