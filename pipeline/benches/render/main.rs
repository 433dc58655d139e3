//! What a render costs, against the best single ffmpeg command written by hand, in processor time of
//! ffmpeg: six clips, 26 s of speech, subtitles, 1080x1920, libx264 medium crf 23, 30 frames a second.
//!
//! ```text
//! cargo bench -p pipeline --bench render                  by hand and in a single pass, in turn
//! cargo bench -p pipeline --bench render -- modes         the other modes too
//! cargo bench -p pipeline --bench render -- presets       what x264's presets cost and give
//! cargo bench -p pipeline --bench render -- memory        sixty clips, some of them 4K HEVC
//! cargo bench -p pipeline --bench render -- moneyprinterturbo=DIR python=PATH
//!                                                         beside MoneyPrinterTurbo's combine and final
//! ```
//!
//! `rounds=5` does each five times, forwards and backwards in turn; `measures=FILE` writes a document a way and round
//! (`bench::ways`; what `cargo xtask bench render` reads). `clips=2` takes the first two clips alone. DIR is a checkout of
//! MoneyPrinterTurbo, PATH a Python that has what it imports (moviepy, loguru, pydantic, toml, requests).
//!
//! Our own process is not measured: it waits. So the profile that this is built with does not matter.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

mod inputs;
mod measure;
mod peer;

use std::path::Path;

use pipeline::media::{BurnIn, Encoding, Mode, RenderPlan, ShotInput, render};
use protocol::{FitMode, Size};

use crate::inputs::Inputs;
use crate::measure::{Cost, cost_of, n_frames, similarity};
use crate::peer::Peer;

const SIZE: Size = Size { width: 1080, height: 1920 };
/// Our picture is this much longer than the speech; the one made by hand is as long.
const MARGIN_MS: u64 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    let number = |key: &str| value(key).and_then(|value| value.parse().ok());
    let inputs = Inputs::made(number("clips=").unwrap_or(6))?;
    let rounds = number("rounds=").unwrap_or(1);
    let peer = value("moneyprinterturbo=")
        .map(|checkout| Peer::new(checkout, value("python=").unwrap_or("python3")))
        .transpose()?;
    let ways = match (words.first().map(String::as_str), &peer) {
        (Some("memory"), _) => return memory(&inputs).await,
        (Some("presets"), _) => return presets(&inputs).await,
        (Some("modes"), _) => &WAYS[..4],
        (_, Some(_)) => &["by hand", "single-pass", CONTAINED, PEER],
        _ => &WAYS[..2],
    };
    compare(&inputs, ways, rounds, peer.as_ref(), value("measures=").map(Path::new)).await
}

/// Ways to the same video.
const WAYS: [&str; 4] = ["by hand", "single-pass", "concat-copy", "per-clip"];
/// A single pass that shows whole clips before black, as MoneyPrinterTurbo does. It is another picture
/// than that of the other ways, and cheaper to encode.
const CONTAINED: &str = "single-pass, contain";
const PEER: &str = "MoneyPrinterTurbo";

