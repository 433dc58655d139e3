"""MoneyPrinterTurbo's own combine and final, for the bench `render`.

    python moneyprinterturbo.py CHECKOUT OUTPUT NARRATION SUBTITLES CLIP...

CHECKOUT is a copy of MoneyPrinterTurbo that may be written to (it makes its config.toml). Without clips it
only imports, so that the time this takes can be told apart. The calls are those of its app/services/task.py.
"""

import pathlib
import sys

checkout, output, narration, subtitles, *clips = sys.argv[1:]
sys.path.insert(0, checkout)

from app.models.schema import VideoAspect, VideoConcatMode, VideoParams  # noqa: E402
from app.services import video  # noqa: E402

if clips:
    combined = str(pathlib.Path(output).with_name("combined.mp4"))
    # In the order given and without transition: nothing is left to chance.
    video.combine_videos(
        combined, clips, narration, VideoAspect.portrait, VideoConcatMode.sequential, None, 5, threads=2
    )
    params = VideoParams(
        video_subject="bench", bgm_type="", font_name="BeVietnamPro-Bold.ttf", n_threads=2
    )
    video.generate_video(combined, narration, subtitles, output, params)
