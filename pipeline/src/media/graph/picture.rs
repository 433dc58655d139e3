//! The picture of a video: shots, borders, subtitles.

use protocol::FitMode;

use super::super::effect::{Effect, still_motion};
use super::super::{BurnIn, Cut, RenderPlan, ShotInput};
use super::args::escape;

/// The colours of the video: what every player assumes, said in the file all the same.
pub(super) const BT709: &str =
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";

/// How far into the first shot its cover is looked for, in frames: after a fade or a slide.
const COVER_FRAMES: u64 = 60;

/// One shot from `input`, at the size, rate and colours of the video: its frames from `from` up to
/// `to`, counted from where it begins.
///
/// It is cropped before it is scaled: the other way round a landscape clip for a portrait video is
/// scaled to three times the pixels that are shown. Frames that the rate drops are dropped before
/// that, frames that it repeats are repeated after it. Frames are counted and given their times anew,
/// so no rounding of a clip's own times can move a border.
fn shot(plan: &RenderPlan, input: usize, shot: &ShotInput, from: u64, to: u64) -> String {
    let fps = plan.fps;
    let fit = fit(plan);
    let source = if shot.is_still {
        let motion = still_motion(fps);
        format!("{fit},loop=loop=-1:size=1,trim=end_frame={to},setpts=N/({fps}*TB),{motion}")
    } else {
        let rate = format!("fps={fps}:start_time=0");
        let is_slower = (0.01..f64::from(fps)).contains(&(shot.source_fps * plan.speed));
        let timed = if is_slower { format!("{fit},{rate}") } else { format!("{rate},{fit}") };
        let speed = match plan.speed {
            1.0 => String::new(),
            speed => format!("setpts=PTS/{speed},"),
        };
        format!("{speed}{timed},tpad=stop_mode=clone:stop={to}")
    };
    let start = if from > 0 { format!("start_frame={from}:") } else { String::new() };
    format!("[{input}:V:0]{source},trim={start}end_frame={to},setpts=N/({fps}*TB)")
}

/// From any shape of frame to that of the video. `sar` is the shape of a clip's pixels. What is cut out
/// has even sides: `crop` makes odd ones even after it has found their middle, which is then beside it.
fn fit(plan: &RenderPlan) -> String {
    let (width, height) = (plan.size.width, plan.size.height);
    let colours = format!("out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,{BT709}");
    match plan.fit {
        FitMode::Cover => format!(
            "crop=w='2*trunc(round(min(iw,ih*{width}/{height}/sar+0.01))/2)'\
             :h='2*trunc(round(min(ih,iw*sar*{height}/{width}+0.01))/2)',scale={width}:{height}:{colours}"
        ),
        FitMode::Contain => format!(
            "scale=w='2*round(min({width},{height}*dar)/2)':h='2*round(min({height},{width}/dar)/2)'\
             :{colours},pad={width}:{height}:-1:-1:color=black"
        ),
    }
}

/// What happens to the shot of `cut` at its borders, with a comma before it.
fn effect(plan: &RenderPlan, cut: &Cut) -> String {
    let effect = Effect::of(plan.transition, plan.seed, cut.shot);
    let filters = effect.map(|effect| effect.filters(plan.size, plan.fps, cut.frames));
    filters.map(|filters| format!(",{filters}")).unwrap_or_default()
}

/// All shots, one after the other, each from the input of its number, to `[shots]`.
pub(super) fn all_shots(plan: &RenderPlan, cuts: &[Cut], with_cover: bool) -> Vec<String> {
    let (mut chains, mut shown) = (Vec::new(), Vec::new());
    for (input, cut) in cuts.iter().enumerate() {
        // It goes on while the next one is blended in.
        let after = cuts.get(input + 1).map_or(0, |next| next.blend);
        let chain = shot(plan, input, &plan.shots[cut.shot], 0, cut.frames + after);
        let chain = format!("{chain}{}", effect(plan, cut));
        let cover = (with_cover && input == 0).then_some("still");
        chains.extend(divide(plan, &chain, cut, after, input, cover));
        if cut.blend > 0 {
            let (tail, head) = (format!("tail{}", input - 1), format!("head{input}"));
            chains.push(cross_fade(cut.blend, &tail, &head, &format!("blend{input}")));
            shown.push(format!("[blend{input}]"));
        }
        if cut.frames > cut.blend {
            shown.push(format!("[shot{input}]"));
        }
        chains.extend(cover.map(|_| cover_chain(plan, cut)));
    }
    chains.push(format!("{}concat=n={}:v=1:a=0[shots]", shown.concat(), shown.len()));
    chains
}

