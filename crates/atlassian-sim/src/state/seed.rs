//! Who and what is there from the start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Account, Counts, JiraSite, Kept, Switches};

/// Who registered the app.
const MIA: &str = "712020:0f6c2a4e-mia";

const ACME: &str = "1324a887-45db-4bf4-9e99-ef0ff456d421";
const BETA: &str = "2b8f6c1e-0c1d-4a7b-8f42-6c0f6a1b9d02";
const NORTH: &str = "3c9a7d2f-1d2e-4b8c-9053-7d107b2cae13";
const WIKI: &str = "4dab8e30-2e3f-4c9d-a164-8e218c3dbf24";
const SOLO: &str = "5ebc9f41-3f40-4dae-b275-9f329d4ec035";

fn site(
    cloud_id: &str,
    name: &str,
    host: &str,
    products: (bool, bool),
    projects: &[(&str, &str)],
) -> JiraSite {
    JiraSite {
        cloud_id: cloud_id.to_owned(),
        name: name.to_owned(),
        url: format!("https://{host}.atlassian.net"),
        has_jira: products.0,
        has_confluence: products.1,
        blocks_app: false,
        is_suspended: false,
        is_removed: false,
        closed_to: BTreeSet::new(),
        webhooks: Vec::new(),
        projects: projects
            .iter()
            .map(|(key, name)| ((*key).to_owned(), (*name).to_owned()))
            .collect(),
    }
}

fn account(id: &str, name: &str, email: &str, zone: (&str, i32), sites: &[&str]) -> Account {
    Account {
        zone: (zone.0.to_owned(), zone.1),
        is_active: true,
        password_epoch: 0,
        id: id.to_owned(),
        name: name.to_owned(),
        email: email.to_owned(),
        sites: sites.iter().map(|it| (*it).to_owned()).collect(),
    }
}

pub(super) fn kept() -> Kept {
    let sites = [
        site(
            ACME,
            "Acme",
            "acme",
            (true, true),
            &[("PLAT", "Platform"), ("WEB", "Website")],
        ),
        site(
            BETA,
            "Beta Labs",
            "beta-labs",
            (true, false),
            &[("LAB", "Laboratory")],
        ),
        site(
            NORTH,
            "Northwind",
            "northwind",
            (true, false),
            &[("OPS", "Operations")],
        ),
        site(WIKI, "Acme Wiki", "acme-wiki", (false, true), &[]),
        site(
            SOLO,
            "Solo Works",
            "solo-works",
            (true, false),
            &[("SOLO", "Everything")],
        ),
    ];
    Kept {
        accounts: vec![
            account(
                MIA,
                "Mia Krystof",
                "mia@acme.example",
                ("Australia/Brisbane", 10),
                &[ACME, BETA, NORTH, WIKI],
            ),
            account(
                "712020:1a7d3b5f-sam",
                "Sam One",
                "sam@solo.example",
                ("Africa/Lagos", 1),
                &[SOLO],
            ),
            account(
                "712020:2b8e4c60-noa",
                "Noa None",
                "noa@nowhere.example",
                ("Etc/UTC", 0),
                &[],
            ),
        ],
        sites: sites
            .into_iter()
            .map(|it| (it.cloud_id.clone(), it))
            .collect::<BTreeMap<_, _>>(),
        owner: MIA.to_owned(),
        grants: Vec::new(),
        waiting: HashMap::new(),
        codes: HashMap::new(),
        families: Vec::new(),
        refresh_tokens: HashMap::new(),
        access_tokens: HashMap::new(),
        newest: HashMap::new(),
        secrets: Vec::new(),
        switches: Switches::default(),
        counts: Counts::default(),
        points: (0, 0),
        next_webhook_id: 1_000,
    }
}
