//! Laws, on own child processes. `/dev/full` stands in for a closed node, `AF_UNIX` for a closed
//! family.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwarden_ebpf_abi::{CHARACTER, MAPPING, OpenFile, READS};
use cardwarden_policy::Table;
use cardwarden_policy::plan::{Kind, Major, Opens, Reason};

use super::*;
use crate::enforce::memory::Memory;

/// Major and minor of `/dev/full` (`drivers/char/mem.c`).
const FULL: (u32, u32) = (1, 7);
const AF_UNIX: u8 = 1;

/// A program that waits, with something as its standard input, until it is dropped.
struct Program(Child);

impl Program {
    fn with(input: impl Into<OwnedFd>, uid: Option<u32>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a program that has something open"
        )]
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::from(input.into()));
        if let Some(uid) = uid {
            command.uid(uid);
        }
        Self(command.spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn full() -> File {
    File::open("/dev/full").unwrap()
}

fn nodes(function: Function, minors: &[u32]) -> Closed {
    Closed::of(&table_of(Reason::refusing(function, 0), minors))
}

fn table_of(reason: Reason, minors: &[u32]) -> Table {
    let mut major = Major::new(None);
    for minor in minors {
        major.set(*minor, Some(reason));
    }
    Table {
        majors: BTreeMap::from([((Kind::Character, FULL.0), major)]),
        ..Table::default()
    }
}

fn sockets() -> Closed {
    let reason = Reason::refusing(Function::Bluetooth, 0);
    Closed::of(&Table {
        families: BTreeMap::from([(AF_UNIX, reason)]),
        ..Table::default()
    })
}

fn find(closed: &Closed, program: &Program) -> Vec<Holder> {
    let mut found = holders::find(Path::new("/proc"), closed, &mut Memory::default());
    found.retain(|holder| holder.pid == program.pid());
    found
}

#[test]
fn who_has_a_closed_node_open_is_found_with_name_and_user() {
    let program = Program::with(full(), None);
    let found = find(&nodes(Function::Camera, &[FULL.1]), &program);
    let [holder] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        (holder.function, holder.number),
        (Function::Camera, Some(0))
    );
    assert_eq!(holder.uid, nix::unistd::Uid::current().as_raw());
    assert!(!holder.program.is_empty());
}

#[test]
fn as_root_another_users_program_is_found() {
    if !nix::unistd::Uid::effective().is_root() {
        return;
    }
    let program = Program::with(full(), Some(65534));
    let found = find(&nodes(Function::Camera, &[FULL.1]), &program);
    assert_eq!(found.iter().map(|one| one.uid).collect::<Vec<_>>(), [65534]);
}

#[test]
fn where_nothing_is_closed_nobody_is_found() {
    let program = Program::with(full(), None);
    assert_eq!(find(&Closed::default(), &program), []);
}

#[test]
fn what_stays_open_on_a_closed_major_is_neither_found_nor_touched() {
    let program = Program::with(full(), None);
    let other = nodes(Function::Microphone, &[FULL.1 + 1]);
    assert_eq!(find(&other, &program), []);
    let holder = find(&nodes(Function::Microphone, &[FULL.1]), &program).remove(0);
    assert_eq!(stop::stop(&holder, &other), Ok(Stopped::Gone));
}

#[test]
fn a_node_that_is_no_stream_is_left_as_it_is() {
    let program = Program::with(full(), None);
    for function in [Function::Camera, Function::Microphone, Function::Infrared] {
        let closed = nodes(function, &[FULL.1]);
        let holder = find(&closed, &program).remove(0);
        assert_eq!(stop::stop(&holder, &closed), Ok(Stopped::Idle));
    }
}

#[test]
fn a_name_that_nobody_has_opened_is_nothing_to_stop() {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut named = File::options();
    named.read(true).custom_flags(libc::O_PATH);
    let program = Program::with(named.open("/dev/full").unwrap(), None);
    let closed = nodes(Function::Camera, &[FULL.1]);
    for holder in find(&closed, &program) {
        assert_eq!(stop::stop(&holder, &closed), Ok(Stopped::Gone));
    }
}

