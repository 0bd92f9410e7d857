"""The stages of the system `large-motion`, one after the other in one process, on a few clips."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from transformers import AutoModelForCausalLM, AutoTokenizer

from lamp_core.config import Config, override
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.errors import LampError
from lamp_core.evaluation.catalogue import HELD_OUT_ACTIONS, KINDS, OTHER_ACTIONS, kind_of, metric_of
from lamp_core.evaluation.results import read_results
from lamp_core.evaluation.store import RESULTS_FILE
from lamp_core.inference.generate import generate
from lamp_core.inference.parts import edit_part
from lamp_core.large_motion.generator import LargeMotionGenerator
from lamp_core.large_motion.make_shards import make_shards
from lamp_core.large_motion.starts import from_more_starts
from lamp_core.motion_language.examples import SpokenMotion
from lamp_core.motion_language.tasks import TASKS
from lamp_core.page.app import page_app
from lamp_core.page.workshop import Workshop
from lamp_core.segments import Segment
from lamp_core.systems.large_motion import MODELS
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer, save_tokenizer
from lamp_core.tokenizers.kinds import new_tokenizer, untrained_tokenizer
from lamp_core.tokens.shards import ShardSet
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.inputs.clips import normalised
from tests.small_project import make_small_project, small_config
from tests.stages_in_process import run_stage, run_stages

CPU = torch.device("cpu")
(MODEL,) = MODELS
STAGES = ("tokens_grid", "large_motion", "evaluate_large_motion")


def config() -> Config:
    few = (
        "tokenizer_grid.division=body",
        "large_motion.training.steps=4",
        "large_motion.data.static=1",
        "large_motion.starts=2",
        "large_motion.held_out=[jump]",
        "large_motion.max_frames=64",
        "large_motion.prompts=short-parts",
        "large_motion.part_captions.share=0.5",
        "evaluate.protocols=[text-to-motion]",
        "evaluate.generations=1",
        "evaluate.max_frames=64",
    )
    return override(small_config(), few)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("large-motion") / "data"
    make_small_project(data)
    tokenizer = new_tokenizer(263, config().tokenizer_grid).eval()
    tokenizer.start_at_random()
    save_tokenizer(data / "tokenizer_grid", tokenizer)
    return data


@pytest.fixture(scope="module")
def metrics(data: Path) -> dict[str, dict[str, float]]:
    """What every stage reports, run in the catalogue's order."""
    return run_stages(STAGES, data, config())


def test_the_training_measures_itself_and_what_it_did_not_see(metrics: dict[str, dict[str, float]]) -> None:
    found = metrics["large_motion"]
    ranking = CATALOGUE.ranking("large_motion")
    assert ranking is not None
    assert all(np.isfinite(found[name]) for name in (ranking.metric, "val_codes", "unseen_loss", "part_loss"))
    assert found["unseen_items"] > 0
    assert found["train_items"] % 2 == 0  # each with a pose that is held


