from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from typer.testing import CliRunner

from flows import serve, setup
from flows.augment import augment
from flows.parameters import AugmentRequest
from ganaug.errors import ConfigError

pytestmark = pytest.mark.usefixtures("server")
FILE = Path(serve.__file__).with_name("prefect.yaml")
APP = setup.typer.Typer()
APP.command()(setup.main)


def described() -> list[dict[str, Any]]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]


def test_set_up_twice_makes_everything_once() -> None:
    first, second = CliRunner().invoke(APP, ["--gpu-slots", "1"]), CliRunner().invoke(APP, ["--gpu-slots", "2"])
    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert "made" in first.output and "made" not in second.output
    with get_client(sync_client=True) as client:
        assert client.read_work_pool("ganaug").type == "process"
        queues = {queue.name: queue.priority for queue in client.read_work_queues(work_pool_name="ganaug")}
        assert {name: queues[name] for name in setup.QUEUES} == setup.QUEUES
        assert client.read_global_concurrency_limit_by_name("ganaug-gpu").limit == 2
        assert setup.make_limit(client, "ganaug-gpu", None).endswith("2 slots"), "what nobody says stays"
        (automation,) = client.read_automations_by_name(setup.GONE)
        client.delete_automation(automation.id)  # the other tests' runs are none of its business


def test_a_pool_of_another_kind_is_not_taken_over() -> None:
    template = setup.gpu_template("process")
    with get_client(sync_client=True) as client:
        setup.make_pool(client, "process", "mine")
        client.update_work_pool("mine", setup.WorkPoolUpdate(base_job_template=template))
        with pytest.MonkeyPatch.context() as patch, pytest.raises(ConfigError, match="of type process, not docker"):
            patch.setattr(setup, "gpu_template", lambda _: template)
            setup.make_pool(client, "docker", "mine")


def test_a_kind_of_worker_that_is_not_installed_is_named() -> None:
    if "prefect_kubernetes" in sys.modules:
        pytest.skip("prefect-kubernetes is installed")
    refused = CliRunner().invoke(APP, ["--pool", "kubernetes", "--name", "k"])
    assert refused.exit_code == 2
    assert refused.stderr == "error: workers of type kubernetes need a package: pip install prefect-kubernetes\n"


def test_the_template_of_kubernetes_asks_for_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = {"containers": [{"name": "prefect-job"}], "restartPolicy": "Never"}
    base = {
        "job_configuration": {"job_manifest": {"spec": {"template": {"spec": pod}}}},
        "variables": {"properties": {"image": {}}},
    }
    worker = SimpleNamespace(get_default_base_job_template=lambda: base)
    monkeypatch.setattr(setup.BaseWorker, "get_worker_class_from_type", lambda _: worker)
    template = setup.gpu_template("kubernetes")
    spec = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "{{ gpus }}"}
    assert spec["restartPolicy"] == "Never" and template["variables"]["properties"]["gpus"]["default"] == 0
    assert "resources" not in pod["containers"][0], "Prefect's own template is as it was"


def test_every_deployment_s_parameters_and_pool_are_valid() -> None:
    kinds = set()
    for one in described():
        AugmentRequest.model_validate(one["parameters"]["request"])
        assert one["work_pool"]["work_queue_name"] in setup.QUEUES
        kinds |= {kind for schedule in one.get("schedules", []) for kind in ("cron", "interval") if kind in schedule}
    assert kinds == {"cron", "interval"}


def test_the_pools_for_cards_ask_for_them() -> None:
    pools = yaml.safe_load(FILE.read_text(encoding="utf-8"))["definitions"]["pools"]
    assert pools["kubernetes"]["job_variables"]["gpus"] == 1
    (asked,) = pools["docker"]["job_variables"]["container_create_kwargs"]["device_requests"]
    assert asked == {"driver": "nvidia", "count": 1, "capabilities": [["gpu"]]}


def test_without_a_worker_the_same_deployments_are_served() -> None:
    served = {one.name: one for one in serve.deployments()}
    for one in described():
        deployment = served[one["name"]]
        assert deployment.parameters == one["parameters"] and deployment.flow_name == augment.name
        assert len(deployment.schedules or []) == len(one.get("schedules", []))
    (nightly,) = served["nightly-table"].schedules or []
    assert nightly.schedule.cron == "0 2 * * *" and nightly.slug == "nightly", "a server that knows slugs wants them"
    assert served["nightly-table"].concurrency_limit == 1


def test_a_server_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        refused = CliRunner().invoke(APP, [])
    assert refused.exit_code == 2 and refused.stderr.startswith("error: the Prefect server at http://127.0.0.1:9/api")
    assert refused.stderr.count("\n") == 1
