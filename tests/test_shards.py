"""Shards: the bytes of the whole whatever the order, nothing visible before all are there, and only what is missing."""

import hashlib
import json
import os
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import ganaug
from ganaug import shards as module
from ganaug.ensemble import fit_member, member_seed
from ganaug.errors import ArtefactError, ConfigError, OutputError
from ganaug.parquet import read_manifest, write_parquet
from ganaug.request import Request
from ganaug.shards import Shards, finish_shards, plan_shards, write_shard
from ganaug.synthesizer import Synthesizer
from ganaug.variants import anchored, anchored_image
from tests.digits import digits

BLOCK = 4096


def small() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    label = np.repeat(["common", "rare"], [60, 15])
    return pd.DataFrame(
        {"amount": rng.normal(0, 1, 75), "colour": rng.choice(["red", "green"], 75), "id": range(75), "label": label}
    )


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return ganaug.fit(
        small(), target="label", id_columns=["id"], variant=anchored.Config(steps=5), random_state=0, progress=False
    )


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def whole(synthesizer: Synthesizer, folder: Path, n: int | None, seed: int, rows_per_file: int, **options) -> dict:
    chunks = synthesizer.sample_chunks(n, random_state=seed, **options)
    provenance = {**synthesizer.provenance, "sample_seed": seed}
    write_parquet(chunks, folder, schema=synthesizer.schema, provenance=provenance, rows_per_file=rows_per_file)
    return contents(folder)