def test_codes_from_a_later_first_frame_are_those_of_the_motion_without_the_frames_before(
    data: Path, metrics: dict[str, dict[str, float]]
) -> None:
    features, tokenizer = FeatureSet.load(data / "features"), load_tokenizer(data / "tokenizer_grid")
    items = items_of(features, "train")[:3]
    whole = [normalised(features, item.features_TD) for item in items]
    motions = [SpokenMotion(codes_SR, ("walks",)) for codes_SR in encode_clips(tokenizer, whole)]
    settings = config().large_motion.model_copy(update={"starts": 4})
    for motion, motion_TD in zip(from_more_starts(motions, whole, tokenizer, settings), whole, strict=True):
        for start, codes_SR in enumerate(motion.begun_later, 1):
            (wanted_SR,) = encode_clips(tokenizer, [motion_TD[start:]])
            assert np.array_equal(codes_SR, wanted_SR[: settings.max_frames // tokenizer.downsampling])


def test_a_motion_of_one_token_is_read_from_its_first_frame(data: Path) -> None:
    tokenizer = load_tokenizer(data / "tokenizer_grid")
    motion_TD = np.random.default_rng(0).normal(size=(tokenizer.downsampling, 263)).astype(np.float32)
    (codes_SR,) = encode_clips(tokenizer, [motion_TD])
    settings = config().large_motion.model_copy(update={"starts": 3})
    (found,) = from_more_starts([SpokenMotion(codes_SR, ("stands",))], [motion_TD], tokenizer, settings)
    assert all(np.array_equal(later_SR, codes_SR) for later_SR in found.begun_later)


def test_text_to_motion_stands_in_the_common_store(metrics: dict[str, dict[str, float]], data: Path) -> None:
    rows = read_results(data / CATALOGUE.folder("evaluate_large_motion") / RESULTS_FILE)
    assert {"untrained", MODEL.name} <= {row.system for row in rows}
    assert {KINDS[kind_of(row)].family for row in rows} == {"text_to_motion"}
    assert [row for row in rows if metric_of(row) is None] == []
    of_all = [row for row in rows if row.protocol.startswith("text to motion, ")]
    assert all(row.measured for row in of_all if row.system == MODEL.name and row.metric == "FID")


def test_actions_that_were_held_out_are_measured_apart(data: Path, metrics: dict[str, object]) -> None:
    rows = read_results(data / CATALOGUE.folder("evaluate_large_motion") / RESULTS_FILE)
    items = {kind_of(row): row.items for row in rows if row.system == MODEL.name and row.metric == "MM-Dist"}
    assert items[HELD_OUT_ACTIONS] > 0 < items[OTHER_ACTIONS]
    assert items[HELD_OUT_ACTIONS] + items[OTHER_ACTIONS] == items["text to motion"]
    assert {row.protocol.split(", ")[1] for row in rows if kind_of(row) == HELD_OUT_ACTIONS} == {"jump"}


def test_it_trains_from_shards_that_belong_to_its_tokenizer(data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("features", "tokenizer_grid", "language_model"):
        (tmp_path / "data" / name).symlink_to(data / name)
    run_stage("tokens_grid", tmp_path / "data", config())
    shards = make_shards(
        tmp_path / "made", data / "features", data / "tokenizer_grid", clips=6, seed=1, clips_a_shard=3
    )

    def trained(**changes: object) -> dict[str, float]:
        told = {"shards": "made", "shards_hash": shards.content_hash, "held_out": (), **changes}
        settings = config().large_motion.model_copy(update=told)
        changed = config().model_copy(update={"large_motion": settings})
        return run_stage("large_motion", tmp_path / "data", changed)

    found = trained()
    assert found["train_items"] == 6 and found["unseen_items"] == 0
    assert 0 < found["waiting_share"] < 1 and np.isfinite(found["val_loss"])
    poses = config().large_motion.data.model_copy(update={"static": 1.0})
    posed = trained(with_train_split=True, data=poses, static_caption="holds a pose: ")
    assert posed["train_items"] > 6 and 0 < posed["waiting_share"] < 1 and np.isfinite(posed["val_loss"])
    with pytest.raises(LampError, match=r"with_train_split: the train split has no clip of a kind"):
        trained(with_train_split=True, data=poses.model_copy(update={"static": 0.0}))
    with pytest.raises(LampError, match=r"made is not what params\.yaml was written for; `lamp run` notes"):
        trained(shards_hash="")
    with pytest.raises(LampError, match="held_out: shards name no actions; leave it empty, or large_motion"):
        trained(held_out=("jump",))
    (tmp_path / "data" / "tokenizer_grid").unlink()
    other = untrained_tokenizer(load_tokenizer(data / "tokenizer_grid"))
    save_tokenizer(tmp_path / "data" / "tokenizer_grid", other)
    with pytest.raises(LampError, match="was made with another tokenizer"):  # the token cache, before shards
        trained()
    with pytest.raises(LampError, match="holds codes of another tokenizer"):
        ShardSet.open(tmp_path / "made", other)


def test_plain_transformers_opens_the_folder(metrics: dict[str, dict[str, float]], data: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(data / "large_motion")
    text = AutoTokenizer.from_pretrained(data / "large_motion")
    asked = text("a person walks <motion>", return_tensors="pt", return_token_type_ids=False)
    made = model.generate(**asked, max_new_tokens=3, do_sample=False)
    assert made.shape[1] > asked["input_ids"].shape[1]


def test_motions_have_the_lengths_that_were_asked_for_and_the_same_seed_makes_the_same(
    metrics: dict[str, dict[str, float]], data: Path
) -> None:
    model = MODEL.load(data, CPU)
    texts = ["a person walks", "a person runs"]
    lengths = model.lengths(texts, 0)
    made, again = (model.generate(texts, lengths, 0) for _ in range(2))
    assert [len(each) for each in made] == lengths and max(lengths) <= model.longest_frames == 64
    assert all(np.array_equal(one, other) for one, other in zip(made, again, strict=True))
    alone = model.generate(texts[:1], lengths[:1], 0)[0]
    assert np.allclose(alone, made[0], atol=1e-4)  # convolutions of other batches round otherwise


def test_one_part_is_made_anew_and_the_codes_of_the_others_stay(
    metrics: dict[str, dict[str, float]], data: Path
) -> None:
    model = MODEL.load(data, CPU)
    features = FeatureSet.load(data / "features")
    given_TD = features.features[0][:40]
    normalised_TD = np.asarray(features.statistics.normalise(given_TD), dtype=np.float32)
    (given_SR,) = encode_clips(model.tokenizer, [normalised_TD])
    part = [channel.name for channel in model.tokenizer.channels].index("left_arm")
    others = [place for place in range(given_SR.shape[1]) if place != part]
    made = model.edited_codes("left_arm", "a person waves", normalised_TD, 2, 0)
    for made_SR in made:
        assert np.array_equal(made_SR[:, others], given_SR[:, others])
        assert not np.array_equal(made_SR[:, part], given_SR[:, part])
    assert not np.array_equal(*made)
    edited = edit_part(data, given_TD, "left_arm", "a person waves", count=2)
    guided = edit_part(data, given_TD, "left_arm", "a person waves", count=2, guidance=9.0)
    assert not np.array_equal(guided.features[0], edited.features[0])
    own = replace(model, settings=model.settings.model_copy(update={"part_guidance": 9.0})).for_parts(None)
    for said_TD, wanted_TD in zip(
        own.edit_part("left_arm", "a person waves", normalised_TD, 2, 0), guided.features, strict=True
    ):
        np.testing.assert_array_equal(features.statistics.denormalise(said_TD), wanted_TD)
    with pytest.raises(LampError, match="guidance 21; between 0 and 20"):
        edit_part(data, given_TD, "left_arm", "a person waves", guidance=21)
    assert len(edited.joints) == 2 and edited.end == pytest.approx(2.0)
    assert edited.joints[0].shape == edited.given[0].shape


def test_the_page_makes_one_part_anew_where_no_model_completes_motions(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for stage in {"features", *MODEL.made_of, MODEL.stage}:
        (tmp_path / "data" / stage).symlink_to(data / stage)
    workshop = Workshop(tmp_path / "data", tmp_path / "answers.jsonl")
    page = TestClient(page_app(workshop), base_url="http://127.0.0.1", raise_server_exceptions=False)
    state = page.get("/api/page").json()
    assert "left_arm" in state["parts"]
    assert {panel["name"]: panel["missing"] for panel in state["panels"]}["edit"] == ""
    clip = f"clip:{workshop.clips.names[0]}"
    asked = {"motion": clip, "anew": "part", "text": "a person waves", "count": 2}
    answer = page.post("/api/edit", json={**asked, "part": "left_arm"}).json()
    old = workshop.shelf.get(clip).features_TD
    assert old is not None
    for made in answer["motions"]:
        new = workshop.shelf.get(made["key"]).features_TD
        assert new is not None and 0 <= len(old) - len(new) < 4
    for part, said in (
        ({}, "name the part"),
        ({"part": "tail"}, "no part 'tail'"),
        ({"part": "left_arm", "text": ""}, "the text is empty"),
        ({"part": "left_arm", "seconds": 2.0}, "seconds say nothing of a part"),
        ({"part": "left_arm", "steps": 4}, "steps say nothing of a part"),
    ):
        refused = page.post("/api/edit", json={**asked, **part})
        assert refused.status_code == 400 and said in refused.json()["error"], refused.json()
    workshop.shelf.close()


def test_an_edit_of_a_part_tells_of_the_part_alone_where_that_was_learnt(
    metrics: dict[str, dict[str, float]], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def note(model: LargeMotionGenerator, prompts: list[list[Segment]], *_: object) -> list[np.ndarray]:
        asked.append(model.words.said([word for segment in prompts[0] for word in segment.ids[-99:]]))
        return []

    monkeypatch.setattr(LargeMotionGenerator, "_motions", note)
    model, motion_TD = MODEL.load(data, CPU), np.zeros((40, 263), np.float32)
    unlearnt = replace(model, speaker=replace(model.speaker, origin=replace(model.speaker.origin, parts=())))
    for each, part in ((model, "left_arm"), (model, "torso"), (unlearnt, "left_arm")):
        each.edited_codes(part, "waves", motion_TD, 1, 0)
    of_part, of_body, unknown = ("".join(said.split()) for said in asked)
    assert "leftarm:waves" in of_part and "arm" not in of_body and of_body == unknown


def test_a_motion_is_made_of_a_text_and_of_what_parts_do(
    metrics: dict[str, dict[str, float]], data: Path
) -> None:
    model = MODEL.load(data, CPU)
    assert set(model.told_parts) == {
        "upper_body", "lower_body", "left_arm", "right_arm", "left_leg", "right_leg",
    }  # fmt: skip
    told = {"left_arm": "waves twice", "right_leg": "stands"}
    telling = model.telling(told)
    task = TASKS["text-to-motion"]
    assert telling.prompt("a person") == model.words.prompt(task, "a person", of_parts=told)
    assert model.telling({}).prompt("a person") == model.prompt("a person")
    made = generate(data, "a person walks", seconds=2.0, model="Large-Motion", of_parts=told)
    assert len(made.features[0]) == 40
    for parts, name, message in (
        ({"tail": "wags"}, "Large-Motion", "no captions of a part 'tail'; known: upper_body, lower_body, "),
        (told, None, "this model takes no captions of parts; --model Large-Motion does"),
    ):
        with pytest.raises(LampError, match=message):
            generate(data, "a person walks", seconds=2.0, model=name, of_parts=parts)
    unlearnt = replace(model, speaker=replace(model.speaker, origin=replace(model.speaker.origin, parts=())))
    with pytest.raises(LampError, match=r"not trained on captions of parts; set large_motion\.part_captions"):
        unlearnt.telling(told)


def test_a_part_that_is_not_there_is_refused_with_the_known_ones(
    metrics: dict[str, dict[str, float]], data: Path
) -> None:
    given_TD = FeatureSet.load(data / "features").features[0][:40]
    with pytest.raises(
        LampError, match="no part 'tail'; known: root, left_leg, right_leg, torso, left_arm, "
    ):
        edit_part(data, given_TD, "tail", "a person waves")
    with pytest.raises(LampError, match="--part needs --text"):
        edit_part(data, given_TD, "left_arm", None)
    with pytest.raises(LampError, match="the motion has 80 frames, the model reads 64"):
        edit_part(data, np.repeat(given_TD, 2, axis=0), "left_arm", "a person waves")
    whole = replace(MODEL.load(data, CPU), tokenizer=load_tokenizer(data / "tokenizer"))
    assert whole.parts == ()
    with pytest.raises(LampError, match="the tokenizer has no parts: a motion token of it says the whole"):
        whole.edit_part("left_arm", "a person waves", given_TD, 1, 0)


def test_another_tokenizer_is_refused(
    metrics: dict[str, dict[str, float]], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "large_motion").symlink_to(data / "large_motion")
    other = untrained_tokenizer(load_tokenizer(data / "tokenizer_grid"))
    save_tokenizer(tmp_path / "tokenizer_grid", other)
    with pytest.raises(LampError, match="codes of another tokenizer"):
        MODEL.load(tmp_path, CPU)
