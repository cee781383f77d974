//! How the API is described: the types that it reads and answers say of themselves what they are made of
//! ([`described!`]), one table has the [`operations`], another one the [`codes`](crate::problem::codes).
//!
//! Of these three are made the document ([`openapi`]), the [`page`] for people, and the [`check`] that tests make
//! of each answer.

use serde::Serialize;

pub mod check;
pub(crate) mod openapi;
pub(crate) mod operations;
pub mod page;

/// Something that is sent as JSON, and knows as what.
pub(crate) trait Described {
    /// As what.
    fn schema() -> Schema;
}

/// The body of a request.
pub(crate) trait RequestBody: Described {
    /// The names of its members.
    const MEMBERS: &'static [&'static str];
}

/// What a value may be.
#[derive(Clone, Debug)]
pub(crate) enum Schema {
    /// A text.
    Text {
        /// A format of JSON Schema.
        format: Option<&'static str>,
    },
    /// One of these words.
    Words(Vec<&'static str>),
    /// A whole number.
    Whole {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// `true` or `false`.
    Flag,
    /// `null`, or this.
    Nullable(Box<Self>),
    /// Any number of these.
    List(Box<Self>),
    /// An object with a name.
    Object(fn() -> Object),
}

/// An object and its members.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) members: Vec<Member>,
    /// Whether it is sent to us: then nothing else may be in it, and what may be null may be missing. Answers have all
    /// their members, and may gain others.
    pub(crate) is_request: bool,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: Schema,
}

impl Object {
    /// Whether it has to be there.
    pub(crate) fn needs(&self, member: &Member) -> bool {
        !(self.is_request && matches!(member.schema, Schema::Nullable(_)))
    }
}

/// Defines a body, and lets it say what it is made of: the comments of the code are the words of the description.
macro_rules! described {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $name:ident as $kind:ident $told:literal {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(serde::Serialize)]
        $vis struct $name {
            $($(#[doc = $doc])+ $vis $field: $type,)+
        }

        impl $crate::description::Described for $name {
            fn schema() -> $crate::description::Schema {
                $crate::description::Schema::Object(|| $crate::description::Object {
                    name: $told,
                    about: concat!($($about),+).trim_start(),
                    members: vec![$($crate::description::Member {
                        // Of `r#type` the word alone.
                        name: stringify!($field).trim_start_matches("r#"),
                        about: concat!($($doc),+).trim_start(),
                        schema: <$type as $crate::description::Described>::schema(),
                    }),+],
                    is_request: described!(@is_request $kind),
                })
            }
        }

        described!(@members $kind $name $($field)+);
    };
    (@is_request request) => { true };
    (@is_request answer) => { false };
    (@members request $name:ident $($field:ident)+) => {
        impl $crate::description::RequestBody for $name {
            const MEMBERS: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
    (@members answer $name:ident $($field:ident)+) => {};
}
pub(crate) use described;

impl Described for String {
    fn schema() -> Schema {
        Schema::Text { format: None }
    }
}

impl Described for &'static str {
    fn schema() -> Schema {
        String::schema()
    }
}

impl Described for bool {
    fn schema() -> Schema {
        Schema::Flag
    }
}

impl<T: Described> Described for Option<T> {
    fn schema() -> Schema {
        Schema::Nullable(Box::new(T::schema()))
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema() -> Schema {
        Schema::List(Box::new(T::schema()))
    }
}

/// A point in time, as RFC 3339 writes it.
#[derive(Debug, Serialize)]
pub(crate) struct Time(pub(crate) String);

impl Described for Time {
    fn schema() -> Schema {
        Schema::Text {
            format: Some("date-time"),
        }
    }
}

/// An absolute address.
#[derive(Debug, Serialize)]
pub(crate) struct Address(pub(crate) String);

impl Described for Address {
    fn schema() -> Schema {
        Schema::Text {
            format: Some("uri"),
        }
    }
}

/// A whole number of seconds, up to `MOST`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Seconds<const MOST: u64>(pub(crate) u64);

impl<const MOST: u64> Described for Seconds<MOST> {
    fn schema() -> Schema {
        Schema::Whole {
            least: 0,
            most: MOST,
        }
    }
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct HttpStatus(pub(crate) u16);

impl Described for HttpStatus {
    fn schema() -> Schema {
        Schema::Whole {
            least: 200,
            most: 599,
        }
    }
}
