//! Laws that every policy, decision, plan and signature obeys.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is the failure"
)]

mod arbitrary;
mod deciding;
mod describing;
mod guarding;
mod planning;
mod selecting;
mod signed;
mod spelling;
mod trusting;
