//! Every call with a good key is counted, however it ends: what the caller was answered is known here.

use axum::Json;
use domain::usage::{Answer, Call, CountedCall, Method, PathTemplate};
use service::{
    Error, Services,
    door::{ApiClient, NotServed, RejectedError},
    refresh::TokenError,
};

use crate::problem::Problem;

const OK: u16 = 200;

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

impl From<Error> for Refused {
    fn from(err: Error) -> Self {
        Self {
            answer: err.answer(),
            problem: Problem::for_programs(err),
        }
    }
}

/// Does what a service asked for, and counts it.
pub(crate) async fn counted<T>(
    services: &Services,
    client: &ApiClient,
    call: Call,
    method: Method,
    work: impl Future<Output = Result<T, Refused>>,
) -> Result<Json<T>, Problem> {
    let mut counting = Counting {
        services,
        client,
        call,
        method,
        end: (LEFT, Answer::CallersFault),
    };
    match work.await {
        Ok(body) => {
            counting.end = (OK, Answer::Served);
            Ok(Json(body))
        }
        Err(Refused { problem, answer }) => {
            counting.end = (problem.status().as_u16(), answer);
            Err(problem)
        }
    }
}

/// Counts a call of a service whose key is good and may not do this.
pub(crate) fn refused(
    services: &Services,
    client: &ApiClient,
    call: Call,
    method: Method,
    problem: Problem,
) -> Problem {
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

/// Counts when it goes, so that a call is counted too whose caller left.
struct Counting<'a> {
    services: &'a Services,
    client: &'a ApiClient,
    call: Call,
    method: Method,
    end: (u16, Answer),
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        let (http_status, answer) = if std::thread::panicking() {
            (
                Problem::broken_for_programs().status().as_u16(),
                Answer::OurFault,
            )
        } else {
            self.end
        };
        let call = CountedCall {
            call: self.call,
            method: self.method,
            path_template: PathTemplate::NONE,
            http_status,
            answer,
        };
        self.services.count_call(self.client, call);
    }
}
