//! Whether a store can be read at all: every sealed value is opened, and forgotten at once.

use store::SealedColumn;
use uuid::Uuid;

use crate::{Error, Services, rotate_keys::Refused, start::place_of};

/// So many values are read at once.
const BATCH: i64 = 200;

/// What opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// How many values opened.
    pub opened: u64,
    /// What did not.
    pub refused: Vec<Refused>,
}

/// Opens every sealed value of a store. Changes nothing.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn open_everything(services: &Services) -> Result<Opened, Error> {
    let mut tx = services.store.read().await?;
    let mut all = Opened::default();
    for column in SealedColumn::ALL {
        let mut after = Uuid::nil();
        loop {
            // Every value begins with no bytes.
            let values = tx.list_sealed_under(column, b"", after, BATCH).await?;
            let Some(last) = values.last() else {
                break;
            };
            after = last.row;
            for value in values {
                let place = place_of(column, &value);
                match services.key_ring.open(place, &value.value) {
                    Ok(_) => all.opened += 1,
                    Err(why) => all.refused.push(Refused { column, value, why }),
                }
            }
        }
    }
    Ok(all)
}
