//! Which keys are in the way of a new one, and which go.

use uuid::Uuid;

use super::*;
use crate::api_key::{
    Rights,
    tests::{at, key},
};

/// Keys of services, by number: name, which of the two, and the hour of the end.
fn keys_of(team: &[(&str, bool, Option<i64>)]) -> Vec<ApiKey> {
    let numbered = team.iter().enumerate();
    let keys = numbered.map(|(n, (name, is_second, end))| ApiKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(n as u128)),
        name: ServiceName::parse(name).unwrap(),
        is_second: *is_second,
        expires_at: end.map(at),
        ..key(Rights::Everything)
    });
    keys.collect()
}

#[test]
fn a_new_key_has_room_where_no_keys_in_force_are_in_the_way() {
    let name = ServiceName::parse("billing").unwrap();
    let (first, second) = (false, true);
    let room = |is_second, ended: &[u128]| {
        let id = |it: &u128| ApiKeyId::from_uuid(Uuid::from_u128(*it));
        let ended = ended.iter().map(id).collect();
        Ok(Room { is_second, ended })
    };
    let billing = |is_second, end| ("billing", is_second, end);
    for (team, found) in [
        (vec![], room(first, &[])),
        (
            vec![("search", first, None), ("search", second, None)],
            room(first, &[]),
        ),
        (vec![billing(first, None)], room(second, &[])),
        (vec![billing(second, Some(101))], room(first, &[])),
        // One that has expired stays as long as there is room beside it.
        (vec![billing(first, Some(99))], room(second, &[])),
        (
            vec![billing(first, None), billing(second, Some(101))],
            Err(NoRoom::OfService),
        ),
        (
            vec![billing(first, Some(100)), billing(second, None)],
            room(first, &[0]),
        ),
        (
            vec![billing(first, None), billing(second, Some(1))],
            room(second, &[1]),
        ),
        (
            vec![billing(first, Some(99)), billing(second, Some(98))],
            room(second, &[1]),
        ),
    ] {
        let keys = keys_of(&team);
        assert_eq!(Room::find(keys.iter(), &name, at(100)), found, "{team:?}");
    }
}

#[test]
fn a_full_team_has_room_where_a_key_has_expired() {
    let name = ServiceName::parse("billing").unwrap();
    let names: Vec<_> = (3..MOST_KEYS).map(|n| format!("service {n}")).collect();
    let others = names.iter().map(|it| (it.as_str(), false, None));
    // Three keys, and as many others as fill the team.
    let find = |three: [(&'static str, bool, Option<i64>); 3]| {
        let team: Vec<_> = three.into_iter().chain(others.clone()).collect();
        assert_eq!(team.len(), MOST_KEYS);
        let keys = keys_of(&team);
        let ended = |room: Room| room.ended.iter().map(|it| it.uuid().as_u128()).collect();
        let found: Result<Vec<_>, _> = Room::find(keys.iter(), &name, at(100)).map(ended);
        assert!(
            Room::find(keys.iter().skip(1), &name, at(100)).is_ok(),
            "one less"
        );
        found
    };
    let other = |is_second, end| ("search", is_second, end);
    let (live, one) = (other(true, None), other(false, Some(49)));
    let two = ("reports", false, Some(50));
    assert_eq!(
        find([("billing", false, None), live, live]),
        Err(NoRoom::OfTeam)
    );
    assert_eq!(
        find([two, one, live]),
        Ok(vec![1]),
        "the one that expired first"
    );
    // The place that an expired key of the service leaves is enough.
    let billing = |is_second, end| ("billing", is_second, end);
    assert_eq!(
        find([billing(false, None), billing(true, Some(50)), one]),
        Ok(vec![1])
    );
}
