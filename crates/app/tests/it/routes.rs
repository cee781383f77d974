//! The routes as they stand in the source, so that a test of all of them forgets none.

const SOURCE: &str = include_str!("../../../web/src/lib.rs");

const METHODS: [(&str, &str); 6] = [
    ("get(", "GET"),
    ("post(", "POST"),
    ("put(", "PUT"),
    ("patch(", "PATCH"),
    ("delete(", "DELETE"),
    ("any(", "ANY"),
];

/// Method and path of each, as `GET /a/{team}/`.
pub(crate) fn all() -> Vec<String> {
    let routes = SOURCE.split(".route(").skip(1).flat_map(|it| {
        let (path, handlers) = it.split_once(',').unwrap();
        let path = match path.trim() {
            "CALLBACK_PATH" => web::CALLBACK_PATH,
            literal => literal.trim_matches('"'),
        };
        assert!(
            path.starts_with('/'),
            "a path that is not understood: {path}"
        );
        // Up to the end of the call: where the next one, or the statement, begins.
        let handlers = handlers
            .split(['\n', ';'])
            .take_while(|it| !it.trim().starts_with(".fallback"));
        let handlers: String = handlers.collect();
        let found = METHODS
            .iter()
            .filter(move |(call, _)| handlers.contains(call));
        found.map(move |(_, method)| format!("{method} {path}"))
    });
    routes.collect()
}

/// A path of a route in the team `acme`.
pub(crate) fn path_of(route: &str) -> String {
    let (_, path) = route.split_once(' ').unwrap();
    // Of things inside a team or behind a link: ids and tokens that nothing has.
    let nothing = "00000000-0000-7000-8000-000000000000";
    path.replace("{team}", "acme")
        .replace("{*rest}", "nothing/here")
        .replace("{*path}", "nothing/here")
        .replace("{id}", nothing)
        .replace("{user}", nothing)
        .replace("{invitation}", nothing)
        .replace("{token}", "a-token-that-nobody-was-given")
        .replace("{code}", "key_missing")
}

#[test]
fn the_routes_are_read_from_the_source() {
    let routes = all();
    for expected in [
        "GET /",
        "POST /logout",
        "GET /a/{team}/integrations/jira/sites",
        "POST /a/{team}/integrations/jira/sites",
        "GET /integrations/jira/callback",
        "GET /assets/{name}",
    ] {
        assert!(routes.iter().any(|it| it == expected), "{expected}");
    }
    let written = SOURCE.matches(".route(").count();
    assert!(routes.len() >= written, "a route without a method");
}
