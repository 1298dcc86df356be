#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Helm chart, the plain manifests and the compose file: rendered by helm, compared with Kubernetes' schemas by kubeconform.

A ServiceMonitor is the Prometheus operator's, whose own types read it (monitor/).
"""
import glob
import json
import os
import tempfile

import jsonschema
import yaml

import clients
from cases import contains, equal, true
from deploy_cases import DEPLOY, case, main, run, text_of, version
from pail import TEST_DIR

CHART = os.path.join(DEPLOY, "helm", "pail")
RELEASES = ["1.28.0", "1.37.0"]  # an old one and the newest
EVERYTHING = {
    "tls": {"secretName": "s3-tls"}, "backup": {"enabled": True, "storageClass": "slow"},
    "persistence": {"storageClass": "fast", "keepOnDelete": False, "annotations": {"a": "b"}},
    "ingress": {"enabled": True, "className": "nginx", "consoleHost": "console.example.com",
                "tls": [{"secretName": "s3-tls", "hosts": ["s3.example.com"]}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"},
                       "bearerTokenSecret": {"name": "pail-metrics", "key": "token"}},
    "networkPolicy": {"enabled": True, "from": [{"podSelector": {"matchLabels": {"s3": "yes"}}}]},
    "settings": {"PAIL_REGION": "eu-central-1", "PAIL_THREADS": 4}, "extraArgs": ["--compress", "on"],
    "extraEnv": [{"name": "PAIL_LOG_LEVEL", "value": "debug"}], "podAnnotations": {"c": "d"}, "podLabels": {"e": "f"},
    "nodeSelector": {"disk": "local"}, "priorityClassName": "high", "imagePullSecrets": [{"name": "registry"}],
    "tolerations": [{"key": "storage", "operator": "Exists"}], "service": {"annotations": {"g": "h"}},
    "affinity": {"nodeAffinity": {}}, "serviceAccount": {"annotations": {"i": "j"}},
    "rootPassword": "a-long-secret", "masterKey": "ab" * 32, "image": {"tag": "1"},
}


def helm(*words, ok=True):
    home = tempfile.mkdtemp(prefix="helm-", dir=TEST_DIR)
    env = {"PATH": os.environ["PATH"], "HOME": home}
    return run(clients.path("kube", "helm"), *words, ok=ok, env=env)


def render(values, *words):
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=TEST_DIR) as f:
        json.dump(values, f)
        f.flush()
        return helm("template", "s3", CHART, "--kube-version", RELEASES[-1], "--namespace", "storage", "-f", f.name, *words).stdout


def schemas():
    """The package's schemas of those releases, whose references are made relative: it has them for a server of its own."""
    made = clients.path("kube", "releases")
    package = clients.path("kube", "schemas", "kubernetes_validate", "kubernetes-json-schema")
    for release in RELEASES:
        to = os.path.join(made, release)
        if os.path.exists(to):
            continue
        half = tempfile.mkdtemp(prefix="half-", dir=clients.path("kube"))
        for path in glob.glob(os.path.join(package, f"v{release}-local-strict", "*.json")):
            with open(path) as f, open(os.path.join(half, os.path.basename(path)), "w") as g:
                schema = json.loads(f.read().replace('"/api/_definitions.json#', '"_definitions.json#'))
                schema.pop("$id", None)
                json.dump(schema, g)
        os.makedirs(made, exist_ok=True)
        os.rename(half, to)
    return made


def conform(text, ok=True):
    """kubeconform with the schemas of both; of the newest alone where a mistake is to be found. The number of objects."""
    own = schemas()
    for release in RELEASES if ok else RELEASES[-1:]:
        done = run(clients.path("kube", "kubeconform"), "-strict", "-output", "json", "-summary", "-kubernetes-version",
                   release, "-schema-location",
                   f"{own}/{release}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
                   "-skip", "ServiceMonitor", "-", stdin=text, ok=ok)
        said = json.loads(done.stdout)
        if ok:
            skipped = kinds(text).count("ServiceMonitor")
            equal((said["summary"]["invalid"], said["summary"]["errors"], said["summary"]["skipped"]), (0, 0, skipped), release)
        elif done.returncode == 0:
            raise AssertionError("kubeconform found nothing wrong")
    return said["summary"]["valid"]


def kinds(text):
    return sorted(o["kind"] for o in yaml.safe_load_all(text) if o)


def one(text, kind):
    return next(o for o in yaml.safe_load_all(text) if o and o["kind"] == kind)


@case
def helm_lint_has_nothing_to_say():
    done = helm("lint", "--strict", "--kube-version", RELEASES[-1], CHART)
    contains(done.stdout, "0 chart(s) failed")


