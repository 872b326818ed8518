//! The snapshot for everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use cardwarden_policy::explain::{Authority, explain};
use cardwarden_policy::outcome::Achieved;
use cardwarden_policy::plan::counter;
use cardwarden_policy::{Function, Source, Standing, Verdict};

use super::report::Verified;
use super::{Reconciler, World};
use crate::clock;
use crate::enforce::Kernel;
use crate::status::{AssociationStatus, CardProof, FunctionStatus, Posture, Status};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Since when, how often refused, and why, in what is published.
    pub(super) fn publish(&mut self, functions: BTreeMap<Function, Verified>) {
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
        let mut status = Status {
            generation: self.generation,
            settled: self.retry.is_none(),
            posture: self.posture(&functions),
            device: self.identity.device.clone(),
            association_id: self.identity.association,
            associations: self.association_status().into_iter().collect(),
            pending: Vec::new(),
            pin: None,
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

    fn function_status(&mut self, function: Function, verified: Verified) -> FunctionStatus {
        let Verified {
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
        let policy = match &self.standing {
            Standing::Proven(mandate) => Some(&*mandate.policy),
            Standing::Absent | Standing::Unproven { .. } => None,
        };
        let sentence = explain(policy, function, &ruling, self.authority(), &zone);
        let company = match &ruling.source {
            Source::Unmanaged | Source::Unproven { .. } => String::new(),
            Source::Baseline
            | Source::Rule { .. }
            | Source::Server { .. }
            | Source::Task { .. } => self
                .authority()
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
        match self.standing {
            Standing::Unproven { .. } => Posture::Unproven,
            Standing::Absent | Standing::Proven(_)
                if functions
                    .values()
                    .any(|status| status.achieved != Achieved::Enforced) =>
            {
                Posture::Degraded
            }
            Standing::Absent => Posture::Unmanaged,
            Standing::Proven(_) => Posture::Enforcing,
        }
    }

    fn association_status(&self) -> Option<AssociationStatus> {
        let Standing::Proven(mandate) = &self.standing else {
            return None;
        };
        let association = self.state.association.as_ref()?;
        Some(AssociationStatus {
            id: association.endorsement.association,
            company: mandate.company.clone(),
            version: mandate.version,
            group: mandate.group_name.clone(),
            contact: mandate.policy.contact.clone(),
            since: association.since,
            signer: mandate.signer().to_string(),
            proof: CardProof::OwnKey,
        })
    }

    fn authority(&self) -> Option<Authority<'_>> {
        let Standing::Proven(mandate) = &self.standing else {
            return None;
        };
        Some(Authority {
            company: &mandate.company,
            version: mandate.version,
            contact: mandate.policy.contact.as_deref(),
        })
    }
}
