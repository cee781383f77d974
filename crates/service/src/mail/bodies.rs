//! What mails say: as text, and as HTML that loads nothing from anywhere.

use domain::text::{PersonName, TeamName};
use jiff::{Timestamp, tz::TimeZone};

/// A mail before it has a sender and a receiver.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Paragraphs, of which one is a link.
pub(super) enum Part<'a> {
    Words(String),
    Link { label: &'a str, url: &'a str },
}

pub(super) fn invitation(
    inviter: &PersonName,
    team: &TeamName,
    link: &str,
    until: Timestamp,
) -> Letter {
    letter(
        format!("An invitation to {team} on Tformance"),
        &[
            Part::Words(format!(
                "{inviter} invites you to the team {team} on Tformance."
            )),
            Part::Link {
                label: "Open the invitation",
                url: link,
            },
            Part::Words(format!(
                "The link is for this address alone. It is good for one use until {}.",
                moment(until)
            )),
            Part::Words(
                "If you do not know why you get this, leave it: nothing happens.".to_owned(),
            ),
        ],
    )
}

pub(super) fn password_reset(link: &str, base_url: &str, until: Timestamp) -> Letter {
    letter(
        "A new password for Tformance".to_owned(),
        &[
            Part::Words(format!(
                "Somebody, most likely you, asked for a new password for your account at {base_url}"
            )),
            Part::Link {
                label: "Choose a new password",
                url: link,
            },
            Part::Words(format!(
                "The link is good for one use until {}. It signs you out everywhere else.",
                moment(until)
            )),
            Part::Words("If it was not you, leave it: your password stays as it is.".to_owned()),
        ],
    )
}

pub(super) fn test(base_url: &str) -> Letter {
    letter(
        "Mail of Tformance arrives".to_owned(),
        &[Part::Words(format!(
            "The operator of the server at {base_url} tries whether its mail arrives. It does."
        ))],
    )
}

pub(super) fn letter(subject: String, parts: &[Part<'_>]) -> Letter {
    let text: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Part::Words(words) => words.clone(),
            Part::Link { label, url } => format!("{label}:\n{url}"),
        })
        .collect();
    let html: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Part::Words(words) => format!("<p>{}</p>\n", escaped(words)),
            Part::Link { label, url } => {
                let (label, url) = (escaped(label), escaped(url));
                format!("<p><a href=\"{url}\">{label}</a></p>\n<p>{url}</p>\n")
            }
        })
        .collect();
    let title = escaped(&subject);
    let html = html.concat();
    Letter {
        text: format!("{}\n", text.join("\n\n")),
        html: format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <title>{title}</title></head>\n<body>\n{html}</body>\n</html>\n"
        ),
        subject,
    }
}

pub(super) fn moment(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::UTC)
        .strftime("%-d %b %Y, %H:%M UTC")
        .to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_in_both_forms() {
        let inviter = PersonName::parse("A & B").unwrap();
        let team = TeamName::parse("<img src=x>").unwrap();
        let letter = invitation(
            &inviter,
            &team,
            "https://x.example/i/1",
            Timestamp::UNIX_EPOCH,
        );
        assert!(
            letter
                .text
                .contains("A & B invites you to the team <img src=x>")
        );
        assert!(letter.html.contains("A &amp; B") && letter.html.contains("&lt;img src=x&gt;"));
        assert!(!letter.html.contains("<img"));
        assert!(letter.text.contains("until 1 Jan 1970, 00:00 UTC."));
        assert!(letter.html.contains("<a href=\"https://x.example/i/1\">"));
    }
}
