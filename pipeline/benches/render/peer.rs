//! MoneyPrinterTurbo itself, from a checkout: what its combine and final cost.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::inputs::Inputs;
use crate::measure::{Cost, cost_of};

/// A checkout of MoneyPrinterTurbo and a Python that can run it.
pub struct Peer {
    checkout: PathBuf,
    python: PathBuf,
}

impl Peer {
    /// Looks that it is there.
    pub fn new(checkout: &str, python: &str) -> anyhow::Result<Self> {
        let checkout = fs_err::canonicalize(checkout)?;
        let video = checkout.join("app/services/video.py");
        anyhow::ensure!(video.is_file(), "no {}: not MoneyPrinterTurbo", video.display());
        Ok(Self { checkout, python: PathBuf::from(python) })
    }

    /// What it takes to make `video` of the clips of `inputs`. The imports are not counted.
    pub async fn cost(&self, inputs: &Inputs, video: &Path) -> anyhow::Result<Cost> {
        let imports = cost_of(async { self.run(inputs, video, &[]) }).await?;
        let clips: Vec<&Path> = inputs.shots.iter().map(|shot| shot.path.as_path()).collect();
        let cost = cost_of(async { self.run(inputs, video, &clips) }).await?;
        println!("imports: {:.1} CPU s, taken off", imports.cpu_s);
        Ok(Cost { cpu_s: cost.cpu_s - imports.cpu_s, ..cost })
    }

    fn run(&self, inputs: &Inputs, video: &Path, clips: &[&Path]) -> anyhow::Result<()> {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/render/moneyprinterturbo.py");
        let log = fs_err::File::create(inputs.folder.join("moneyprinterturbo.log"))?;
        let status = Command::new(&self.python)
            .env("IMAGEIO_FFMPEG_EXE", "ffmpeg") // the same as ours, not the one that imageio brings
            .arg(&script)
            .arg(&self.checkout)
            .arg(video)
            .args(["narration.wav", "subtitles.srt"].map(|name| inputs.folder.join(name)))
            .args(clips)
            .stdout(log.try_clone()?.into_file())
            .stderr(log.into_file())
            .status()
            .with_context(|| format!("{} does not start", self.python.display()))?;
        anyhow::ensure!(status.success(), "it ended with {status}: see moneyprinterturbo.log");
        Ok(())
    }
}
