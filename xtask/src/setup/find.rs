//! Looks for needs on this machine.

use std::env;
use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use super::needs::{Need, Probe};
use super::plan::Powers;

/// Needs among `needs` that are not there, in their order. Probes run at once: the slowest (python)
/// takes some 20 ms.
pub fn missing(needs: impl IntoIterator<Item = &'static Need>) -> Vec<&'static Need> {
    std::thread::scope(|scope| {
        let probes: Vec<_> =
            needs.into_iter().map(|need| (need, scope.spawn(|| is_there(&need.probe)))).collect();
        probes
            .into_iter()
            .filter_map(|(need, probe)| (!probe.join().unwrap_or(false)).then_some(need))
            .collect()
    })
}

/// What this user may do on this machine.
pub fn powers() -> Powers {
    Powers {
        apt: which::which("apt-get").is_ok(),
        root: rustix::process::geteuid().is_root(),
        sudo: said(|shell| cmd!(shell, "sudo -n true")).is_some(),
    }
}

fn is_there(probe: &Probe) -> bool {
    match probe {
        Probe::Program(names) => names.iter().any(|name| which::which(name).is_ok()),
        Probe::DebianProgram(names) => {
            names.iter().any(|name| which::which(name).is_ok()) || !is_debian("/etc/os-release")
        }
        Probe::Library(soname) => {
            linker_knows(soname) || library_folders().any(|folder| folder.join(soname).exists())
        }
        Probe::PythonModule(module) => python_has(module),
        Probe::Font { language, files } => fontconfig_has(language)
            .unwrap_or_else(|| font_folders().any(|folder| has_file_like(&folder, files))),
    }
}

/// Whether a file in the form of os-release (<https://www.freedesktop.org/software/systemd/man/os-release.html>)
/// names Debian itself.
fn is_debian(os_release: &str) -> bool {
    let text = fs_err::read_to_string(os_release).unwrap_or_default();
    text.lines().any(|line| matches!(line, "ID=debian" | "ID=\"debian\""))
}

/// Whether the linker's cache lists `soname`. The program is not in a user's `PATH` on Debian.
fn linker_knows(soname: &str) -> bool {
    ["ldconfig", "/sbin/ldconfig"]
        .iter()
        .find_map(|program| said(|shell| cmd!(shell, "{program} -p")))
        .is_some_and(|cache| cache.lines().any(|line| line.trim_start().starts_with(soname)))
}

/// Whether `python3` can import `module`, without importing it.
fn python_has(module: &str) -> bool {
    let find =
        format!("import importlib.util as u, sys; sys.exit(u.find_spec('{module}') is None)");
    said(|shell| cmd!(shell, "python3 -I -c {find}")).is_some()
}

fn library_folders() -> impl Iterator<Item = PathBuf> {
    let given = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let given: Vec<PathBuf> = env::split_paths(&given).collect();
    given.into_iter().chain(["/usr/local/lib", "/usr/lib"].map(PathBuf::from))
}

/// Whether fontconfig has a font for `language`. None: there is no fontconfig to ask.
fn fontconfig_has(language: &str) -> Option<bool> {
    let families = said(|shell| cmd!(shell, "fc-list :lang={language} family"))?;
    Some(!families.is_empty())
}

fn font_folders() -> impl Iterator<Item = PathBuf> {
    let home = env::home_dir().unwrap_or_default();
    [
        PathBuf::from("/usr/share/fonts"),
        PathBuf::from("/usr/local/share/fonts"),
        home.join(".local/share/fonts"),
        home.join(".fonts"),
    ]
    .into_iter()
}

/// Whether a file below `folder` begins like one of `names`.
fn has_file_like(folder: &Path, names: &[&str]) -> bool {
    let Ok(entries) = fs_err::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        entry.file_type().is_ok_and(|kind| kind.is_dir()) && has_file_like(&entry.path(), names)
            || names.iter().any(|start| name.starts_with(start))
    })
}

/// What a command writes to stdout; None where it cannot be started or fails.
fn said(command: impl for<'a> FnOnce(&'a Shell) -> Cmd<'a>) -> Option<String> {
    let shell = Shell::new().ok()?;
    command(&shell).quiet().ignore_stderr().read().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(!is_there(&Probe::Program(&["no-such-program"])));
        assert!(!is_there(&Probe::Library("libno-such-library.so.1")));
        assert!(!is_there(&Probe::PythonModule("no_such_module")));
        assert!(!is_there(&Probe::Font { language: "xx-none", files: &["no-such-font"] }));
    }

    #[test]
    fn what_every_machine_has_is_found() {
        assert!(is_there(&Probe::Program(&["no-such-program", "sh"])));
        assert!(is_there(&Probe::Library("libc.so.6")));
    }

    #[test]
    fn debian_is_told_from_what_follows_it() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let file = folder.path().join("os-release");
        let path = file.to_str().expect("UTF-8");
        for (text, expected) in [
            ("ID=debian\n", true),
            ("ID=\"debian\"\n", true),
            ("ID=ubuntu\nID_LIKE=debian\n", false),
        ] {
            fs_err::write(&file, text).expect("written");
            assert_eq!(is_debian(path), expected, "{text}");
        }
        assert!(!is_debian("/no/such/file"));
        let elsewhere = !is_debian("/etc/os-release");
        assert_eq!(is_there(&Probe::DebianProgram(&["no-such-program"])), elsewhere);
    }

    #[test]
    fn without_fontconfig_font_files_are_found_by_name_at_any_depth() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let deep = folder.path().join("truetype/dejavu");
        fs_err::create_dir_all(&deep).expect("a folder");
        assert!(!has_file_like(folder.path(), &["DejaVuSans"]));
        fs_err::write(deep.join("DejaVuSans.ttf"), b"").expect("a file");
        assert!(has_file_like(folder.path(), &["OpenSans", "DejaVuSans"]));
        assert!(!has_file_like(&folder.path().join("absent"), &["DejaVuSans"]));
    }
}
