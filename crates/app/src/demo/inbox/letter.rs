//! A mail, as a person sees it: from, to, subject, HTML and text.

use mailparse::{MailHeaderMap as _, ParsedMail};

/// A mail that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::demo) struct Letter {
    /// Whom the envelope names.
    pub(in crate::demo) to: Vec<String>,
    /// Who is said to have written it.
    pub(in crate::demo) from: String,
    /// What it is about.
    pub(in crate::demo) subject: String,
    /// When it says that it was written.
    pub(in crate::demo) date: String,
    /// Its name, the same in every copy.
    pub(in crate::demo) message_id: String,
    /// Its HTML, if it has any.
    pub(in crate::demo) html: Option<String>,
    /// Its text, if it has any.
    pub(in crate::demo) text: Option<String>,
}

impl Letter {
    /// Reads one; what cannot be read is shown as the text that it is.
    pub(super) fn read(bytes: &[u8], to: Vec<String>) -> Self {
        let Ok(mail) = mailparse::parse_mail(bytes) else {
            return Self {
                to,
                subject: "(a mail that cannot be read)".to_owned(),
                text: Some(String::from_utf8_lossy(bytes).into_owned()),
                ..Self::default()
            };
        };
        let header = |name| mail.headers.get_first_value(name).unwrap_or_default();
        Self {
            to,
            from: header("From"),
            subject: header("Subject"),
            date: header("Date"),
            message_id: header("Message-ID"),
            html: body_of(&mail, "text/html"),
            text: body_of(&mail, "text/plain"),
        }
    }
}

/// The first body of this type.
fn body_of(mail: &ParsedMail<'_>, kind: &str) -> Option<String> {
    let part = mail.parts().find(|it| it.ctype.mimetype == kind)?;
    part.get_body().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_as_a_person_sees_it() {
        let mail = "From: Tformance <a@example.org>\r\nTo: b@example.com\r\n\
            Subject: =?utf-8?b?SmlyYSBmw7xyIEFjbWU=?=\r\nMessage-ID: <1@example.org>\r\n\
            MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"x\"\r\n\r\n\
            --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            It=E2=80=99s =\r\nbroken.\r\n\
            --x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
            <p>It is broken.</p>\r\n--x--\r\n";
        let letter = Letter::read(mail.as_bytes(), vec!["b@example.com".to_owned()]);
        assert_eq!(letter.subject, "Jira für Acme");
        assert_eq!(letter.from, "Tformance <a@example.org>");
        assert_eq!(letter.text.unwrap().trim(), "It’s broken.");
        assert_eq!(letter.html.unwrap().trim(), "<p>It is broken.</p>");
        assert_eq!(letter.message_id, "<1@example.org>");
    }
}
