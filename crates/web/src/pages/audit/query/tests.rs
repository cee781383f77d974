//! What is read from an address comes back as it was; what cannot be read is told, or left out.

use domain::text::{PersonName, ServiceName};

use super::*;

fn query(text: &str) -> AuditQuery {
    AuditQuery::read(Some(text))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NEWEST_CHANGES: (Direction, Option<ChangePlace>) = (Direction::Backwards, None);

const ID: &str = "01234567-89ab-7def-8123-456789abcdef";

#[test]
fn nothing_asked_for_is_everything() {
    for text in [
        "",
        "from=&to=&kind=&person=&key=&call=&status=&by=",
        "other=1",
    ] {
        let filter = query(text).changes().unwrap();
        assert_eq!((filter.from, filter.to, filter.group), (None, None, None));
        assert_eq!((filter.by, filter.key), (DoneBy::Anybody, None));
        assert_eq!(query(text).usage().unwrap().1, Span::Hour);
        assert_eq!(query(text).turn::<ChangePlace>(), NEWEST_CHANGES);
        assert_eq!(query(text).link::<ChangePlace>(None), "");
        assert!(!query(text).is_filtered::<ChangePlace>());
        assert!(!query(text).is_filtered::<UsagePlace>());
    }
}

#[test]
fn days_are_whole_and_the_last_one_belongs_to_them() {
    let filter = query("from=2026-11-28&to=2026-11-28").changes().unwrap();
    assert_eq!(filter.from, Some(at("2026-11-28T00:00:00Z")));
    assert_eq!(filter.to, Some(at("2026-11-29T00:00:00Z")));
    // Whatever there is was before the last day has ended.
    let filter = query("to=9999-12-31").changes().unwrap();
    assert_eq!(filter.to, None);
}

#[test]
fn a_first_day_after_all_time_is_told_at_its_field() {
    for text in ["from=9999-12-31", "from=9999-12-31&to=9999-12-31&by=day"] {
        let told = "“From” is later than any day that can be. Choose one such as 2026-11-28.";
        assert_eq!(query(text).changes().unwrap_err()["from"], told);
        assert_eq!(query(text).usage().unwrap_err()["from"], told);
    }
    let filter = query("from=9999-12-30").changes().unwrap();
    assert_eq!(filter.from, Some(at("9999-12-30T00:00:00Z")));
}

#[test]
fn what_is_wrong_is_told_at_its_field() {
    for odd in [
        "28.11.2026",
        "2026-02-30",
        "20261128",
        "2026-11-28T00:00",
        "x\0",
        "+00275-01-01",
    ] {
        let encoded: String = form_urlencoded::byte_serialize(odd.as_bytes()).collect();
        let wrong = query(&format!("from={encoded}")).changes().unwrap_err();
        assert_eq!(
            wrong["from"], "“From” is no day such as 2026-11-28.",
            "{odd}"
        );
    }
    let wrong = query("from=2026-11-28&to=2026-11-27")
        .changes()
        .unwrap_err();
    assert_eq!(wrong["to"], "“To” is before “From”.");
    let wrong = query("kind=accounts&person=x&key=%00&to=x")
        .changes()
        .unwrap_err();
    assert_eq!(
        wrong.keys().copied().collect::<Vec<_>>(),
        ["key", "kind", "person", "to"]
    );
    assert_eq!(
        wrong["kind"],
        "“What it is about” is none of the choices. Choose one of the list."
    );
    let wrong = query("call=all&status=200&by=week").usage().unwrap_err();
    assert_eq!(
        wrong.keys().copied().collect::<Vec<_>>(),
        ["by", "call", "status"]
    );
}

#[test]
fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
    let place = ChangePlace {
        at: at("2026-11-28T03:04:05.678Z"),
        id: Uuid::try_parse(ID).unwrap(),
    };
    let written = query("kind=keys").link(Some((BEFORE, place)));
    assert!(written.starts_with("?kind=keys&before=1"), "{written}");
    let older = (Direction::Backwards, Some(place));
    assert_eq!(query(&written[1..]).turn(), older);
    let written = query("").link(Some((AFTER, place)));
    let newer = (Direction::Forwards, Some(place));
    assert_eq!(query(&written[1..]).turn(), newer);

    for of in [
        None,
        Some(UsageCall {
            key: ID.parse().unwrap(),
            call: Call::Proxy,
            path_template: PathTemplate::new("/rest/api/3/~{}&a=b"),
            method: Method::Get,
            http_status: 404,
        }),
    ] {
        let place = UsagePlace {
            at: at("2026-11-28T03:00:00Z"),
            of,
        };
        let written = query("by=day").link(Some((BEFORE, place.clone())));
        let older = (Direction::Backwards, Some(place));
        assert_eq!(query(&written[1..]).turn(), older);
    }
    for odd in [
        "-",
        "1-",
        "x-y",
        "99999999999999999999",
        "1~",
        "1~x~y",
        "1~~~~~",
        "%00",
    ] {
        let text = format!("before={odd}");
        assert_eq!(query(&text).turn(), NEWEST_CHANGES, "{odd}");
        let newest = (Direction::Backwards, None::<UsagePlace>);
        assert_eq!(query(&text).turn(), newest, "{odd}");
    }
}

