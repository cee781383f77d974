//! The operations, one after the other; below them the codes that several of them tell, and examples.

use axum::http::StatusCode;

use super::{Answer, Body, Content, Group, Operation, Parameter, Place};
use crate::{
    api::jira::{ConnectionBody, RejectedRequest, TokenBody, TokenRequest},
    description::Described as _,
};

/// All of them.
pub(crate) const ALL: &[Operation] = &[
    Operation {
        id: "get_connection",
        methods: &["GET"],
        path: "/api/v1/integrations/jira",
        group: Group::Jira,
        summary: "How the connection stands",
        about: &[
            "Tells the state of the connection, without a token. It makes no call to Atlassian.",
        ],
        parameters: &[],
        body: None,
        answers: &[Answer {
            status: StatusCode::OK,
            about: "The connection.",
            content: Content::Json(ConnectionBody::schema, CONNECTION),
        }],
        is_passed_on: false,
        problems: &[OF_REQUESTS, OF_KEYS, &["key_may_not_status"], OF_OURS],
    },
    Operation {
        id: "get_token",
        methods: &["POST"],
        path: "/api/v1/integrations/jira/token",
        group: Group::Jira,
        summary: "A token that works",
        about: &[
            "Gives an access token of the team’s connection. Ask each time before you call Jira, or keep the token until it ends; asking is cheap.",
            "A token may end early: where a newer one was fetched before its time, Atlassian ends older ones ten minutes later. If Jira refuses a token that should be good, report it.",
        ],
        parameters: &[],
        body: Some(Body {
            object: TokenRequest::schema,
            example: r#"{"minimum_seconds": 600}"#,
        }),
        answers: &[A_TOKEN],
        is_passed_on: false,
        problems: &[
            OF_REQUESTS,
            OF_KEYS,
            OF_TOKEN_KEYS,
            OF_BODIES,
            OF_WISHES,
            OF_TOKENS,
            OF_OURS,
        ],
    },
    Operation {
        id: "report_rejected",
        methods: &["POST"],
        path: "/api/v1/integrations/jira/token/rejected",
        group: Group::Jira,
        summary: "Report a token that Jira refused",
        about: &[
            "Jira answered 401 to a token that should be good: send its token_id, and try again with the token that comes back.",
            "If there is a newer token already, you get it. If Atlassian takes the token that you reported, you get it back with the warning token_works. Only otherwise a newer one is fetched, once in 30 seconds at most.",
        ],
        parameters: &[],
        body: Some(Body {
            object: RejectedRequest::schema,
            example: r#"{"token_id": "AZq7Xw3EcAKy8hB0mJ5m1wAAAAAAAAAH"}"#,
        }),
        answers: &[A_TOKEN],
        is_passed_on: false,
        problems: &[
            OF_REQUESTS,
            OF_KEYS,
            OF_TOKEN_KEYS,
            OF_BODIES,
            OF_WISHES,
            OF_REPORTS,
            OF_TOKENS,
            OF_OURS,
        ],
    },
    Operation {
        id: "pass_on",
        methods: &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"],
        path: "/api/v1/integrations/jira/proxy/{path}",
        group: Group::Jira,
        summary: "A call of Jira, passed on",
        about: &[
            "Calls Jira with the connection’s token, which you then never see. Put the path of Jira’s documentation behind proxy/; query and body are passed on as they are.",
            "Jira’s answer comes as it is, with Tformance-Source: upstream. What this server answers in its place has Tformance-Source: self and a code.",
        ],
        parameters: &[
            Parameter {
                name: "path",
                place: Place::Rest,
                about: "The path at the site, with its slashes.",
                example: "rest/api/3/myself",
            },
            Parameter {
                name: "Tformance-Links",
                place: Place::Header,
                about: "Lets links in JSON, such as self, lead here instead of to Atlassian’s gateway.",
                example: "proxy",
            },
        ],
        body: None,
        answers: &[],
        is_passed_on: true,
        problems: &[
            OF_REQUESTS,
            OF_KEYS,
            OF_PROXY_KEYS,
            OF_PROXY,
            OF_TOKENS,
            OF_FAULTS,
        ],
    },
    Operation {
        id: "get_openapi",
        methods: &["GET"],
        path: "/api/openapi.json",
        group: Group::Description,
        summary: "This description, for programs",
        about: &["An OpenAPI 3.1 document, made from the code of the server that serves it."],
        parameters: &[],
        body: None,
        answers: &[Answer {
            status: StatusCode::OK,
            about: "The document.",
            content: Content::Document,
        }],
        is_passed_on: false,
        problems: &[OF_REQUESTS, &["internal", "too_slow"]],
    },
    Operation {
        id: "show_docs",
        methods: &["GET"],
        path: "/api/docs",
        group: Group::Description,
        summary: "This description, for people",
        about: &["A page that needs no script and asks no other host."],
        parameters: &[],
        body: None,
        answers: &[A_PAGE],
        is_passed_on: false,
        problems: &[OF_REQUESTS, &["internal", "too_slow"]],
    },
    Operation {
        id: "list_problems",
        methods: &["GET"],
        path: "/api/problems",
        group: Group::Description,
        summary: "All codes",
        about: &["A page with every code that a problem may have."],
        parameters: &[],
        body: None,
        answers: &[A_PAGE],
        is_passed_on: false,
        problems: &[OF_REQUESTS, &["internal", "too_slow"]],
    },
    Operation {
        id: "show_problem",
        methods: &["GET"],
        path: "/api/problems/{code}",
        group: Group::Description,
        summary: "What a code means",
        about: &[
            "A page that explains one code: what it means, what to do, and who can do it. The type of each problem leads here.",
        ],
        parameters: &[Parameter {
            name: "code",
            place: Place::Segment,
            about: "The code, as it was told.",
            example: "key_missing",
        }],
        body: None,
        answers: &[A_PAGE],
        is_passed_on: false,
        problems: &[OF_REQUESTS, &["not_found", "internal", "too_slow"]],
    },
    Operation {
        id: "healthz",
        methods: &["GET"],
        path: "/healthz",
        group: Group::Probes,
        summary: "Whether the process runs",
        about: &["Answers as long as the process can answer at all."],
        parameters: &[],
        body: None,
        answers: &[Answer {
            status: StatusCode::OK,
            about: "It runs.",
            content: Content::Text,
        }],
        is_passed_on: false,
        problems: &[OF_REQUESTS],
    },
    Operation {
        id: "readyz",
        methods: &["GET"],
        path: "/readyz",
        group: Group::Probes,
        summary: "Whether it can serve",
        about: &["Looks at the database, its schema and the keys."],
        parameters: &[],
        body: None,
        answers: &[
            Answer {
                status: StatusCode::OK,
                about: "It can.",
                content: Content::Text,
            },
            Answer {
                status: StatusCode::SERVICE_UNAVAILABLE,
                about: "It cannot, and says why.",
                content: Content::Text,
            },
        ],
        is_passed_on: false,
        problems: &[OF_REQUESTS],
    },
];

