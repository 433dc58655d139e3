//! What is told of a built image: for people, for programs, and as a page of Markdown. Pure.

use std::fmt::Write;

use bench::markdown::table;
use fetch::Digest;
use serde::Serialize;

use super::Variant;
use super::engine::LayerRow;
use super::strata::Stratum;
use crate::invariants::Finding;
use crate::ui::Table;

/// Everything that is known of an image that was built.
#[derive(Clone, Debug, Serialize)]
pub struct Built {
    /// For which machines.
    pub variant: Variant,
    /// Its name.
    pub tag: String,
    /// Its ID.
    pub image: String,
    /// What it stands on: a release, or an image of a registry.
    pub base: String,
    /// The engine, and its version.
    pub engine: String,
    /// From the bottom.
    pub strata: Vec<Stratum>,
    /// From the bottom.
    pub layers: Vec<LayerReport>,
    /// Bytes that were sent to the engine.
    pub bytes_sent: u64,
    /// Bytes of all layers.
    pub bytes: u64,
    /// Each model, its digest, and whether its weights are real.
    pub models: Vec<ModelReport>,
    /// What was done, and how long it took.
    pub steps: Vec<Step>,
    /// Each invariant of the smoke test. Empty: nothing changed since an image that passed it.
    pub findings: Vec<Finding>,
}

/// A layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerReport {
    /// The stratum it belongs to.
    pub stratum: &'static str,
    /// What made it.
    pub made_by: String,
    /// Its digest.
    pub digest: Digest,
    /// What it takes.
    pub bytes: u64,
    /// Whether it was there.
    pub reused: bool,
}

/// A model in the image.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Digest of its weights.
    pub sha256: Digest,
    /// `real` or `fixture`.
    pub weights: protocol::Weights,
    /// Under which terms the weights are given.
    pub licence: String,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
}

/// The layers of an image: its digests beside the rows of its history, which also has steps that made
/// no layer.
///
/// `strata` says how many layers belong to which, from the bottom; the last one has the rest.
pub fn layers(
    digests: &[Digest],
    history: &[LayerRow],
    known: &[Vec<Digest>],
    strata: &[Stratum],
) -> Vec<LayerReport> {
    let mut rows = matched(history, digests.len()).into_iter();
    let mut owners = strata.iter().flat_map(|stratum| {
        let n_layers = if stratum.name == "code" { usize::MAX } else { stratum.layers };
        std::iter::repeat_n(stratum, n_layers)
    });
    let n_present = super::archive::n_present(digests, known);
    let layer = |(index, digest): (usize, &Digest)| {
        let row = rows.next();
        let owner = owners.next()?;
        Some(LayerReport {
            stratum: owner.name,
            made_by: row.map(|row| short(&row.made_by)).unwrap_or_default(),
            digest: *digest,
            bytes: row.map_or(0, |row| row.bytes),
            reused: index < n_present,
        })
    };
    digests.iter().enumerate().filter_map(layer).collect()
}

/// The rows that made a layer: where there are too many, those that take something or copy.
fn matched(history: &[LayerRow], n_layers: usize) -> Vec<&LayerRow> {
    let makes = |row: &&LayerRow| row.bytes > 0 || makes_a_layer(&row.made_by);
    let rows: Vec<&LayerRow> = history.iter().filter(makes).collect();
    if rows.len() == n_layers { rows } else { Vec::new() }
}

/// Steps of the classic builder are shell comments, `#(nop)`, but for those that run something.
fn makes_a_layer(made_by: &str) -> bool {
    let step = made_by.split("#(nop)").nth(1).map_or(made_by, str::trim);
    ["COPY", "ADD", "RUN"].iter().any(|word| step.starts_with(word))
        || !made_by.contains("#(nop)") && made_by.starts_with("/bin/sh")
}

/// Without the shell that only seems to run it, without the arguments of a build and the digests of
/// what was copied, and not longer than a line.
fn short(made_by: &str) -> String {
    let step = made_by.split("#(nop)").nth(1).unwrap_or(made_by);
    let step = if step.starts_with('|') {
        step.split_once("/bin/sh -c").map_or(step, |(_, command)| command)
    } else {
        step
    };
    let mut words: Vec<&str> = step.split_whitespace().collect();
    for word in &mut words {
        for kind in ["dir:", "file:"] {
            // The engine writes `--chown=1:1dir:<digest>` in one word.
            if let Some(start) = word.find(kind) {
                *word = &word[..start + kind.len() - 1];
            }
        }
    }
    let text = words.join(" ");
    if text.chars().count() <= 72 {
        return text;
    }
    text.chars().take(71).chain(['…']).collect()
}

