//! What is known → what the two cards of the stage say, for each state of the page.

use tandem::model::{
    Comparison, DatabaseFacts, Direction, Fingerprint, Kind, Peer, Phase, Presence, Relation, Step,
    StepState, SyncStatus,
};

use super::comb::Teeth;
use super::stage::{Badge, Side};
use crate::format;

/// Which card is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    Target,
}

fn roles(direction: Direction) -> (Role, Role) {
    match direction {
        Direction::Pull => (Role::Target, Role::Source),
        Direction::Push => (Role::Source, Role::Target),
    }
}

/// Before a sync: what each holds, and what the last comparison said.
pub fn choosing(
    local: &Peer,
    peer: Option<&Peer>,
    comparison: Option<&Comparison>,
    direction: Direction,
    now_us: i64,
) -> (Side, Side) {
    let badge = |role| match role {
        Role::Target => Some(Badge::CHANGED),
        Role::Source => Some(Badge::READ),
    };
    let (here_role, there_role) = roles(direction);
    let here = Side { badge: badge(here_role), facts: held(local.database.as_ref()), ..base(local) };
    let Some(peer) = peer else {
        return (Side { badge: None, ..here }, Side { name: "No peer yet".to_owned(), ..Side::default() });
    };
    let there = Side { badge: badge(there_role), facts: held(peer.database.as_ref()), ..base(peer) };
    match comparison {
        Some(comparison) => compared(here, there, comparison, now_us),
        None => {
            let note = "Never compared".to_owned();
            (Side { note: note.clone(), ..here }, Side { note, ..there })
        }
    }
}

fn compared(here: Side, there: Side, comparison: &Comparison, now_us: i64) -> (Side, Side) {
    let is_equal = comparison.is_identical();
    let (local, remote) = (&comparison.local, &comparison.remote);
    let differing = comparison.differing.len() as u64;
    let said = if is_equal {
        "identical".to_owned()
    } else {
        let all = format::counted(remote.tables.max(differing), "table", "tables");
        format!("{differing} of {all} {}", if differing == 1 { "differs" } else { "differ" })
    };
    let teeth = |own: &Fingerprint, other: &Fingerprint| Teeth {
        own: Some(own.clone()),
        other: Some(other.clone()),
        is_equal,
    };
    let here = Side {
        teeth: teeth(local, remote),
        note: format!("compared {}", format::age(comparison.at_us, now_us)),
        ..here
    };
    (here, Side { teeth: teeth(remote, local), note: said, ..there })
}

/// While it runs: what has moved.
pub fn running(
    status: &SyncStatus,
    local: &Peer,
    peer: Option<&Peer>,
    comparison: Option<&Comparison>,
) -> (Side, Side) {
    let is_restoring = status.step_of(Step::Restore).is_some_and(|step| step.state == StepState::Running);
    let side = |role| {
        let bytes = format::bytes(status.bytes_done).to_string();
        let (badge, facts) = match role {
            Role::Target => {
                let badge = match status.kind {
                    Kind::Preview => Badge::LOOKED,
                    _ if is_restoring => Badge::WRITING,
                    _ => Badge::STAGED,
                };
                (badge, vec![("Rows staged", format::count(status.rows_done)), ("Received", bytes)])
            }
            Role::Source => {
                let rows = status.rows_total.map_or("counting".to_owned(), format::count);
                (Badge::READ, vec![("Rows", rows), ("Sent", bytes)])
            }
        };
        (Some(badge), facts)
    };
    let (here_role, there_role) = roles(status.direction);
    let ((here_badge, here_facts), (there_badge, there_facts)) = (side(here_role), side(there_role));
    let note = |role| match role {
        Role::Target => "before",
        Role::Source => "to be reached",
    };
    let teeth = |own: Option<&Fingerprint>, other: Option<&Fingerprint>| Teeth {
        own: own.cloned(),
        other: other.cloned(),
        is_equal: false,
    };
    let prints = comparison.map(|comparison| (&comparison.local, &comparison.remote)).unzip();
    let here = Side {
        badge: here_badge,
        facts: here_facts,
        teeth: teeth(prints.0, prints.1),
        note: if comparison.is_some() { note(here_role).to_owned() } else { String::new() },
        ..base(local)
    };
    let there = Side {
        badge: there_badge,
        facts: there_facts,
        teeth: teeth(prints.1, prints.0),
        note: if comparison.is_some() { note(there_role).to_owned() } else { String::new() },
        ..named(&status.peer, peer)
    };
    (here, there)
}

/// After it: what was proven, or that nothing was changed.
pub fn ended(
    status: &SyncStatus,
    local: &Peer,
    peer: Option<&Peer>,
    comparison: Option<&Comparison>,
) -> (Side, Side) {
    let result = status.result.as_ref();
    let is_equal = result.is_some_and(|result| result.relation == Relation::Identical)
        && status.phase == Phase::Verified;
    // Nothing was written: what was last compared still stands.
    let last = comparison.filter(|_| result.is_none());
    let side = |role, base: Side, database: Option<&DatabaseFacts>| {
        let (source, target) = match result {
            Some(result) => (result.source.as_ref(), result.target.as_ref()),
            None => last
                .map(|last| match status.direction {
                    Direction::Pull => (&last.remote, &last.local),
                    Direction::Push => (&last.local, &last.remote),
                })
                .unzip(),
        };
        let (print, other) = match role {
            Role::Source => (source.cloned(), target.cloned()),
            Role::Target => (target.cloned(), source.cloned()),
        };
        let badge = match role {
            Role::Source => None,
            Role::Target if result.is_some() || status.in_doubt => None,
            Role::Target => Some(Badge::UNCHANGED),
        };
        let facts = match (&print, role) {
            (Some(print), _) if result.is_some() => {
                vec![("Tables", format::count(print.tables)), ("Rows", format::count(print.rows))]
            }
            (_, Role::Target) if result.is_none() && !status.in_doubt => {
                vec![("Rows written", "0".to_owned())]
            }
            _ => held(database),
        };
        Side { badge, facts, teeth: Teeth { own: print, other, is_equal }, ..base }
    };
    let (here_role, there_role) = roles(status.direction);
    let here = Side { name: status.local.clone(), ..base(local) };
    (
        side(here_role, here, local.database.as_ref()),
        side(there_role, named(&status.peer, peer), peer.and_then(|peer| peer.database.as_ref())),
    )
}

fn base(peer: &Peer) -> Side {
    let product = peer.database.as_ref().map(|database| database.product.as_str());
    let address =
        peer.address.as_deref().unwrap_or(if peer.is_local { "" } else { "Calls in, cannot be called" });
    let away = (peer.presence == Presence::Offline).then_some("offline now");
    let address: Vec<&str> =
        [Some(address), product, away].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    Side { name: peer.name.clone(), address: address.join(", "), ..Side::default() }
}

fn named(name: &str, peer: Option<&Peer>) -> Side {
    peer.map_or_else(|| Side { name: name.to_owned(), ..Side::default() }, base)
}

fn held(database: Option<&DatabaseFacts>) -> Vec<(&'static str, String)> {
    match database {
        Some(database) => vec![
            ("Tables", format::count(database.tables)),
            ("Rows", format::count(database.rows)),
            ("Size", format::bytes(database.size_bytes).to_string()),
        ],
        None => vec![
            ("Tables", "unknown".to_owned()),
            ("Rows", "unknown".to_owned()),
            ("Size", "unknown".to_owned()),
        ],
    }
}
