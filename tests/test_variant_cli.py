"""``ganaug variants``: all of them, what each is, and what can be set."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from ganaug import variants
from ganaug.cli import main
from ganaug.variant_commands import describe, options_of


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments):
    """Return the exit status of ``ganaug variants``."""
    try:
        main(["variants", *arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def told(capsys, *arguments):
    assert run(*arguments) == 0
    return capsys.readouterr().out


def test_all_variants_are_listed_with_what_to_know_of_each(capsys):
    text = " ".join(told(capsys).split())
    for name in variants.names():
        about = variants.get(name).ABOUT
        assert name in text and about.source.split(",")[0] in text
        assert all(word in text for word in (*about.summary.split(), *about.when.split()))
    assert "anchored tables (default)" in text and "anchored_image images (default)" in text


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_those_of_one_modality(capsys, modality):
    found = json.loads(told(capsys, "--for", modality, "--json"))["variants"]
    assert [one["name"] for one in found] == list(variants.names(modality))
    assert {one["name"] for one in found if modality in one["default_for"]} == {variants.DEFAULTS[modality]}


def test_one_with_its_options(capsys):
    text = told(capsys, "wgan_gp")
    assert "Gulrajani et al. 2017, arXiv 1704.00028" in text and "ganaug.variants.wgan_gp.Config" in text
    found = json.loads(told(capsys, "wgan_gp", "--json"))
    assert found["keeps_training_rows"] is False and found["adds_rows"] is True
    options = {option["name"]: option for option in found["options"]}
    assert options["gradient_weight"]["default"] == 10.0
    assert options["gradient_weight"]["about"] == "Weight of the gradient penalty (lambda in the paper)."
    assert options["noise"]["about"] == "Dimensions of the noise."  # of a class that it comes from
    assert options["steps"]["type"] == "int | None"


@dataclass(frozen=True, kw_only=True)
class Above:
    one: int = 1
    """First."""
    two: int = 2
    """Second."""


@dataclass(frozen=True, kw_only=True)
class Below(Above):
    """Not a field's."""

    two: int = 3
    """Second,
    again."""
    bare: str = "x"

    def method(self) -> None: ...


def test_the_meaning_of_an_option_is_that_of_the_nearest_class():
    assert [(o["name"], o["type"], o["default"], o["about"]) for o in options_of(Below)] == [
        ("one", "int", 1, "First."),
        ("two", "int", 3, "Second, again."),
        ("bare", "str", "x", ""),
    ]


@pytest.mark.parametrize("name", variants.names())
def test_every_option_of_every_variant_has_a_meaning_and_goes_to_json(name):
    options = options_of(variants.get(name).Config)
    assert "steps" in {option["name"] for option in options}
    assert all(option["about"].endswith(".") for option in options), [o for o in options if not o["about"]]
    told = json.dumps([describe(name), options])
    assert "NOTE[" not in told and "``" not in told


def test_what_does_not_exist_is_refused_with_what_does(capsys):
    assert run("gan2") == 2
    assert "unknown variant 'gan2'; known are: anchored," in capsys.readouterr().err
    assert run("auto") == 2
    said = capsys.readouterr().err
    assert "'auto' is no variant, it stands for 'anchored' for tables and 'anchored_image' for images" in said
    for written, meant in (("WGAN-GP", "wgan_gp"), ("StyleGAN2", "stylegan2"), ("stilegan2", "stylegan2")):
        assert run(written) == 2
        assert f"; did you mean '{meant}'" in capsys.readouterr().err
    assert run("--for", "sounds") == 2
    assert "--for must be tables or images, however: 'sounds'" in capsys.readouterr().err
    assert run("hinge", "--for", "tables") == 2
    assert "give NAME or --for, not both" in capsys.readouterr().err


def test_a_help_with_an_example_that_does_not_wait_for_torch():
    code = (
        "import sys, ganaug.cli\ntry: ganaug.cli.main(['variants', '-h'])\nfinally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "AssertionError" not in done.stderr
    assert "ganaug variants --for images" in done.stdout.split("Example")[1]
