from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flows import settings


def test_a_setting_gives_way_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "true")
    monkeypatch.delenv("PREFECT_LOGGING_EXTRA_LOGGERS", raising=False)
    settings.apply()
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "true"
    assert os.environ["PREFECT_LOGGING_EXTRA_LOGGERS"] == "ganaug"


def test_prefect_itself_takes_the_settings_when_the_flows_are_imported_first() -> None:
    script = (
        "import flows; from prefect.settings import get_current_settings as get; s = get(); "
        "print(s.server.ephemeral.startup_timeout_seconds, s.server.analytics_enabled, "
        "s.logging.extra_loggers)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in settings.DEFAULTS}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=2)[:2] == ["120", "False"]
    assert "ganaug" in done.stdout
