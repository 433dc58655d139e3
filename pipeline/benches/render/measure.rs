//! Processor time and memory of the processes that we start; frames and likeness of videos.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Ticks a second in `/proc` (proc(5): `USER_HZ`).
const TICKS: f64 = 100.0;

/// What some work cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From its beginning to its end.
    pub wall: Duration,
    /// User and system time of the processes that were started and have ended.
    pub cpu_s: f64,
    /// Most memory of all of them together (proportional set size), looked at ten times a second.
    pub peak_mib: u64,
}

/// What the processes that `work` starts cost.
pub async fn cost_of<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Cost> {
    let (is_over, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let watch = std::thread::spawn({
        let (is_over, peak) = (Arc::clone(&is_over), Arc::clone(&peak));
        move || {
            while !is_over.load(Ordering::Relaxed) {
                peak.fetch_max(children_kib(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    let (before, begun) = (children_cpu_s()?, Instant::now());
    let done = work.await;
    let wall = begun.elapsed();
    let cpu_s = children_cpu_s()? - before;
    is_over.store(true, Ordering::Relaxed);
    let _ = watch.join();
    done?;
    Ok(Cost { wall, cpu_s, peak_mib: peak.load(Ordering::Relaxed) / 1024 })
}

/// `cutime` and `cstime`.
fn children_cpu_s() -> anyhow::Result<f64> {
    let stat = fs_err::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS)
}

/// What our children, and theirs, hold now.
fn children_kib() -> u64 {
    let Ok(processes) = fs_err::read_dir("/proc") else { return 0 };
    let parents: HashMap<u32, u32> = processes
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs_err::read_to_string(entry.path().join("stat")).ok()?;
            Some((id, stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let us = std::process::id();
    let is_ours = |id: &&u32| {
        let mut above = std::iter::successors(parents.get(*id), |parent| parents.get(*parent));
        above.any(|&parent| parent == us)
    };
    let kib = |id: &u32| -> Option<u64> {
        let text = fs_err::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        pss.split_whitespace().next()?.parse().ok()
    };
    parents.keys().filter(is_ours).filter_map(kib).sum()
}

/// Frames of the picture of the video at `path`.
pub fn n_frames(path: &Path) -> anyhow::Result<u64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=nb_frames"])
        .args(["-of", "default=nw=1:nk=1"])
        .arg(path)
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// How alike the pictures of two videos are: SSIM, 0 to 1.
pub fn similarity(one: &Path, other: &Path) -> anyhow::Result<f64> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-i"])
        .arg(one)
        .arg("-i")
        .arg(other)
        .args(["-lavfi", "[0:v][1:v]ssim", "-an", "-f", "null", "-"])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = text.rsplit("All:").next().and_then(|rest| rest.split(' ').next()?.parse().ok());
    all.ok_or_else(|| anyhow::anyhow!("no SSIM in {text}"))
}
