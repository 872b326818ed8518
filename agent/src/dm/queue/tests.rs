use super::*;
use tempfile::TempDir;

/// A state folder, and an association.
fn world() -> (TempDir, Uuid) {
    (tempfile::tempdir().unwrap(), Uuid::from_u128(7))
}

fn rejected(text: &str) -> Event {
    Event::Rejected {
        code: "bad-signature".into(),
        problem: text.into(),
    }
}

fn append(queue: &Queue, association: Uuid) -> Outcome {
    queue
        .append(association, Timestamp::UNIX_EPOCH, rejected("x"))
        .unwrap()
}

fn sequences(outcomes: &[Outcome]) -> Vec<u64> {
    outcomes
        .iter()
        .map(|outcome| outcome.id.rsplit_once('/').unwrap().1.parse().unwrap())
        .collect()
}

fn endings(state: &Path) -> Vec<String> {
    let mut endings: Vec<String> = names(&state.join("outcomes"))
        .unwrap()
        .iter()
        .map(|name| name.split_once('.').unwrap().1.to_owned())
        .collect();
    endings.sort();
    endings
}

fn put(state: &Path, name: &str, bytes: &[u8]) {
    use std::io::Write as _;
    File::create(state.join("outcomes").join(name))
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

fn file(sequence: u64, association: Uuid, ending: &str) -> String {
    format!("{sequence:020}-{association}.{ending}")
}

#[test]
fn what_was_appended_is_there_after_a_restart_and_in_order() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    let appended: Vec<Outcome> = (0..12).map(|_| append(&queue, association)).collect();
    assert_eq!(appended[0].id, format!("{association}/1"));
    let queue = Queue::open(state.path()).unwrap();
    assert_eq!(queue.oldest(association, 100), appended);
    assert_eq!(sequences(&queue.oldest(association, 3)), [1, 2, 3]);
}

#[test]
fn numbers_go_on_after_everything_is_acknowledged_and_restarted() {
    let (state, association) = world();
    for expected in [1, 3, 5] {
        let queue = Queue::open(state.path()).unwrap();
        let outcomes = [append(&queue, association), append(&queue, association)];
        assert_eq!(sequences(&outcomes), [expected, expected + 1]);
        queue.acknowledge(&outcomes);
        assert!(queue.oldest(association, 10).is_empty());
        assert_eq!(endings(state.path()), ["sent"]);
    }
}

#[test]
fn what_is_not_acknowledged_stays() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    let outcomes: Vec<Outcome> = (0..3).map(|_| append(&queue, association)).collect();
    queue.acknowledge(&outcomes[1..2]);
    assert_eq!(sequences(&queue.oldest(association, 10)), [1, 3]);
    assert_eq!(
        sequences(&Queue::open(state.path()).unwrap().oldest(association, 10)),
        [1, 3]
    );
}

#[test]
fn a_crash_while_writing_loses_only_what_was_not_confirmed() {
    for (left, bytes) in [("empty", &b""[..]), ("half", b"{\"id\":"), ("whole", b"{}")] {
        let (state, association) = world();
        append(&Queue::open(state.path()).unwrap(), association);
        put(state.path(), &file(2, association, "json.new"), bytes);
        let queue = Queue::open(state.path()).unwrap();
        assert_eq!(endings(state.path()), ["json"], "{left}");
        assert_eq!(sequences(&[append(&queue, association)]), [2], "{left}");
    }
}

#[test]
fn a_crash_while_acknowledging_never_gives_a_number_twice() {
    // The steps of an acknowledgement of 1, 2 and 3, each cut off after what is listed.
    let steps: [&[(u64, &str)]; 4] = [
        &[(1, "json"), (2, "json"), (3, "json")],
        &[(2, "json"), (3, "json")],
        &[(3, "json")],
        &[(3, "sent")],
    ];
    for files in steps {
        let (state, association) = world();
        std::fs::create_dir(state.path().join("outcomes")).unwrap();
        for (sequence, ending) in files {
            put(state.path(), &file(*sequence, association, ending), b"{}");
        }
        let queue = Queue::open(state.path()).unwrap();
        assert_eq!(sequences(&[append(&queue, association)]), [4], "{files:?}");
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_the_rest_goes_on() {
    for damage in [&b""[..], b"{\"id\":", b"\xff\xff", &vec![b' '; 20_000]] {
        let (state, association) = world();
        let queue = Queue::open(state.path()).unwrap();
        for _ in 0..3 {
            append(&queue, association);
        }
        put(state.path(), &file(2, association, "json"), damage);
        let queue = Queue::open(state.path()).unwrap();
        assert_eq!(sequences(&queue.oldest(association, 10)), [1, 3]);
        assert_eq!(endings(state.path()), ["damaged", "json", "json"]);
        assert_eq!(queue.count(&BTreeSet::from([association])), 2);
    }
}

#[test]
fn a_file_that_holds_another_outcome_is_set_aside() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    let first = append(&queue, association);
    append(&queue, association);
    let bytes = serde_json::to_vec(&first).unwrap();
    put(state.path(), &file(2, association, "json"), &bytes);
    assert_eq!(sequences(&queue.oldest(association, 10)), [1]);
}

#[test]
fn foreign_files_are_left_alone() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    append(&queue, association);
    put(state.path(), "notes.txt", b"hello");
    let queue = Queue::open(state.path()).unwrap();
    assert_eq!(sequences(&queue.oldest(association, 10)), [1]);
    assert!(state.path().join("outcomes/notes.txt").exists());
}

