"""Start Dagster's processes in the right order, watch them, and end all of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO

from market_assets.errors import NotReady, ProcessDied
from market_assets.marts import dbt_server
from market_assets.marts.project import Project
from market_assets.quality.report.writing import report_folder
from market_assets.settings import load_settings
from market_assets.settings.secrets import without_secrets
from market_assets.stack import ports, servers
from market_assets.stack.child import Child, ChildSpec
from market_assets.stack.dagster_api import LOCATION, DagsterApi
from market_assets.stack.dagster_home import environment_for, write_dagster_yaml
from market_assets.stack.environment import child_environment
from market_assets.stack.layout import Layout
from market_assets.stack.log_tail import log_tail
from market_assets.stack.processes import leftovers, new_mark, stop, stop_marked

DEFINITIONS = "market_assets.definitions"
UI_PORT = 3000
DOCS_PORT = 3001
_STOP_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_COMMAND_SECONDS = 300.0


@dataclass(frozen=True)
class Plan:
    """What to start. Tests replace single commands; `port` 0 takes any free one."""

    layout: Layout
    port: int = UI_PORT
    module: str = DEFINITIONS
    simulator: Mapping[str, object] | None = None
    docs_port: int = 0
    metrics_port: int = 0
    daemon: Sequence[str] = (sys.executable, "-m", "dagster._daemon", "run")


def silent(_message: str) -> None:
    """For callers who show nothing."""


@dataclass
class Stack:
    """The processes of one plan. Leaving the `with` block ends every one of them."""

    plan: Plan
    tell: Callable[[str], None] = silent
    children: dict[str, Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = self.plan.layout
        self.mark = new_mark(self.layout.state)
        self.environment = child_environment(self.layout, self.mark)
        self.ui_port = ports.free_port(self.plan.port)
        self.api = DagsterApi(f"http://{ports.HOST}:{self.ui_port}")
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.api.url

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- starting

    def start(self) -> None:
        """Everything but the daemon: nothing runs by itself yet."""
        self.layout.prepare()
        settings = load_settings(self.layout.platform, environ={})
        write_dagster_yaml(settings, self.layout.dagster_home, self.layout.checkout)
        self.environment |= environment_for(settings)
        self._end_leftovers()
        self._start_guard()
        given = self.plan.simulator
        simulator = servers.simulator(self.layout, given) if given is not None else None
        code_port = ports.free_port()
        code = ChildSpec(
            "code server",
            [
                *(sys.executable, "-m", "dagster", "api", "grpc"),
                *("--module-name", self.plan.module),
                *("--host", ports.HOST, "--port", str(code_port)),
                *("--location-name", LOCATION, "--use-python-environment-entry-point"),
                *("--working-directory", str(self.layout.checkout)),
            ],
            ready=lambda: ports.accepts(code_port),
        )
        self._write_workspace(code_port)
        if dbt_server.can_listen(self.layout.dbt_socket):
            self._launch(servers.dbt(self.layout)).wait_ready()
        started = [self._launch(simulator)] if simulator else []
        if self.plan.docs_port:
            started.append(self._launch(servers.docs(self.layout, self.plan.docs_port)))
        if self.plan.metrics_port:
            started.append(self._launch(servers.exporter(self.plan.metrics_port)))
        self._prepare_marts()
        # Alone: it also creates Dagster's databases, and two at that trip over each other.
        self._sweep()
        started.append(self._launch(code))
        for child in started:
            child.wait_ready()
        self.tell("Starting the UI")
        self._launch(self._webserver()).wait_ready()
        self._wait_loaded()

    def start_daemon(self) -> None:
        """From here on queued runs start, and so do schedules, conditions and sensors."""
        if "daemon" in self.children:
            return
        command = [*self.plan.daemon, "-w", str(self.layout.workspace)]
        self._launch(ChildSpec("daemon", command, ready=lambda: True)).wait_ready()

    def make_docs(self) -> None:
        """dbt's docs, unless those that are there tell of the same project."""
        project = Project(load_settings(self.layout.platform, environ={}))
        if project.docs.exists() and project.docs.stat().st_mtime > project.made_at:
            return
        self.tell("Making dbt's docs")
        self._make("docs", "market_assets.marts.docs")

    def make_report(self) -> None:
        """A first quality report, so that no link to it leads nowhere; the nightly job goes on."""
        if any(report_folder(load_settings(self.layout.platform, environ={})).glob("*.html")):
            return
        self.tell("Making the quality report")
        self._make("report", "market_assets.quality.report")

    def _make(self, name: str, module: str) -> None:
        """Pages to look at: without them everything else still works."""
        try:
            self._command(name, ["-m", module])
        except ProcessDied as error:
            self.tell(f"{error}\nGoing on without it")

    def _prepare_marts(self) -> None:
        """Before the code server, which would do it without a word."""
        settings = load_settings(self.layout.platform, environ={})
        project = Project(settings, dbt_server=str(self.layout.dbt_socket))
        if project.is_stale():
            self.tell("Parsing the dbt project")
            project.prepare()

    def _launch(self, spec: ChildSpec) -> Child:
        log = self.layout.log(spec.name.replace(" ", "-"))
        told = self.environment if spec.knows_secrets else without_secrets(self.environment)
        child = Child(spec, told, self.layout.checkout, log)
        self.children[spec.name] = child
        child.start()
        return child

    def _webserver(self) -> ChildSpec:
        command = [
            *(sys.executable, "-m", "dagster_webserver", "-w", str(self.layout.workspace)),
            *("--host", ports.HOST, "--port", str(self.ui_port), "--suppress-warnings"),
        ]
        return ChildSpec("webserver", command, ready=self.api.answers)

    def _write_workspace(self, code_port: int) -> None:
        """One code server for webserver and daemon; each would start its own otherwise."""
        server = {"host": ports.HOST, "port": code_port, "location_name": LOCATION}
        document = {"load_from": [{"grpc_server": server}]}
        # JSON is YAML.
        self.layout.workspace.write_text(json.dumps(document, indent=1), encoding="utf-8")

    def _wait_loaded(self) -> None:
        until = time.monotonic() + 60
        while (problem := self.api.location_problem()) is not None:
            if time.monotonic() > until:
                raise NotReady(
                    "Loading the definitions",
                    problem,
                    f"Mend what it names; the log is {self.layout.log('code-server')}",
                )
            time.sleep(0.3)

    def _start_guard(self) -> None:
        command = [sys.executable, "-m", "market_assets.stack.guard", self.mark]
        environment = {k: v for k, v in self.environment.items() if v != self.mark}
        with self.layout.log("guard").open("ab") as log:
            self._guard = subprocess.Popen(
                command,
                cwd=self.layout.checkout,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end_leftovers(self) -> None:
        found = stop(lambda: leftovers(self.layout.state), grace_seconds=2.0)
        if found:
            self.tell(f"Ended {found} processes that an earlier start had left behind")

    def _sweep(self) -> None:
        self.tell("Looking for runs that an earlier start had left behind")
        found = json.loads(self._command("sweep", ["-m", "market_assets.defs.sweep"]))
        if found["failed"] or found["cancelled"] or found["freed"]:
            self.tell(
                f"{found['failed'] + found['cancelled']} runs of a killed start were ended,"
                f" and what {found['freed']} held was freed"
            )

    def _command(self, name: str, arguments: Sequence[str]) -> bytes:
        """Run something of ours to its end; what it printed."""
        log = self.layout.log(name)
        with log.open("ab") as errors:
            try:
                done = subprocess.run(
                    [sys.executable, *arguments],
                    cwd=self.layout.checkout,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    check=False,
                    timeout=_COMMAND_SECONDS,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired as error:
                problem = f"it took more than {_COMMAND_SECONDS:.0f} s"
                raise self._command_failed(name, problem) from error
        if done.returncode:
            raise self._command_failed(name, f"exit code {done.returncode}{log_tail(log)}")
        return done.stdout

    def _command_failed(self, name: str, problem: str) -> ProcessDied:
        doing = {
            "sweep": "Ending runs that an earlier start had left behind",
            "docs": "Making dbt's docs",
            "report": "Making the quality report",
        }[name]
        return ProcessDied(
            doing,
            problem,
            f"Read {self.layout.log(name)}; Dagster's databases are in {self.layout.dagster_home}",
        )

    # -- running and stopping

    def check(self) -> None:
        """Start what died again; raises when something does not stay up."""
        for child in self.children.values():
            if not child.alive:
                self.tell(child.revive())

    def watch(self) -> None:
        """Until somebody interrupts, or a process does not stay up."""
        while True:
            self.check()
            time.sleep(_WATCH_SECONDS)

    def stop(self, grace_seconds: float = _STOP_SECONDS) -> None:
        """End every process, including runs; what they had begun is swept at the next start."""
        stop_marked(self.mark, grace_seconds=grace_seconds)
        for child in self.children.values():
            if child.process is not None:
                child.process.wait()
        self.children.clear()
        self.layout.dbt_socket.unlink(missing_ok=True)
        self.api.close()
        if self._guard is not None:
            guard, self._guard = self._guard, None
            close(guard.stdin)
            guard.wait()


def close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        stream.close()
