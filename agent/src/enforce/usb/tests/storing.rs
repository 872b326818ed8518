//! Storage.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::*;

/// A stick with one partition, mounted.
fn mounted(bench: &Bench) -> [Made<'static>; 1] {
    let stick = made("1-1", 0x0781, STICK);
    bench.fake.plug(&stick);
    let folder = format!("{}/1-1:1.0/host0/block/sdb", place("1-1"));
    bench.fake.put(&format!("{folder}/dev"), "8:16\n");
    bench.fake.put(&format!("{folder}/ro"), "0\n");
    bench.fake.link("sys/class/block/sdb", &folder);
    let line = "36 25 8:16 / /media/stick rw,nosuid shared:1 - vfat /dev/sdb rw\n";
    bench.fake.put("mountinfo", line);
    [stick]
}

/// Turns until `is_done`, as the loop does when it is nudged.
fn until(bench: &mut Bench, turn: impl Fn(&mut Bench), is_done: impl Fn(&Bench) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_done(bench) {
        assert!(Instant::now() < end, "the thread has not ended");
        turn(bench);
        std::thread::yield_now();
    }
}

#[test]
fn mounted_storage_is_taken_down_before_it_is_refused_and_the_loop_does_not_wait() {
    let mut bench = Bench::new();
    mounted(&bench);
    let (end, ends): (SyncSender<Outcome>, _) = sync_channel(1);
    *bench.told.ends.lock().unwrap() = Some(ends);
    let (short, held) = bench.turn(&[Function::UsbStorage]);
    assert!(bench.authorized("1-1"), "not before its mounts have gone");
    assert_eq!(short.len(), 1);
    assert!(!short[0].is_spared && short[0].problem.ends_with("being unmounted: /media/stick"));
    assert!(
        held.iter().any(|one| one.met == Met::Passed),
        "and so it is reported"
    );
    end.send(Outcome::Clean).unwrap();
    until(
        &mut bench,
        |bench| drop(bench.turn(&[Function::UsbStorage])),
        |bench| !bench.authorized("1-1"),
    );
    let calls = bench.told.calls.lock().unwrap();
    assert_eq!(
        *calls,
        [(vec![PathBuf::from("/media/stick")], Manner::Unmount)]
    );
}

#[test]
fn the_system_s_own_disk_stays() {
    let mut bench = Bench::new();
    let all = mounted(&bench);
    let line = "36 25 8:16 / / rw shared:1 - ext4 /dev/sdb rw\n";
    bench.fake.put("mountinfo", line);
    let (short, _) = bench.turn(&[Function::UsbStorage]);
    assert_eq!(spared(&short), BTreeSet::from([Function::UsbStorage]));
    assert!(bench.authorized(all[0].port));
}

#[test]
fn storage_that_may_only_be_read_is_closed_for_writing_and_opened_again() {
    let mut bench = Bench::new();
    mounted(&bench);
    let read_only = |found: &[Attached]| {
        let mut decision = decision(&[], found);
        decision.devices.get_mut("1-1").unwrap().access = Access::ReadOnly;
        decision
    };
    let ro = |bench: &Bench| bench.fake.get("sys/class/block/sdb/ro");
    until(
        &mut bench,
        |bench| drop(bench.turn_with(read_only)),
        |bench| ro(bench) == "1\n",
    );
    assert!(bench.authorized("1-1"));
    bench.restart();
    let (short, held) = bench.turn_with(read_only);
    assert_eq!(short, []);
    assert!(
        held.iter()
            .any(|one| one.proof == "sdb of 1-1 (0781:0825): ro = 1")
    );
    let calls = bench.told.calls.lock().unwrap().clone();
    assert_eq!(
        calls,
        [(vec![PathBuf::from("/media/stick")], Manner::ReadOnly)]
    );
    bench.turn(&[]);
    assert_eq!(ro(&bench), "0\n");
}
