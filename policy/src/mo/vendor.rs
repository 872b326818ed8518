//! The nodes of this project's own in a device's management tree: what a company's server asks for
//! in a session (OMA DM 1.2, `Replace` on one of these).

/// The interior node above them.
pub const VENDOR_NODE: &str = "./Vendor/Cardwarden";
/// Takes a signed [`Release`](crate::Release) of the device, in base64.
pub const RELEASE_NODE: &str = "./Vendor/Cardwarden/Release";
/// Takes the name of the group that the device is to take from its card; an empty one for the
/// group that the device chooses by itself.
pub const GROUP_NODE: &str = "./Vendor/Cardwarden/Group";
/// Takes a [`SignedPolicy`](crate::trust::SignedPolicy) in base64: from then on it holds instead of what the
/// card says.
pub const POLICY_NODE: &str = "./Vendor/Cardwarden/Policy";
/// Media type of a signed statement (RFC 9052, 11.3.1).
pub const STATEMENT_TYPE: &str = "application/cose";
