"""Fuzzing that looks for new paths through the code (atheris): `python -m tests.media.guided rtcp -max_total_time=300`.

What is found escapes as libFuzzer's own report, with the input kept in tests/data/regressions/media. It starts from what earlier runs found
(tests/data/regressions/corpus/<reader>) and the packets of `fuzz`; options of libFuzzer go through. `--keep` adds what is new to that folder.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["conference.media", "aiortc.rtp", "aioice.stun"]):
    from tests.media.fuzz import FOUND, Bench, client_hello

CORPUS = Path(__file__).parents[1] / "data" / "regressions" / "corpus"
PASS_TIME_EVERY = 200
KEEP = "--keep"


async def _fuzz(name: str, options: list[str]) -> None:
    bench = Bench()
    target = next(target for target in bench.targets(await client_hello()) if target.name == name)
    fed = 0

    def feed(data: bytes) -> None:
        nonlocal fed
        fed += 1
        if fed % PASS_TIME_EVERY == 0:
            bench.pass_time()
        target.feed(data)

    kept = CORPUS / name
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as seeds:
        for number, one in enumerate(target.seeds):
            (Path(seeds) / str(number)).write_bytes(one)
        folders = [str(kept), seeds] if KEEP in options else [seeds, str(kept)]
        for folder in folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
        flags = [option for option in options if option != KEEP]
        atheris.Setup([sys.argv[0], f"-artifact_prefix={FOUND}/{name}-", *flags, *folders], feed)
        # It ends the process by itself. Inside a loop, since a check that is let in begins a handshake.
        atheris.Fuzz()


if __name__ == "__main__":
    asyncio.run(_fuzz(sys.argv[1], sys.argv[2:]))
