//! Plays drills, one at a time, and remembers what was done and seen: for the page, and for standard output.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use url::Url;

use super::{
    Drill, scenes,
    stage::{Sight, Stage},
};
use crate::cli::say;

/// What was done or seen.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Line {
    pub(in crate::demo) text: String,
    /// Where a person sees it too; what was done has none.
    pub(in crate::demo) at: Option<Url>,
}

/// How far a drill has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Phase {
    /// The trouble is being caused.
    Playing,
    /// It is there; people look around.
    Played,
    /// It is being mended.
    Ending,
    /// All that was to be seen was seen.
    Over,
    /// Something was not.
    Failed {
        why: String,
        /// Whether Atlassian works again all the same.
        is_mended: bool,
    },
}

/// A drill that was begun.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Run {
    pub(in crate::demo) drill: Drill,
    pub(in crate::demo) phase: Phase,
    pub(in crate::demo) lines: Vec<Line>,
    /// What came in before it began.
    since: u64,
}

/// Why nothing was begun or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::demo) enum Busy {
    /// One is being played, or waits for its end.
    #[error("a drill is under way; end it first")]
    UnderWay,
    /// There is nothing to end.
    #[error("no drill waits for its end")]
    NothingToEnd,
}

/// Plays drills.
#[derive(Debug)]
pub(in crate::demo) struct Player {
    stage: Stage,
    run: Mutex<Option<Run>>,
}

/// A scene that is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) stage: &'a Stage,
    /// What came in before the drill began.
    pub(super) since: u64,
    player: &'a Player,
}

impl Scene<'_> {
    /// Tells what was done.
    pub(super) fn did(&self, text: impl Into<String>) {
        let text = text.into();
        say(&format!("  does  {text}"));
        self.player.add(Line { text, at: None });
    }

    /// Tells what was seen, and where.
    pub(super) fn saw(&self, sight: Sight) {
        say(&format!("  sees  {}\n        {}", sight.what, sight.at));
        self.player.add(Line {
            text: sight.what,
            at: Some(sight.at),
        });
    }
}

impl Player {
    /// A player who has played nothing yet.
    pub(in crate::demo) fn new(stage: Stage) -> Self {
        Self {
            stage,
            run: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The drill that was begun last.
    pub(in crate::demo) fn run(&self) -> Option<Run> {
        self.lock().clone()
    }

    fn add(&self, line: Line) {
        if let Some(run) = self.lock().as_mut() {
            run.lines.push(line);
        }
    }

    fn set(&self, phase: Phase) {
        if let Some(run) = self.lock().as_mut() {
            run.phase = phase;
        }
    }

    /// Takes the right to play a drill.
    fn take(&self, drill: Drill) -> Result<(), Busy> {
        let mut current = self.lock();
        let is_free = current
            .as_ref()
            .is_none_or(|it| matches!(it.phase, Phase::Over | Phase::Failed { .. }));
        if !is_free {
            return Err(Busy::UnderWay);
        }
        *current = Some(Run {
            drill,
            phase: Phase::Playing,
            lines: Vec::new(),
            since: self.stage.inbox.count(),
        });
        Ok(())
    }

    /// Takes the right to end the drill that was played.
    fn take_end(&self) -> Result<Drill, Busy> {
        let mut current = self.lock();
        match current.as_mut() {
            Some(run) if run.phase == Phase::Played => {
                run.phase = Phase::Ending;
                Ok(run.drill)
            }
            _ => Err(Busy::NothingToEnd),
        }
    }

    fn scene(&self) -> Scene<'_> {
        let since = self.lock().as_ref().map_or(0, |it| it.since);
        Scene {
            stage: &self.stage,
            since,
            player: self,
        }
    }

    async fn cause(&self, drill: Drill) -> anyhow::Result<()> {
        scenes::prepare(self.scene())
            .await
            .context("the drill cannot begin")?;
        // What came of the preparations is none of the drill's.
        if let Some(run) = self.lock().as_mut() {
            run.since = self.stage.inbox.count();
        }
        scenes::cause(drill, self.scene()).await
    }

    /// Plays it, up to where people look around.
    async fn play(&self, drill: Drill) -> anyhow::Result<()> {
        let played = self.cause(drill).await;
        self.ended(played, Phase::Played).await
    }

    /// Mends what it broke.
    async fn end(&self, drill: Drill) -> anyhow::Result<()> {
        let ended = scenes::end(drill, self.scene()).await;
        self.ended(ended, Phase::Over).await
    }

    async fn ended(&self, result: anyhow::Result<()>, phase: Phase) -> anyhow::Result<()> {
        match result {
            Ok(()) => {
                self.set(phase);
                Ok(())
            }
            Err(err) => {
                // Whatever went wrong: Atlassian is not left broken.
                let mended = scenes::mend(&self.stage).await;
                self.set(Phase::Failed {
                    why: format!("{err:#}"),
                    is_mended: mended.is_ok(),
                });
                if let Err(also) = mended {
                    tracing::warn!(error = format!("{also:#}"), "Atlassian is left broken");
                }
                Err(err)
            }
        }
    }

    /// For the page: begins to play one, if none is under way.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub(in crate::demo) fn begin(self: &Arc<Self>, drill: Drill) -> Result<(), Busy> {
        self.take(drill)?;
        let player = Arc::clone(self);
        tokio::spawn(async move { tell(player.play(drill).await) });
        Ok(())
    }

    /// For the page: begins to end the one that was played.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub(in crate::demo) fn begin_end(self: &Arc<Self>) -> Result<(), Busy> {
        let drill = self.take_end()?;
        let player = Arc::clone(self);
        tokio::spawn(async move { tell(player.end(drill).await) });
        Ok(())
    }

    /// For the command line: plays it, and with `once` to its end.
    ///
    /// # Errors
    ///
    /// What was to be seen and was not.
    pub(in crate::demo) async fn rehearse(&self, drill: Drill, once: bool) -> anyhow::Result<()> {
        let script = drill.script();
        self.take(drill)?;
        say(&format!(
            "\nDrill: {}\n{}\nWatch: {}\n",
            script.title, script.plays, script.watch
        ));
        self.play(drill).await?;
        if once {
            say(&format!("\nThe end: {}\n", script.ends));
            let drill = self.take_end()?;
            self.end(drill).await?;
            say(&format!("\nAll of {} was seen.", script.name));
        } else {
            say(&format!(
                "\nLook around. Its end: {}\nEnd it at {}",
                script.ends,
                self.stage.desk_url.join("drills")?
            ));
        }
        Ok(())
    }
}

fn tell(played: anyhow::Result<()>) {
    if let Err(err) = played {
        tracing::warn!(error = format!("{err:#}"), "a drill failed");
    }
}