/// The shot of `cut` alone, as it is between the others, to `[shots]`. Its blend with the shot
/// `before` it needs that shot as the first input, and its own clip as the second.
pub(super) fn one_shot(
    plan: &RenderPlan,
    cut: &Cut,
    before: Option<&Cut>,
    with_cover: bool,
) -> Vec<String> {
    let own = &plan.shots[cut.shot];
    let Some(before) = before else {
        let chain = format!("{}{}", shot(plan, 0, own, 0, cut.frames), effect(plan, cut));
        return if with_cover {
            vec![format!("{chain},split[shots][still]"), cover_chain(plan, cut)]
        } else {
            vec![format!("{chain}[shots]")]
        };
    };
    let (from, to) = (before.frames, before.frames + cut.blend);
    let tail = shot(plan, 0, &plan.shots[before.shot], from, to);
    let mut chains = vec![format!("{tail}[tail0]")];
    chains.extend(divide(plan, &shot(plan, 1, own, 0, cut.frames), cut, 0, 1, None));
    chains.push(cross_fade(cut.blend, "tail0", "head1", "blend1"));
    let (shown, n_shown) =
        if cut.frames > cut.blend { ("[blend1][shot1]", 2) } else { ("[blend1]", 1) };
    chains.push(format!("{shown}concat=n={n_shown}:v=1:a=0[shots]"));
    chains
}

/// Divides the shot of `cut` into what is blended with the one before it (`[head]`), what is seen
/// alone (`[shot]`) and the `after` frames that are blended with the next one (`[tail]`), each with
/// the number of the input; and hands all of it to `cover` too.
fn divide(
    plan: &RenderPlan,
    chain: &str,
    cut: &Cut,
    after: u64,
    input: usize,
    cover: Option<&str>,
) -> Vec<String> {
    let fps = plan.fps;
    let borders = [
        ("head", 0, cut.blend),
        ("shot", cut.blend, cut.frames),
        ("tail", cut.frames, cut.frames + after),
    ];
    let parts: Vec<_> = borders.into_iter().filter(|(_, from, to)| from < to).collect();
    let cover = cover.map(|cover| format!("[{cover}]")).unwrap_or_default();
    if let [(label, ..)] = parts[..] {
        let split = if cover.is_empty() { "" } else { ",split" };
        return vec![format!("{chain}{split}[{label}{input}]{cover}")];
    }
    let labels: String = parts.iter().map(|(label, ..)| format!("[all{label}{input}]")).collect();
    let n_parts = parts.len() + usize::from(!cover.is_empty());
    let mut chains = vec![format!("{chain},split={n_parts}{labels}{cover}")];
    chains.extend(parts.iter().map(|(label, from, to)| {
        format!(
            "[all{label}{input}]trim=start_frame={from}:end_frame={to},setpts=N/({fps}*TB)\
             [{label}{input}]"
        )
    }));
    chains
}

/// From `tail` to `head`, both of as many frames, to `label`. ffmpeg's `xfade` would do it in 4:4:4,
/// and ends too soon where its first input is there early (5.1).
fn cross_fade(frames: u64, tail: &str, head: &str, label: &str) -> String {
    format!(
        "[{head}]format=yuva420p,fade=t=in:s=0:n={frames}:alpha=1[{label}veil];\
         [{tail}][{label}veil]overlay=format=yuv420:shortest=1,format=yuv420p[{label}]"
    )
}

/// The most usual of five frames from the middle of a shot. A JPEG has BT.601's full range.
fn cover_chain(plan: &RenderPlan, cut: &Cut) -> String {
    let middle = (cut.frames / 2).min(COVER_FRAMES);
    let step = (u64::from(plan.fps) / 10).max(1);
    let (from, to) = (middle, (middle + 4 * step).min(cut.frames - 1));
    format!(
        "[still]select='between(n,{from},{to})*not(mod(n-{from},{step}))',thumbnail=5,\
         scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p[cover]"
    )
}

/// The shots from `shots`, with what is drawn over them, to `[picture]`.
pub(super) fn finish(plan: &RenderPlan, shots: &str) -> String {
    let subtitles = plan.subtitles.as_ref().map(subtitle_filter).unwrap_or_default();
    format!("{shots}{subtitles}{}[picture]", plan.encoding.encoder.upload())
}

/// As [`finish`], for the piece of the video that begins at the frame `start`.
pub(super) fn finish_piece(plan: &RenderPlan, start: u64) -> String {
    let fps = plan.fps;
    let subtitles = plan.subtitles.as_ref().map(|subtitles| {
        let filter = subtitle_filter(subtitles);
        format!("setpts=(N+{start})/({fps}*TB),{filter}setpts=N/({fps}*TB),")
    });
    let upload = plan.encoding.encoder.upload();
    format!("[shots]{}{upload}[picture]", subtitles.unwrap_or_default())
}

fn subtitle_filter(subtitles: &BurnIn) -> String {
    let fonts = subtitles
        .fonts_dir
        .as_ref()
        .map(|folder| format!(":fontsdir={}", escape(&folder.to_string_lossy())));
    format!("ass=filename={}{},", escape(&subtitles.ass), fonts.unwrap_or_default())
}
