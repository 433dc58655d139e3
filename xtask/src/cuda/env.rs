//! The environment in which cargo builds the pipeline for cards.

use std::ffi::OsString;
use std::path::Path;

use super::version::ComputeCap;

/// How the kernels of whisper.cpp are made (its build script hands `GGML_*` on to cmake).
const WHISPER: [(&str, &str); 2] = [
    // We ask whisper.cpp for no flash attention. Its 31 files of kernels take 4 to 7 CPU seconds each
    // when they are empty and 14 to 15 when they are not: five minutes of 40.
    ("GGML_CUDA_FA", "OFF"),
    // Pools of virtual memory are for models that fill a card. Without them whisper.cpp calls nothing
    // of the driver itself, only cudart.
    ("GGML_CUDA_NO_VMM", "ON"),
];

/// Where things are that the environment speaks of.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The toolkit.
    pub toolkit: &'a Path,
    /// What comes first in the linker's search.
    pub link: &'a Path,
}

/// What decides how the kernels come out: another set of these is another build. Build scripts do not
/// look at all of them, so it must have a target folder of its own.
pub fn kernels(cap: ComputeCap) -> Vec<(&'static str, OsString)> {
    let number = cap.number().to_string();
    let mut all = vec![
        ("CUDA_COMPUTE_CAP", number.clone().into()),
        // Without a suffix: machine code for this one, and PTX, which later cards compile for themselves.
        ("CMAKE_CUDA_ARCHITECTURES", number.into()),
    ];
    all.extend(WHISPER.map(|(name, value)| (name, value.into())));
    all
}

/// All variables. `current` is what the environment has of the ones that are added to.
pub fn variables(
    places: Places<'_>,
    cap: ComputeCap,
    cores: usize,
    current: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, OsString)> {
    let nvcc = places.toolkit.join("bin/nvcc");
    let mut all = kernels(cap);
    for name in ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_TOOLKIT_ROOT_DIR", "CUDAToolkit_ROOT"]
    {
        all.push((name, places.toolkit.into()));
    }
    for name in ["NVCC", "CUDACXX"] {
        all.push((name, nvcc.clone().into()));
    }
    all.push(("PATH", join(places.toolkit.join("bin").into(), ":", current("PATH"))));
    // candle's kernels are compiled on half of the cores unless this says otherwise.
    all.push(("CUDAFORGE_THREADS", cores.to_string().into()));
    let mut search = OsString::from("-L native=");
    search.push(places.link);
    // Where the user has RUSTFLAGS, cargo looks at no others.
    let flags = match current("RUSTFLAGS") {
        Some(flags) => ("RUSTFLAGS", join(search, " ", Some(flags))),
        None => ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", search),
    };
    all.push(flags);
    all
}

fn join(first: OsString, separator: &str, rest: Option<OsString>) -> OsString {
    let mut joined = first;
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        joined.push(separator);
        joined.push(rest);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(current: &[(&str, &str)]) -> String {
        let places = Places { toolkit: Path::new("/cuda"), link: Path::new("/link") };
        let value = |name: &str| {
            current.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        let all = variables(places, ComputeCap::DEFAULT, 2, value);
        let lines = all.iter().map(|(name, value)| format!("{name}={}\n", value.display()));
        lines.collect()
    }

    #[test]
    fn the_whole_environment() {
        insta::assert_snapshot!(seen(&[("PATH", "/usr/bin:/bin")]), @r"
        CUDA_COMPUTE_CAP=80
        CMAKE_CUDA_ARCHITECTURES=80
        GGML_CUDA_FA=OFF
        GGML_CUDA_NO_VMM=ON
        CUDA_HOME=/cuda
        CUDA_PATH=/cuda
        CUDA_ROOT=/cuda
        CUDA_TOOLKIT_ROOT_DIR=/cuda
        CUDAToolkit_ROOT=/cuda
        NVCC=/cuda/bin/nvcc
        CUDACXX=/cuda/bin/nvcc
        PATH=/cuda/bin:/usr/bin:/bin
        CUDAFORGE_THREADS=2
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS=-L native=/link
        ");
    }

    #[test]
    fn flags_of_the_user_are_kept() {
        let seen = seen(&[("RUSTFLAGS", "-C linker=clang")]);
        assert!(seen.contains("RUSTFLAGS=-L native=/link -C linker=clang\n"), "{seen}");
        assert!(!seen.contains("CARGO_TARGET_"), "{seen}");
        assert!(seen.contains("PATH=/cuda/bin\n"), "{seen}");
    }
}