const A_PAGE: Answer = Answer {
    status: StatusCode::OK,
    about: "The page.",
    content: Content::Page,
};

const A_TOKEN: Answer = Answer {
    status: StatusCode::OK,
    about: "A token that works.",
    content: Content::Json(TokenBody::schema, TOKEN),
};

/// Of any request, wherever it goes.
const OF_REQUESTS: &[&str] = &[
    "address_too_long",
    "headers_too_large",
    "method_not_allowed",
];

/// Of calls that need a key.
const OF_KEYS: &[&str] = &[
    "key_missing",
    "key_malformed",
    "key_mistyped",
    "key_unknown",
    "key_revoked",
    "key_expired",
    "too_many_failures",
    "key_rate_limited",
];

/// Of calls that need a key which may have tokens.
const OF_TOKEN_KEYS: &[&str] = &["key_may_not_token", "key_pinned_elsewhere"];

/// Of calls that need a key which may use the proxy.
const OF_PROXY_KEYS: &[&str] = &[
    "key_may_not_proxy",
    "key_method_not_allowed",
    "key_path_not_allowed",
    "key_pinned_elsewhere",
];

/// Of calls that are passed on.
const OF_PROXY: &[&str] = &[
    "path_refused",
    "query_refused",
    "links_unknown",
    "body_incomplete",
    "body_stalled",
    "upstream_unreachable",
    "upstream_lost",
    "upstream_slow",
    "budget_hour_exhausted",
    "budget_burst",
    "budget_fair_share",
];

/// Of calls that take a body.
const OF_BODIES: &[&str] = &[
    "bad_json",
    "body_incomplete",
    "body_too_slow",
    "too_large",
    "not_json",
    "unknown_field",
];

/// Of calls that say what a token has to be like.
const OF_WISHES: &[&str] = &["minimum_invalid", "minimum_too_long", "max_wait_invalid"];

/// Of calls that name a token.
const OF_REPORTS: &[&str] = &["token_id_missing", "token_id_unknown"];

/// Of calls that give a token.
const OF_TOKENS: &[&str] = &[
    "connection_not_connected",
    "connection_connecting",
    "connection_choose_site",
    "connection_disconnected",
    "connection_reconnect_needed",
    "provider_unavailable",
    "connection_misconfigured",
];

/// Of calls that need the database.
const OF_FAULTS: &[&str] = &["internal", "store_unavailable"];

/// Of those that are not passed on, whose time is ours.
const OF_OURS: &[&str] = &["internal", "store_unavailable", "too_slow"];

const CONNECTION: &str = r#"{
  "state": "connected",
  "reason": null,
  "site": {
    "cloud_id": "1324a887-45db-1bf4-1e99-ef0ff456d421",
    "name": "Acme",
    "url": "https://acme.atlassian.net"
  },
  "account_id": "712020:1a7d3b5f-sam",
  "scopes": ["offline_access", "read:jira-user", "read:jira-work"],
  "token_valid_until": "2026-11-24T11:40:00Z",
  "next_refresh_at": "2026-11-24T11:35:00Z",
  "consent_ends_at": "2027-11-24T10:40:00Z",
  "warning": null
}"#;

const TOKEN: &str = r#"{
  "access_token": "eyJraWQiOi…",
  "token_type": "Bearer",
  "expires_at": "2026-11-24T11:40:00Z",
  "token_id": "AZq7Xw3EcAKy8hB0mJ5m1wAAAAAAAAAH",
  "cloud_id": "1324a887-45db-1bf4-1e99-ef0ff456d421",
  "base_url": "https://api.atlassian.com/ex/jira/1324a887-45db-1bf4-1e99-ef0ff456d421",
  "scopes": ["offline_access", "read:jira-user", "read:jira-work"],
  "refreshing": false,
  "warning": null
}"#;
