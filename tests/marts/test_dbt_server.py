"""One process has imported dbt, and a fork of it runs each command as a process of its own would.

The commands are dbt's own, the server a process as a stack starts it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from marts_support import MartsLab

from market_assets.errors import MartsFailed
from market_assets.marts.dbt_command import SERVER_VARIABLE, run_dbt
from market_assets.marts.dbt_server import can_listen
from market_assets.marts.project import SOURCE, Project

pytestmark = pytest.mark.xdist_group("marts")

HELP = ["--help"]
SELECTED = ("--select", "ohlcv")
CLIENT = """
import sys
from pathlib import Path
from market_assets.marts.project import Project
from market_assets.settings import load_settings
settings = load_settings(Path(sys.argv[1]), environ={})
Project(settings, dbt_server=sys.argv[2]).run(*sys.argv[3:], doing="Trying it", told=print)
"""


@dataclass
class RunningServer:
    address: Path
    process: psutil.Process

    def forks(self) -> list[psutil.Process]:
        return [child for child in self.process.children() if child.is_running()]

    def forks_end(self) -> None:
        _until(lambda: not self.forks())


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """The address of a socket takes some hundred letters; pytest's folders may have more."""
    folder = Path(tempfile.mkdtemp(prefix="market-assets-tests-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(short_folder: Path) -> Iterator[RunningServer]:
    """A server of these tests' own, to be looked at and, by the last of them, killed."""
    address = short_folder / "dbt.sock"
    command = [sys.executable, "-m", "market_assets.marts.dbt_server", str(address)]
    with subprocess.Popen(command) as process:
        _until(address.is_socket)
        yield RunningServer(address, psutil.Process(process.pid))
        process.kill()


def test_a_fork_of_the_server_does_and_says_what_a_process_of_its_own_does(
    small: MartsLab,
) -> None:
    told: dict[str, list[str]] = {}
    compiled = {}
    for server in ("", os.environ[SERVER_VARIABLE]):
        lines = told[server] = []
        project = Project(small.settings, dbt_server=server)
        with project.run_folder() as folder:
            project.run("compile", *SELECTED, doing="Trying it", target=folder, told=lines.append)
            compiled[server] = {
                file.name: file.read_text() for file in (folder / "compiled").rglob("*.sql")
            }
    alone, by_server = ([_timeless(line) for line in lines] for lines in told.values())
    assert by_server == alone
    on_its_own, forked = compiled.values()
    assert forked == on_its_own
    assert "ohlcv.sql" in forked


def test_a_command_that_dbt_does_not_know_is_named(small: MartsLab) -> None:
    with pytest.raises(MartsFailed, match=r"Trying it: dbt failed:\n.*--nonsense"):
        Project(small.settings).run("run", "--nonsense", doing="Trying it")


def test_commands_at_once_have_their_own_environment_folder_and_output(
    server: RunningServer, tmp_path: Path
) -> None:
    told: dict[int, list[str]] = {}

    def run(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "dbt_project.yml").write_text(f"name: p{number}\nprofile: market_assets\n")
        folders = {"PROJECT_DIR": folder, "LOG_PATH": folder, "PROFILES_DIR": SOURCE}
        environment = {f"DBT_{name}": str(path) for name, path in folders.items()}
        environment |= {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        lines = told[number] = []
        run_dbt(folder, ["clean"], environment, told=lines.append, server=str(server.address))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, lines in told.items():
        assert "Running with dbt" in lines[0]
        log = (tmp_path / str(number) / "dbt.log").read_text()
        assert f"{tmp_path}/{number}" in log
        assert not any(f"{tmp_path}/{other}" in log for other in told if other != number)


def test_who_is_interrupted_ends_dbt_and_the_next_command_runs(
    server: RunningServer, small: MartsLab
) -> None:
    project = Project(small.settings, dbt_server=str(server.address))
    seen = []

    def interrupt(line: str) -> None:
        seen.extend(server.forks())
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        project.run("parse", "--no-partial-parse", doing="Parsing", told=interrupt)
    assert len(seen) == 1, "the server runs it"
    server.forks_end()
    assert run_dbt(small.folder, HELP, os.environ, told=print, server=str(server.address)) == 0


def test_dbt_ends_with_a_client_that_is_killed(server: RunningServer, small: MartsLab) -> None:
    arguments = [str(small.file), str(server.address), "parse", "--no-partial-parse"]
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()  # dbt has begun
        assert len(server.forks()) == 1
        client.kill()
        server.forks_end()


def test_dbt_that_is_killed_is_told_apart_from_dbt_that_failed(
    server: RunningServer, small: MartsLab
) -> None:
    def kill(_line: str) -> None:
        for fork in server.forks():
            fork.kill()

    project = Project(small.settings, dbt_server=str(server.address))
    with pytest.raises(MartsFailed, match="Parsing: dbt was killed"):
        project.run("parse", "--no-partial-parse", doing="Parsing", told=kill)


def test_the_server_ends_with_its_parent(short_folder: Path) -> None:
    address = short_folder / "orphan.sock"
    starting = (
        "import subprocess, sys, time;"
        "print(subprocess.Popen([sys.executable, '-m', 'market_assets.marts.dbt_server',"
        " sys.argv[1]]).pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starting, str(address)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        _until(address.is_socket)
        parent.send_signal(signal.SIGKILL)
        server.wait(30)


def test_only_we_may_connect(server: RunningServer) -> None:
    assert stat.S_IMODE(server.address.stat().st_mode) == 0o600


def test_a_path_too_long_for_an_address_is_known_before(short_folder: Path) -> None:
    longest = short_folder / ("x" * (107 - len(str(short_folder)) - 1))
    assert can_listen(longest)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(longest))
        longer = longest.with_name(f"{longest.name}x")
        assert not can_listen(longer)
        with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as another:
            another.bind(str(longer))


def test_a_command_outlives_its_server_and_the_next_one_runs_without(
    server: RunningServer, small: MartsLab
) -> None:
    def kill(_line: str) -> None:
        server.process.kill()

    assert run_dbt(small.folder, HELP, os.environ, told=kill, server=str(server.address)) == 0
    assert server.process.status() == psutil.STATUS_ZOMBIE
    with pytest.raises(MartsFailed, match=r"Trying it: dbt failed:\n.*--nonsense"):
        Project(small.settings, dbt_server=str(server.address)).run(
            "run", "--nonsense", doing="Trying it"
        )


def _timeless(line: str) -> str:
    return re.sub(r"[\d:.]+ ?s?", "#", line)


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)
