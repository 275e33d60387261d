"""`ControlPlane`: start, break, restart and end a whole Kubernetes without a container engine."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster.api import Access, Api
from tests.cluster.binary import binary, kubernetes_version
from tests.cluster.components import (
    APISERVER,
    CONTROLLERS,
    ETCD,
    KUBELETS,
    NAMES,
    SCHEDULER,
    Layout,
    Tuning,
    command,
    write_configs,
)
from tests.cluster.credentials import User, administrator, kubeconfig, signing_key, token_file
from tests.cluster.ports import free_ports
from tests.cluster.waiting import READY_TIMEOUT_S, NotReady, answers, wait_for
from workers.process import Process
from workers.warden import Warden


class ControlPlane:
    """etcd, API server, controller manager, scheduler and fake kubelets, each a process of its own.

    with ControlPlane() as cluster:
        async with cluster.api() as api:
            await api.get("/api/v1/nodes")

    Ready about 4 s after `start`. `users` may log in besides the administrator; others can be had from `Api.acting_as`.
    The folder with logs and data is removed at the end unless `keep` is set.
    """

    def __init__(self, tuning: Tuning | None = None, users: Sequence[User] = ()) -> None:
        self.tuning = tuning or Tuning()
        self.keep = False
        self.admin = administrator("admin")
        self._components = {name: administrator(f"system:{name}") for name in (CONTROLLERS, SCHEDULER, KUBELETS)}
        self._users = (self.admin, *self._components.values(), *users)
        self._processes: dict[str, Process] = {}

    @staticmethod
    def kind() -> str:
        """What it is, for the test header."""
        return f"{kubernetes_version()} from source with fake nodes"

    @property
    def title(self) -> str:
        """What it is and where."""
        return f"{self.kind()}, {self.layout.server}"

    @property
    def access(self) -> Access:
        """How the administrator gets in."""
        return self.access_of(self.admin)

    def access_of(self, user: User) -> Access:
        """How one of the users gets in."""
        return Access(self.layout.server, user.token, self.layout.ca_file, self.layout.kubeconfig("admin"))

    def api(self) -> Api:
        """A client for the administrator, to be used as `async with`."""
        return Api(self.access)

    def start(self) -> Self:
        """Start everything and wait until the API server is ready. Raises `NotReady` or `binary.Unavailable`."""
        program = binary()
        self.layout = Layout(Path(tempfile.mkdtemp(prefix="espalier-cluster-")), *free_ports(3))
        self._write_files()
        self._warden = Warden()
        for name in NAMES:
            log = self.layout.folder / f"{name}.log"
            self._processes[name] = Process(name, (str(program), *command(name, self.layout, self.tuning)), log, self._warden)
        try:
            self._start_in_order()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Kill everything: a polite end takes the API server up to a minute, and nothing here is worth keeping."""
        for process in reversed(self._processes.values()):
            process.kill()
        self._warden.dismiss()
        if not self.keep:
            shutil.rmtree(self.layout.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def process(self, name: str) -> Process:
        """One component, by its name in `components.NAMES`: to kill, freeze, thaw or read."""
        return self._processes[name]

    def restart(self, name: str) -> None:
        """kill -9 one component and start it again on its data and port; returns when the API server is ready."""
        self.process(name).restart()
        self.wait_ready()

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until the API server says it is ready."""
        self._wait("the API server to be ready", "/readyz", timeout_s)

    def logs(self) -> str:
        """The end of every component's log."""
        return "\n".join(f"--- {process.name} ({process.log})\n{process.last_words()}" for process in self._processes.values())

    def _write_files(self) -> None:
        folder = self.layout.folder
        (folder / "service-accounts.key").write_text(signing_key())
        (folder / "tokens.csv").write_text(token_file(self._users))
        for name, user in {"admin": self.admin, **self._components}.items():
            self.layout.kubeconfig(name).write_text(kubeconfig(self.layout.server, self.layout.ca_file, user))
        write_configs(self.layout, self.tuning)

    def _start_in_order(self) -> None:
        self.process(ETCD).start()
        self.process(APISERVER).start()
        self.wait_ready()
        for name in (CONTROLLERS, SCHEDULER, KUBELETS):
            self.process(name).start()
        self._wait("the default namespace", "/api/v1/namespaces/default", READY_TIMEOUT_S)

    def _wait(self, what: str, path: str, timeout_s: float) -> None:
        try:
            wait_for(what, lambda: self._survives() and answers(self.access, path), self.logs, timeout_s)
        except NotReady:
            self.keep = True
            raise

    def _survives(self) -> bool:
        ended = [name for name in (ETCD, APISERVER) if not self.process(name).alive()]
        if ended:
            raise NotReady(f"{', '.join(ended)} ended\n{self.logs()}")
        return True
