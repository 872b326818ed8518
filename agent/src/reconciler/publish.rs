//! The snapshot for everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardwarden_policy::explain::{Authority, explain};
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::outcome::Achieved;
use cardwarden_policy::plan::counter;
use cardwarden_policy::{Function, Source, Standing, Verdict, Verified};

use super::verify::Verified as Held;
use super::{Reconciler, World};
use crate::clock;
use crate::enforce::{GuardState, Kernel};
use crate::status::{AssociationStatus, CardProof, FunctionStatus, Posture, Status};
use crate::store::Association;

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Since when, how often refused, and why, in what is published.
    pub(super) fn publish(&mut self, functions: BTreeMap<Function, Held>) {
        let functions: BTreeMap<_, _> = functions
            .into_iter()
            .map(|(function, verified)| (function, self.function_status(function, verified)))
            .collect();
        self.send(functions);
    }

    /// Publishes again what may have changed without a turn.
    pub(crate) fn refresh(&mut self) {
        let mut functions = self.outputs.status.borrow().functions.clone();
        for (function, status) in &mut functions {
            status.denials = self
                .kernel
                .refusals(counter(*function, &status.ruling.source));
        }
        self.send(functions);
    }

    fn send(&mut self, functions: BTreeMap<Function, FunctionStatus>) {
        let guard = self.kernel.guarded();
        let mut status = Status {
            generation: self.generation,
            settled: self.retry.is_none() && guard != GuardState::Rising,
            guard: guard.name(),
            posture: self.posture(&functions),
            device: self.identity.device.clone(),
            association_id: self
                .state
                .associations
                .first()
                .map_or(self.identity.association, |association| association.id),
            associations: self.association_statuses(),
            pending: self.pending_status(),
            pin: self.pin_status(),
            functions,
            card: self.card.clone(),
            server: self.server.clone(),
            problems: self.problems.values().cloned().collect(),
            timings: self.timings,
        };
        if **self.outputs.status.borrow() == status {
            return;
        }
        self.generation = self.generation.saturating_add(1);
        status.generation = self.generation;
        self.outputs.status.send_replace(Arc::new(status));
    }

    fn function_status(&mut self, function: Function, verified: Held) -> FunctionStatus {
        let Held {
            outcome, ruling, ..
        } = verified;
        let since = self
            .state
            .told
            .get(&function)
            .map_or_else(clock::now, |told| told.since);
        let denials = match ruling.verdict {
            Verdict::Disabled => self.kernel.refusals(counter(function, &ruling.source)),
            Verdict::Enabled => 0,
        };
        let zone = jiff::tz::TimeZone::system();
        let mandate = self.author(function);
        let policy = mandate.map(|mandate| &**mandate.policy);
        let authority = mandate.map(authority);
        let sentence = explain(policy, function, &ruling, authority, &zone);
        let company = match &ruling.source {
            Source::Unmanaged | Source::Unproven { .. } => String::new(),
            Source::Baseline
            | Source::Rule { .. }
            | Source::Server { .. }
            | Source::Task { .. } => authority
                .map(|authority| authority.company.to_owned())
                .unwrap_or_default(),
        };
        FunctionStatus {
            ruling,
            since,
            achieved: outcome.result,
            tier: outcome.tier,
            enforcers: outcome.enforcers,
            proof: outcome.proof,
            denials,
            sentence,
            company,
        }
    }

    fn posture(&self, functions: &BTreeMap<Function, FunctionStatus>) -> Posture {
        if self.unproven().is_some() {
            return Posture::Unproven;
        }
        let is_short = |status: &FunctionStatus| status.achieved != Achieved::Enforced;
        if functions.values().any(is_short) {
            Posture::Degraded
        } else if self.standings.is_empty() {
            Posture::Unmanaged
        } else {
            Posture::Enforcing
        }
    }

    fn association_statuses(&self) -> Vec<AssociationStatus> {
        let status =
            |(association, mandate): (&Association, &Verified<Mandate>)| AssociationStatus {
                id: association.id,
                company: mandate.company.clone(),
                version: mandate.version,
                group: mandate.group_name.clone(),
                contact: mandate.policy.contact.clone(),
                since: association.since,
                signer: mandate.signer().to_string(),
                proof: CardProof::of(association.authenticity()),
                ends: association.ends,
            };
        self.mandates().map(status).collect()
    }

    /// What the company says whose ruling on a function counts.
    fn author(&self, function: Function) -> Option<&Verified<Mandate>> {
        let by = &self.last.as_ref()?.joint.by;
        match self.standings.get(*by.get(&function)?)? {
            Standing::Proven(mandate) => Some(&**mandate),
            Standing::Absent | Standing::Unproven { .. } => None,
        }
    }
}

fn authority(mandate: &Verified<Mandate>) -> Authority<'_> {
    Authority {
        company: &mandate.company,
        version: mandate.version,
        contact: mandate.policy.contact.as_deref(),
    }
}
