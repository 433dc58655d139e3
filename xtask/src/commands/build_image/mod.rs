//! `cargo xtask build-image`: the image, smoke-tested before its name moves.

mod programs;

use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use self::programs::{Programs, programs};
use crate::commands::{Context, fetch_models};
use crate::exit::{Exit, Failure};
use crate::image::base::{self, Base};
use crate::image::engine::{Engine, EngineError, Inspected};
use crate::image::known::Known;
use crate::image::left::remove_left;
use crate::image::publish::publish;
use crate::image::report::{self, Built, ModelReport, Step};
use crate::image::smoke::Smoke;
use crate::image::strata::{Assembly, assemble, look};
use crate::image::{Place, Variant, code, gpu, models, reference};
use crate::interrupt;
use crate::invariants::Finding;
use crate::services::{Fixtures, Profile, Scenario};
use crate::setup::{self, Goal};

/// What the smoke test renders.
const SCENARIO: &str = "short";

/// Build the image, try it, and give it its name.
///
/// Builds the pipeline, brings the models with their checksums, puts base, models and code together as
/// layers, starts the result in a container, renders the short scenario in it and checks the video. Only
/// then does the name move to it. What did not change is used again: after a change of the code only the
/// code is sent to the engine. DOCKER_HOST names the engine.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Prints the strata with their sizes, what was sent to the engine, each invariant of the \
smoke test, and the line that runs the image.

Examples:
  cargo xtask build-image                              for cards of NVIDIA; works without one too
  cargo xtask build-image --variant cpu
  cargo xtask build-image --variant cpu --base local   without a registry: Debian or Ubuntu, by mmdebstrap

Exit codes: 0 the image has its name, 1 it failed its smoke test, 2 usage or environment (no engine, a \
wrong checksum, a base that is too old, a full disk), 130 interrupted. After 1, 2 and 130 the name is where \
it was"
)]
pub struct Args {
    /// For which machines
    #[arg(long, default_value = "gpu")]
    pub variant: Variant,
    /// `local` (this machine's release, by mmdebstrap) or an image of a registry [default: an image of a
    /// registry where one answers, else local]
    #[arg(long, value_name = "IMAGE|local")]
    pub base: Option<String>,
    /// Name of the image [default: reelbench:gpu or reelbench:cpu]
    #[arg(long, value_name = "NAME:TAG")]
    pub tag: Option<String>,
    /// How the programs are built; the variant for cards is always optimised
    #[arg(long, default_value = "release")]
    pub build: Profile,
    /// Write report.md and build.log into this folder
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Another folder than docker/
    #[arg(long, value_name = "DIR", hide = true)]
    pub docker: Option<PathBuf>,
    /// Programs that are built already: `pipeline`, `espeak-words` and `fixtures` in this folder, and
    /// for cards the CUDA libraries in `cuda`
    #[arg(long, value_name = "DIR", hide = true)]
    pub programs: Option<PathBuf>,
}

impl Args {
    /// As `cargo xtask build-image --variant VARIANT` with nothing else.
    pub fn of(variant: Variant) -> Self {
        let build = Profile::Release;
        Self { variant, base: None, tag: None, build, report: None, docker: None, programs: None }
    }

    fn tag(&self) -> anyhow::Result<String> {
        let typed = self.tag.clone();
        let typed = typed.unwrap_or_else(|| format!("reelbench:{}", self.variant.name()));
        reference::with_tag(&typed).map_err(|reason| {
            Failure::usage(format!("--tag {typed}: {reason}"))
                .with_hint("for example --tag reelbench:mine or --tag host:5000/reelbench:1")
                .into()
        })
    }
}

/// Builds, tells.
///
/// # Errors
///
/// Usage and environment; [`Failure::Check`] where the smoke test failed.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let built = interrupt::block_on(async |stop| build(args, cx, &stop).await)?;
    tell(&built, cx);
    cx.ui.json(&built)?;
    Ok(Exit::Pass)
}

