//! Guessing is slowed down: failures are counted, for an account and for an address.
//!
//! Only failures count, so that whoever does things right is never refused. The counts are in memory:
//! a restart forgets them, and each process has its own. What is counted without end would be a way
//! to fill the memory, so that the number of counted accounts and addresses has an end as well.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::text::EmailAddress;
use jiff::{SignedDuration, Timestamp};

/// Failures count for this long.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// So many failures in the window an account has; the next is refused.
pub const MOST_FOR_ACCOUNT: usize = 20;

/// So many failures in the window an address has, behind which may be a whole office.
pub const MOST_FOR_ADDRESS: usize = 100;

/// So many mails of a kind an address gets in [`MAIL_WINDOW`] at the wish of others.
pub const MOST_MAILS: usize = 3;

/// Mails count for this long.
pub const MAIL_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// So many accounts, and so many addresses, are counted at once.
const MOST_KEYS: usize = 10_000;

/// Where a request comes from, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// Not known: nothing is counted for it.
    pub const UNKNOWN: Self = Self(None);

    /// A known one. Of IPv6 the first half counts, because one household has all of the other half.
    pub fn of(ip: IpAddr) -> Self {
        Self(Some(match ip.to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip),
            IpAddr::V6(ip) => {
                let network = u128::from(ip) & !u128::from(u64::MAX);
                IpAddr::V6(network.into())
            }
        }))
    }
}

/// Too many failures of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failures")]
pub struct Throttled {
    /// After this time one more try is looked at.
    pub retry_after: SignedDuration,
}

/// Whose failures are counted.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The mail address of the account: the one that was written, whether it has an account or not.
    pub account: Option<&'a str>,
    /// Where the request comes from.
    pub address: ClientAddress,
}

/// The counts.
#[derive(Debug)]
pub struct Throttle {
    accounts: Mutex<Failures<String>>,
    addresses: Mutex<Failures<IpAddr>>,
    mails: Mutex<Failures<String>>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            accounts: Mutex::new(Failures::within(WINDOW)),
            addresses: Mutex::new(Failures::within(WINDOW)),
            mails: Mutex::new(Failures::within(MAIL_WINDOW)),
        }
    }
}

