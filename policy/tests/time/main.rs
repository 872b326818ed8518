//! Every window, period, task and change of a clock, against an independent oracle: the wall clock
//! as `chrono-tz` shows it, walked minute by minute.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test, a panic is the failure"
)]

mod calendar;
mod oracle;
mod windows;
mod zones;
