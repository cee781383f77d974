//! What the demo's servers were sent: mails and webhooks, newest first, as long as it runs.
//!
//! [`smtp`] takes the mails, [`letter`] reads them, [`receiver`] takes the webhooks and checks how they are signed.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::env::Env;
use jiff::Timestamp;

pub(super) mod letter;
pub(super) mod receiver;
pub(super) mod smtp;

pub(super) use letter::Letter;
pub(super) use receiver::{Delivery, SigningKey};

/// So many of each are kept; older ones go.
const MOST_KEPT: usize = 200;

/// Something that came.
#[derive(Clone, Debug)]
pub(super) struct Came<T> {
    /// Counts what came, from 1 on.
    pub(super) number: u64,
    /// When, by the demo's clock.
    pub(super) at: Timestamp,
    /// What.
    pub(super) what: Arc<T>,
}

impl<T> Came<T> {
    /// When, for people.
    pub(super) fn moment(&self) -> String {
        self.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }
}

#[derive(Debug, Default)]
struct Kept {
    count: u64,
    mails: VecDeque<Came<Letter>>,
    webhooks: VecDeque<Came<Delivery>>,
}

/// All that came. Clones are the same inbox.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    env: Arc<dyn Env>,
    kept: Arc<Mutex<Kept>>,
}

impl Inbox {
    /// An empty one.
    pub(super) fn new(env: Arc<dyn Env>) -> Self {
        Self {
            env,
            kept: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_mail(&self, mail: Letter) {
        let at = self.env.now();
        let mut kept = self.lock();
        kept.count += 1;
        let number = kept.count;
        add(&mut kept.mails, number, at, mail);
    }

    fn add_webhook(&self, delivery: Delivery) {
        let at = self.env.now();
        let mut kept = self.lock();
        kept.count += 1;
        let number = kept.count;
        add(&mut kept.webhooks, number, at, delivery);
    }

    /// How much came so far: what comes later has a greater number.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    /// Mails, newest first.
    pub(super) fn mails(&self) -> Vec<Came<Letter>> {
        self.lock().mails.iter().cloned().collect()
    }

    /// Webhooks, newest first.
    pub(super) fn webhooks(&self) -> Vec<Came<Delivery>> {
        self.lock().webhooks.iter().cloned().collect()
    }

    /// One mail, by its number.
    pub(super) fn mail(&self, number: u64) -> Option<Came<Letter>> {
        let kept = self.lock();
        kept.mails.iter().find(|it| it.number == number).cloned()
    }

    /// One webhook, by its number.
    pub(super) fn webhook(&self, number: u64) -> Option<Came<Delivery>> {
        let kept = self.lock();
        kept.webhooks.iter().find(|it| it.number == number).cloned()
    }
}

fn add<T>(list: &mut VecDeque<Came<T>>, number: u64, at: Timestamp, what: T) {
    let what = Arc::new(what);
    list.push_front(Came { number, at, what });
    list.truncate(MOST_KEPT);
}