@pytest.mark.parametrize("wanted", [{"n": 2 * BLOCK + 100}, {"conditions": {"rare": 5000, "common": 7000}}, {"n": 0}])
def test_shards_in_any_order_are_the_bytes_of_the_whole(synthesizer: Synthesizer, tmp_path: Path, wanted: dict) -> None:
    expected = whole(synthesizer, tmp_path / "whole", wanted.get("n"), 3, BLOCK, conditions=wanted.get("conditions"))
    plan = Shards.from_json(
        json.loads(json.dumps(plan_shards(synthesizer, random_state=3, shard_rows=BLOCK, **wanted).to_json()))
    )
    for number in reversed(range(len(plan))):
        entry = write_shard(synthesizer, plan, number, tmp_path / "set")
        assert entry["rows"] == plan.span(number)[1] - plan.span(number)[0]
        assert not (tmp_path / "set").exists()
    manifest = finish_shards(plan, tmp_path / "set")
    found = contents(tmp_path / "set")
    assert found.pop("shards.json") and found == expected
    assert manifest == read_manifest(tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert finish_shards(plan, tmp_path / "set") == manifest
    assert write_shard(synthesizer, plan, 0, tmp_path / "set") == manifest.files[0]


def test_images_too(tmp_path: Path) -> None:
    x, y = digits({0: 30, 1: 10})
    drawn = ganaug.fit((x, y), variant=anchored_image.Config(steps=2), random_state=0, progress=False)
    expected = whole(drawn, tmp_path / "whole", 300, 0, 256)
    plan = plan_shards(drawn, 300, random_state=0, shard_rows=256)
    for number in (1, 0):
        write_shard(drawn, plan, number, tmp_path / "set")
    finish_shards(plan, tmp_path / "set")
    assert contents(tmp_path / "set").items() >= expected.items()


def test_a_killed_job_draws_what_is_missing_or_damaged(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_shards(synthesizer, 5 * BLOCK, random_state=0, shard_rows=BLOCK)
    drawn, sample, write = [], Synthesizer.sample_chunks, module.storage.atomic_write
    monkeypatch.setattr(
        Synthesizer, "sample_chunks", lambda self, *a, **o: drawn.append(o.get("span")) or sample(self, *a, **o)
    )
    for number in range(3):
        write_shard(synthesizer, plan, number, tmp_path / "set")

    def killed(url: str, data: bytes) -> None:
        if "part-00003.json" in url:
            raise KeyboardInterrupt
        write(url, data)

    monkeypatch.setattr(module.storage, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        write_shard(synthesizer, plan, 3, tmp_path / "set")
    monkeypatch.setattr(module.storage, "atomic_write", write)
    work = tmp_path / ".set.shards"
    (work / ".ganaug-tmp-left").mkdir()
    damaged = work / "data" / "part-00001.parquet"
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    with pytest.raises(ArtefactError, match=r"2 of 5 shards .* \[3, 4\]"):
        finish_shards(plan, tmp_path / "set")
    drawn.clear()
    for number in range(5):
        write_shard(synthesizer, plan, number, tmp_path / "set")
    assert drawn == [plan.span(number) for number in (1, 3, 4)]
    finish_shards(plan, tmp_path / "set")
    expected = whole(synthesizer, tmp_path / "whole", 5 * BLOCK, 0, BLOCK)
    found = contents(tmp_path / "set")
    assert found.pop("shards.json") and found == expected
    assert not (tmp_path / "set" / ".ganaug-tmp-left").exists()


def test_a_kill_while_finishing_is_finished_later(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_shards(synthesizer, 10, random_state=0)
    write_shard(synthesizer, plan, 0, tmp_path / "set")
    rename = os.replace

    def killed(source: object, *target: object) -> None:
        if str(source).endswith((".set.shards", "set/shards")):
            raise KeyboardInterrupt
        rename(source, *target)

    for place, name, visible in ((os, "replace", False), (module.storage, "delete", True)):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(place, name, killed)
            finish_shards(plan, tmp_path / "set")
        assert (tmp_path / "set").exists() == visible
    finish_shards(plan, tmp_path / "set")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["data", "manifest.json", "shards.json"]


def test_what_does_not_belong_together_is_refused(synthesizer: Synthesizer, tmp_path: Path) -> None:
    plan = plan_shards(synthesizer, 10, random_state=0)
    write_shard(synthesizer, plan, 0, tmp_path / "set")
    other = plan_shards(synthesizer, 10, random_state=1)
    with pytest.raises(OutputError, match="another job"):
        write_shard(synthesizer, other, 0, tmp_path / "set")
    finish_shards(plan, tmp_path / "set")
    with pytest.raises(OutputError, match="another data set"):
        write_shard(synthesizer, other, 0, tmp_path / "set")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        write_shard(synthesizer, plan, 0, tmp_path / "full")
    with pytest.raises(ConfigError, match="multiple of 4096"):
        plan_shards(synthesizer, 10, random_state=0, shard_rows=1000)
    with pytest.raises(ConfigError, match="span"):
        synthesizer.sample_chunks(10, random_state=0, span=(5, 10))
    with pytest.raises(ArtefactError, match="no plan"):
        Shards.from_json({"format": 1, "rows": 3})


def test_members_take_turns_and_each_has_a_seed_of_its_own(tmp_path: Path) -> None:
    request = Request(target="label", id_columns=["id"], variant=anchored.Config(steps=3), random_state=5)
    folders = [fit_member(small(), number, request=request, out=tmp_path) for number in (1, 0)][::-1]
    members = [Synthesizer.load(folder) for folder in folders]
    assert [member.provenance["seed"] for member in members] == [member_seed(5, 0), member_seed(5, 1)]
    before = contents(tmp_path)
    assert fit_member(small(), 0, request=request, out=tmp_path) == folders[0] and contents(tmp_path) == before
    plan = plan_shards(members, 3 * BLOCK, random_state=0, shard_rows=BLOCK)
    assert [plan.member(number) for number in range(3)] == [0, 1, 0]
    with pytest.raises(ConfigError, match="drawn by member 1"):
        write_shard(members[0], plan, 1, tmp_path / "set")
    for number in range(3):
        write_shard(members[plan.member(number)], plan, number, tmp_path / "set")
    manifest = finish_shards(plan, tmp_path / "set")
    assert [member["seed"] for member in manifest.provenance["members"]] == [member_seed(5, 0), member_seed(5, 1)]
    assert "seed" not in manifest.provenance and manifest.provenance["sample_seed"] == 0
    for number, file in enumerate(manifest.files):
        path = tmp_path / "set" / file["name"]
        noted = json.loads(pq.read_schema(path).metadata[b"ganaug"])
        assert noted["seed"] == member_seed(5, number % 2)
        start, stop = plan.span(number)
        alone = list(members[number % 2].sample_chunks(3 * BLOCK, random_state=0, span=(start, stop)))
        assert pq.read_table(path)["amount"].to_pylist() == alone[0]["amount"].to_pylist()


def test_workers_may_begin_at_the_same_moment(synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, other = (plan_shards(synthesizer, 10, random_state=seed) for seed in (0, 1))
    listing, write = module.storage.files_below, module.storage.atomic_write

    def begun_between(url: str, name: str, content: bytes) -> None:
        """Let another worker write a file after this one looked for the plan, and before it lists the folder."""

        def files_below(asked: str) -> dict[str, int]:
            write(f"{url}/{name}", content)
            return listing(asked)

        monkeypatch.setattr(module.storage, "files_below", files_below)

    text = {
        seed: json.dumps(one.to_json(), indent=1, sort_keys=True).encode() for seed, one in enumerate((plan, other))
    }
    for name, content, refusal in (
        ("shards.json", text[0], None),
        ("shards.json", text[1], "another job"),
        ("mine.txt", b"mine", "not empty"),
    ):
        url = f"memory://{uuid.uuid4().hex}/set"
        begun_between(url, name, content)
        if refusal is None:
            assert write_shard(synthesizer, plan, 0, url)["rows"] == 10
        else:
            with pytest.raises(OutputError, match=refusal):
                write_shard(synthesizer, plan, 0, url)


def test_a_damaged_shard_on_other_storage_is_drawn_again(synthesizer: Synthesizer) -> None:
    url = f"memory://{uuid.uuid4().hex}/set"
    plan = plan_shards(synthesizer, 10, random_state=0)
    entry = write_shard(synthesizer, plan, 0, url)
    part = f"{url}/{entry['name']}"
    whole_file = module.storage.read_bytes(part)
    assert whole_file is not None
    module.storage.atomic_write(part, b"x" * len(whole_file))
    assert write_shard(synthesizer, plan, 0, url) == entry and module.storage.read_bytes(part) == whole_file
    module.storage.delete(part)
    assert write_shard(synthesizer, plan, 0, url) == entry and module.storage.read_bytes(part) == whole_file


def test_on_other_storage_the_manifest_comes_last(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{uuid.uuid4().hex}/set"
    expected = whole(synthesizer, tmp_path / "whole", 2 * BLOCK, 0, BLOCK)
    plan = plan_shards(synthesizer, 2 * BLOCK, random_state=0, shard_rows=BLOCK)
    for number in (1, 0):
        write_shard(synthesizer, plan, number, url)
        assert "manifest.json" not in module.storage.files_below(url)
    assert write_shard(synthesizer, plan, 1, url)["sha256"] == expected["data/part-00001.parquet"]
    finish_shards(plan, url)
    module.storage.download(url, tmp_path / "copy")
    found = contents(tmp_path / "copy")
    assert found.pop("shards.json") and found == expected
