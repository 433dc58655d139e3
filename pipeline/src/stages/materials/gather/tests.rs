//! What is begun, in which order, and when it ends: time is virtual.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{ConcatMode, JobSpec};
use tokio::sync::watch;
use tokio::time::sleep;

use super::*;
use crate::artefacts::{ClipKind, MediaInfo};

/// Offers of the same length; each takes so many milliseconds to come.
struct Fake {
    times_ms: Vec<u64>,
    clip_ms: u64,
    broken: BTreeSet<usize>,
    fatal: Option<usize>,
    /// Begun and not ended, and the most there were of them.
    running: Mutex<(usize, usize)>,
    /// The same of those that are looked at.
    looking: Arc<Mutex<(usize, usize)>>,
    begun: Mutex<Vec<usize>>,
}

fn enter(counted: &Mutex<(usize, usize)>) {
    let mut counted = counted.lock().expect("no panic");
    counted.0 += 1;
    counted.1 = counted.1.max(counted.0);
}

pub(in crate::stages::materials) fn clip(id: usize, video_ms: u64) -> Clip {
    Clip {
        id: id.to_string(),
        term: String::new(),
        description: String::new(),
        page_url: String::new(),
        creator: String::new(),
        licence: String::new(),
        path: PathBuf::new(),
        sha256: String::new(),
        bytes: 1,
        media: MediaInfo {
            width: 1,
            height: 1,
            fps: 30.0,
            duration_ms: video_ms,
            video_ms,
            audio_ms: 0,
            video_codec: String::new(),
        },
        kind: ClipKind::Video,
    }
}

impl Source for Fake {
    type Fetched = ();

    fn len(&self) -> usize {
        self.times_ms.len()
    }

    fn expected_ms(&self, _: usize) -> u64 {
        self.clip_ms
    }

    fn fetch(&self, index: usize) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.begun.lock().expect("no panic").push(index);
            enter(&self.running);
            sleep(Duration::from_millis(self.times_ms[index])).await;
            self.running.lock().expect("no panic").0 -= 1;
            Ok(())
        })
    }

    fn look(&self, index: usize, (): ()) -> BoxFuture<'_, Result<Vec<Clip>, Failure>> {
        Box::pin(async move {
            enter(&self.looking);
            sleep(Duration::from_millis(50)).await;
            self.looking.lock().expect("no panic").0 -= 1;
            if self.fatal == Some(index) {
                return Err(Failure::All(StageError::permanent("generator_refused", "no")));
            }
            if self.broken.contains(&index) {
                return Err("broken".to_owned().into());
            }
            Ok(vec![clip(index, self.clip_ms)])
        })
    }
}

fn offers(times_ms: &[u64]) -> Fake {
    Fake {
        times_ms: times_ms.to_vec(),
        clip_ms: 5_000,
        broken: BTreeSet::new(),
        fatal: None,
        running: Mutex::default(),
        looking: Arc::default(),
        begun: Mutex::default(),
    }
}

/// A need of so many shots of 5 s.
pub(in crate::stages::materials) fn shots(n: u64) -> Need {
    Need::new("", &JobSpec::default(), watch::channel(Some(n * 5_000)).1)
}

fn looks() -> Slots {
    Slots::new("visual", 4)
}

fn rule(concurrency: usize) -> Rule {
    Rule { concurrency, early_stop: true, least: 0 }
}

async fn ids(source: &Fake, rule: Rule, need: &mut Need) -> (Vec<String>, Gathered) {
    let mut gathered = gather(source, rule, &looks(), need).await.expect("clips");
    let clips = gathered.clips().into_iter().map(|clip| clip.id).collect();
    (clips, gathered)
}

#[tokio::test(start_paused = true)]
async fn no_more_is_begun_than_could_be_needed() {
    let source = offers(&[100; 20]);
    let (clips, gathered) = ids(&source, rule(5), &mut shots(3)).await;
    assert_eq!(clips, ["0", "1", "2"]);
    assert_eq!(source.begun.lock().expect("no panic").len(), 3, "three cover it");
    assert!(gathered.dropped.is_empty());

    let source = offers(&[100; 20]);
    ids(&source, rule(2), &mut shots(6)).await;
    assert_eq!(source.running.lock().expect("no panic").1, 2, "two at once");
}

