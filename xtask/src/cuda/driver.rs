//! What stands for libcuda.so.1 when the pipeline is linked, so that it starts without a driver.
//!
//! candle's binding and whisper.cpp ask for `-lcuda`. The folder that is made here comes first in the
//! linker's search and answers with an archive (see `driver.c`) in place of the shared library.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fetch::Digest;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::process;

const SOURCE: &str = include_str!("driver.c");

/// Makes the archives for the toolkit with `cuda_h`, and gives the folder with them: the one that is
/// there, where both are of the same text.
///
/// # Errors
///
/// There is no C compiler, or it refuses.
pub async fn make(cuda_h: &Path, folders: &Path, stop: &CancellationToken) -> Result<PathBuf> {
    let functions = functions(&fs_err::read_to_string(cuda_h)?);
    let digest = Digest::of(format!("{SOURCE}{functions}").as_bytes()).to_string();
    let place = folders.join(format!("driver-{}", &digest[..12]));
    if place.is_dir() {
        return Ok(place);
    }
    fs_err::create_dir_all(folders)?;
    let fresh = tempfile::Builder::new().prefix("driver-new-").tempdir_in(folders)?;
    let link = fresh.path().join("link");
    fs_err::create_dir(&link)?;
    fs_err::write(fresh.path().join("functions.inc"), functions)?;
    fs_err::write(fresh.path().join("driver.c"), SOURCE)?;
    let steps: [&[&str]; 3] = [
        &["cc", "-O2", "-fPIC", "-c", "driver.c", "-o", "driver.o"],
        &["ar", "rcs", "link/libcuda.a", "driver.o"],
        // whisper-rs links with it for static builds of cuBLAS; ours is shared and needs none of it.
        &["ar", "rcs", "link/libculibos.a"],
    ];
    for step in steps {
        let mut command = Command::new(step[0]);
        command.args(&step[1..]).current_dir(fresh.path());
        let end = process::captured(command, stop, |_| {}).await?;
        if !end.status.success() {
            let said = end.tail.join("\n  ");
            let message = format!("`{}` ended with {}:\n  {said}", step.join(" "), end.status);
            return Err(Failure::environment(message).into());
        }
    }
    match fs_err::rename(&link, &place) {
        Err(_) if place.is_dir() => Ok(place),
        moved => Ok(moved.map(|()| place)?),
    }
}

/// A line for each function that `cuda_h` names. Its macros have such names too: those become
/// functions that nobody calls, and the linker drops them.
fn functions(cuda_h: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_function = |word: &&str| {
        word.strip_prefix("cu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    let words: BTreeSet<&str> = cuda_h.split(|c| !is_word(c)).filter(is_function).collect();
    words.iter().fold(String::new(), |mut lines, word| {
        let _ = writeln!(lines, "FUNCTION({word})");
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUDA_H: &str = "
        #define cuMemcpyHtoD cuMemcpyHtoD_v2
        typedef int CUresult; typedef cuuint32_t x;
        CUresult CUDAAPI cuInit(unsigned int Flags);
        CUresult CUDAAPI cuMemcpyHtoD(long a, long b, long c);
        CUresult CUDAAPI cuTexRefSetMipmapLevelBias(void *hTexRef, float bias);
    ";

    #[test]
    fn functions_are_found_in_the_header() {
        insta::assert_snapshot!(functions(CUDA_H), @r"
        FUNCTION(cuInit)
        FUNCTION(cuMemcpyHtoD)
        FUNCTION(cuMemcpyHtoD_v2)
        FUNCTION(cuTexRefSetMipmapLevelBias)
        ");
    }

    /// A program that calls the driver as the pipeline does, and a driver that counts what it is given.
    const PROGRAM: &str = r#"
        #include <stdio.h>
        int cuInit(unsigned), cuMemcpyHtoD_v2(long, long, long, long, long, long, long);
        int cuTexRefSetMipmapLevelBias(void *, float), cuMemcpyHtoD(void);
        int main(void) {
            for (int i = 0; i < 2; ++i) {
                printf("%d %d %d %d;", cuInit(3), cuMemcpyHtoD_v2(1, 2, 3, 4, 5, 6, 7),
                       cuTexRefSetMipmapLevelBias(0, 2.5f), cuMemcpyHtoD());
            }
        }"#;
    const DRIVER: &str = "
        int cuInit(unsigned x) { return x + 5; }
        int cuMemcpyHtoD_v2(long a, long b, long c, long d, long e, long f, long g)
        { return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g; }
        int cuTexRefSetMipmapLevelBias(void *p, float x) { return p ? 0 : (int)(x * 2); }";

    async fn cc(folder: &Path, arguments: &[&str]) {
        let mut command = Command::new("cc");
        command.args(arguments).current_dir(folder);
        let end = process::captured(command, &CancellationToken::new(), |_| {}).await.expect("cc");
        assert!(end.status.success(), "{arguments:?}: {end:?}");
    }

    #[tokio::test]
    async fn a_program_starts_without_a_driver_and_uses_the_one_that_is_there() {
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| folder.path().join(name);
        fs_err::write(path("cuda.h"), CUDA_H).expect("cuda.h");
        let stop = CancellationToken::new();
        let link = make(&path("cuda.h"), &path("cuda"), &stop).await.expect("archives");
        assert_eq!(make(&path("cuda.h"), &path("cuda"), &stop).await.expect("again"), link);

        fs_err::write(path("program.c"), PROGRAM).expect("program.c");
        fs_err::write(path("driver.c"), DRIVER).expect("driver.c");
        let search = format!("-L{}", link.display());
        let program = ["program.c", "-o", "program", "-Wl,--gc-sections", &search];
        cc(folder.path(), &[&program[..], &["-lcuda", "-lculibos"]].concat()).await;
        let said = async || {
            let mut program = Command::new(path("program"));
            // Where this machine has a driver, it is not the one that is asked.
            program.env("LD_LIBRARY_PATH", folder.path());
            let end = process::captured(program, &stop, |_| {}).await.expect("the program");
            assert!(end.status.success(), "{end:?}");
            end.tail.concat()
        };
        // A library that cannot be opened is as good as none.
        fs_err::write(path("libcuda.so.1"), "no library").expect("libcuda.so.1");
        if !Path::new("/proc/driver/nvidia").exists() {
            assert_eq!(said().await, "34 34 34 34;34 34 34 34;");
        }
        cc(folder.path(), &["-shared", "-fPIC", "driver.c", "-o", "libcuda.so.1"]).await;
        assert_eq!(said().await, "8 140 5 500;8 140 5 500;", "500: this driver does not have it");
    }
}