/// Tells a person what came out.
pub fn tell(built: &Built, cx: &Context<'_>) {
    cx.ui.data(built.table());
    for finding in &built.findings {
        cx.ui.pass(finding.invariant);
    }
    cx.ui.say(report::steps_line(&built.steps));
    cx.ui.data(built.summary());
}

/// The whole way to an image that has its name.
///
/// # Errors
///
/// As [`run`], and [`Failure::Interrupted`]. The name is where it was, and no container is left.
pub async fn build(
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Built> {
    let tag = args.tag()?;
    args.report.as_deref().map_or(Ok(()), make_writable)?;
    let engine = Engine::connect().await?;
    let docker = args.docker.clone().unwrap_or_else(|| cx.paths.root.join("docker"));
    let place = Place::new(&engine, cx, docker);
    setup::ensure(Some(Goal::Image), cx.ui, stop).await?;
    let _lock = place.lock(stop).await?;
    remove_left(&engine, cx.ui).await;
    let work = Work { args, tag, place: &place, stop, begun: Instant::now(), steps: Vec::new() };
    let built = place.session.guard(&engine, cx.ui, stop, work.build()).await;
    if let Some(folder) = &args.report {
        // The name has moved, or the build's own error is told: neither is undone by a page.
        if let Err(error) = write_report(folder, &place, built.as_ref().ok()) {
            cx.ui.warn(format!("the report is not written: {error}"));
        }
    }
    built
}

/// Makes the folder of the report: one that cannot be written is refused before any work.
fn make_writable(folder: &Path) -> anyhow::Result<()> {
    let tried = fs_err::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    tried.map(drop).map_err(|error| {
        Failure::environment(format!("--report {}: {error}", folder.display()))
            .with_hint("name a folder that can be written")
            .into()
    })
}

fn write_report(folder: &Path, place: &Place<'_>, built: Option<&Built>) -> anyhow::Result<()> {
    fs_err::create_dir_all(folder)?;
    fs_err::write(folder.join("build.log"), place.log_text())?;
    if let Some(built) = built {
        fs_err::write(folder.join("report.md"), built.markdown())?;
    }
    Ok(())
}

/// One build on its way.
struct Work<'a> {
    args: &'a Args,
    tag: String,
    place: &'a Place<'a>,
    stop: &'a CancellationToken,
    begun: Instant,
    steps: Vec<Step>,
}