@case
def defaults_conform():
    text = render({})
    equal(conform(text), 5, "objects")
    equal(kinds(text), ["Secret", "Service", "Service", "ServiceAccount", "StatefulSet"], "kinds")
    pod = one(text, "StatefulSet")["spec"]["template"]["spec"]
    equal(pod["containers"][0]["image"], f"pail:{version()}", "image")
    true(pod["securityContext"]["runAsNonRoot"], "not root")
    equal([p["containerPort"] for p in pod["containers"][0]["ports"]], [9000, 9001], "ports")


@case
def everything_conforms():
    text = render(EVERYTHING)
    conform(text)
    equal(kinds(text), ["Ingress", "NetworkPolicy", "Secret", "Service", "Service", "ServiceAccount", "ServiceMonitor",
                        "StatefulSet"], "kinds")
    sets = one(text, "StatefulSet")
    probes = sets["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        equal(probes[probe]["httpGet"]["scheme"], "HTTPS", probe)
    # What the ServiceMonitor selects is one of the services, and that one alone: else all is scraped twice.
    wanted = one(text, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    services = [o for o in yaml.safe_load_all(text) if o and o["kind"] == "Service"]
    equal([s["metadata"]["name"] for s in services if wanted <= s["metadata"]["labels"].items()], ["s3-pail-pods"],
          "scraped services")


@case
def the_service_monitor_is_what_the_operator_reads():
    monitor = one(render(EVERYTHING), "ServiceMonitor")
    run(clients.path("kube", "monitor"), stdin=json.dumps(monitor))
    run(clients.path("kube", "monitor"), stdin=json.dumps(one(render({"serviceMonitor": {"enabled": True}}), "ServiceMonitor")))
    monitor["spec"]["endpoints"][0]["intervall"] = monitor["spec"]["endpoints"][0].pop("interval")
    true(run(clients.path("kube", "monitor"), stdin=json.dumps(monitor), ok=False).returncode != 0, "a mistake is found")


@case
def an_existing_secret_is_used():
    text = render({"existingSecret": "mine"})
    true("Secret" not in kinds(text), "no other secret is made")
    names = [e["valueFrom"]["secretKeyRef"]["name"] for e in
             one(text, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]["env"] if "valueFrom" in e]
    equal(names, ["mine", "mine"], "secrets")


@case
def a_bad_master_key_is_refused():
    done = helm("template", "s3", CHART, "--kube-version", RELEASES[-1], "--set", "masterKey=short", ok=False)
    true(done.returncode != 0, "helm fails")
    contains(done.stderr, "64 hex digits")


@case
def random_secrets_have_their_form():
    import base64
    import re
    data = {k: base64.b64decode(v).decode() for k, v in one(render({}), "Secret")["data"].items()}
    true(re.fullmatch("[0-9a-f]{64}", data["master-key"]), "the master key")
    true(len(data["root-password"]) == 40, "the password")


@case
def a_mistake_would_be_found():
    conform(render({}).replace("serviceName:", "serviceNam:"), ok=False)
    conform(render(EVERYTHING).replace("fsGroup:", "fsgroup:"), ok=False)


@case
def plain_manifests_conform():
    text = text_of("deploy", "kubernetes", "pail.yaml")
    equal(conform(text), 3, "objects")
    equal(one(text, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]["image"], f"pail:{version()}", "image")


@case
def compose_file_fits_its_schema():
    compose = yaml.safe_load(text_of("deploy", "docker", "compose.yaml"))
    context = os.path.join(DEPLOY, "docker", compose["services"]["pail"]["build"]["context"])
    true(os.path.exists(os.path.join(context, compose["services"]["pail"]["build"]["dockerfile"])), "the Dockerfile")
    named = {v.split(":")[0] for s in compose["services"].values() for v in s["volumes"]}
    equal(named, set(compose["volumes"]), "volumes")
    with open(clients.path("kube", "compose-spec.json")) as f:
        schema = json.load(f)
    jsonschema.validate(compose, schema)
    compose["services"]["pail"]["port"] = []
    true(list(jsonschema.Draft7Validator(schema).iter_errors(compose)), "a mistake is found")


@case
def every_value_is_used_and_explained():
    values = text_of("deploy", "helm", "pail", "values.yaml")
    templates = "".join(text_of(os.path.join(CHART, "templates", n)) for n in os.listdir(os.path.join(CHART, "templates")))
    for name, value in yaml.safe_load(values).items():
        true(f".Values.{name}" in templates, f"{name} is used")
        if isinstance(value, dict) and name not in ("settings", "resources"):
            for inner in value:
                true(f".Values.{name}.{inner}" in templates, f"{name}.{inner} is used")


if __name__ == "__main__":
    os.makedirs(TEST_DIR, exist_ok=True)
    main()
