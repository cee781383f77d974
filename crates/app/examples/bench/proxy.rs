//! What the proxy costs, beside nginx in the same place: both pass on calls to the same files, over kept
//! connections, on the same cores. Without nginx (Debian: nginx-light) there is nothing to compare with.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use atlassian::Timeouts;
use domain::credential::Provider;
use testkit::world::{SignedInAdmin, World};
use tokio::runtime::Runtime;

use crate::{
    ROUND, ROUNDS, Row, door,
    load::{self, Asked},
    median, megabytes,
    server::{free_address, own_resident_kilobytes},
    sqlite,
};

/// Connections that ask at once where throughput is compared.
const CONNECTIONS: usize = 16;

/// How many calls over one connection are timed in a round.
const CALLS: usize = 2_000;

/// Bodies that are passed on: what they are called, their size in bytes.
const BODIES: [(&str, usize); 3] = [
    ("small", 1_024),
    ("64kB", 64 * 1_024),
    ("5MB", 5 * 1_024 * 1_024),
];

/// After how many calls memory is looked at.
const FEW: u64 = 1_000;
const MANY: u64 = 100_000;

/// Somebody who passes calls on, and the files behind.
struct Nginx {
    child: Child,
    files: SocketAddr,
    proxy: SocketAddr,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Nginx {
    fn start(dir: &Path) -> Option<Self> {
        let (files, proxy) = (free_address(), free_address());
        let folder = dir.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .fold(String::new(), |mut text, it| {
                writeln!(text, "  {it}_temp_path {folder}/{it};").unwrap();
                text
            });
        let text = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n\
             {temporary}\
             \x20 access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000;\n\
             \x20 server {{ listen {files}; root {folder}/files; default_type application/json; }}\n\
             \x20 upstream files {{ server {files}; keepalive 32; keepalive_requests 100000000; }}\n\
             \x20 server {{ listen {proxy}; location / {{\n\
             \x20   proxy_pass http://files; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             \x20 }} }}\n\
             }}\n"
        );
        let config = dir.join("nginx.conf");
        std::fs::write(&config, text).unwrap();
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(dir)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let nginx = Self {
            child,
            files,
            proxy,
        };
        let begun = Instant::now();
        for address in [files, proxy] {
            while std::net::TcpStream::connect(address).is_err() {
                assert!(
                    begun.elapsed() < Duration::from_secs(10),
                    "nginx did not start"
                );
                std::thread::yield_now();
            }
        }
        Some(nginx)
    }
}

/// The product, connected with a site whose gateway is nginx's files.
struct Installation {
    runtime: Runtime,
    world: World,
    ada: SignedInAdmin,
    cloud_id: String,
}

impl Installation {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (world, ada, cloud_id) = runtime.block_on(async {
            let world = World::new(sqlite().await).await;
            let ada = world.admin("Ada", "Acme").await;
            world.connect(&ada, "Sam One").await.unwrap();
            let mut tx = world.services.store.read().await.unwrap();
            let found = tx.find_connection_overview(ada.team().id, Provider::Jira, world.now());
            let site = found.await.unwrap().integration.unwrap().site;
            (world, ada, site.cloud_id.to_string())
        });
        Self {
            runtime,
            world,
            ada,
            cloud_id,
        }
    }

    /// Where the gateway has this file.
    fn path(&self, file: &str) -> String {
        format!("/ex/jira/{}/rest/{file}", self.cloud_id)
    }

    /// Writes the files into `dir`.
    fn write_files(&self, dir: &Path) {
        for (name, bytes) in BODIES {
            let file = dir.join(format!("files{}", self.path(name)));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, vec![b'x'; bytes]).unwrap();
        }
    }

    /// Serves, with the gateway there; the address and a key.
    fn serve(&self, gateway: SocketAddr) -> (SocketAddr, String) {
        let gateway = format!("http://{gateway}").parse().unwrap();
        let process = self.world.process_at_gateway(&gateway, Timeouts::default());
        self.runtime.block_on(door::serve(&process, &self.ada))
    }
}

fn get(address: SocketAddr, path: &str, key: &str) -> Asked {
    Asked {
        address,
        request: format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\r\n"
        ),
        status: 200,
    }
}

fn ours(address: SocketAddr, file: &str, key: &str) -> Asked {
    get(
        address,
        &format!("/api/v1/integrations/jira/proxy/rest/{file}"),
        key,
    )
}

