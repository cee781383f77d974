//! What the page says of a key.

use domain::{
    api_key::{ChosenRights, End, Right, Rights},
    jira::Site,
};
use jiff::Timestamp;
use service::api_keys::{ListedKey, Standing};

use crate::{
    moment::moment,
    view::{
        self,
        keys::{KeyEnd, KeyLine, KeyPin},
    },
};

/// The keys of a team as they are listed.
pub(super) fn lines(keys: Vec<ListedKey>, site: Option<&Site>, now: Timestamp) -> Vec<KeyLine> {
    let line = |it: ListedKey| KeyLine {
        may_rotate: it.standing == Standing::Alone,
        id: it.key.id.to_string(),
        rights: rights(&it.key.rights),
        pin: it.key.pin.as_ref().map(|pin| match site {
            Some(site) if site.cloud_id == *pin => KeyPin {
                site: site.name.to_string(),
                is_elsewhere: false,
            },
            _ => KeyPin {
                site: pin.to_string(),
                is_elsewhere: site.is_some(),
            },
        }),
        by: it.created_by.as_ref().map(ToString::to_string),
        made: moment(it.key.created_at, now),
        last_used: it.key.last_used_at.map(|at| moment(at, now)),
        end: match it.key.end(now) {
            End::Never => None,
            End::Later(at) => Some(KeyEnd::Later(moment(at, now))),
            End::Soon(at) => Some(KeyEnd::Soon(moment(at, now))),
            End::Past(at) => Some(KeyEnd::Past(moment(at, now))),
        },
        is_being_replaced: it.standing == Standing::Older && !it.key.has_expired(now),
        name: it.key.name.to_string(),
    };
    keys.into_iter().map(line).collect()
}

/// What a key may do, in a line.
fn rights(of: &Rights) -> String {
    match of {
        Rights::Everything => "May do everything".to_owned(),
        Rights::ReadEverything => "May read everything".to_owned(),
        Rights::ReadIssues => "May read issues".to_owned(),
        Rights::Chosen(chosen) => format!("May {}", view::list(&calls(chosen))),
    }
}

fn calls(of: &ChosenRights) -> Vec<String> {
    let call = |right: &Right| match right {
        Right::Status => "ask for the status".to_owned(),
        Right::Token => "ask for tokens".to_owned(),
        Right::Proxy => {
            let methods = of.proxy().methods().iter();
            let methods: Vec<_> = methods.map(|it| it.as_str().to_owned()).collect();
            let paths = of.proxy().paths().iter();
            let paths: Vec<_> = paths.map(|it| it.as_str().to_owned()).collect();
            // Of many the first ones, as elsewhere.
            match (view::list(&methods), view::services(&paths)) {
                (methods, paths) if paths.is_empty() && methods.is_empty() => {
                    "use the proxy".to_owned()
                }
                (methods, paths) if paths.is_empty() => format!("{methods} through the proxy"),
                (methods, paths) if methods.is_empty() => format!("call {paths}"),
                (methods, paths) => format!("{methods} {paths}"),
            }
        }
    };
    of.may().iter().map(call).collect()
}