/// Megabytes with one digit.
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

impl Built {
    /// The strata, for people.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["stratum", "layers", "MB", "state", "MB sent", "seconds"]);
        for stratum in &self.strata {
            let layers = self.layers.iter().filter(|layer| layer.stratum == stratum.name);
            let (n_layers, bytes) =
                layers.fold((0, 0), |(n, sum), layer| (n + 1, sum + layer.bytes));
            table.row([
                stratum.name,
                &n_layers.to_string(),
                &megabytes(bytes),
                if stratum.reused { "reused" } else { "built" },
                &megabytes(stratum.sent),
                &format!("{:.1}", stratum.seconds),
            ]);
        }
        table
    }

    /// What it is called and where to go, for people.
    pub fn summary(&self) -> String {
        let models: Vec<String> = self
            .models
            .iter()
            .map(|model| format!("{} ({:?} weights)", model.name, model.weights).to_lowercase())
            .collect();
        let cards = match self.variant {
            Variant::Gpu => "--gpus all ",
            Variant::Cpu => "",
        };
        format!(
            "image       {}  {}\n\
             size        {} MB in {} layers over {}\n\
             sent        {} MB to the engine\n\
             models      {}\n\
             next        docker run --rm {cards}-e REELBENCH_TOKEN=$(openssl rand -hex 32) -p 127.0.0.1:8090:8090 -v reelbench-data:/data {}",
            self.tag,
            &self.image[..self.image.len().min(19)],
            megabytes(self.bytes),
            self.layers.len(),
            self.base,
            megabytes(self.bytes_sent),
            models.join(", "),
            self.tag,
        )
    }

    /// A page about the image.
    pub fn markdown(&self) -> String {
        let mut page = format!("# {}\n\n", self.tag);
        let mut line = |text: &str| {
            page.push_str(text);
            page.push('\n');
        };
        line(&format!(
            "The `{}` image, over {}. Engine: {}.",
            self.variant.name(),
            self.base,
            self.engine
        ));
        line(&format!(
            "{} MB in {} layers; {} MB were sent to the engine.\n",
            megabytes(self.bytes),
            self.layers.len(),
            megabytes(self.bytes_sent),
        ));
        line(&format!("Image ID: `{}`\n", self.image));
        line("## Layers, from the bottom\n");
        line(&table(
            ["stratum", "made by", "MB", "state", "digest"],
            self.layers.iter().map(|layer| {
                let state = if layer.reused { "was there" } else { "new" };
                let digest = format!("`{}`", &layer.digest.to_string()[..12]);
                let stratum = layer.stratum.to_owned();
                let made_by = layer.made_by.clone();
                [stratum, made_by, megabytes(layer.bytes), state.to_owned(), digest]
            }),
        ));
        line("\n## Strata\n");
        line(&table(
            ["stratum", "image", "state", "MB sent", "seconds"],
            self.strata.iter().map(|stratum| {
                let Stratum { name, image, seconds, .. } = stratum;
                let state = if stratum.reused { "reused" } else { "built" };
                let short = image.get(..19).filter(|_| image.starts_with("sha256:"));
                let image = format!("`{}`", short.unwrap_or(image));
                let sent = megabytes(stratum.sent);
                [(*name).to_owned(), image, state.to_owned(), sent, format!("{seconds:.1}")]
            }),
        ));
        line("\n## Steps\n");
        let steps = self.steps.iter();
        let steps = steps.map(|step| [step.name.to_owned(), format!("{:.1}", step.seconds)]);
        line(&table(["step", "seconds"], steps));
        line("\n## Models\n");
        line(&table(
            ["model", "weights", "licence", "sha256"],
            self.models.iter().map(|model| {
                let weights = format!("{:?}", model.weights).to_lowercase();
                let digest = format!("`{}`", model.sha256);
                [model.name.clone(), weights, model.licence.clone(), digest]
            }),
        ));
        line("\n## Smoke test\n");
        if self.findings.is_empty() {
            line("Not run: the same image had passed it before.");
        }
        for Finding { invariant, broken } in &self.findings {
            match broken {
                None => line(&format!("- ✓ {invariant}")),
                Some(reason) => line(&format!("- ✗ {invariant}: {reason}")),
            }
        }
        page
    }
}

/// A line of steps: `build 3.2 s · base 0.1 s`.
pub fn steps_line(steps: &[Step]) -> String {
    let mut line = String::new();
    for (index, Step { name, seconds }) in steps.iter().enumerate() {
        let _ = write!(line, "{}{name} {seconds:.1} s", if index == 0 { "" } else { " · " });
    }
    line
}

#[cfg(test)]
mod tests;