async fn compare(
    inputs: &Inputs,
    ways: &[&'static str],
    rounds: usize,
    peer: Option<&Peer>,
    measures: Option<&Path>,
) -> anyhow::Result<()> {
    let reference = inputs.folder.join("reference.mp4");
    by_hand(inputs, &reference, &["-preset", "ultrafast", "-qp", "0"])?;
    let mut rows: Vec<Row> = Vec::new();
    let mut lines = String::new();
    for round in 0..rounds {
        let mut in_turn = ways.to_vec();
        if round % 2 == 1 {
            in_turn.reverse();
        }
        for way in in_turn {
            let video = inputs.folder.join(format!("{}.mp4", way.replace(' ', "-")));
            let cost = match way {
                "by hand" => {
                    cost_of(async { by_hand(inputs, &video, &["-preset", "medium", "-crf", "23"]) })
                        .await?
                }
                PEER => peer.expect("it is among the ways").cost(inputs, &video).await?,
                way => ours(inputs, way, &video, "medium", 23).await?,
            };
            println!("{way}: {:.1} CPU s, at most {} MiB", cost.cpu_s, cost.peak_mib);
            lines.push_str(&line(way, round, &cost, &video)?);
            match rows.iter_mut().find(|row| row.way == way) {
                Some(row) => row.costs.push(cost),
                None => rows.push(Row { way, costs: vec![cost] }),
            }
        }
    }
    if let Some(file) = measures {
        fs_err::write(file, lines)?;
    }
    let other = if peer.is_some() { PEER } else { "per-clip" };
    println!(
        "\n| way | runs | CPU s (median) | by hand = 1 | {other} = 1 | peak MiB | frames | SSIM | MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let of = |way: &str| rows.iter().find(|row| row.way == way).map_or(f64::NAN, Row::cpu_s);
    for row in &rows {
        let video = inputs.folder.join(format!("{}.mp4", row.way.replace(' ', "-")));
        let (cpu_s, n_runs) = (row.cpu_s(), row.costs.len());
        let peak_mib = row.costs.iter().map(|cost| cost.peak_mib).max().unwrap_or(0);
        println!(
            "| {} | {n_runs} | {cpu_s:.1} | {:.3} | {:.3} | {peak_mib} | {} | {:.5} | {:.1} |",
            row.way,
            cpu_s / of("by hand"),
            cpu_s / of(other),
            n_frames(&video)?,
            similarity(&video, &reference)?,
            fs_err::metadata(&video)?.len() as f64 / 1e6,
        );
    }
    Ok(())
}

/// What `bench::ways` reads.
fn line(way: &str, round: usize, cost: &Cost, video: &Path) -> anyhow::Result<String> {
    let values = serde_json::json!({
        "wall_us": cost.wall.as_secs_f64() * 1e6,
        "cpu_us": cost.cpu_s * 1e6,
        "peak_bytes": cost.peak_mib << 20,
        "video_bytes": fs_err::metadata(video)?.len(),
    });
    let line = serde_json::json!({ "way": way, "round": round, "values": values });
    Ok(format!("{line}\n"))
}

struct Row {
    way: &'static str,
    costs: Vec<Cost>,
}

impl Row {
    fn cpu_s(&self) -> f64 {
        let mut all: Vec<f64> = self.costs.iter().map(|cost| cost.cpu_s).collect();
        all.sort_by(f64::total_cmp);
        f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2])
    }
}

/// What x264's presets cost and give in the single pass.
async fn presets(inputs: &Inputs) -> anyhow::Result<()> {
    let reference = inputs.folder.join("reference.mp4");
    by_hand(inputs, &reference, &["-preset", "ultrafast", "-qp", "0"])?;
    println!("| preset | crf | CPU s | SSIM | MB |\n|---|---|---|---|---|");
    for (preset, crf) in
        [("veryfast", 21), ("veryfast", 23), ("faster", 22), ("fast", 23), ("medium", 23)]
    {
        let video = inputs.folder.join("preset.mp4");
        let cost = ours(inputs, "single-pass", &video, preset, crf).await?;
        let megabytes = fs_err::metadata(&video)?.len() as f64 / 1e6;
        let ssim = similarity(&video, &reference)?;
        println!("| {preset} | {crf} | {:.1} | {ssim:.5} | {megabytes:.1} |", cost.cpu_s);
    }
    Ok(())
}

