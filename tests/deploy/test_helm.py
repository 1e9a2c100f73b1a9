"""deploy/kubernetes: values for Dagster's chart, and what stands beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_subset import problems
from compose_file import DEPLOY
from dagster._core.instance.ref import InstanceRef
from dagster_k8s.models import k8s_snake_case_dict
from kubernetes import client as kubernetes

from market_assets.settings import load_settings
from market_assets.stack.dagster_home import ENVIRONMENT, POSTGRES_ENVIRONMENT
from market_assets.stack.layout import CHECKOUT

FOLDER = DEPLOY / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "platform.k8s.yaml").read_text()))
BASE: dict[str, Any] = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
CODE: dict[str, Any] = VALUES["dagster-user-deployments"]["deployments"][0]
PODS = (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE)
LAUNCHER: dict[str, Any] = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
KINDS = {
    "env": kubernetes.V1EnvVar,
    "volumes": kubernetes.V1Volume,
    "volumeMounts": kubernetes.V1VolumeMount,
    "sidecarContainers": kubernetes.V1Container,
    "podSecurityContext": kubernetes.V1PodSecurityContext,
    "securityContext": kubernetes.V1SecurityContext,
    "resources": kubernetes.V1ResourceRequirements,
    "startupProbe": kubernetes.V1Probe,
}


def test_every_value_is_one_that_the_chart_has() -> None:
    assert list(problems(VALUES)) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"dagsterWebserver": {"replicas": 2}}, "dagsterWebserver.replicas: no such value"),
        (
            {"postgresql": {"service": {"port": "5432"}}},
            "postgresql.service.port: '5432' is no int",
        ),
        ({"dagit": {}}, "dagit: no such value"),
    ],
)
def test_a_wrong_name_or_kind_would_be_seen(wrong: dict[str, Any], told: str) -> None:
    assert list(problems(wrong)) == [told]


def test_objects_of_kubernetes_are_read_by_the_models_of_its_own_client() -> None:
    """Dagster reads what runs get by the same function: an unknown key raises."""
    read = 0
    for pod in (*PODS, LAUNCHER):
        for key, kind in KINDS.items():
            given = pod.get(key, [])
            for item in given if isinstance(given, list) else [given]:
                # The chart's own word: a probe that does not say so is left out.
                k8s_snake_case_dict(kind, {k: v for k, v in item.items() if k != "enabled"})
                read += 1
    assert CODE["startupProbe"]["enabled"] is True
    k8s_snake_case_dict(kubernetes.V1ResourceRequirements, LAUNCHER["resources"])
    run = LAUNCHER["runK8sConfig"]
    k8s_snake_case_dict(kubernetes.V1PodSpec, {"containers": [], **run["podSpecConfig"]})
    k8s_snake_case_dict(kubernetes.V1JobSpec, {"template": {}, **run["jobSpecConfig"]})
    assert read > 30
    with pytest.raises(Exception, match="runAsRoot"):
        k8s_snake_case_dict(kubernetes.V1SecurityContext, {"runAsRoot": True})


def test_the_instance_that_the_chart_writes_from_it_is_read_by_dagster(tmp_path: Path) -> None:
    """Its templates put these values to these names (helm/dagster/templates, 2026-11)."""
    postgres = VALUES["postgresql"]
    logs = VALUES["computeLogManager"]["config"]["gcsComputeLogManager"]
    document = VALUES["additionalInstanceConfig"] | {
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                "load_incluster_config": LAUNCHER["loadInclusterConfig"],
                "job_namespace": "dagster",
                "image_pull_policy": LAUNCHER["imagePullPolicy"],
                "service_account_name": VALUES["serviceAccount"]["name"],
                "dagster_home": VALUES["global"]["dagsterHome"],
                "instance_config_map": "dagster-instance",
                "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
                "resources": LAUNCHER["resources"],
                "env_vars": LAUNCHER["envVars"],
                "env_secrets": [secret["name"] for secret in LAUNCHER["envSecrets"]],
                "security_context": LAUNCHER["securityContext"],
                "volumes": LAUNCHER["volumes"],
                "volume_mounts": LAUNCHER["volumeMounts"],
                "fail_pod_on_run_failure": LAUNCHER["failPodOnRunFailure"],
                "run_k8s_config": {
                    "pod_template_spec_metadata": LAUNCHER["runK8sConfig"][
                        "podTemplateSpecMetadata"
                    ],
                    "pod_spec_config": LAUNCHER["runK8sConfig"]["podSpecConfig"],
                    "job_spec_config": LAUNCHER["runK8sConfig"]["jobSpecConfig"],
                },
            },
        },
        "compute_logs": {
            "module": "dagster_gcp.gcs.compute_log_manager",
            "class": VALUES["computeLogManager"]["type"],
            "config": {
                "bucket": logs["bucket"],
                "prefix": logs["prefix"],
                "local_dir": logs["localDir"],
                "upload_interval": logs["uploadInterval"],
            },
        },
        "storage": {
            "postgres": {
                "postgres_db": {
                    "scheme": postgres["postgresqlScheme"],
                    "hostname": postgres["postgresqlHost"],
                    "username": postgres["postgresqlUsername"],
                    "password": {"env": "DAGSTER_PG_PASSWORD"},
                    "db_name": postgres["postgresqlDatabase"],
                    "params": postgres["postgresqlParams"],
                }
            }
        },
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(document))
    found = InstanceRef.from_dir(str(tmp_path))
    launcher = found.run_launcher_data
    assert launcher is not None
    # Rehydrating would ask the cluster: the configuration alone is validated.
    from dagster._config import process_config, resolve_to_config_type
    from dagster_k8s.launcher import K8sRunLauncher

    read = process_config(
        resolve_to_config_type(K8sRunLauncher.config_type()), yaml.safe_load(launcher.config_yaml)
    )
    assert read.success, read.errors
    assert postgres["postgresqlScheme"] == "postgresql+psycopg2"


def test_dagsters_settings_are_those_of_dagster_yaml_but_for_runs_at_once() -> None:
    def without_limits(document: dict[str, Any]) -> dict[str, Any]:
        concurrency = {"pools": document["concurrency"]["pools"]}
        # Telemetry and the storage, Postgres, are settings of the chart's own.
        kept = {k: v for k, v in document.items() if k not in ("telemetry", "storage")}
        return kept | {"concurrency": concurrency}

    assert without_limits(VALUES["additionalInstanceConfig"]) == without_limits(BASE)
    assert VALUES["telemetry"] == BASE["telemetry"]
    runs = VALUES["additionalInstanceConfig"]["concurrency"]["runs"]
    [backfills] = runs["tag_concurrency_limits"]
    assert backfills["limit"] < runs["max_concurrent_runs"]


def test_no_pod_runs_as_root_or_may_write_its_file_system_or_knows_a_password() -> None:
    for pod in PODS:
        assert pod["podSecurityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        told = {variable["name"]: variable["value"] for variable in pod["env"]}
        assert (ENVIRONMENT | POSTGRES_ENVIRONMENT).items() <= told.items()
        assert pod["resources"]["limits"]["memory"]
    text = (FOLDER / "values.yaml").read_text()
    assert not re.search(r"(?i)password:\s*\S", text)


def test_a_runs_pod_is_like_the_code_servers_without_what_never_ends() -> None:
    """The chart would copy the code server's side cars into it, and no security context."""
    assert CODE["sidecarContainers"]
    assert CODE["includeConfigInLaunchedRuns"]["enabled"] is False
    told = {name: value for name, _, value in (v.partition("=") for v in LAUNCHER["envVars"])}
    assert told == {variable["name"]: variable["value"] for variable in CODE["env"]}
    for name in ("envSecrets", "volumes", "volumeMounts", "securityContext"):
        assert LAUNCHER[name] == CODE[name]
    pod = LAUNCHER["runK8sConfig"]["podSpecConfig"]
    assert pod["securityContext"] == CODE["podSecurityContext"]


def test_the_settings_of_the_platform_are_accepted(tmp_path: Path) -> None:
    [config] = [found for found in OBJECTS if found["kind"] == "ConfigMap"]
    file = tmp_path / "platform.yaml"
    file.write_text(config["data"]["platform.yaml"])
    settings = load_settings(file, environ={})
    assert settings.warehouse.engine == "bigquery", "pods share no disk"
    [mounted] = [v for v in CODE["volumes"] if v["name"] == "platform"]
    assert mounted["configMap"]["name"] == config["metadata"]["name"]


def test_what_stands_beside_the_chart_is_read_by_the_models_of_kubernetes() -> None:
    specs = {
        "PodDisruptionBudget": kubernetes.V1PodDisruptionBudgetSpec,
        "NetworkPolicy": kubernetes.V1NetworkPolicySpec,
    }
    seen = []
    for found in OBJECTS:
        if found["kind"] in specs:
            k8s_snake_case_dict(specs[found["kind"]], found["spec"])
            seen.append(found["kind"])
    assert sorted(set(seen)) == sorted(specs)
