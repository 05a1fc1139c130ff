"""The examples in deploy/: valid for the tools that read them, and true to the bot's settings and metrics."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bot.app.client import ANSWER_SECONDS, DRAIN_SECONDS
from bot.app.metrics import Metrics
from bot.settings import Settings, variable_name

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
PROMETHEUS = DEPLOY / "prometheus"
MANIFEST = DEPLOY / "kubernetes" / "nightword.yaml"
KUBERNETES = ("1.32", kubernetes_validate.latest_version())


@pytest.fixture
def manifest() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text()))


@pytest.fixture
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


def find(manifest: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(resource for resource in manifest if (resource["kind"], resource["metadata"]["name"]) == (kind, name))


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return dict(only)


def known_variables() -> set[str]:
    return {variable_name(field) for field in Settings.model_fields}


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_every_resource(manifest: list[dict[str, Any]], version: str) -> None:
    for resource in manifest:
        kubernetes_validate.validate(resource, version, strict=True)
    broken = find(manifest, "StatefulSet", "nightword")
    broken["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(broken, version, strict=True)


def test_each_pod_runs_the_shard_of_its_ordinal_and_is_probed(manifest: list[dict[str, Any]]) -> None:
    bots, settings = find(manifest, "StatefulSet", "nightword"), find(manifest, "ConfigMap", "nightword")["data"]
    assert int(settings["BOT_SHARD_COUNT"]) == bots["spec"]["replicas"]
    bot = container(bots)
    (shard,) = (variable for variable in bot["env"] if variable["name"] == "BOT_SHARD_IDS")
    assert shard["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    probes = {name: bot[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness", "startup")}
    assert probes == {"liveness": "/livez", "readiness": "/readyz", "startup": "/livez"}
    (port,) = bot["ports"]
    assert (port["name"], str(port["containerPort"])) == ("http", settings["BOT_HTTP_PORT"])
    assert bots["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_SECONDS + 2 * ANSWER_SECONDS


def test_selectors_and_services_match_the_pods(manifest: list[dict[str, Any]]) -> None:
    workloads = [resource for resource in manifest if resource["kind"] in {"StatefulSet", "Deployment"}]
    labels = [resource["spec"]["template"]["metadata"]["labels"] for resource in workloads]
    for workload in workloads:
        assert workload["spec"]["selector"]["matchLabels"] in labels
    for service in (resource for resource in manifest if resource["kind"] == "Service"):
        assert service["spec"]["selector"] in labels
    services = {resource["metadata"]["name"] for resource in manifest if resource["kind"] == "Service"}
    assert {resource["spec"]["serviceName"] for resource in workloads if resource["kind"] == "StatefulSet"} <= services


def test_the_processes_of_the_compose_file_run_all_shards(compose: dict[str, Any]) -> None:
    bots = [service for name, service in compose["services"].items() if name.startswith("bot-")]
    counts = {service["environment"]["BOT_SHARD_COUNT"] for service in bots}
    shards = [service["environment"]["BOT_SHARD_IDS"] for service in bots]
    assert counts == {str(len(bots))}
    assert sorted(shards) == [str(number) for number in range(len(bots))]
    assert all(float(service["stop_grace_period"].rstrip("s")) > DRAIN_SECONDS + 2 * ANSWER_SECONDS for service in bots)


def arguments(compose: dict[str, Any], manifest: list[dict[str, Any]]) -> Iterator[list[str]]:
    yield compose["services"]["vllm"]["command"]
    yield container(find(manifest, "Deployment", "nightword-vllm"))["args"]


def test_the_model_server_gives_raw_numbers_and_logs_no_prompt(
    compose: dict[str, Any], manifest: list[dict[str, Any]]
) -> None:
    for given in arguments(compose, manifest):
        assert {"--logprobs-mode=raw_logprobs", "--max-logprobs=-1", "--no-enable-log-requests"} <= set(given)


def test_every_setting_in_the_examples_exists() -> None:
    for file in (COMPOSE, MANIFEST):
        used = set(re.findall(r"\b(?:BOT_[A-Z_]+|DISCORD_TOKEN|HF_TOKEN)\b", file.read_text()))
        assert used - known_variables() == set()


def test_no_secret_is_written_into_the_examples(compose: dict[str, Any], manifest: list[dict[str, Any]]) -> None:
    assert not [resource for resource in manifest if resource["kind"] == "Secret"]
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"TOKEN|KEY|PASSWORD|DATABASE_URL", name):
                assert "${" in value


def test_the_alerts_use_metrics_that_exist() -> None:
    known = {family.name for family in Metrics().registry.collect()}
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    rules = group["rules"]
    for rule in rules:
        for name in re.findall(r"\bnightword_[a-z_]+", rule["expr"]):
            assert re.sub(r"_(total|bucket|count|sum)$", "", name) in known, name
    assert len(rules) == len({rule["alert"] for rule in rules})


def test_prometheus_scrapes_every_bot_at_its_port(compose: dict[str, Any]) -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    bots = {name: service["environment"] for name, service in compose["services"].items() if name.startswith("bot-")}
    assert jobs["nightword"] == [f"{name}:{environment['BOT_HTTP_PORT']}" for name, environment in bots.items()]
    assert jobs["vllm"] == ["vllm:8000"]


def run_tool(*command: str, folder: Path) -> None:
    """Run a tool in a folder, or skip if it is missing; fail with its output if it refuses its input."""
    path = shutil.which(command[0])
    if path is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([path, *command[1:]], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # a tool of this test
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")],
    ids=" ".join,
)
def test_prometheus_accepts_its_configuration_and_the_alerts_fire(arguments: tuple[str, ...]) -> None:
    run_tool("promtool", *arguments, folder=PROMETHEUS)


def test_docker_accepts_the_compose_file(tmp_path: Path) -> None:
    docker = shutil.which("docker") or "false"
    asked = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)  # noqa: S603  # Docker itself
    if asked.returncode:
        pytest.skip("docker compose is not installed")
    folder = tmp_path / "compose"
    shutil.copytree(COMPOSE.parent, folder / "deploy" / "compose")
    (folder / ".env").write_text("BOT_MODEL=demo\nBOT_VLLM_API_KEY=key\nPOSTGRES_PASSWORD=word\n")
    options = ("--file", "deploy/compose/compose.yaml", "--env-file", ".env")
    run_tool("docker", "compose", *options, "config", "--quiet", folder=folder)
