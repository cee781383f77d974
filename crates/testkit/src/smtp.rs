//! A mail server that keeps what it gets, and ones that misbehave.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use service::mail::MailServer;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// Where mail of tests comes from.
pub const MAIL_FROM: &str = "Tformance <tformance@example.org>";

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It takes everything.
    Takes,
    /// It takes connections and says nothing.
    Hangs,
    /// It refuses receivers for now, with words of its own.
    TryLater,
    /// It refuses receivers for good.
    RefusesForGood,
    /// It dies in the middle of a mail.
    DiesInMail,
    /// It knows no user.
    RefusesUsers,
}

/// A mail, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Whom the envelope names.
    pub to: Vec<String>,
    /// Headers and bodies, with quoted-printable undone.
    pub text: String,
}

impl Mail {
    /// What stands after a header's name, on its first line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.text.lines().find_map(|it| it.strip_prefix(&start))
    }

    /// The path of the first link to `origin`.
    pub fn path(&self, origin: &str, start: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(&format!("{origin}{start}"))?;
        let end = rest.find(['"', '<', '\r', '\n', ' ']).unwrap_or(rest.len());
        let from = self.text.len() - rest.len() - start.len();
        self.text.get(from..from + start.len() + end)
    }
}

/// A mail server on loopback; it ends with this value.
#[derive(Debug)]
pub struct SmtpSink {
    address: SocketAddr,
    mails: watch::Sender<Vec<Mail>>,
    manner: Arc<Mutex<Manner>>,
    accepting: AbortHandle,
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl SmtpSink {
    /// Starts one.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mails = watch::Sender::new(Vec::new());
        let kept = mails.clone();
        let manner = Arc::new(Mutex::new(manner));
        let manners = Arc::clone(&manner);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                let manner = *manners.lock().unwrap_or_else(PoisonError::into_inner);
                // A client that leaves in the middle is no fault of the server.
                tokio::spawn(async move { talk(stream, manner, &kept).await.ok() });
            }
        });
        Self {
            address,
            mails,
            manner,
            accepting: accepting.abort_handle(),
        }
    }

    /// Its address, as the setting has it.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// It, as our code knows it.
    pub fn server(&self) -> MailServer {
        MailServer::parse(&self.url().into(), MAIL_FROM).unwrap()
    }

    /// What came so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.borrow().clone()
    }

    /// From now on it behaves otherwise to whoever connects.
    pub fn set_manner(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Waits until so many came.
    pub async fn until(&self, count: usize) {
        let mut mails = self.mails.subscribe();
        // The sender is ours: it is not gone.
        mails.wait_for(|it| it.len() >= count).await.unwrap();
    }
}

/// A server where nobody listens: its port is below what a test may bind.
#[expect(clippy::unwrap_used, reason = "test support")]
pub fn nobody() -> MailServer {
    MailServer::parse(&"smtp://127.0.0.1:1".into(), MAIL_FROM).unwrap()
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn talk(
    mut stream: TcpStream,
    manner: Manner,
    kept: &watch::Sender<Vec<Mail>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    if manner == Manner::Hangs {
        // Until the client has had enough.
        while lines.next_line().await?.is_some() {}
        return Ok(());
    }
    writer.write_all(b"220 sink ESMTP\r\n").await?;
    let mut mail = Mail::default();
    while let Some(line) = lines.next_line().await? {
        let word = line.to_ascii_uppercase();
        let answer = if word.starts_with("EHLO") {
            "250-sink\r\n250 AUTH PLAIN\r\n"
        } else if word.starts_with("AUTH") && manner == Manner::RefusesUsers {
            "535 5.7.8 words of the server\r\n"
        } else if word.starts_with("AUTH") {
            "235 2.7.0 welcome\r\n"
        } else if word.starts_with("RCPT") && manner == Manner::TryLater {
            "451 4.3.0 words of the server\r\n"
        } else if word.starts_with("RCPT") && manner == Manner::RefusesForGood {
            "550 5.1.1 words of the server\r\n"
        } else if word.starts_with("RCPT") {
            mail.to.push(address_in(&line));
            "250 yes\r\n"
        } else if word == "DATA" {
            writer.write_all(b"354 go on\r\n").await?;
            let mut body = String::new();
            while let Some(line) = lines.next_line().await? {
                if manner == Manner::DiesInMail {
                    return Ok(());
                }
                if line == "." {
                    break;
                }
                body.push_str(line.strip_prefix('.').unwrap_or(&line));
                body.push_str("\r\n");
            }
            mail.text = plain(&body);
            let whole = std::mem::take(&mut mail);
            kept.send_modify(|it| it.push(whole));
            "250 kept\r\n"
        } else if word == "QUIT" {
            writer.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else {
            "250 yes\r\n"
        };
        writer.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn address_in(line: &str) -> String {
    let inner = line.split_once('<').map_or(line, |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}

/// Undoes quoted-printable; what is none of it stays.
fn plain(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after
            .get(..2)
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        if let Some(byte) = code {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(b'=');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