#[test]
fn a_closed_socket_is_shut_in_both_directions() {
    let (theirs, mut ours) = UnixStream::pair().unwrap();
    let program = Program::with(theirs, None);
    ours.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let closed = sockets();
    let found = find(&closed, &program);
    let holder = found.iter().find(|one| one.number == Some(0)).unwrap();
    assert_eq!(holder.function, Function::Bluetooth);
    assert_eq!(stop::stop(holder, &closed), Ok(Stopped::Done));
    assert_eq!(ours.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_closed_socket_that_listens_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&place).unwrap();
    let program = Program::with(listener.try_clone().unwrap(), None);
    let closed = sockets();
    let found = find(&closed, &program);
    let holder = found.iter().find(|one| one.number == Some(0)).unwrap();
    assert_eq!(stop::stop(holder, &closed), Ok(Stopped::Idle));
    let guest = UnixStream::connect(&place).unwrap();
    drop((guest, listener));
}

#[test]
fn a_program_that_ended_is_gone_and_no_error() {
    let closed = nodes(Function::Camera, &[FULL.1]);
    let program = Program::with(full(), None);
    let holder = find(&closed, &program).remove(0);
    drop(program);
    assert_eq!(stop::stop(&holder, &closed), Ok(Stopped::Gone));
}

#[test]
fn what_only_captures_when_it_is_read_is_left_to_those_who_write() {
    let reason = Reason {
        opens: Opens::Reading,
        ..Reason::refusing(Function::Microphone, 0)
    };
    let closed = Closed::of(&table_of(reason, &[FULL.1]));
    let writer = File::options().write(true).open("/dev/full").unwrap();
    let writer = Program::with(writer, None);
    let reader = Program::with(full(), None);
    assert_eq!(find(&closed, &writer), []);
    let holder = find(&closed, &reader).remove(0);
    assert_eq!(stop::stop(&holder, &closed), Ok(Stopped::Idle));
    let theirs = Holder {
        pid: writer.pid(),
        ..holder
    };
    assert_eq!(stop::stop(&theirs, &closed), Ok(Stopped::Gone));
}

#[test]
fn what_is_only_told_of_is_not_stopped() {
    let reason = Reason {
        mode: cardwarden_policy::plan::Mode::Audit,
        ..Reason::refusing(Function::Camera, 0)
    };
    assert!(Closed::of(&table_of(reason, &[FULL.1])).is_empty());
}

#[test]
fn who_could_go_on_is_told_of_only_where_the_kernel_does_not_refuse_it() {
    let program = Program::with(full(), None);
    let said = format!("({})", program.pid());
    let mut goal = KernelState {
        table: table_of(Reason::refusing(Function::Camera, 0), &[FULL.1]),
        hooks: BTreeSet::new(),
    };
    let mut kernel = Memory::default();
    let mut revoke = Revoke::new(Path::new("/proc"));
    for is_refused in [false, true] {
        goal.hooks = if is_refused {
            Hook::OF_DESCRIPTORS.into()
        } else {
            BTreeSet::new()
        };
        for _ in 0..2 {
            revoke.follow(&goal, &mut kernel);
            revoke.settle(&goal, false, &mut kernel);
            let shortfalls = revoke.shortfalls(&goal);
            let is_named = shortfalls.iter().any(|one| one.problem.contains(&said));
            assert_eq!(revoke.open_before(), [Function::Camera].into());
            assert_eq!(is_named, !is_refused, "{shortfalls:?}");
            assert!(shortfalls.iter().all(|one| one.is_spared));
            assert_eq!(
                revoke.wait().is_none(),
                is_refused,
                "nothing wakes an idle device"
            );
        }
    }
    revoke.follow(&KernelState::default(), &mut kernel);
    assert_eq!(revoke.open_before(), BTreeSet::new());
    assert_eq!(revoke.wait(), None);
}

