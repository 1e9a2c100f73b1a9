"""What Dagster's Helm chart accepts, as far as values.yaml uses it.

The chart and its schema lie in a Helm repository, which none of our package managers reads. These
names and kinds were read from the chart's own models (helm/dagster/schema in Dagster's repository,
2026-11) and are kept by hand: they catch a wrong name or kind here, not a change of the chart. The
proof is `helm template` with the chart itself, and docs/deployment.md says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# A dict: these keys and no others. A list of one: a list of such. A type: a value of it.
# K8S: an object of Kubernetes, which test_helm checks by the models of its client.
K8S = object()
ANYTHING = object()

_IMAGE = {"repository": str, "tag": str, "pullPolicy": str}
_POD = {
    "image": _IMAGE,
    "env": [K8S],
    "envSecrets": [{"name": str}],
    "podSecurityContext": K8S,
    "securityContext": K8S,
    "volumes": [K8S],
    "volumeMounts": [K8S],
    "resources": K8S,
}
_SWITCH = {"enabled": bool}
CHART: dict[str, Any] = {
    "global": {"serviceAccountName": str, "dagsterHome": str, "postgresqlSecretName": str},
    "serviceAccount": {"create": bool, "name": str, "annotations": ANYTHING},
    "generatePostgresqlPasswordSecret": bool,
    "postgresql": {
        "enabled": bool,
        "postgresqlHost": str,
        "postgresqlUsername": str,
        "postgresqlDatabase": str,
        "postgresqlScheme": str,
        "postgresqlParams": ANYTHING,
        "service": {"port": int},
    },
    "dagsterWebserver": {**_POD, "replicaCount": int, "service": {"type": str, "port": int}},
    "dagsterDaemon": {
        **_POD,
        "runCoordinator": _SWITCH,
        "runRetries": _SWITCH,
        "runMonitoring": ANYTHING,
    },
    "dagster-user-deployments": {
        "enabled": bool,
        "enableSubchart": bool,
        "deployments": [
            {
                **_POD,
                "name": str,
                "port": int,
                "dagsterApiGrpcArgs": [str],
                "includeConfigInLaunchedRuns": _SWITCH,
                "startupProbe": K8S,
                "sidecarContainers": [K8S],
            }
        ],
    },
    "runLauncher": {
        "type": str,
        "config": {
            "k8sRunLauncher": {
                "imagePullPolicy": str,
                "loadInclusterConfig": bool,
                "failPodOnRunFailure": bool,
                "envVars": [str],
                "envSecrets": [{"name": str}],
                "securityContext": K8S,
                "volumes": [K8S],
                "volumeMounts": [K8S],
                "resources": K8S,
                "runK8sConfig": {
                    "podTemplateSpecMetadata": ANYTHING,
                    "podSpecConfig": ANYTHING,
                    "jobSpecConfig": ANYTHING,
                },
            }
        },
    },
    "computeLogManager": {
        "type": str,
        "config": {
            "gcsComputeLogManager": {
                "bucket": str,
                "prefix": str,
                "localDir": str,
                "uploadInterval": int,
            }
        },
    },
    "retention": _SWITCH,
    "additionalInstanceConfig": ANYTHING,
    "migrate": _SWITCH,
    "telemetry": _SWITCH,
    "ingress": _SWITCH,
    "rabbitmq": _SWITCH,
    "redis": {"enabled": bool, "internal": bool},
    "flower": _SWITCH,
}


def problems(values: Any, allowed: Any = CHART, path: str = "") -> Iterator[str]:
    """Each value that the chart has no such place for."""
    if allowed is ANYTHING or allowed is K8S:
        return
    if isinstance(allowed, type):
        if type(values) is not allowed:
            yield f"{path}: {values!r} is no {allowed.__name__}"
    elif isinstance(allowed, list):
        if not isinstance(values, list):
            yield f"{path}: a list is needed"
            return
        for number, item in enumerate(values):
            yield from problems(item, allowed[0], f"{path}[{number}]")
    elif not isinstance(values, dict):
        yield f"{path}: a section is needed"
    else:
        for key, value in values.items():
            here = f"{path}.{key}" if path else key
            if key in allowed:
                yield from problems(value, allowed[key], here)
            else:
                yield f"{here}: no such value"
