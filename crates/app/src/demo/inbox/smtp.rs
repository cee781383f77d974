//! A mail server that takes everything and keeps it (RFC 5321, as much as a client of one machine needs).

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{Inbox, Letter};

/// No mail is longer; nor does a client say more before it.
const LONGEST_BYTES: u64 = 4 * 1024 * 1024;

/// A mail server that is bound.
#[derive(Debug)]
pub(in crate::demo) struct MailSink {
    listener: TcpListener,
    address: SocketAddr,
}

impl MailSink {
    /// On a free port of this machine.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(in crate::demo) async fn bind() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("the demo's mail server finds no port")?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Its address, as `SMTP_URL` has it.
    pub(in crate::demo) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Takes mails until `stop`; what is on its way is cut then.
    pub(in crate::demo) async fn serve(self, inbox: Inbox, stop: CancellationToken) {
        let mut talks = JoinSet::new();
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = talks.join_next() => continue,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(err) => {
                        tracing::warn!(error = %err, "the demo's mail server could not accept a connection");
                        continue;
                    }
                },
            };
            let inbox = inbox.clone();
            talks.spawn(async move {
                if let Err(err) = talk(stream, &inbox).await {
                    tracing::debug!(error = %err, "a client of the demo's mail server left");
                }
            });
        }
        talks.shutdown().await;
    }
}

async fn talk(mut stream: TcpStream, inbox: &Inbox) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader.take(LONGEST_BYTES));
    writer.write_all(b"220 demo ESMTP\r\n").await?;
    let (mut from, mut to) = (String::new(), Vec::new());
    let mut line = String::new();
    while read_line(&mut reader, &mut line).await? {
        let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match word.as_str() {
            "MAIL" => {
                from = address_in(&line);
                to.clear();
                b"250 ok\r\n"
            }
            "RCPT" => {
                to.push(address_in(&line));
                b"250 ok\r\n"
            }
            "DATA" if to.is_empty() => b"503 nobody is named\r\n",
            "DATA" => {
                writer.write_all(b"354 go on, end with a dot\r\n").await?;
                let Some(body) = read_body(&mut reader).await? else {
                    return Ok(());
                };
                // Before it is answered for: whoever was told that it was taken finds it here.
                inbox.add_mail(Letter::read(&body, std::mem::take(&mut to)));
                // Each mail has as much room as the first.
                reader.get_mut().set_limit(LONGEST_BYTES);
                b"250 kept\r\n"
            }
            "RSET" => {
                to.clear();
                b"250 ok\r\n"
            }
            "EHLO" => b"250-demo\r\n250 8BITMIME\r\n",
            "HELO" | "NOOP" => b"250 ok\r\n",
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"502 not known here\r\n",
        };
        writer.write_all(answer).await?;
    }
    tracing::debug!(
        from,
        "a client of the demo's mail server left without a word"
    );
    Ok(())
}

type Lines<'a> = BufReader<tokio::io::Take<tokio::net::tcp::ReadHalf<'a>>>;

/// The next line without its end; `false` at the end.
async fn read_line(reader: &mut Lines<'_>, line: &mut String) -> std::io::Result<bool> {
    line.clear();
    let read = reader.read_line(line).await?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(read > 0)
}

/// A mail up to the dot; none if the client left before.
async fn read_body(reader: &mut Lines<'_>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut body, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        match line.as_slice() {
            b".\r\n" | b".\n" => return Ok(Some(body)),
            // A dot before a dot hides it (RFC 5321, 4.5.2).
            [b'.', rest @ ..] => body.extend_from_slice(rest),
            other => body.extend_from_slice(other),
        }
    }
}

fn address_in(line: &str) -> String {
    let inner = line.split_once('<').map_or("", |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}
