"""How little is asked: numbers of requests and bytes, with the cache cold and warm."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector import card
from model_loupe.inspector.description import Description
from model_loupe.inspector.inspect import Inspector
from model_loupe.inspector.schema import to_json
from model_loupe.sources.hub.hub import FRESH_SECONDS
from model_loupe.sources.locate import ModelRequest
from tests.hub import LocalHub, faults
from tests.hub.conftest import DEEPSEEK, GEMMA, SMALL, Asker, Inspect
from tests.support import checkpoints


def header_bytes(folder: Path) -> int:
    """What the headers of a model take."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            total += 8 + int.from_bytes(file.read(8), "little")
    return total


def total_of(folder: Path) -> int | None:
    """The parameters of the same model in a folder."""
    return Inspector().describe(ModelRequest(str(folder))).parameters.total


def same_as_on_disk(told: Description, folder: Path) -> None:
    """The Hub tells what the same files in a folder tell."""
    local = to_json(Inspector().describe(ModelRequest(str(folder))), tree=True)
    remote = to_json(told, tree=True)
    for part in ("model", "license"):
        local.pop(part), remote.pop(part)
    assert remote == local


def test_a_model_in_one_file(hub: LocalHub, asker: Asker, models: Path) -> None:
    told = asker.process().describe(ModelRequest(GEMMA))
    assert (hub.count("hub"), hub.count("cdn")) == (4, 1)
    assert hub.nbytes() <= 100_000
    assert {request.status for request in hub.log} == {200, 206, 302}
    same_as_on_disk(told, models / "gemma")
    assert (told.source, told.license) == ("hub", "gemma")
    assert told.commit == hub.repositories[GEMMA].refs["main"]
    assert f"the Hub, commit {told.commit[:10]}" in card(told, LoadOptions(), requested=GEMMA)


def test_a_model_in_many_shards(hub: LocalHub, asker: Asker, models: Path) -> None:
    told = asker.process().describe(ModelRequest(DEEPSEEK))
    assert (hub.count("hub"), hub.count("cdn")) == (3 + 163, 163)
    assert hub.nbytes() <= 1.3 * header_bytes(models / "deepseek")
    same_as_on_disk(told, models / "deepseek")


def test_without_redirects_each_header_is_one_request(hub: LocalHub, asker: Asker) -> None:
    hub.redirects = False
    asker.process().describe(ModelRequest(DEEPSEEK))
    assert hub.count() == 3 + 163


def test_small_files_may_be_redirected_on_the_same_host(hub: LocalHub, asker: Asker, models: Path) -> None:
    hub.resolve_cache = True
    same_as_on_disk(asker.process().describe(ModelRequest(SMALL)), models / "small")


def test_name_and_config_come_first(hub: LocalHub, asker: Asker) -> None:
    hub.fail(faults.status(404), where="safetensors")
    remote = asker.process()
    outlines: list[tuple[int, str]] = []

    def told() -> None:
        outline = remote.peek(ModelRequest(DEEPSEEK))
        assert outline is not None
        outlines.append((hub.count(), card(outline, LoadOptions(), requested=DEEPSEEK)))

    remote.describe(ModelRequest(DEEPSEEK), told)
    [(requests, text)] = outlines
    assert requests == 2
    assert "**DeepseekV3ForCausalLM** · the headers of its weights are still to come from the Hub" in text
    assert "| Layers | 61 · hidden 7,168 · intermediate 18,432 |" in text
    assert "parameters" not in text


def test_the_second_time_nothing_is_asked(hub: LocalHub, asker: Asker) -> None:
    remote = asker.process()
    first = remote.describe(ModelRequest(DEEPSEEK))
    hub.forget()
    assert remote.describe(ModelRequest(DEEPSEEK)) is first
    assert hub.count() == 0


def test_a_new_process_asks_nothing_or_whether_the_branch_moved(
    hub: LocalHub, asker: Asker, models: Path
) -> None:
    first = asker.process().describe(ModelRequest(DEEPSEEK))
    hub.forget()
    again = asker.process().describe(ModelRequest(DEEPSEEK))
    assert hub.count() == 0
    assert to_json(again, tree=True) == to_json(first, tree=True)
    late = asker.process().hub.repository(DEEPSEEK, max_age=-1)
    assert (hub.count(), late.info.commit) == (1, first.commit)


def test_a_commit_is_never_asked_for_again(hub: LocalHub, asker: Asker) -> None:
    commit = hub.repositories[SMALL].refs["main"]
    asker.process().describe(ModelRequest(SMALL, commit))
    hub.forget()
    told = asker.process().hub.repository(SMALL, commit, max_age=-1)
    assert (hub.count(), told.info.commit) == (0, commit)
    # What a branch was found to mean serves those who name the commit.
    asker.process().describe(ModelRequest(GEMMA))
    hub.forget()
    asker.process().describe(ModelRequest(GEMMA, hub.repositories[GEMMA].refs["main"]))
    assert hub.count() == 0


def test_a_branch_that_moved_is_described_anew(hub: LocalHub, asker: Asker, models: Path) -> None:
    remote = asker.process()
    before = remote.describe(ModelRequest(SMALL))
    commit = hub.repositories[SMALL].commit(models / "gemma")
    # Within minutes nobody asks, unless told to.
    assert remote.describe(ModelRequest(SMALL)) is before
    remote.forget()
    asker.store.clear()
    after = remote.describe(ModelRequest(SMALL))
    assert (after.commit, after.parameters.total) == (commit, 2_506_172_416)
    assert FRESH_SECONDS >= 60


