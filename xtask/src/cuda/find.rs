//! A CUDA toolkit that is there already.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::version::Version;
use crate::process;

/// Headers and libraries that the build takes from a toolkit, beside nvcc.
const HEADERS: [&str; 4] = ["cuda.h", "cublas_v2.h", "curand.h", "nvrtc.h"];
const LIBRARIES: [&str; 5] =
    ["libcudart.so", "libcublas.so", "libcublasLt.so", "libcurand.so", "libnvrtc.so"];

/// Where libraries are in a toolkit, in the order in which they are looked for.
pub const LIBRARY_FOLDERS: [&str; 3] = ["lib64", "lib", "targets/x86_64-linux/lib"];

/// A folder that may be a toolkit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What named it.
    pub named_by: &'static str,
    /// The folder with `bin`, `include` and `lib64`.
    pub root: PathBuf,
}

/// A toolkit that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, and what named it.
    pub place: Place,
    /// Its version.
    pub version: Version,
}

/// The folders to look at, each once: what the user named comes before what is usual.
pub fn places(env: impl Fn(&str) -> Option<OsString>, nvcc: Option<&Path>) -> Vec<Place> {
    let named = |name| {
        let root = env(name).filter(|value| !value.is_empty())?;
        Some(Place { named_by: name, root: root.into() })
    };
    let of_nvcc = nvcc.and_then(|path| Some(path.parent()?.parent()?.to_owned()));
    let mut places: Vec<Place> = Vec::new();
    let all = [
        named("CUDA_HOME"),
        named("CUDA_PATH"),
        of_nvcc.map(|root| Place { named_by: "nvcc in PATH", root }),
        Some(Place { named_by: "the usual folder", root: "/usr/local/cuda".into() }),
    ];
    for place in all.into_iter().flatten() {
        if places.iter().all(|earlier| earlier.root != place.root) {
            places.push(place);
        }
    }
    places
}

/// The first place with a toolkit that the build can use. `refused` is told of each that has one and
/// why it cannot be used.
pub async fn find(
    places: Vec<Place>,
    stop: &CancellationToken,
    mut refused: impl FnMut(&Place, &str),
) -> Option<Found> {
    for place in places {
        let nvcc = place.root.join("bin/nvcc");
        if !nvcc.is_file() {
            if place.named_by.starts_with("CUDA_") {
                refused(&place, "it has no bin/nvcc");
            }
            continue;
        }
        let mut version = Command::new(&nvcc);
        version.arg("--version");
        let said = process::captured(version, stop, |_| {}).await;
        let said = said.map(|end| end.tail.join("\n")).unwrap_or_default();
        match judge(&said, &lacking(&place.root)) {
            Ok(version) => return Some(Found { place, version }),
            Err(reason) => refused(&place, &reason),
        }
    }
    None
}

/// Whether a toolkit can be used whose nvcc `said` this, and in which these files are `lacking`.
fn judge(said: &str, lacking: &[String]) -> Result<Version, String> {
    let version = Version::said_by_nvcc(said).ok_or("its nvcc does not say its version")?;
    if !version.is_supported() {
        return Err(format!("it is CUDA {version}: expected {}", Version::supported()));
    }
    if !lacking.is_empty() {
        return Err(format!("it has no {}", lacking.join(", ")));
    }
    Ok(version)
}

