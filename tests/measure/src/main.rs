//! Measures the policy crate as the product builds it, and prints one JSON object of figures. `cargo xtask bench`
//! runs it and knows the bounds.
//!
//! Times are medians over many repetitions; memory is what the allocator is asked for.

#![forbid(unsafe_code)]

mod corpus;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cardwarden_policy::trust::{SignedPolicy, sign};
use cardwarden_policy::usb::Device;
use cardwarden_policy::{
    Account, Anchors, Compiled, Context, Group, Policy, SigningKey, Standing, decide,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Counts while a profiler stands, and only then; before that it is the system's allocator.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Attached USB devices.
const DEVICES: usize = 200;

/// How long one figure is measured.
const MEASURED: Duration = Duration::from_millis(800);

#[expect(clippy::print_stdout, reason = "the figures are this program's result")]
fn main() -> Result<()> {
    let mut figures = Map::new();
    let mut add = |key: &str, value: Value| drop(figures.insert(key.to_owned(), value));
    let devices = corpus::devices(DEVICES);
    add("decide_us_1", json!(deciding(1, &[])?));
    let few = deciding(10, &devices)?;
    let many = deciding(10_000, &devices)?;
    add("decide_us_10", json!(few));
    add("decide_us_10000", json!(many));
    add("growth_10_to_10000", json!(many / few));
    let policy = policy(10_000)?;
    let compiling = || drop(black_box(Compiled::from(policy.clone())));
    let cloning = || drop(black_box(policy.clone()));
    add(
        "compile_ms_10000",
        json!((median(compiling)? - median(cloning)?) / 1e6),
    );
    let text = corpus::usb_rules(10_000);
    let reading = || drop(black_box(Policy::from_toml(&text)));
    add("read_ms_10000", json!(median(reading)? / 1e6));
    let empty = on_card("")?;
    let twenty = on_card(&corpus::office_rules())?;
    add("bytes_20", json!(twenty));
    add("bytes_per_rule", json!((twenty - empty) / 20.0));
    // Last: counting makes everything slower.
    add("compile_kib_10000", json!(memory(&policy)));
    println!("{}", Value::Object(figures));
    Ok(())
}

fn policy(count: usize) -> Result<Policy> {
    Policy::from_toml(&corpus::usb_rules(count)).context("read the policy")
}

/// What one decision takes, in microseconds.
fn deciding(rules: usize, devices: &[Device]) -> Result<f64> {
    let standing = standing(policy(rules)?)?;
    let context = Context {
        usb: devices.to_vec(),
        ..Context::default()
    };
    let now = Some(corpus::now());
    let once = || drop(black_box(decide(black_box(&standing), &[], &context, now)));
    Ok(median(once)? / 1e3)
}

/// What the device holds of a company that signed this policy.
fn standing(policy: Policy) -> Result<Standing> {
    let key = SigningKey::ed25519_from_seed(&[1; 32]);
    let group = Group {
        policy,
        account: None,
    };
    let policy = SignedPolicy::new("B Company".to_owned(), 1, Timestamp::UNIX_EPOCH, &group)
        .context("write the policy")?;
    let anchors: Anchors = [key.anchor()?].into_iter().collect();
    let believed = anchors.verify::<SignedPolicy>(&sign(&key, &policy)?)?;
    Ok(Standing::Proven(Box::new(believed.mandate()?)))
}

/// What a group with these rules and an account takes on a card, in bytes.
fn on_card(rules: &str) -> Result<f64> {
    let group = Group {
        policy: Policy::from_toml(rules)?,
        account: Some(account()),
    };
    Ok(f64::from(u32::try_from(group.to_bytes()?.len())?))
}

/// A server with its certificate authority: a self-signed P-256 certificate has about 400 bytes.
fn account() -> Account {
    Account {
        server_url: "https://dm.b-company.example:8443".to_owned(),
        server_id: "b-company".to_owned(),
        ca: corpus::noise(400),
    }
}

/// The most memory that a compiled policy takes while it is made, in KiB; the policy itself is part of it.
fn memory(policy: &Policy) -> f64 {
    let profiler = dhat::Profiler::builder().testing().build();
    let compiled = Compiled::from(policy.clone());
    let most = dhat::HeapStats::get().max_bytes;
    drop(compiled);
    drop(profiler);
    u32::try_from(most).map_or(f64::INFINITY, f64::from) / 1024.0
}

/// The median of what something takes, in nanoseconds.
fn median(mut once: impl FnMut()) -> Result<f64> {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < MEASURED || times.len() < 5 {
        let start = Instant::now();
        once();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).context("nothing measured")?;
    Ok(median.as_secs_f64() * 1e9)
}