def test_askers_of_the_same_model_share_the_requests(hub: LocalHub, asker: Asker) -> None:
    hub.latency = 0.02
    remote = asker.process()
    # The same files, by several names: a branch, and the commit that it means.
    requests = [ModelRequest(SMALL), ModelRequest(SMALL, "main"), ModelRequest(SMALL, variant=None)] * 4
    answers: list[Description] = []
    threads = [
        threading.Thread(target=lambda request=request: answers.append(remote.describe(request)))
        for request in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.parameters.total for answer in answers} == {661_824}
    headers = [target for target in hub.targets() if "/repos/" in target]
    assert len(headers) == len(set(headers)) == 3
    configs = [target for target in hub.targets() if "config.json" in target]
    assert len(configs) == 1


def test_processes_at_once_on_one_cold_disk(hub: LocalHub, asker: Asker, models: Path) -> None:
    hub.latency = 0.01
    remotes = [asker.process() for _ in range(3)]
    answers: list[Description] = []
    threads = [
        threading.Thread(target=lambda remote=remote: answers.append(remote.describe(ModelRequest(DEEPSEEK))))
        for remote in remotes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = total_of(models / "deepseek")
    assert {answer.parameters.total for answer in answers} == {expected}
    hub.forget()
    assert asker.process().describe(ModelRequest(DEEPSEEK)).parameters.total == expected
    assert hub.count() == 0


def test_a_header_that_was_guessed_too_short_takes_one_more_request(
    hub: LocalHub, asker: Asker, models: Path, tmp_path: Path
) -> None:
    tensors = [(f"a.very.long.name.of.a.module.{number}.weight", "F32", [8, 8]) for number in range(2000)]
    folder = checkpoints.write_checkpoint(tmp_path / "long", checkpoints.SMALL_CONFIG, tensors)
    hub.add("someone/long", folder)
    told = asker.process().describe(ModelRequest("someone/long"))
    assert told.parameters.total == 2000 * 64
    assert (hub.count("hub"), hub.count("cdn")) == (4, 2)
    assert hub.nbytes("cdn") == header_bytes(folder)


def test_damaged_entries_on_disk_are_asked_for_again(hub: LocalHub, asker: Asker, models: Path) -> None:
    asker.process().describe(ModelRequest(SMALL))
    for entry in Path(asker.store.folder).iterdir():
        raw = entry.read_bytes()
        entry.write_bytes(raw[: len(raw) - 20] + b"x" * 20)
    same_as_on_disk(asker.process().describe(ModelRequest(SMALL)), models / "small")


def test_the_command_asks_the_hub(hub: LocalHub, inspect: Inspect) -> None:
    first = json.loads(inspect(GEMMA, "--json").stdout)
    assert first["model"] == {
        "id": GEMMA,
        "source": "hub",
        "revision": hub.repositories[GEMMA].refs["main"],
        "path": f"{hub.endpoint}/{GEMMA}/tree/{hub.repositories[GEMMA].refs['main']}",
    }
    assert first["parameters"]["total"] == 2_506_172_416
    hub.forget()
    # Offline what the Hub told before has to do; what it did not is said to be missing.
    again = inspect(GEMMA, "--json", "--offline")
    assert json.loads(again.stdout) == first
    refused = inspect(SMALL, "--offline")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the Hub is not asked (--offline was given): `hf download" in refused.stderr
    assert hub.count() == 0
    assert "HF_HUB_OFFLINE is set" in inspect(SMALL, HF_HUB_OFFLINE="1").stderr
    assert hub.count() == 0


def test_parts_in_folders(hub: LocalHub, asker: Asker, tmp_path: Path) -> None:
    folder = tmp_path / "pipeline"
    tensors = checkpoints.small_gemma_tensors()
    for part, stem in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model")):
        made = checkpoints.write_checkpoint(folder / part, checkpoints.SMALL_CONFIG, tensors)
        (made / "model.safetensors").rename(made / f"{stem}.safetensors")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "text_encoder": ["transformers", "CLIPTextModel"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    hub.add("someone/pipeline", folder)
    told = asker.process().describe(ModelRequest("someone/pipeline"))
    assert (told.pipeline, told.parameters.total) == ("diffusers", 2 * 661_824)
    same_as_on_disk(told, folder)
    part = asker.process().describe(ModelRequest("someone/pipeline", subfolder="unet"))
    assert part.parameters.total == 661_824


def test_a_model_of_which_only_the_config_is_in_the_cache(
    hub: LocalHub, environment: dict[str, str], inspect: Inspect
) -> None:
    import subprocess
    import sys

    download = f"from huggingface_hub import hf_hub_download; hf_hub_download({GEMMA!r}, 'config.json')"
    subprocess.run([sys.executable, "-c", download], env=environment, check=True, capture_output=True)
    told = json.loads(inspect(GEMMA, "--json").stdout)
    assert (told["model"]["source"], told["parameters"]["total"]) == ("hub", 2_506_172_416)
    offline = json.loads(inspect(GEMMA, "--json", HF_HUB_OFFLINE="1", MODEL_LOUPE_NO_CACHE="1").stdout)
    assert (offline["model"]["source"], offline["parameters"]["total"]) == ("cache", None)