#[test]
fn what_was_chosen_stays_chosen_even_if_it_is_gone() {
    let choices = Choices {
        people: vec![AuditPerson {
            id: UserId::from_uuid(Uuid::from_u128(1)),
            name: Some(PersonName::parse("Ada").unwrap()),
            is_member: true,
        }],
        keys: vec![AuditKey {
            id: ID.parse().unwrap(),
            name: ServiceName::parse("billing").unwrap(),
            created_at: at("2026-08-01T00:00:00Z"),
            revoked_at: Some(at("2026-08-03T00:00:00Z")),
        }],
    };
    let now = at("2026-11-28T00:00:00Z");
    let asked = query(&format!("person={ID}&key={ID}&kind=no&from=x"));
    let wrong = asked.changes().unwrap_err();
    let names = names_of_keys(&choices, now);
    let form = asked.form_of_changes(&choices, &names, &wrong, now);
    assert_eq!(form.from.value, "x");
    let chosen = |select: &Select| {
        let found = select.options.iter().find(|it| it.is_chosen);
        found.map(|it| it.label.clone())
    };
    let [kind, person, key] = &form.choices[..] else {
        panic!("{:?}", form.choices);
    };
    assert_eq!((chosen(kind), kind.error.is_some()), (None, true));
    assert_eq!(chosen(person).unwrap(), "a former member (89abcdef)");
    assert_eq!(chosen(key).unwrap(), "billing, revoked 3 Aug 2026");
}

#[test]
fn keys_of_one_service_are_told_apart() {
    let key = |n: u128, name: &str, made: &str, revoked: Option<&str>| AuditKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(n)),
        name: ServiceName::parse(name).unwrap(),
        created_at: at(made),
        revoked_at: revoked.map(at),
    };
    let (first, second) = ("2026-08-03T00:00:00Z", "2026-09-01T07:00:00Z");
    let keys = vec![
        key(1, "billing", first, None),
        key(2, "billing", second, None),
        key(3, "reports", first, None),
        key(0x1a, "search", first, None),
        key(0x2a, "search", first, None),
        key(6, "billing", first, Some(second)),
        key(7, "old", first, Some(second)),
    ];
    let choices = Choices {
        people: Vec::new(),
        keys,
    };
    let now = at("2026-11-28T00:00:00Z");
    let labels: Vec<_> = super::keys(&choices, &names_of_keys(&choices, now), now)
        .into_iter()
        .map(|(_, label)| label)
        .collect();
    assert_eq!(
        labels,
        [
            "billing, made 3 Aug 2026 (00000001)",
            "billing, made 1 Sep 2026",
            "reports",
            "search, made 3 Aug 2026 (0000001a)",
            "search, made 3 Aug 2026 (0000002a)",
            "billing, made 3 Aug 2026 (00000006), revoked 1 Sep 2026",
            "old, revoked 1 Sep 2026",
        ]
    );
}