impl Throttle {
    /// Whether the caller may try.
    ///
    /// # Errors
    ///
    /// [`Throttled`] if too many of the caller's tries failed of late.
    pub fn check(&self, caller: Caller<'_>, now: Timestamp) -> Result<(), Throttled> {
        let account = caller
            .account
            .and_then(|it| lock(&self.accounts).wait(&account_key(it), MOST_FOR_ACCOUNT, now));
        let address = caller
            .address
            .0
            .and_then(|it| lock(&self.addresses).wait(&it, MOST_FOR_ADDRESS, now));
        match account.max(address) {
            Some(retry_after) => Err(Throttled { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts a failure. Those that were refused for being too many do not count again, so that the
    /// wait ends.
    ///
    /// # Errors
    ///
    /// [`Throttled`] if the others were too many already: of many at once only the allowed number may
    /// hear that they were wrong.
    pub fn failed(&self, caller: Caller<'_>, now: Timestamp) -> Result<(), Throttled> {
        self.check(caller, now)?;
        if let Some(account) = caller.account {
            lock(&self.accounts).add(account_key(account), MOST_FOR_ACCOUNT, now);
        }
        if let Some(address) = caller.address.0 {
            lock(&self.addresses).add(address, MOST_FOR_ADDRESS, now);
        }
        Ok(())
    }

    /// Whether a mail of this kind may go to the address; if so, it counts.
    pub(crate) fn may_mail(&self, kind: &str, to: &EmailAddress, now: Timestamp) -> bool {
        let key = format!("{kind} {}", account_key(to.as_str()));
        let mut mails = lock(&self.mails);
        let may = mails.wait(&key, MOST_MAILS, now).is_none();
        if may {
            mails.add(key, MOST_MAILS, now);
        }
        may
    }
}

/// An account under every spelling of its address that is the same to us.
fn account_key(account: &str) -> String {
    account
        .trim()
        .chars()
        .take(254)
        .collect::<String>()
        .to_lowercase()
}

/// A panic of another thread left whole counts behind: each change is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The times of the failures of late, oldest first.
#[derive(Debug)]
struct Failures<K> {
    times: HashMap<K, VecDeque<Timestamp>>,
    window: SignedDuration,
}

impl<K> Failures<K> {
    fn within(window: SignedDuration) -> Self {
        let times = HashMap::new();
        Self { times, window }
    }
}

impl<K: Hash + Eq + Clone> Failures<K> {
    fn wait(&self, key: &K, most: usize, now: Timestamp) -> Option<SignedDuration> {
        let times = self.times.get(key)?;
        let recent: Vec<_> = times.iter().filter(|it| **it + self.window > now).collect();
        let oldest = **recent.first()?;
        (recent.len() >= most)
            .then(|| oldest + self.window - now)
            .map(|it| {
                // Whole seconds, rounded up: earlier is too early.
                SignedDuration::from_secs(it.as_secs().saturating_add(1))
            })
    }

    fn add(&mut self, key: K, most: usize, now: Timestamp) {
        if !self.times.contains_key(&key) && self.times.len() >= MOST_KEYS {
            self.make_room(now);
        }
        let times = self.times.entry(key).or_default();
        times.push_back(now);
        if times.len() > most {
            times.pop_front();
        }
    }

    /// Forgets what is over; if nothing is, the one with the fewest failures, so that a flood of new
    /// names does not free the one that is guessed at.
    fn make_room(&mut self, now: Timestamp) {
        let window = self.window;
        self.times
            .retain(|_, times| times.back().is_some_and(|it| *it + window > now));
        if self.times.len() >= MOST_KEYS
            && let Some(least) = self.times.iter().min_by_key(|(_, it)| it.len())
        {
            let least = least.0.clone();
            self.times.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(account: &str, ip: &str) -> (String, ClientAddress) {
        (account.to_owned(), ClientAddress::of(ip.parse().unwrap()))
    }

    fn fail(
        throttle: &Throttle,
        (account, address): &(String, ClientAddress),
        at: Timestamp,
    ) -> bool {
        let account = Some(account.as_str());
        let address = *address;
        throttle.failed(Caller { account, address }, at).is_ok()
    }

    #[test]
    fn the_21st_failure_of_an_account_waits_until_the_first_is_ten_minutes_old() {
        let throttle = Throttle::default();
        let ada = caller("ada@example.com", "192.0.2.1");
        let start = Timestamp::UNIX_EPOCH;
        let second = SignedDuration::from_secs(1);
        for n in 0..20 {
            assert!(fail(&throttle, &ada, start + second * n));
        }
        let other_spelling = Caller {
            account: Some(" ADA@example.com"),
            address: ClientAddress::UNKNOWN,
        };
        let late = start + second * 20;
        let err = throttle.check(other_spelling, late).unwrap_err();
        assert_eq!(err.retry_after, SignedDuration::from_secs(581));
        assert!(!fail(&throttle, &ada, late));
        assert!(fail(
            &throttle,
            &caller("eve@example.com", "192.0.2.1"),
            late
        ));
        assert!(throttle.check(other_spelling, start + WINDOW).is_ok());
    }

    #[test]
    fn the_101st_failure_of_an_address_waits_whatever_the_account() {
        let throttle = Throttle::default();
        let start = Timestamp::UNIX_EPOCH;
        for n in 0..100 {
            assert!(fail(
                &throttle,
                &caller(&format!("{n}@example.com"), "192.0.2.1"),
                start
            ));
        }
        assert!(!fail(
            &throttle,
            &caller("new@example.com", "192.0.2.1"),
            start
        ));
        assert!(fail(
            &throttle,
            &caller("new@example.com", "192.0.2.2"),
            start
        ));
        for n in 0..100 {
            let ip = format!("2001:db8::{n:x}");
            assert!(fail(
                &throttle,
                &caller(&format!("{n}@example.org"), &ip),
                start
            ));
        }
        let same_network = caller("new@example.org", "2001:db8::ffff");
        assert!(!fail(&throttle, &same_network, start));
        let mapped = caller("new@example.org", "::ffff:192.0.2.1");
        assert!(!fail(&throttle, &mapped, start));
    }

    #[test]
    fn what_is_counted_has_an_end_and_a_flood_does_not_free_the_one_that_is_guessed_at() {
        let throttle = Throttle::default();
        let start = Timestamp::UNIX_EPOCH;
        let at = |account: &str| (account.to_owned(), ClientAddress::UNKNOWN);
        for _ in 0..20 {
            assert!(fail(&throttle, &at("ada@example.com"), start));
        }
        for n in 0..MOST_KEYS + 500 {
            assert!(fail(&throttle, &at(&format!("{n}@example.com")), start));
        }
        assert_eq!(lock(&throttle.accounts).times.len(), MOST_KEYS);
        assert!(!fail(&throttle, &at("ada@example.com"), start));
    }
}
