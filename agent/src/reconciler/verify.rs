//! What really holds, function by function: tried as anybody would.

use std::collections::BTreeMap;

use cardwarden_policy::outcome::{Achieved, FunctionOutcome, Tier};
use cardwarden_policy::plan::Mode;
use cardwarden_policy::{Function, Hook, Ruling, Table, Verdict};

use super::{Reconciler, Turn, World};
use crate::enforce::probe::Met;
use crate::enforce::{GuardState, Held, Kernel, Permission, Shortfall, enforcer};

/// What was found for one function.
pub(super) struct Verified {
    pub(super) outcome: FunctionOutcome,
    pub(super) ruling: Ruling,
    /// Whether another attempt may help.
    pub(super) is_short_of_goal: bool,
}

impl Verified {
    /// What is to hold.
    pub(super) const fn verdict(&self) -> Verdict {
        self.outcome.verdict
    }

    /// Whether the function may be used, or an attempt to use it was refused.
    pub(super) fn is_decided(&self) -> bool {
        self.outcome.verdict == Verdict::Enabled || self.outcome.result != Achieved::Failed
    }
}

/// What attempts to use a disabled function met.
struct Attempts {
    passed: Vec<String>,
    refused: Vec<String>,
    /// What passed because this machine has nothing to refuse it with.
    open: Vec<String>,
}

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Finds out what holds for every function.
    pub(super) fn verify(&mut self, turn: &Turn) -> BTreeMap<Function, Verified> {
        if let Some(process) = self.world.prober()
            && let Err(error) = self.kernel.permit(Permission::Probe { process })
        {
            tracing::debug!("probes are counted as refusals: {error}");
        }
        let is_guarded = self.is_guarded();
        let verified = turn
            .joint
            .decision
            .rulings
            .iter()
            .map(|(function, ruling)| {
                let verified = self.verify_one(*function, ruling, turn, is_guarded);
                (*function, verified)
            })
            .collect();
        self.kernel.revoke_permit();
        verified
    }

    /// Whether the guard stands, as an attempt shows. One that refuses nothing is looked at anew.
    fn is_guarded(&mut self) -> bool {
        if self.kernel.guarded() != GuardState::Up {
            return false;
        }
        let met = self.world.try_undo();
        if met != Met::Refused {
            tracing::warn!(?met, "the guard does not refuse what it should");
            self.kernel.doubt_guard();
        }
        met == Met::Refused
    }

    fn verify_one(
        &mut self,
        function: Function,
        ruling: &Ruling,
        turn: &Turn,
        is_guarded: bool,
    ) -> Verified {
        let mut enforcers = enforcers(function, turn);
        // What is refused of a USB device by a rule of its own does not refuse the function.
        let is_of_devices = [Some(function), function.whole()].contains(&Some(Function::Usb));
        if is_of_devices && ruling.verdict == Verdict::Enabled {
            enforcers.clear();
        }
        let is_refused = !enforcers.is_empty();
        let switches = || holding(function, turn);
        enforcers.extend(switches().map(|(name, _)| name.to_owned()));
        let (achieved, proof) = match ruling.verdict {
            Verdict::Enabled if !is_refused => {
                (Achieved::Enforced, "nothing of ours refuses it".to_owned())
            }
            Verdict::Enabled => (Achieved::Failed, "it is still refused".to_owned()),
            Verdict::Disabled => self.verify_disabled(function, turn),
        };
        let held = ruling.verdict == Verdict::Disabled && achieved != Achieved::Failed;
        let best = switches().map(|(_, tier)| tier);
        let by_programs = if is_guarded {
            Tier::Kernel
        } else {
            Tier::KernelOpen
        };
        let best = best.chain(is_refused.then_some(by_programs)).min();
        let (achieved, proof) = match achieved {
            Achieved::Enforced if best == Some(Tier::Node) => {
                (Achieved::Partly, format!("{proof}; root passes it"))
            }
            Achieved::Enforced | Achieved::Partly | Achieved::Failed => (achieved, proof),
        };
        let outcome = FunctionOutcome {
            function,
            verdict: ruling.verdict,
            result: achieved,
            tier: best.filter(|_| held).unwrap_or(Tier::None),
            enforcers,
            proof,
            reason: ruling.source.reason(),
            version: self.version(turn.joint.by.get(&function).copied()),
        };
        let is_switch_short = |one: &Shortfall| one.function == function && !one.is_spared;
        let is_short_of_goal = self.is_enforceable(function)
            && (achieved == Achieved::Failed
                || turn.held != turn.goal
                || turn.shortfalls.iter().any(is_switch_short));
        Verified {
            outcome,
            ruling: ruling.clone(),
            is_short_of_goal,
        }
    }

    fn verify_disabled(&mut self, function: Function, turn: &Turn) -> (Achieved, String) {
        if !self.is_enforceable(function) {
            let text = "this version of the agent has no enforcer for it";
            return (Achieved::Failed, text.to_owned());
        }
        let attempts = self.attempt(function, turn);
        if !attempts.passed.is_empty() {
            return (Achieved::Failed, attempts.passed.join(", "));
        }
        if attempts.refused.is_empty()
            && enforcers(function, turn).is_empty()
            && !self.enforcers.iter().any(|one| one.covers(function))
        {
            return (Achieved::Failed, "nothing of ours refuses it".to_owned());
        }
        let proof = if attempts.refused.is_empty() {
            "attached; there is no device to try".to_owned()
        } else {
            attempts.refused.join(", ")
        };
        let short = turn
            .shortfalls
            .iter()
            .filter(|one| one.function == function);
        let mut missing: Vec<&str> = short.map(|one| one.problem.as_str()).collect();
        missing.extend(attempts.open.iter().map(String::as_str));
        if turn.held != turn.goal {
            missing.push("the kernel does not hold all that it should");
        }
        if !missing.is_empty() {
            let is_held = !enforcers(function, turn).is_empty();
            let found = if attempts.refused.is_empty() && !is_held {
                Achieved::Failed
            } else {
                Achieved::Partly
            };
            return (found, format!("{}; {proof}", missing.join("; ")));
        }
        (Achieved::Enforced, proof)
    }

    /// Tries the function as anybody would.
    fn attempt(&mut self, function: Function, turn: &Turn) -> Attempts {
        let nodes = turn
            .found
            .nodes
            .iter()
            .filter(|node| node.function == function);
        let mut met: Vec<(String, Met)> = nodes
            .map(|node| {
                (
                    format!("open({})", node.path.display()),
                    self.world.try_open(&node.path),
                )
            })
            .collect();
        let mut attempts = Attempts {
            passed: Vec::new(),
            refused: Vec::new(),
            open: Vec::new(),
        };
        let lacks_sockets = self
            .kernel
            .lacking()
            .hooks
            .contains_key(&Hook::SocketCreate);
        match self.world.try_socket(function) {
            Some((call, Met::Passed)) if lacks_sockets => {
                attempts.open.push(format!("{call} succeeded"));
            }
            Some((call, answer)) => met.push((call.to_owned(), answer)),
            None => {}
        }
        let of_switches = turn.switched.iter().flat_map(|(_, _, held)| held);
        for held in of_switches.filter(|held| held.function == function) {
            match held.met {
                Met::Passed => attempts.passed.push(held.proof.clone()),
                Met::Refused | Met::Other(_) => attempts.refused.push(held.proof.clone()),
            }
        }
        for (call, answer) in met {
            match answer {
                Met::Refused => attempts.refused.push(format!("{call} = EPERM")),
                Met::Passed => attempts.passed.push(format!("{call} succeeded")),
                // A node that has gone, or a family that this kernel does not have.
                Met::Other(error) => attempts.refused.push(format!("{call} = {error:?}")),
            }
        }
        attempts
    }

    /// Whether this version of the agent can hold a function at all.
    fn is_enforceable(&self, function: Function) -> bool {
        let by_programs = matches!(
            function,
            Function::Camera
                | Function::Microphone
                | Function::Bluetooth
                | Function::Infrared
                | Function::Nfc
        );
        by_programs || self.enforcers.iter().any(|one| one.covers(function))
    }
}

