//! `pipeline serve`, `pipeline make` and `pipeline healthcheck`. `main` maps, `run` decides.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use pipeline::api::Guard;
use pipeline::flags::{self, JobFlags};
use pipeline::life::{Cause, Diary, Ended, Startup};
use pipeline::service::{self, Service};
use pipeline::settings::{self, Settings};
use pipeline::{health, job, providers};
use protocol::JobState;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Text to video: script, search terms, narration, clips, selection, subtitles, one-pass render.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Log as lines of JSON.
    #[arg(long, global = true)]
    log_json: bool,
}

const AFTER_HELP: &str = "\
Keys come from the environment: OPENAI_API_KEY, PEXELS_API_KEY, PIXABAY_API_KEY, COVERR_API_KEY and
REPLICATE_API_TOKEN (the settings can name others). A stock site may have several keys, separated by
commas: they take turns. RUST_LOG=debug says more.

Exit codes: 0 done, 1 the job failed, 2 usage or environment, 130 interrupted.";

#[derive(Debug, Args)]
struct SettingsArgs {
    /// Set of settings to start from: `baseline` (one thing after the other) or `optimized`.
    #[arg(long, global = true, default_value = "optimized", env = "REELBENCH_PROFILE")]
    profile: String,
    /// Settings file (TOML), over the profile.
    #[arg(long, global = true, env = "REELBENCH_SETTINGS")]
    settings: Option<PathBuf>,
    /// One setting, over the file: `--set downloads.concurrency=1`.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the HTTP API until it is told to stop.
    ///
    /// Prints one line of JSON when it listens: {"listening": "http://127.0.0.1:8090"}. SIGINT and
    /// SIGTERM stop it: running jobs go on at the next start, from the stage they were in.
    Serve {
        /// Stop when standard input ends: no service is left when the program that started it dies.
        #[arg(long)]
        exit_with_stdin: bool,
    },
    /// Asks the service that these settings name whether it is alive: for a container's health check.
    ///
    /// Exit codes: 0 it is, 1 it is not.
    Healthcheck,
    /// The answers that are kept.
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Makes one video and prints its outcome as JSON, with the folder where its files are.
    ///
    /// Example: pipeline make --video-subject "The sea at night" --video-language en
    ///
    /// Example: echo '{"video_subject": "The sea at night"}' | pipeline make
    Make(Box<MakeArgs>),
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Prints the answers of language models and stock sites that are in the files of `data_dir`, a line
    /// of JSON each: for the setting `cache.warm_up` of another service.
    Export,
}

#[derive(Debug, Args)]
struct MakeArgs {
    /// The job, JSON with MoneyPrinterTurbo's names; `-` reads standard input, as it does where no
    /// field is given as a flag.
    job: Option<PathBuf>,
    #[command(flatten)]
    flags: JobFlags,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.log_json);
    // One TLS stack. It fails only where a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start_log(json: bool) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,pipeline=info"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        // A log that nobody reads any more is no reason to stop working.
        .log_internal_errors(false);
    if json {
        log.json().init();
    } else {
        log.compact().init();
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let args = cli.settings;
    let settings = settings::load(&args.profile, args.settings.as_deref(), &args.set)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Serve { exit_with_stdin } => serve(settings, exit_with_stdin).await,
            Command::Healthcheck => healthcheck(&settings).await,
            Command::Cache { command: CacheCommand::Export } => export(&settings),
            Command::Make(args) => make(settings, &args).await,
        }
    })
}

async fn serve(settings: Settings, exit_with_stdin: bool) -> anyhow::Result<ExitCode> {
    let diary = Diary::begin(&settings.data_dir, job::now_us());
    diary.hear_panics();
    if let Some(Cause { starts, cause, .. }) = diary.before(&[]) {
        tracing::warn!(starts, cause, "the start before this one did not end in order");
    }
    let served = serve_until_stopped(settings, exit_with_stdin, &diary).await;
    diary.end(match &served {
        Ok(()) => Ended::InOrder,
        Err(error) => Ended::Error(format!("{error:#}")),
    });
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve_until_stopped(
    settings: Settings,
    exit_with_stdin: bool,
    diary: &Diary,
) -> anyhow::Result<()> {
    let startup = Startup::begin();
    // Before the port is open.
    let guard = Guard::new(&settings)?;
    let stop = stop_signal(exit_with_stdin)?;
    let listener = tokio::net::TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    let address = listener.local_addr()?;
    let service = Service::start(settings, startup).await?;
    let before = diary.before(service.ran_before());
    say(&serde_json::json!({ "listening": format!("http://{address}") }))?;
    service.serve(listener, &guard, before, stop).await
}

async fn healthcheck(settings: &Settings) -> anyhow::Result<ExitCode> {
    match health::ask(settings.listen).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn export(settings: &Settings) -> anyhow::Result<ExitCode> {
    providers::export(&settings.data_dir, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

async fn make(mut settings: Settings, args: &MakeArgs) -> anyhow::Result<ExitCode> {
    let document = match &args.job {
        Some(job) if job.as_os_str() != "-" => Some(fs_err::read(job)?),
        None if !args.flags.is_empty() => None,
        _ => Some(std::io::read_to_string(std::io::stdin())?.into_bytes()),
    };
    let document = args.flags.over(document.as_deref()).context("the job is no job")?;
    let mut spec = service::parse(&document)?;
    if settings.local.dir.is_none() {
        // Who may start this program may read what it reads.
        flags::absolute_files(&mut spec)?;
        settings.local.dir = Some(PathBuf::from("/"));
    }
    let stop = stop_signal(false)?;
    let data_dir = settings.data_dir.clone();
    let service = Service::start(settings, Startup::begin()).await?;
    let status = service.make(&spec, stop.clone()).await?;
    let Some(status) = status else {
        let _ = writeln!(std::io::stderr(), "interrupted: the job was given up");
        return Ok(ExitCode::from(130));
    };
    let mut document = serde_json::to_value(&status)?;
    // No server gives the files out: they are here.
    document["folder"] = job::folder(&data_dir, &status.id).to_string_lossy().into();
    say(&document)?;
    Ok(match status.state {
        JobState::Succeeded => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Data goes to standard output, everything else to standard error.
fn say(document: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{document}")?;
    out.flush()
}

/// Jobs are safe: the next start finds them running and takes them back.
#[expect(clippy::exit, reason = "asked for twice, and `main` is waiting for something that hangs")]
fn end_now() {
    std::process::exit(130);
}

/// Cancelled by SIGINT or SIGTERM, or by the end of standard input.
fn stop_signal(with_stdin: bool) -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        told.cancel();
        // Whatever keeps it from ending in order: the second signal ends it.
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        end_now();
    });
    if with_stdin {
        let told = stop.clone();
        // A thread of its own: a read of standard input cannot be given up.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            told.cancel();
        });
    }
    Ok(stop)
}
