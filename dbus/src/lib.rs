//! The D-Bus interfaces `org.cardwarden.Agent1` and `org.cardwarden.Prompter1`: names, value types,
//! errors and proxies, for the agent and for everybody who asks it.
//!
//! The XML files beside this crate describe every member and are the source of truth; this crate
//! follows them. It starts no task, keeps no state and decides nothing.
//!
//! ```no_run
//! use cardwarden_dbus::FunctionProxy;
//!
//! # async fn example() -> zbus::Result<()> {
//! let bus = zbus::Connection::system().await?;
//! let camera = FunctionProxy::of(&bus, "camera").await?;
//! if camera.verdict().await? == "disabled" {
//!     let sentence = camera.sentence().await?; // "camera is off: rule “work-hours” of …"
//!     # drop(sentence);
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod prompter;
mod proxy;
mod text;
mod value;

pub use error::Error;
pub use prompter::{Pin, PromptError, PrompterProxy};
pub use proxy::{
    AgentProxy, Changes, Denied, DeniedArgs, DeniedStream, FunctionProxy, Snapshot, function_path,
};
pub use text::harmless;
pub use value::{Agent, Association, Function, Managed, Pending, PinDetails, PinWanted, Problem};

/// The agent's name on the system bus.
pub const NAME: &str = "org.cardwarden.Agent1";
/// The agent's object, which is also the root of its object manager.
pub const PATH: &str = "/org/cardwarden/Agent1";
/// The node under which each function has its object.
pub const FUNCTIONS: &str = "/org/cardwarden/Agent1/functions";
/// The interface of the agent's object.
pub const INTERFACE: &str = "org.cardwarden.Agent1";
/// The interface of a function's object.
pub const FUNCTION_INTERFACE: &str = "org.cardwarden.Agent1.Function";
/// The interface of what asks for PINs.
pub const PROMPTER_INTERFACE: &str = "org.cardwarden.Prompter1";
/// The polkit action of `Associate`.
pub const ACTION_ASSOCIATE: &str = "org.cardwarden.associate";
/// The polkit action of `Deliver`.
pub const ACTION_DELIVER: &str = "org.cardwarden.deliver";
/// The polkit action of `RegisterPrompter` and `AskPin`.
pub const ACTION_PROMPT: &str = "org.cardwarden.prompt";
/// The polkit action of `Release`.
pub const ACTION_RELEASE: &str = "org.cardwarden.release";
/// The polkit action of `Sync`.
pub const ACTION_SYNC: &str = "org.cardwarden.sync";
/// The interface's description, with a comment on every member.
pub const XML: &str = include_str!("../org.cardwarden.Agent1.xml");
/// The description of [`PROMPTER_INTERFACE`].
pub const PROMPTER_XML: &str = include_str!("../org.cardwarden.Prompter1.xml");
