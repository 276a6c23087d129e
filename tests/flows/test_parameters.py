from __future__ import annotations

from typing import get_args

import pytest
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from flows.augment import augment
from flows.parameters import AugmentRequest
from ganaug import variants
from ganaug.data.image_pixels import MAX_SIDE, MIN_SIDE
from ganaug.image_options import ImageOptions
from ganaug.transforms import TRANSFORMS


def ask(**options: object) -> AugmentRequest:
    return AugmentRequest.model_validate({"data": "a.csv", "out": "o", **options})


def test_the_variants_of_the_form_are_those_of_the_library() -> None:
    field = AugmentRequest.model_fields["variant"]
    assert set(get_args(field.annotation)) == {"auto", *variants.names(adding=True)}


def test_the_page_gets_a_form_with_a_sentence_and_a_place_for_every_field() -> None:
    form = parameter_schema(augment).definitions["AugmentRequest"]
    assert form["additionalProperties"] is False
    fields = form["properties"]
    assert set(fields) == set(AugmentRequest.model_fields)
    assert sorted(field["position"] for field in fields.values()) == list(range(len(fields)))
    assert all(field["description"].endswith(".") for field in fields.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"verbose": True},
        {"variant": "gan2"},
        {"check": "deep"},
        {"task": "clustering"},
        {"random_state": -1},
        {"watch_every": 0},
        {"watch_every": 2.5},
        {"sampling_strategy": 1.5},
        {"sampling_strategy": {"rare": -1}},
        {"data": ""},
        {"image_size": [4, 32]},
        {"image_size": [32, 129]},
        {"image_size": [32]},
        {"transforms": ["turn"]},
        {"skip_unreadable": "perhaps"},
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_before_anything_starts(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ask(**wrong)


def test_the_form_asks_about_images_in_the_library_s_words() -> None:
    fields = parameter_schema(augment).definitions["AugmentRequest"]["properties"]
    named = [name for name, field in fields.items() if field["description"].startswith("Images:")]
    assert named == ["image_size", "split", "transforms", "skip_unreadable"]
    assert get_args(get_args(AugmentRequest.model_fields["transforms"].annotation)[0]) == TRANSFORMS
    assert ask().to_library().images == ImageOptions(), "what nobody said means nothing, and suits a table as well"
    side = fields["image_size"]["anyOf"][0]["prefixItems"][0]
    assert (side["minimum"], side["maximum"]) == (MIN_SIDE, MAX_SIDE)


@pytest.mark.parametrize("strategy", ["policy", "auto", 0.5, {"rare": 25}], ids=str)
def test_the_library_is_asked_in_the_same_words(strategy: object) -> None:
    asked = ask(
        sampling_strategy=strategy, check="none", target="y", groups="g", scoring="f1", random_state=3
    ).to_library()
    assert asked.sampling_strategy == strategy
    assert asked.depth is None
    assert (asked.target, asked.groups, asked.scoring, asked.random_state) == ("y", "g", "f1", 3)


def test_a_numeric_target_and_several_label_columns_are_asked_for_in_the_library_s_words() -> None:
    asked = ask(target="price", task="regression", sampling_strategy={"250..300": 60, "-1..2.5": 9}).to_library()
    assert (asked.target, asked.task) == ("price", "regression")
    assert asked.sampling_strategy == {(250.0, 300.0): 60, (-1.0, 2.5): 9}
    classes = ask(target=["ill", "colour"], sampling_strategy={"1..2": 3})
    assert classes.to_library().target == ["ill", "colour"] and classes.title == "a-ill-colour-auto"
    assert classes.to_library().sampling_strategy == {"1..2": 3}, "a class may be called so"


def test_the_title_names_the_data_and_how_they_are_augmented() -> None:
    assert ask(data="s3://bucket/adult/*.parquet", target="income", variant="wgan_gp").title == "*-income-wgan_gp"
    assert ask(data="/data/adult.csv").title == "adult-auto"