/// What holds a function, as the kernel shows it.
fn enforcers(function: Function, turn: &Turn) -> Vec<String> {
    let concerns = refused(&turn.held.table).concerns(function);
    let of_sockets = |hook: &Hook| *hook == Hook::SocketCreate || Hook::OF_SOCKETS.contains(hook);
    turn.held
        .hooks
        .iter()
        .filter(|hook| {
            if of_sockets(hook) {
                concerns.families
            } else if **hook == Hook::NetlinkSend {
                concerns.netlink
            } else {
                concerns.nodes
            }
        })
        .map(|hook| enforcer(*hook).to_owned())
        .collect()
}

/// A table without what is only told of.
fn refused(table: &Table) -> Table {
    let mut table = table.clone();
    table
        .majors
        .retain(|_, major| major.reasons().any(|reason| reason.mode == Mode::Refuse));
    table
        .families
        .retain(|_, reason| reason.mode == Mode::Refuse);
    table
        .netlink
        .retain(|_, reason| reason.mode == Mode::Refuse);
    table
}

/// The switches that hold a function, and how well.
fn holding(function: Function, turn: &Turn) -> impl Iterator<Item = (&'static str, Tier)> {
    let holds = move |held: &Held| held.function == function && held.met == Met::Refused;
    let holding = turn
        .switched
        .iter()
        .filter(move |(_, _, all)| all.iter().any(holds));
    holding.map(|(name, tier, _)| (*name, *tier))
}