/// Sixty shots, every tenth of them 4K HEVC.
async fn memory(inputs: &Inputs) -> anyhow::Result<()> {
    let hevc = inputs.hevc()?;
    for mode in [Mode::SinglePass, Mode::ConcatCopy] {
        let mut plan = plan(inputs);
        let shot = |i: usize| {
            let own = if i.is_multiple_of(10) { &hevc } else { &plan.shots[i % plan.shots.len()] };
            ShotInput { duration_ms: 500, source_start_ms: 0, ..own.clone() }
        };
        plan.shots = (0..60).map(shot).collect();
        plan.duration_ms = 29_900; // more than there is: the rest is silent
        (plan.mode, plan.encoding, plan.concurrency) = (mode, Encoding::default(), 2);
        let n_4k = plan
            .shots
            .iter()
            .filter(|shot| shot.source_size.width * shot.source_size.height > 8_000_000);
        let n_4k = n_4k.count();
        let cost = cost_of(async { Ok(render(&plan, &inputs.folder, |_| {}).await?) }).await?;
        println!(
            "{mode:?}: 60 clips, {n_4k} of them 4K: at most {} MiB in all processes, {:.1} CPU s",
            cost.peak_mib, cost.cpu_s
        );
    }
    Ok(())
}

fn plan(inputs: &Inputs) -> RenderPlan {
    let narration = inputs.folder.join("narration.wav");
    let mut plan =
        RenderPlan::new(SIZE, inputs.shots.clone(), narration, inputs.total_ms() - MARGIN_MS);
    plan.subtitles = Some(BurnIn { ass: "subtitles.ass".to_owned(), fonts_dir: None });
    plan
}

async fn ours(
    inputs: &Inputs,
    way: &str,
    video: &Path,
    preset: &str,
    crf: u32,
) -> anyhow::Result<Cost> {
    let mut plan = plan(inputs);
    plan.mode = match way {
        "concat-copy" => Mode::ConcatCopy,
        "per-clip" => Mode::PerClip,
        _ => Mode::SinglePass,
    };
    if way == CONTAINED {
        plan.fit = FitMode::Contain;
    }
    plan.encoding = Encoding { preset: preset.to_owned(), quality: crf, ..Encoding::default() };
    plan.output = video.file_name().map(Into::into).unwrap_or_default();
    plan.cover = (way == "single-pass").then(|| "cover.jpg".into());
    cost_of(async {
        let made = render(&plan, &inputs.folder, |_| {}).await?;
        anyhow::ensure!(made.warnings.is_empty(), "{:?}", made.warnings);
        Ok(())
    })
    .await
}

/// The best single command that we could write for this video.
fn by_hand(inputs: &Inputs, video: &Path, x264: &[&str]) -> anyhow::Result<()> {
    let mut command = std::process::Command::new("ffmpeg");
    command.current_dir(&inputs.folder).args(["-nostdin", "-v", "error", "-y"]);
    let (mut graph, mut labels) = (String::new(), String::new());
    for (i, shot) in inputs.shots.iter().enumerate() {
        let length = format!("{:.3}", (shot.duration_ms + 50) as f64 / 1000.0);
        command.args(["-t", &length, "-i"]).arg(&shot.path);
        let frames = inputs.frames(i);
        graph.push_str(&format!(
            "[{i}:v]fps=30,crop='min(iw,ih*9/16)':'min(ih,iw*16/9)',scale=1080:1920,setsar=1,\
             format=yuv420p,trim=end_frame={frames}[v{i}];"
        ));
        labels.push_str(&format!("[v{i}]"));
    }
    let n_clips = inputs.shots.len();
    let total_s = format!("{:.3}", inputs.total_ms() as f64 / 1000.0);
    graph.push_str(&format!("{labels}concat=n={n_clips},ass=subtitles.ass[v]"));
    command.args(["-i", "narration.wav", "-filter_complex", &graph, "-map", "[v]", "-map"]);
    command.arg(format!("{n_clips}:a")).args(["-c:v", "libx264", "-threads", "2"]).args(x264);
    command.args(["-c:a", "aac", "-b:a", "192k", "-t", &total_s, "-movflags", "+faststart"]);
    let status = command.arg(video).status()?;
    anyhow::ensure!(status.success(), "ffmpeg ended with {status}");
    Ok(())
}