fn lacking(root: &Path) -> Vec<String> {
    let headers = HEADERS.map(|name| (format!("include/{name}"), vec![root.join("include")]));
    let folders: Vec<PathBuf> = LIBRARY_FOLDERS.map(|folder| root.join(folder)).into();
    let libraries = LIBRARIES.map(|name| (format!("lib64/{name}"), folders.clone()));
    let files = headers.into_iter().chain(libraries);
    let is_lacking = |name: &str, folders: &[PathBuf]| {
        let file = name.rsplit('/').next().unwrap_or(name);
        !folders.iter().any(|folder| folder.join(file).exists())
    };
    files.filter(|(name, folders)| is_lacking(name, folders)).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[track_caller]
    fn check_places(env: &[(&str, &str)], nvcc: Option<&str>, expected: &[(&str, &str)]) {
        let value = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into());
        let places = places(value, nvcc.map(Path::new));
        let seen: Vec<(&str, &str)> = places
            .iter()
            .map(|place| (place.named_by, place.root.to_str().expect("UTF-8")))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_the_user_named_comes_first() {
        let usual = ("the usual folder", "/usr/local/cuda");
        check_places(&[], None, &[usual]);
        check_places(&[("CUDA_HOME", "")], None, &[usual]);
        check_places(
            &[("CUDA_PATH", "/p"), ("CUDA_HOME", "/h")],
            Some("/opt/cuda/bin/nvcc"),
            &[("CUDA_HOME", "/h"), ("CUDA_PATH", "/p"), ("nvcc in PATH", "/opt/cuda"), usual],
        );
        let home = ("CUDA_HOME", "/usr/local/cuda");
        check_places(&[home], Some("/usr/local/cuda/bin/nvcc"), &[home]);
        check_places(&[], Some("nvcc"), &[usual]);
    }

    #[test]
    fn a_toolkit_is_judged_by_its_version_and_its_files() {
        let check = |said: &str, lacking: &[&str], expected: Result<&str, &str>| {
            let lacking: Vec<String> = lacking.iter().map(|&name| name.to_owned()).collect();
            let judged = judge(said, &lacking).map(|version| version.to_string());
            assert_eq!(judged.as_deref().map_err(String::as_str), expected, "{said}");
        };
        let release = |version| format!("Cuda compilation tools, release {version}, V{version}.1");
        check(&release("12.4"), &[], Ok("12.4"));
        check(&release("11.8"), &[], Err("it is CUDA 11.8: expected 12.0 to 13.4"));
        check(&release("14.0"), &[], Err("it is CUDA 14.0: expected 12.0 to 13.4"));
        check("", &[], Err("its nvcc does not say its version"));
        check(
            &release("13.0"),
            &["include/curand.h", "lib64/libcurand.so"],
            Err("it has no include/curand.h, lib64/libcurand.so"),
        );
    }

    /// A folder that looks like a toolkit whose nvcc says `version`.
    fn toolkit(folder: &Path, version: &str) {
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs_err::create_dir_all(path.parent().expect("a folder")).expect("folder");
            fs_err::write(&path, text).expect("file");
            path
        };
        let nvcc = write("bin/nvcc", &format!("#!/bin/sh\necho 'tools, release {version}, V'\n"));
        fs_err::set_permissions(nvcc, PermissionsExt::from_mode(0o755)).expect("mode");
        for header in HEADERS {
            write(&format!("include/{header}"), "");
        }
        for library in LIBRARIES {
            write(&format!("lib/{library}"), "");
        }
    }

    #[tokio::test]
    async fn the_first_that_can_be_used_is_taken() {
        let folder = tempfile::tempdir().expect("folder");
        let place = |name: &str| Place { named_by: "CUDA_HOME", root: folder.path().join(name) };
        toolkit(&place("old").root, "11.8");
        toolkit(&place("bare").root, "13.0");
        fs_err::remove_file(place("bare").root.join("lib/libcurand.so")).expect("remove");
        toolkit(&place("good").root, "12.8");
        toolkit(&place("later").root, "13.0");
        let names = ["empty", "old", "bare", "good", "later"];
        let mut refused = Vec::new();
        let stop = CancellationToken::new();
        let found = find(names.map(place).into(), &stop, |place, reason| {
            let name = place.root.file_name().expect("a name").to_string_lossy().into_owned();
            refused.push(format!("{name}: {reason}"));
        })
        .await
        .expect("a toolkit");
        assert_eq!((found.place, found.version.to_string()), (place("good"), "12.8".to_owned()));
        let expected = [
            "empty: it has no bin/nvcc",
            "old: it is CUDA 11.8: expected 12.0 to 13.4",
            "bare: it has no lib64/libcurand.so",
        ];
        assert_eq!(refused, expected);
    }
}
