//! Several companies with a say on one device.

use super::*;

/// Two companies' servers, and the device of the first.
fn two() -> (World, World) {
    let first = World::new();
    let mut second = World::new();
    second.identity = first.identity.renewed();
    (first, second)
}

fn both(first: &World, second: &World) -> Vec<Arc<Link>> {
    vec![first.link(), second.link()]
}

/// A server's address where somebody listens and never says anything.
fn silent(world: &World) -> Reservation {
    Reservation::bind(("127.0.0.1", world.port)).unwrap()
}

#[tokio::test]
async fn each_server_hears_of_its_own_association_alone() {
    let (first, second) = two();
    let _up = (first.up(), second.up());
    let queue = first.queue();
    let outcomes = [first.append(&queue).id, second.append(&queue).id];
    let mut agent = first.agent_of(&queue, both(&first, &second));
    let status = agent.until(is_sent).await;
    assert_eq!(status.contacts.len(), 2);
    assert_eq!(first.kept().await, outcomes[..1]);
    assert_eq!(second.kept().await, outcomes[1..]);
}

#[tokio::test]
async fn a_server_that_hangs_does_not_delay_another() {
    let (first, second) = two();
    let _silence = silent(&first);
    let _up = second.up();
    let queue = first.queue();
    first.append(&queue);
    let outcome = second.append(&queue);
    let mut agent = first.agent_of(&queue, both(&first, &second));
    let status = agent.until(|status| status.last_contact.is_some()).await;
    assert_eq!(status.problem, None, "the first was not given up before");
    assert!(status.contacts.contains_key(&second.identity.association));
    assert_eq!((status.pending, status.enrolled), (1, false));
    assert_eq!(second.kept().await, [outcome.id]);
}

#[tokio::test]
async fn a_server_that_is_away_is_named_while_the_other_is_told() {
    let (first, second) = two();
    let _up = second.up();
    let queue = first.queue();
    first.append(&queue);
    second.append(&queue);
    let mut agent = first.agent_of(&queue, both(&first, &second));
    let is_both = |status: &ServerStatus| status.problem.is_some() && status.pending == 1;
    let status = agent.until(is_both).await;
    let address = |world: &World| format!("localhost:{}", world.port);
    let problem = status.problem.unwrap();
    assert!(problem.contains(&address(&first)), "{problem}");
    assert!(!problem.contains(&address(&second)), "{problem}");
    let _up = first.up();
    agent.until(is_sent).await;
}

#[tokio::test]
async fn a_server_does_not_notice_that_another_is_told_something() {
    let (first, second) = two();
    let _up = (first.up(), second.up());
    let queue = first.queue();
    let mut agent = first.agent_of(&queue, both(&first, &second));
    agent.until(|status| status.enrolled).await;
    first.append(&queue);
    agent.nudge.report();
    let status = agent.until(is_sent).await;
    let told: Vec<_> = status.contacts.into_keys().collect();
    assert_eq!(told, [first.identity.association]);
    agent.nudge.speak();
    agent.until(|status| status.contacts.len() == 2).await;
}

#[tokio::test]
async fn what_one_company_leaves_to_say_is_said_while_another_stays() {
    let (first, second) = two();
    let up = second.up();
    let queue = first.queue();
    let outcome = first.append(&queue);
    let mut agent = first.agent_of(&queue, both(&first, &second));
    agent.until(|status| status.problem.is_some()).await;
    drop(up);
    let _up = (first.up(), second.up());
    agent.links.send_replace(vec![second.link()]);
    agent
        .until(|status| status.pending == 0 && status.last_contact.is_some())
        .await;
    assert_eq!(first.kept().await, [outcome.id]);
    // The talk ends with its record.
    let ended = first.identity.association;
    agent
        .until(|status| !status.contacts.contains_key(&ended))
        .await;
    assert!(!first.record().exists());
    let stays = first.state().join("server");
    assert_eq!(std::fs::read_dir(stays).unwrap().count(), 1);
}
