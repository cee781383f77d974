//! What a test knows that nobody else may: its secrets. When the test is over, they are searched for in
//! what the process logged, and left behind together with the database for the search of the whole run.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use atlassian_sim::SimState;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

use super::PASSWORD;
use crate::{
    db::TestDb,
    logs,
    output::{self, Kind},
    secrets,
};

/// Dropped with the last clone of its world.
#[derive(Debug)]
pub(super) struct Known {
    db: Arc<TestDb>,
    sim: SimState,
    others: Mutex<Vec<String>>,
    is_kept_out: AtomicBool,
}

impl Known {
    pub(super) fn new(db: Arc<TestDb>, sim: SimState) -> Self {
        Self {
            db,
            sim,
            others: Mutex::default(),
            is_kept_out: AtomicBool::new(false),
        }
    }

    pub(super) fn add(&self, secret: &SecretString) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.push(secret.expose_secret().to_owned());
    }

    pub(super) fn keep_out(&self) {
        self.is_kept_out.store(true, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> Vec<String> {
        let mut all = self.sim.secrets();
        all.extend(
            self.others
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .cloned(),
        );
        all.push(PASSWORD.to_owned());
        all.push(STANDARD.encode([1_u8; 32]));
        all
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let all = self.all();
        let is_wanted = std::env::var_os("TFORMANCE_TEST_OUTPUT").is_some();
        if is_wanted && !self.is_kept_out.load(Ordering::Relaxed) {
            let suffix = format!("-{}.txt", COUNT.fetch_add(1, Ordering::Relaxed));
            output::add(Kind::Secrets, ".txt", secrets::lines(&all).as_bytes());
            output::add(Kind::Seen, &suffix, &self.db.dump_blocking());
        }
        if !std::thread::panicking() {
            let found =
                secrets::find(&logs::written(), &all).map(|it| it.chars().take(6).collect());
            assert_eq!(found, None::<String>, "a secret that begins so was logged");
        }
    }
}
