"""ffmpeg's own WHIP muxer (in PyAV) as an encoder: `python -m tests.media.encoders <url> [name=value …]`, until it is terminated.

A process of its own: PyAV holds Python's lock while the muxer waits for the answer.
"""

import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS = 20
RATE = 48_000


def start_ffmpeg(url: str, **options: str) -> subprocess.Popen[bytes]:
    """Publish H.264 and Opus to `url` with these options of the muxer; the caller ends it."""
    words = [f"{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.media.encoders", url, *words]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE)


def publish(url: str, options: dict[str, str]) -> None:
    """Publish a moving picture and a tone."""
    with av.open(url, "w", format="whip", options=options) as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency", "g": "20"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.profile = "Baseline"
        sound = out.add_stream("libopus", rate=RATE, layout="stereo")
        number = samples = 0
        while True:
            picture = np.full((240, 320, 3), number * 7 % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            number += 1
            out.mux(video.encode(frame))
            while samples < number * RATE // FPS:
                tone = np.sin(np.arange(samples, samples + 960) * 0.06).astype(np.float32) * 0.4
                heard = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
                heard.sample_rate, heard.pts, heard.time_base = RATE, samples, Fraction(1, RATE)
                samples += 960
                out.mux(sound.encode(heard))
            time.sleep(1 / FPS)


if __name__ == "__main__":
    av.logging.set_level(av.logging.VERBOSE)
    publish(sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:]))
