//! Every call with a good key is counted, however it ends: what the caller was answered is known here.

use axum::{Json, http::StatusCode};
use domain::usage::{Answer, Call, CountedCall, Method, PathTemplate};
use service::{
    Error, Services,
    door::{ApiClient, NotServed, RejectedError},
    key_rate,
    proxy::ProxyError,
    refresh::TokenError,
};

use crate::{layers::TimeUp, problem::Problem};

/// What is counted where the caller left before it was answered; nobody is answered so.
const LEFT: u16 = 499;

/// An answer without what was asked for, and as what it counts.
pub(crate) struct Refused {
    problem: Problem,
    answer: Answer,
}

impl From<Problem> for Refused {
    /// What the caller sent cannot be taken.
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            answer: Answer::CallersFault,
        }
    }
}

impl From<TokenError> for Refused {
    fn from(err: TokenError) -> Self {
        Self {
            answer: err.answer(),
            problem: err.into(),
        }
    }
}

impl From<NotServed> for Refused {
    fn from(err: NotServed) -> Self {
        Self {
            answer: err.answer(),
            problem: err.into(),
        }
    }
}

impl From<RejectedError> for Refused {
    fn from(err: RejectedError) -> Self {
        Self {
            answer: err.answer(),
            problem: err.into(),
        }
    }
}

impl From<ProxyError> for Refused {
    fn from(err: ProxyError) -> Self {
        Self {
            answer: err.answer(),
            problem: err.into(),
        }
    }
}

impl From<Error> for Refused {
    fn from(err: Error) -> Self {
        Self {
            answer: err.answer(),
            problem: Problem::for_programs(&err),
        }
    }
}

/// What is counted of a call beside its end.
pub(crate) struct Counted {
    /// Which call it is.
    pub(crate) call: Call,
    /// By which method.
    pub(crate) method: Method,
    /// Where it went, of one through the proxy.
    pub(crate) path_template: PathTemplate,
}

/// Does what a service asked for, unless it asks too often, and counts it.
pub(crate) async fn counted<T>(
    services: &Services,
    client: &ApiClient,
    call: Call,
    method: Method,
    time: TimeUp,
    work: impl Future<Output = Result<T, Refused>>,
) -> Result<Json<T>, Problem> {
    let of = Counted {
        call,
        method,
        path_template: PathTemplate::NONE,
    };
    let counting = Counting::begin(services, client, of, time);
    let answer = match may_call(services, client) {
        Ok(()) => work.await,
        Err(refused) => Err(refused),
    };
    counting.end(answer.map(|body| (StatusCode::OK, Json(body))))
}

/// The same for what may be answered with any status, and has no limit of time around it.
pub(crate) async fn counted_with_status<T>(
    services: &Services,
    client: &ApiClient,
    of: Counted,
    work: impl Future<Output = Result<(StatusCode, T), Refused>>,
) -> Result<T, Problem> {
    let counting = Counting::begin(services, client, of, TimeUp::default());
    let answer = match may_call(services, client) {
        Ok(()) => work.await,
        Err(refused) => Err(refused),
    };
    counting.end(answer)
}

/// Unless the key calls too often.
fn may_call(services: &Services, client: &ApiClient) -> Result<(), Refused> {
    Ok(key_rate::check(services, client).map_err(Problem::from)?)
}

/// Counts a call of a service whose key is good and may not do this.
pub(crate) fn refused(
    services: &Services,
    client: &ApiClient,
    call: Call,
    method: Method,
    problem: Problem,
) -> Problem {
    if call == Call::Proxy {
        services.count_proxied(false, problem.status().as_u16());
    }
    let call = CountedCall {
        call,
        method,
        path_template: PathTemplate::NONE,
        http_status: problem.status().as_u16(),
        answer: Answer::CallersFault,
    };
    services.count_call(client, call);
    problem
}

/// Counts when it goes, so that a call is counted too whose caller left, or whose time was up.
struct Counting<'a> {
    services: &'a Services,
    client: &'a ApiClient,
    /// Taken when it is counted.
    of: Option<Counted>,
    /// How it was answered, if it was.
    end: Option<(u16, Answer)>,
    time: TimeUp,
    /// Whether the answer is what was asked for, and not a problem of ours.
    is_passed_on: bool,
}

impl<'a> Counting<'a> {
    const fn begin(
        services: &'a Services,
        client: &'a ApiClient,
        of: Counted,
        time: TimeUp,
    ) -> Self {
        Self {
            services,
            client,
            of: Some(of),
            end: None,
            time,
            is_passed_on: false,
        }
    }

    /// It was answered so.
    fn end<T>(mut self, with: Result<(StatusCode, T), Refused>) -> Result<T, Problem> {
        match with {
            Ok((status, body)) => {
                self.end = Some((status.as_u16(), Answer::Served));
                self.is_passed_on = true;
                Ok(body)
            }
            Err(Refused { problem, answer }) => {
                self.end = Some((problem.status().as_u16(), answer));
                Err(problem)
            }
        }
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        // What a layer answers in its place.
        let ours = |problem: Problem| (problem.status().as_u16(), Answer::OurFault);
        let (http_status, answer) = match self.end {
            _ if std::thread::panicking() => ours(Problem::broken_for_programs()),
            Some(end) => end,
            None if self.time.is_up() => ours(Problem::too_slow()),
            None => (LEFT, Answer::CallersFault),
        };
        if let Some(of) = self.of.take() {
            if of.call == Call::Proxy {
                self.services.count_proxied(self.is_passed_on, http_status);
            }
            let call = CountedCall {
                call: of.call,
                method: of.method,
                path_template: of.path_template,
                http_status,
                answer,
            };
            self.services.count_call(self.client, call);
        }
    }
}
