//! `cardwarden policy sign` and `verify`: policies that come by a server or in a file.

use cardwarden_policy::Rejected;
use cardwarden_policy::trust::{MAX_POLICY, SignedPolicy, Verified, sign as sign_statement};
use jiff::Timestamp;
use serde::Serialize;

use super::args::{Sign, Verify};
use super::check::count;
use super::document::{NoPolicy, load, toml};
use crate::failure::{Exit, Failure};
use crate::file::{self, Readable};
use crate::key;
use crate::output::{Lines, Output, harmless};

/// Signs a policy.
pub(super) fn sign(arguments: &Sign) -> Result<Output, Failure> {
    let group = load(&arguments.file).map_err(NoPolicy::into_failure)?;
    let company = arguments
        .company
        .clone()
        .or_else(|| group.policy.organisation.clone())
        .ok_or_else(|| {
            Failure::new(format!(
                "{} names no organisation; say whose it is with --company",
                arguments.file.display()
            ))
        })?;
    let unsigned =
        |error: &dyn std::error::Error| Failure::because("the policy cannot be signed", error);
    let policy = SignedPolicy::new(company, arguments.version, Timestamp::now(), &group)
        .map_err(|error| unsigned(&error))?;
    let key = key::open(&arguments.signing)?;
    let bytes = sign_statement(&key, &policy).map_err(|error| unsigned(&error))?;
    file::create(&arguments.out, &bytes, Readable::All)?;
    Ok(Output::text(format!(
        "{} holds version {} of the policy of {}, signed: {} bytes\n",
        harmless(&arguments.out.display().to_string()),
        policy.version,
        harmless(&policy.company),
        bytes.len()
    )))
}

/// `verify --json`.
#[derive(Serialize)]
struct Contents<'a> {
    verified: bool,
    /// A stable word and a sentence, when it is not believed.
    problem: Option<Problem>,
    company: Option<&'a str>,
    version: Option<u64>,
    issued: Option<Timestamp>,
    signer: Option<String>,
    delegate: Option<String>,
    rules: Option<usize>,
    tasks: Option<usize>,
    server: Option<&'a str>,
}

#[derive(Serialize)]
struct Problem {
    code: &'static str,
    text: String,
}

/// Says whether a signed policy is believed.
pub(super) fn verify(arguments: &Verify) -> Result<Output, Failure> {
    let bytes = file::read(&arguments.file, MAX_POLICY)?;
    let anchors = key::anchors(&arguments.trust)?;
    let verified = match anchors
        .verify_at::<SignedPolicy>(&bytes, Some(Timestamp::now()))
        .and_then(|verified| Ok((verified.mandate()?, verified)))
    {
        Ok(verified) => verified,
        Err(rejected) => return refuse(arguments, &rejected),
    };
    let (mandate, signed) = verified;
    if let Some(out) = &arguments.out {
        let text = toml(&mandate.policy)?;
        file::create(out, text.as_bytes(), Readable::All)?;
    }
    let contents = Contents {
        verified: true,
        problem: None,
        company: Some(&mandate.company),
        version: Some(mandate.version),
        issued: Some(mandate.issued),
        signer: Some(signed.signer().to_string()),
        delegate: signed.delegate().map(|key| key.to_string()),
        rules: Some(mandate.policy.rules.len()),
        tasks: Some(mandate.policy.tasks.len()),
        server: mandate
            .account
            .as_ref()
            .map(|account| account.server_url.as_str()),
    };
    if arguments.json {
        return Output::json(&contents);
    }
    Ok(Output::text(describe(&contents, &signed)))
}

fn describe(contents: &Contents<'_>, signed: &Verified<SignedPolicy>) -> String {
    let mut lines = Lines::default();
    lines.pair("Company", &harmless(&signed.company));
    lines.pair(
        "Version",
        &format!("{}, issued {}", signed.version, signed.issued),
    );
    let by = match &contents.delegate {
        Some(delegate) => format!("key {delegate}, in the name of {}", signed.signer()),
        None => format!("key {}", signed.signer()),
    };
    lines.pair("Signed", &format!("with trusted {by}"));
    lines.pair(
        "Policy",
        &format!(
            "{}, {}, server {}",
            count(contents.rules.unwrap_or_default(), "rule"),
            count(contents.tasks.unwrap_or_default(), "task"),
            harmless(contents.server.unwrap_or("none"))
        ),
    );
    lines.into_text()
}

fn refuse(arguments: &Verify, rejected: &Rejected) -> Result<Output, Failure> {
    let text = cardwarden_policy::explain::chain(rejected);
    if !arguments.json {
        return Err(Failure::new(format!(
            "{} is not believed: {text} ({})",
            arguments.file.display(),
            rejected.code()
        ))
        .exiting(Exit::Refused));
    }
    let contents = Contents {
        verified: false,
        problem: Some(Problem {
            code: rejected.code(),
            text,
        }),
        company: None,
        version: None,
        issued: None,
        signer: None,
        delegate: None,
        rules: None,
        tasks: None,
        server: None,
    };
    Ok(Output::json(&contents)?.exiting(Exit::Refused))
}