#[tokio::test(start_paused = true)]
async fn a_broken_one_is_replaced_by_the_next_and_named() {
    let mut source = offers(&[300, 100, 100, 100, 100]);
    source.broken = BTreeSet::from([1, 3]);
    let (clips, gathered) = ids(&source, rule(5), &mut shots(3)).await;
    assert_eq!(clips, ["0", "2", "4"], "in the order of the offers, not of their arrival");
    let named: Vec<_> = gathered.rejected.iter().map(|(index, _)| *index).collect();
    assert_eq!(named, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn without_the_early_stop_everything_is_fetched() {
    let source = offers(&[100; 8]);
    let rule = Rule { early_stop: false, ..rule(1) };
    let mut need = shots(3);
    let mut gathered = gather(&source, rule, &looks(), &mut need).await.expect("clips");
    assert_eq!(gathered.in_vain(&need), [3, 4, 5, 6, 7]);
    assert_eq!(gathered.clips().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_narration_that_turns_out_short_ends_what_is_under_way() {
    let (known, length) = watch::channel(None);
    let text = "word ".repeat(270); // 100 s, and the margin
    let mut need = Need::new(&text, &JobSpec::default(), length);
    let source = offers(&[100, 100, 100, 9_000, 9_000, 9_000]);
    let told = async {
        sleep(Duration::from_millis(500)).await;
        known.send_replace(Some(10_000));
    };
    let looks = looks();
    let (gathered, ()) = tokio::join!(gather(&source, rule(6), &looks, &mut need), told);
    let mut gathered = gathered.expect("clips");
    assert_eq!(gathered.dropped, [3, 4, 5]);
    assert_eq!(gathered.in_vain(&need), [2]);
    assert_eq!(gathered.clips().len(), 2, "as if the narration had been there from the start");
}

#[tokio::test(start_paused = true)]
async fn which_clips_are_taken_does_not_follow_from_the_network() {
    for times_ms in [[100, 100, 100, 100], [900, 100, 100, 100], [100, 900, 800, 100]] {
        let (clips, _) = ids(&offers(&times_ms), rule(4), &mut shots(2)).await;
        assert_eq!(clips, ["0", "1"], "{times_ms:?}");
    }
}

/// Three sentences are three shots, however short, or four: with two clips of 5 s they would repeat them.
#[tokio::test(start_paused = true)]
async fn each_shot_has_a_clip_of_its_own_and_a_choice_where_likeness_chooses() {
    let text = "The sea lies under a wide sky. A forest stands in a morning mist. \
                The city is lit until the morning.";
    let fetched = async |mode| {
        let spec = JobSpec { video_concat_mode: mode, ..JobSpec::default() };
        let mut need = Need::new(text, &spec, watch::channel(Some(9_000)).1);
        ids(&offers(&[100; 9]), rule(2), &mut need).await.0.len()
    };
    assert_eq!(fetched(ConcatMode::Random).await, 4);
    assert_eq!(fetched(ConcatMode::Semantic).await, 5);
}

#[tokio::test(start_paused = true)]
async fn looking_and_fetching_go_on_together() {
    let source = offers(&[100; 4]);
    let begun = tokio::time::Instant::now();
    ids(&source, rule(1), &mut shots(4)).await;
    assert_eq!(begun.elapsed().as_millis(), 4 * 100 + 50, "one look is seen, three are hidden");
}

/// Two hundred files that are there already come at once.
#[tokio::test(start_paused = true)]
async fn no_more_are_looked_at_at_once_than_there_are_places() {
    let all = Rule { early_stop: false, ..rule(4) };
    let source = offers(&[0; 200]);
    let (clips, _) = ids(&source, all, &mut shots(1)).await;
    assert_eq!(clips.len(), 200);
    assert_eq!(source.looking.lock().expect("no panic").1, 4);

    // Of two jobs together (claim 002-3).
    let (looks, looking) = (looks(), Arc::default());
    let jobs = [50, 50].map(|n| Fake { looking: Arc::clone(&looking), ..offers(&vec![0; n]) });
    let running = jobs.iter().map(async |source| {
        gather(source, all, &looks, &mut shots(1)).await.expect("clips").found.len()
    });
    assert_eq!(futures::future::join_all(running).await, [50, 50]);
    assert_eq!(looking.lock().expect("no panic").1, 4);
}

#[tokio::test(start_paused = true)]
async fn at_least_so_many_are_fetched_and_one_refusal_ends_all() {
    let mut source = offers(&[100; 6]);
    let least = Rule { least: 4, ..rule(2) };
    let (clips, _) = ids(&source, least, &mut shots(1)).await;
    assert_eq!(clips.len(), 4);
    source.fatal = Some(2);
    let error = gather(&source, least, &looks(), &mut shots(1)).await.expect_err("refused");
    assert_eq!(error.code, "generator_refused");
}
