//! The only module that prints. Data goes to stdout, everything else to stderr; meaning is never
//! carried by colour alone; off a terminal there are no bars.

mod colour;
mod progress;
mod table;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

pub use self::progress::Progress;
pub use self::table::Table;
use crate::exit::{Exit, Failure};
use colour::Colour;

/// Flags that every command takes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Output {
    /// Print the result as one JSON document on stdout
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Print without colour (also: NO_COLOR)
    #[arg(long, global = true, help_heading = "Output")]
    pub no_color: bool,
}

/// Talks to the user.
#[derive(Clone, Debug)]
pub struct Ui {
    json: bool,
    quiet: bool,
    colour: bool,
    /// Whether a bar may move on stderr.
    alive: bool,
}

impl Ui {
    /// By the flags, the environment and what stderr is.
    pub fn from_env(output: Output) -> Self {
        let terminal = io::stderr().is_terminal();
        let env = |name: &str| std::env::var(name).ok();
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        Self {
            json: output.json,
            quiet: output.quiet,
            colour: !output.no_color
                && colour::wanted(
                    env("NO_COLOR").as_deref(),
                    env("CLICOLOR_FORCE").as_deref(),
                    dumb,
                    terminal,
                ),
            alive: terminal && !dumb && !output.quiet,
        }
    }

    /// Whether the result is to be one JSON document.
    pub const fn wants_json(&self) -> bool {
        self.json
    }

    /// A result for people, on stdout. With `--json` it is left out: see [`Ui::json`].
    pub fn data(&self, text: impl std::fmt::Display) {
        if !self.json {
            // A reader that went away (`| head`) is no error of ours.
            let _ = writeln!(io::stdout().lock(), "{text}");
        }
    }

    /// A result for programs, on stdout. Without `--json` it is left out.
    ///
    /// # Errors
    ///
    /// Where `value` cannot be written as JSON.
    pub fn json(&self, value: &impl Serialize) -> serde_json::Result<()> {
        if self.json {
            let text = serde_json::to_string_pretty(value)?;
            let _ = writeln!(io::stdout().lock(), "{text}");
        }
        Ok(())
    }

    /// What is going on. Silent with `--quiet`.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.print_err(&text.to_string());
        }
    }

    /// Something the user should know; printed with `--quiet` too.
    pub fn warn(&self, text: impl std::fmt::Display) {
        self.print_err(&format!("{} {text}", self.paint(Colour::Yellow, "warning:")));
    }

    /// What to do about it, on its own line.
    pub fn hint(&self, text: impl std::fmt::Display) {
        self.print_err(&format!("{} {text}", self.paint(Colour::Cyan, "hint:")));
    }

    /// Why the command ends, with its causes and its advice.
    pub fn failure(&self, error: &anyhow::Error) {
        self.print_err(&format!("{} {error:#}", self.paint(Colour::Red, "error:")));
        if let Some(hint) = error.downcast_ref::<Failure>().and_then(Failure::hint) {
            self.hint(hint);
        }
    }

    /// Whether bars move: where they do not, long work says a word from time to time.
    pub const fn is_alive(&self) -> bool {
        self.alive
    }

    /// Something that takes time: a bar on a terminal, one line elsewhere.
    pub fn progress(&self, title: &str) -> Box<dyn Progress> {
        if self.alive {
            progress::bar(title)
        } else {
            self.say(title);
            progress::silent()
        }
    }

    /// `text` in `colour` where colours are wanted.
    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.colour { colour.paint(text) } else { text.to_owned() }
    }

    /// A step that went well: `✓ text`.
    pub fn pass(&self, text: impl std::fmt::Display) {
        self.say(format!("{} {text}", self.paint(Colour::Green, "✓")));
    }

    /// A step that did not: `✗ text`; printed with `--quiet` too.
    pub fn fail(&self, text: impl std::fmt::Display) {
        self.print_err(&format!("{} {text}", self.paint(Colour::Red, "✗")));
    }

    fn print_err(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// Prints what clap has to say, which is help on stdout or a usage error on stderr.
pub fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    if error.use_stderr() { Exit::Environment } else { Exit::Pass }
}