/// Though the kernel refuses every use of a descriptor: memory needs none.
#[test]
fn who_has_memory_mapped_is_told_of_unless_a_descriptor_tells_of_the_same() {
    let with_node = Program::with(full(), None);
    let without = Program::with(File::open("/dev/null").unwrap(), None);
    let goal = KernelState {
        table: table_of(Reason::refusing(Function::Microphone, 0), &[FULL.1]),
        hooks: Hook::OF_DESCRIPTORS.into(),
    };
    let mapping = |program: &Program| OpenFile {
        thread: program.0.id(),
        process: program.0.id(),
        number: MAPPING,
        kind: CHARACTER,
        major: FULL.0,
        minor: FULL.1,
        uses: u32::from(READS),
    };
    let mut kernel = Memory::default();
    let all = [mapping(&with_node), mapping(&without), mapping(&without)];
    kernel.mapped.extend(all);
    let mut revoke = Revoke::new(Path::new("/proc"));
    revoke.follow(&goal, &mut kernel);
    revoke.settle(&goal, false, &mut kernel);
    let shortfalls = revoke.shortfalls(&goal);
    let told = |program: &Program| {
        let said = format!("({}) has memory mapped", program.pid());
        let those = shortfalls.iter().filter(|one| one.problem.contains(&said));
        those.count()
    };
    assert_eq!((told(&with_node), told(&without)), (0, 1), "{shortfalls:?}");
    revoke.follow(&KernelState::default(), &mut kernel);
    assert_eq!(revoke.shortfalls(&KernelState::default()), []);
}

#[test]
fn without_restrictions_a_turn_looks_at_nothing() {
    let mut revoke = Revoke::new(Path::new("/nonexistent"));
    revoke.follow(&KernelState::default(), &mut Memory::default());
    assert!(revoke.last.is_none());
}

fn look(closed: Closed, was_held: bool, at: Instant) -> Look {
    let wait = Duration::from_secs(1);
    Look {
        closed,
        was_held,
        is_use_refused: true,
        at,
        wait,
    }
}

#[test]
fn a_look_is_due_when_something_is_tighter_and_while_somebody_holds_something() {
    let now = Instant::now();
    let later = now + Duration::from_secs(1);
    let (one, two) = (
        nodes(Function::Camera, &[1]),
        nodes(Function::Camera, &[1, 2]),
    );
    assert!(!when::is_due(None, &Closed::default(), now));
    assert!(when::is_due(None, &one, now));
    assert!(when::is_due(
        Some(&look(one.clone(), false, now)),
        &two,
        now
    ));
    assert!(when::is_due(
        Some(&look(one.clone(), false, now)),
        &sockets(),
        now
    ));
    assert!(!when::is_due(
        Some(&look(two.clone(), false, now)),
        &one,
        later
    ));
    assert!(!when::is_due(
        Some(&look(one.clone(), true, now)),
        &one,
        now
    ));
    assert!(when::is_due(
        Some(&look(one.clone(), true, now)),
        &one,
        later
    ));
}

#[test]
fn the_waits_grow_while_nothing_changes_and_are_bounded() {
    let now = Instant::now();
    let (one, two) = (
        nodes(Function::Camera, &[1]),
        nodes(Function::Camera, &[1, 2]),
    );
    let mut last = look(one.clone(), true, now);
    for _ in 0..64 {
        let next = when::wait(Some(&last), &one);
        assert!(next >= last.wait && next <= Duration::from_mins(1));
        last.wait = next;
    }
    assert_eq!(last.wait, Duration::from_mins(1));
    last.is_use_refused = false;
    assert_eq!(when::wait(Some(&last), &one), Duration::from_secs(1));
    assert_eq!(when::wait(Some(&last), &two), Duration::from_secs(1));
}