impl Work<'_> {
    /// Ends the step that began when the one before ended.
    fn did(&mut self, name: &'static str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.steps.push(Step { name, seconds });
        self.place.log(&format!("== {name}: {seconds:.1} s"));
        self.begun = Instant::now();
    }

    async fn build(mut self) -> anyhow::Result<Built> {
        let (place, stop) = (self.place, self.stop);
        let Place { engine, cx, .. } = place;
        let base = {
            let asked = self.args.base.as_deref().map(Base::parse);
            base::choose(asked.as_ref(), self.args.variant, engine, cx).await?
        };
        let programs = programs(self.args, place, stop).await?;
        let fixtures = Fixtures::new(programs.fixtures.clone());
        let scenario = fixtures.scenario(SCENARIO).await?;
        self.did("programs");

        let manifest = fetch_models::ensure_of(&place.docker.join("models.toml"), cx, stop).await?;
        fixtures.make_whisper_model(cx, stop).await?;
        let packed = models::packed(&manifest, &cx.paths.models())?;
        let media = fixtures.make_media(cx, stop).await?;
        self.did("models and media");

        let known_layers = engine.known_layers().await.map_err(EngineError::told)?;
        let mut strata = Vec::new();
        let (mut top, stratum) = base::ensure(&base, &programs.needed, place, stop).await?;
        let base = base_words(&base, &top);
        let mut top_name = stratum.image.clone();
        strata.push(stratum);
        self.did("base");

        let mut known = Known::read(&place.work);
        if let Some(libraries) = &programs.cuda {
            let (over, stratum) = gpu::over(&top, &top_name, libraries, &mut known, place).await?;
            (top, top_name) = (over, stratum.image.clone());
            strata.push(stratum);
            self.did("CUDA libraries");
        }
        let assembly = Assembly {
            stratum: "models",
            below: &top,
            below_name: &top_name,
            layers: tokio::task::block_in_place(|| models::layers(&packed, &mut known))?,
            env: Vec::new(),
            labels: models::labels(&packed),
        };
        let (_, stratum) = assemble(engine, &assembly, cx).await?;
        let models_name = stratum.image.clone();
        strata.push(stratum);
        self.did("model layers");

        let facts = code::facts(self.args.variant, &cx.paths.root).await;
        let (candidate, stratum) =
            code::build(&models_name, &programs.image, &facts, place).await?;
        strata.push(stratum);
        self.did("code");

        let tag = self.tag.clone();
        let findings = self.smoke(&candidate, &tag, &programs, &media, &scenario).await?;
        // Before the name moves: what fails after that would leave it moved.
        let history = engine.history(&candidate.id).await.map_err(EngineError::told)?;
        publish(engine, &candidate, &tag, cx).await?;
        Ok(Built {
            variant: self.args.variant,
            tag,
            image: candidate.id.clone(),
            base,
            engine: format!("{} at {}", engine.version(), engine.host()),
            layers: report::layers(&candidate.layers, &history, &known_layers, &strata),
            bytes: candidate.bytes,
            bytes_sent: engine.sent(),
            models: packed.iter().map(model_report).collect(),
            strata,
            steps: self.steps,
            findings,
        })
    }

    /// Tries the candidate, unless it is the image that has the name: that one was tried.
    async fn smoke(
        &mut self,
        candidate: &Inspected,
        tag: &str,
        programs: &Programs,
        media: &Path,
        scenario: &Scenario,
    ) -> anyhow::Result<Vec<Finding>> {
        let (place, engine) = (self.place, self.place.engine);
        if look(engine, tag).await?.is_some_and(|named| named.id == candidate.id) {
            place.cx.ui.say(format!("{tag} is this image already, and passed its smoke test"));
            return Ok(Vec::new());
        }
        let folder = place.work.join("smoke");
        fs_err::create_dir_all(&folder)?;
        let gpu = self.args.variant == Variant::Gpu && engine.has_nvidia().await;
        let smoke = Smoke {
            place,
            image: &place.session.candidate(),
            fixtures: &programs.fixtures,
            media,
            scenario,
            gpu,
            folder: &folder,
        };
        let progress = place.cx.ui.progress("smoke test");
        let findings = smoke.run(&*progress).await?;
        drop(progress);
        self.did("smoke test");
        let broken: Vec<String> = findings
            .iter()
            .filter_map(|finding| Some((finding.invariant, finding.broken.as_ref()?)))
            .map(|(invariant, reason)| format!("{invariant}: {reason}"))
            .collect();
        if broken.is_empty() {
            return Ok(findings);
        }
        let message = format!("the image fails its smoke test: {}", broken.join("; "));
        let hint =
            format!("its video and its logs are in {}", place.cx.paths.shown(&folder).display());
        Err(Failure::check(message).with_hint(hint).into())
    }
}

fn base_words(base: &Base, made: &Inspected) -> String {
    match base {
        Base::Image(image) => image.clone(),
        Base::Local => {
            let release = made.labels.get("reelbench.base").map_or("", String::as_str);
            format!("{release} by mmdebstrap")
        }
    }
}

fn model_report(packed: &models::Packed) -> ModelReport {
    let description = packed.description.clone();
    ModelReport {
        name: description.name,
        sha256: description.sha256,
        weights: description.weights,
        licence: description.licence,
    }
}
