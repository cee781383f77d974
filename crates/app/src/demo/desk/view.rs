//! What the demo's own pages show.

use askama::Template;
use url::Url;

use super::Contents;
use crate::demo::{
    drills::{
        Drill, Script,
        player::{Line, Phase, Run},
    },
    inbox::{Came, Delivery, Letter},
    people::SLUG,
};

#[derive(Template)]
#[template(path = "gone.html")]
pub(super) struct Gone {}

#[derive(Template)]
#[template(path = "inbox.html")]
pub(super) struct InboxPage {
    mails: Vec<Came<Letter>>,
    webhooks: Vec<Came<Delivery>>,
    app: Url,
}

impl InboxPage {
    pub(super) fn of(desk: &Contents) -> Self {
        Self {
            mails: desk.inbox.mails(),
            webhooks: desk.inbox.webhooks(),
            app: desk.base_url.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "mail.html")]
pub(super) struct MailPage {
    pub(super) mail: Came<Letter>,
}

#[derive(Template)]
#[template(path = "webhook.html")]
pub(super) struct WebhookPage {
    pub(super) webhook: Came<Delivery>,
}

#[derive(Template)]
#[template(path = "drills.html")]
pub(super) struct DrillsPage {
    /// What went wrong with the last form.
    error: Option<String>,
    run: Option<RunView>,
    drills: Vec<&'static Script>,
    /// The page of the connection.
    connection: String,
    control: Url,
}

/// The drill that was begun last.
struct RunView {
    script: &'static Script,
    lines: Vec<Line>,
    phase: Phase,
}

impl RunView {
    fn of(run: Run) -> Self {
        Self {
            script: run.drill.script(),
            lines: run.lines,
            phase: run.phase,
        }
    }

    /// Whether there is more to come.
    const fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Ending)
    }
}

impl DrillsPage {
    pub(super) fn of(desk: &Contents, error: Option<String>) -> Self {
        Self {
            error,
            run: desk.player.run().map(RunView::of),
            drills: Drill::ALL.into_iter().map(Drill::script).collect(),
            connection: format!("{}a/{SLUG}/integrations/jira/", desk.base_url),
            control: desk.control_url.clone(),
        }
    }

    /// While something moves the page loads itself again, without a script.
    fn is_moving(&self) -> bool {
        self.run.as_ref().is_some_and(RunView::is_moving)
    }

    fn may_begin(&self) -> bool {
        let phase = self.run.as_ref().map(|it| &it.phase);
        matches!(phase, None | Some(Phase::Over | Phase::Failed { .. }))
    }
}
