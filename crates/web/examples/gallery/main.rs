//! Writes every page in every state into a folder, to be looked at in a browser:
//! `cargo run -p web --example gallery -- DIR`.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use web::{description, problem, view};

mod samples;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("name a folder to write to")?);
    fs::create_dir_all(&folder)?;
    let assets = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets");
    for name in ["app.css", "app.js", "favicon.svg"] {
        fs::copy(assets.join(name), folder.join(name))?;
    }
    fs::write(folder.join("policy.txt"), web::CONTENT_SECURITY_POLICY)?;
    let mut index = String::from("<!doctype html><html lang=en><title>Gallery</title><ul>");
    for (name, html) in samples::all() {
        fs::write(folder.join(format!("{name}.html")), html?)?;
        write!(index, "<li><a href={name}.html>{name}</a>")?;
    }
    fs::write(folder.join("index.html"), index)?;
    Ok(())
}
