use super::*;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn row(made_by: &str, bytes: u64) -> LayerRow {
    LayerRow { made_by: made_by.to_owned(), bytes }
}

fn stratum(name: &'static str, layers: usize, reused: bool) -> Stratum {
    let image = format!("reelbench-{name}:0123456789abcdef");
    let sent = if reused { 0 } else { 1_500_000 };
    Stratum { name, image, reused, sent, seconds: 1.25, layers }
}

fn built() -> Built {
    let digests = ["debian", "m1", "m2", "copy"].map(digest);
    let history = [
        row("mmdebstrap debian bookworm: ffmpeg tini", 400_000_000),
        row("model minilm", 91_000_000),
        row("model whisper", 77_700_000),
        row("/bin/sh -c #(nop)  ENTRYPOINT [\"/usr/bin/tini\"]", 0),
        row("/bin/sh -c #(nop) COPY dir:8c in / ", 24_000_000),
    ];
    let strata = [stratum("base", 1, true), stratum("models", 2, false), stratum("code", 0, false)];
    let known = [vec![digests[0], digests[1]]];
    Built {
        variant: Variant::Cpu,
        tag: "reelbench:cpu".to_owned(),
        image: format!("sha256:{}", digest("image")),
        base: "debian bookworm by mmdebstrap".to_owned(),
        engine: "20.10.24 at unix:///var/run/docker.sock".to_owned(),
        layers: layers(&digests, &history, &known, &strata),
        strata: strata.into(),
        bytes_sent: 3_000_000,
        bytes: 592_700_000,
        models: vec![ModelReport {
            name: "minilm".to_owned(),
            sha256: digest("weights"),
            weights: protocol::Weights::Real,
            licence: "Apache-2.0".to_owned(),
        }],
        steps: vec![
            Step { name: "base", seconds: 0.04 },
            Step { name: "smoke test", seconds: 12.0 },
        ],
        findings: vec![Finding { invariant: "the job succeeded", broken: None }],
    }
}

#[test]
fn layers_get_their_rows_their_strata_and_whether_they_were_there() {
    let found: Vec<_> = built()
        .layers
        .into_iter()
        .map(|layer| (layer.stratum, layer.made_by, layer.bytes, layer.reused))
        .collect();
    let expected = [
        ("base", "mmdebstrap debian bookworm: ffmpeg tini", 400_000_000, true),
        ("models", "model minilm", 91_000_000, true),
        ("models", "model whisper", 77_700_000, false),
        ("code", "COPY dir in /", 24_000_000, false),
    ];
    let expected = expected.map(|(a, b, c, d)| (a, b.to_owned(), c, d));
    assert_eq!(found, expected);
}

#[test]
fn a_history_that_does_not_fit_gives_layers_without_rows() {
    let strata = [stratum("base", 1, true), stratum("code", 0, false)];
    let found = layers(&["a", "b"].map(digest), &[row("one", 1)], &[], &strata);
    let found: Vec<_> = found.iter().map(|layer| (layer.stratum, layer.bytes)).collect();
    assert_eq!(found, [("base", 0), ("code", 0)]);
}

#[test]
fn a_long_step_is_one_short_line() {
    let text = short(&format!("RUN  a &&\n b {}", "x".repeat(100)));
    assert!(text.starts_with("RUN a && b xxx") && text.ends_with('…'), "{text}");
    assert_eq!(text.chars().count(), 72);
    for (made_by, expected) in [
        ("/bin/sh -c #(nop) COPY --chown=1:1dir:75e6c6 in /data ", "COPY --chown=1:1dir in /data"),
        ("|1 PACKAGES=a b /bin/sh -c apt-get update", "apt-get update"),
        ("model minilm", "model minilm"),
    ] {
        assert_eq!(short(made_by), expected);
    }
}

#[test]
fn a_person_is_told_what_was_built_and_how_to_run_it() {
    let built = built();
    insta::assert_snapshot!(format!("{}\n\n{}", built.table(), built.summary()));
    assert_eq!(steps_line(&built.steps), "base 0.0 s · smoke test 12.0 s");
}

#[test]
fn the_image_for_cards_is_run_with_them() {
    let tag = "reelbench:gpu".to_owned();
    insta::assert_snapshot!(Built { variant: Variant::Gpu, tag, ..built() }.summary());
}

#[test]
fn the_page() {
    insta::assert_snapshot!(built().markdown());
}