pub(crate) fn rows(own_binary: &Path) -> Vec<Row> {
    let Some(mut rows) = speeds() else {
        return vec![Row {
            what: "the proxy beside nginx",
            figure: "not measured: nginx is missing (Debian: nginx-light)".to_owned(),
            goal: "–",
        }];
    };
    rows.extend(memory(own_binary));
    rows
}

/// None without nginx.
pub(crate) fn speeds() -> Option<Vec<Row>> {
    let dir = tempfile::tempdir().unwrap();
    let installation = Installation::new();
    installation.write_files(dir.path());
    let nginx = Nginx::start(dir.path())?;
    let (address, key) = installation.serve(nginx.files);
    let of = |file: &str| {
        let path = installation.path(file);
        [
            get(nginx.files, &path, "none"),
            get(nginx.proxy, &path, "none"),
            ours(address, file, &key),
        ]
    };
    let mut rows = vec![added(&of("small")), throughput(&of("small"))];
    let goals = [
        "proxy, bodies of 64 kB, to nginx, 4 connections",
        "proxy, bodies of 5 MB, to nginx, 4 connections",
    ];
    for (what, (file, bytes)) in goals.into_iter().zip(BODIES.into_iter().skip(1)) {
        rows.push(bodies(what, bytes, &of(file)));
    }
    Some(rows)
}

/// What a call takes longer than one that nobody passes on.
fn added([direct, nginx, ours]: &[Asked; 3]) -> Row {
    let mut medians = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (of, asked) in medians.iter_mut().zip([direct, nginx, ours]) {
            of.push(load::median_micros(asked, CALLS));
        }
    }
    let [direct, nginx, ours] = medians.each_mut().map(|it| median(it));
    Row {
        what: "proxy: added to a call at the median, one connection",
        figure: format!(
            "{:.0} µs ({ours:.0} to {direct:.0}; nginx adds {:.0})",
            ours - direct,
            nginx - direct
        ),
        goal: "under 300 µs",
    }
}

fn throughput([_, nginx, ours]: &[Asked; 3]) -> Row {
    let (nginx, ours) = in_turns(nginx, ours, CONNECTIONS);
    Row {
        what: "proxy: calls per second, as a ratio to nginx, 16 connections",
        figure: format!("{:.2} ({ours:.0} to {nginx:.0})", ours / nginx),
        goal: "at least 0.2",
    }
}

fn bodies(what: &'static str, bytes: usize, [_, nginx, ours]: &[Asked; 3]) -> Row {
    let (nginx, ours) = in_turns(nginx, ours, 4);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let megabytes = |calls: f64| calls * bytes as f64 / 1e6;
    Row {
        what,
        figure: format!(
            "{:.2} ({:.0} to {:.0} MB a second)",
            ours / nginx,
            megabytes(ours),
            megabytes(nginx)
        ),
        goal: "–",
    }
}

fn in_turns(nginx: &Asked, ours: &Asked, connections: usize) -> (f64, f64) {
    let (mut of_nginx, mut of_us) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_nginx.push(load::per_second(nginx, connections, ROUND));
        of_us.push(load::per_second(ours, connections, ROUND));
    }
    (median(&mut of_nginx), median(&mut of_us))
}

/// Memory, looked at in a process that does nothing else.
fn memory(own_binary: &Path) -> Option<Row> {
    let output = Command::new(own_binary).arg("memory").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let kilobytes: Vec<u64> = text
        .split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect();
    let [few, many] = kilobytes.as_slice() else {
        return None;
    };
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let ratio = *many as f64 / *few as f64;
    Some(Row {
        what: "memory after 100,000 calls, half of them tokens, half passed on, to memory after 1,000",
        figure: format!(
            "{ratio:.2} ({:.1} to {:.1} MB)",
            megabytes(many * 1024),
            megabytes(few * 1024)
        ),
        goal: "at most 1.1",
    })
}

/// The other process: prints kilobytes after few and after many calls.
pub(crate) fn print_memory() {
    let dir = tempfile::tempdir().unwrap();
    let installation = Installation::new();
    installation.write_files(dir.path());
    let Some(nginx) = Nginx::start(dir.path()) else {
        return;
    };
    let (address, key) = installation.serve(nginx.files);
    let token = door::token(address, &key);
    let passed_on = ours(address, "small", &key);
    let half = |calls: u64| {
        load::times(&token, CONNECTIONS, calls / 2);
        load::times(&passed_on, CONNECTIONS, calls / 2);
        own_resident_kilobytes()
    };
    let few = half(FEW);
    let many = half(MANY - FEW);
    println!("{few} {many}");
}
