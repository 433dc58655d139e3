//! Cargo, as a program that we start.

use std::env;

use tokio::process::Command;

/// The cargo that runs us, without what it told us about our own package.
///
/// `cargo run` sets `CARGO_MANIFEST_DIR`, `CARGO_PKG_NAME` and more for its child. A build script that
/// watches them (ring's does) would run again whenever the same build is started from `cargo xtask`
/// and from a shell in turn, and everything above it would be built again.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_a_package) {
            command.env_remove(name);
        }
    }
    command
}

fn describes_a_package(name: &str) -> bool {
    let starts = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    starts.iter().any(|start| name.starts_with(start))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_user_are_kept_and_facts_of_our_package_are_not() {
        for ours in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "OUT_DIR"] {
            assert!(describes_a_package(ours), "{ours}");
        }
        for users in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "CARGO", "PATH"] {
            assert!(!describes_a_package(users), "{users}");
        }
    }
}