#[test]
fn an_outcome_that_cannot_be_written_is_an_error_and_takes_no_number() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    append(&queue, association);
    // A folder stands where the new file would be written: writing fails, as on a full disk.
    let obstacle = state
        .path()
        .join("outcomes")
        .join(file(2, association, "json.new"));
    std::fs::create_dir(&obstacle).unwrap();
    let refused = queue.append(association, Timestamp::UNIX_EPOCH, rejected("x"));
    assert!(matches!(refused, Err(QueueError::Write { .. })));
    assert_eq!(sequences(&queue.oldest(association, 10)), [1]);
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(sequences(&[append(&queue, association)]), [2]);
}

#[test]
fn a_folder_that_has_gone_is_an_error_and_no_end() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    append(&queue, association);
    let (folder, away) = (state.path().join("outcomes"), state.path().join("away"));
    std::fs::rename(&folder, &away).unwrap();
    assert!(
        queue
            .append(association, Timestamp::UNIX_EPOCH, rejected("x"))
            .is_err()
    );
    std::fs::rename(&away, &folder).unwrap();
    assert_eq!(sequences(&[append(&queue, association)]), [2]);
}

#[test]
fn a_refused_outcome_is_kept_aside_and_sent_no_more() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    let refused = append(&queue, association);
    queue.refuse(&refused);
    assert!(queue.oldest(association, 10).is_empty());
    assert_eq!(endings(state.path()), ["refused"]);
    let queue = Queue::open(state.path()).unwrap();
    assert!(queue.oldest(association, 10).is_empty());
    assert_eq!(sequences(&[append(&queue, association)]), [2]);
}

#[test]
fn what_is_set_aside_has_a_bound() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    for _ in 0..MAX_ASIDE + 5 {
        let outcome = append(&queue, association);
        queue.refuse(&outcome);
    }
    assert_eq!(endings(state.path()).len(), MAX_ASIDE);
    assert_eq!(
        sequences(&[append(&queue, association)]),
        [u64::try_from(MAX_ASIDE).unwrap() + 6]
    );
}

#[test]
fn a_full_queue_gives_up_the_oldest_but_not_that_a_company_came() {
    let (state, association) = world();
    std::fs::create_dir(state.path().join("outcomes")).unwrap();
    let began = Event::Associated {
        company: "B Company".into(),
        version: 3,
        group: "phones".into(),
    };
    for sequence in 1..=u64::try_from(MAX_WAITING).unwrap() {
        let event = if sequence == 1 {
            began.clone()
        } else {
            rejected("x")
        };
        let id = format!("{association}/{sequence}");
        let outcome = Outcome {
            id,
            at: Timestamp::UNIX_EPOCH,
            event,
        };
        let bytes = serde_json::to_vec(&outcome).unwrap();
        put(state.path(), &file(sequence, association, "json"), &bytes);
    }
    let queue = Queue::open(state.path()).unwrap();
    append(&queue, association);
    assert_eq!(sequences(&queue.oldest(association, 2)), [1, 3]);
    assert_eq!(queue.count(&BTreeSet::from([association])), 4096);
}

#[test]
fn associations_do_not_mix() {
    let (state, association) = world();
    let other = Uuid::from_u128(8);
    let queue = Queue::open(state.path()).unwrap();
    append(&queue, association);
    append(&queue, other);
    assert_eq!(sequences(&queue.oldest(association, 10)), [1]);
    assert_eq!(sequences(&queue.oldest(other, 10)), [2]);
    assert_eq!(queue.count(&BTreeSet::from([association, other])), 2);
}

#[test]
fn long_words_are_shortened_so_that_an_outcome_always_fits() {
    let (state, association) = world();
    let queue = Queue::open(state.path()).unwrap();
    let long = "\u{1}".repeat(100_000);
    queue
        .append(association, Timestamp::UNIX_EPOCH, rejected(&long))
        .unwrap();
    assert_eq!(queue.oldest(association, 10).len(), 1);
}
