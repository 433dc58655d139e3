//! A base over an image of the engine or of a registry: its packages are installed by the engine.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use anyhow::Context as _;

use super::super::Place;
use super::super::context;
use super::super::engine::{Build, EngineError, Inspected};
use super::super::glibc::{self, TooOld, Versions};
use super::super::strata::{Stratum, labels, look, named};
use super::Wanted;
use crate::exit::Failure;

/// Brings `image` where it is not there, looks whether it is too old, and installs what is `wanted` over it.
///
/// # Errors
///
/// There is no such image, it is too old, or a package cannot be installed.
pub async fn ensure(
    image: &str,
    wanted: &Wanted,
    needed: &Versions,
    place: &Place<'_>,
) -> anyhow::Result<(Inspected, Stratum)> {
    let (engine, begun, sent_before) = (place.engine, Instant::now(), place.engine.sent());
    let below = match look(engine, image).await? {
        Some(there) => there,
        None => {
            let progress = place.cx.ui.progress(&format!("pulling {image}"));
            engine.pull(image, &*progress).await.map_err(|error| without(image, &error))?;
            look(engine, image).await?.with_context(|| format!("the engine has no {image}"))?
        }
    };
    check_age(place, image, needed).await?;
    let text = fs_err::read_to_string(place.docker.join("base.Dockerfile"))?;
    let labels = labels("base", &[("reelbench.base".to_owned(), image.to_owned())]);
    let text = context::labelled(&text, &labels);
    let name = named("base", &[below.id.as_str(), &text, &wanted.text()].join("\n"));
    let told = |reused, layers| Stratum {
        name: "base",
        image: name.clone(),
        reused,
        sent: engine.sent() - sent_before,
        seconds: begun.elapsed().as_secs_f64(),
        layers,
    };
    if let Some(there) = look(engine, &name).await? {
        let n_layers = there.layers.len();
        return Ok((there, told(true, n_layers)));
    }
    let progress = place.cx.ui.progress(&format!("installing packages over {image}"));
    let build = Build {
        tag: &name,
        context: context::of_base(text, wanted.dpkg.clone())?,
        args: HashMap::from([
            ("BASE".to_owned(), image.to_owned()),
            ("PACKAGES".to_owned(), wanted.packages.join(" ")),
        ]),
    };
    let on_line = |line: &str| {
        progress.message(line);
        place.log(line);
    };
    engine.build(build, on_line).await.map_err(EngineError::told)?;
    let made = look(engine, &name).await?.with_context(|| format!("the engine has no {name}"))?;
    let n_layers = made.layers.len();
    Ok((made, told(false, n_layers)))
}

fn without(image: &str, error: &EngineError) -> anyhow::Error {
    Failure::environment(error.to_string())
        .with_hint(format!("is {image} the right name? `--base local` needs no registry"))
        .into()
}

/// Compares what the programs need with what the libraries of `image` have.
///
/// # Errors
///
/// It is too old; the error names both versions.
pub async fn check_age(place: &Place<'_>, image: &str, needed: &Versions) -> anyhow::Result<()> {
    let mut there = Versions::new();
    for library in needed.keys() {
        let places = glibc::places(library);
        let file = place.engine.file_of(image, &places, place.session.labels()).await;
        let Some(file) = file.map_err(EngineError::told)? else { continue };
        let defined: BTreeSet<String> =
            glibc::defined(&file).with_context(|| format!("{library} of {image}"))?;
        there.insert(library.clone(), defined);
    }
    if !there.contains_key("libc.so.6") {
        let message = format!("the base {image} has no libc.so.6: the programs need glibc");
        return Err(Failure::environment(message).into());
    }
    match glibc::compare(needed, &there).first() {
        None => Ok(()),
        Some(TooOld { library, needed, newest }) => {
            let message = format!(
                "the base {image} is too old: the programs need {needed} of {library}, which has \
                 at most {newest}"
            );
            let hint = "take a newer base, or `--base local`: this machine's own release";
            Err(Failure::environment(message).with_hint(hint).into())
        }
    }
}
