//! Style, script and icon: few, small, ours. Their names carry a hash, so that they are cached for
//! ever and never stale.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use sha2::{Digest as _, Sha256};

use crate::{problem::Problem, view::Assets};

struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const ALL: [Asset; 3] = [
    Asset {
        stem: "app",
        extension: "css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/app.css"),
    },
    Asset {
        stem: "app",
        extension: "js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/app.js"),
    },
    Asset {
        stem: "favicon",
        extension: "svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../assets/favicon.svg"),
    },
];

static NAMES: LazyLock<[String; 3]> = LazyLock::new(|| {
    ALL.map(|it| {
        let hash = Sha256::digest(it.bytes);
        let short: String = hash.iter().take(6).flat_map(|it| hex(*it)).collect();
        format!("{}-{short}.{}", it.stem, it.extension)
    })
});

fn hex(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|it| char::from_digit(it.into(), 16).unwrap_or('0'))
}

/// The addresses, for the layout.
pub(crate) fn paths() -> Assets {
    let [css, js, icon] = NAMES.each_ref().map(|name| format!("/assets/{name}"));
    Assets { css, js, icon }
}

/// One of them.
pub(crate) async fn show(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = NAMES.iter().zip(&ALL).find(|(it, _)| **it == name);
    let (_, asset) = found.ok_or_else(Problem::no_such_page)?;
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.bytes).into_response())
}
