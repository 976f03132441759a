"""Configuration: where its values come from, which wins, and what is refused."""

from __future__ import annotations

import logging
import multiprocessing as mp
import threading
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.config import Config
from eventcore.errors import ConfigError
from tests.support import eventor, start


@pytest.fixture(autouse=True)
def no_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests set the tags that they speak of."""
    for name in ("EVENTOR_CONFIG_TAG", "EVENTOR_DB_CONFIG_TAG"):
        monkeypatch.delenv(name, raising=False)


def configured(config: Any = None, **arguments: Any) -> Config:
    """The configuration that holds."""
    return evr.Eventor("program", ":memory:", config=config, **arguments).config


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Write a config file."""

    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


def test_the_defaults_are_the_seeds() -> None:
    config = configured()
    assert (config.task_construct, config.max_concurrent, config.stop_on_exception) == ("process", 1, True)
    assert (config.sleep_between_loops, config.shared_db, config.envvar_prefix) == (1, False, "EVENTOR_")
    assert (config.workdir, config.logdir, config.logging_level) == ("/tmp", "/tmp", logging.INFO)
    assert (config.durability, config.max_result_size) == ("full", 1_000_000)


def test_a_mapping_or_a_file_says_otherwise(file: Any) -> None:
    assert configured({"max_concurrent": 3}).max_concurrent == 3
    path = file("max_concurrent: 3\nretry_delay: {first: 1, factor: 3}\n")
    assert configured(path).max_concurrent == configured(str(path)).max_concurrent == 3


def test_the_call_wins_over_the_file(file: Any) -> None:
    path = file("shared_db: true\nlogging_level: ERROR\n")
    config = configured(path, shared_db=False, logging_level=logging.DEBUG)
    assert (config.shared_db, config.logging_level) == (False, logging.DEBUG)
    assert configured(file("logging_level: ERROR\n")).logging_level == logging.ERROR


@pytest.mark.parametrize(("of_step", "tries"), [({}, 3), ({"retries": 1}, 2), ({"retries": 0}, 1)])
def test_the_step_wins_over_all(of_step: dict[str, int], tries: int) -> None:
    ran: list[int] = []

    def fails() -> None:
        ran.append(1)
        raise ValueError

    ev = eventor(retries=2)
    start(ev, ev.add_step("s", fails, config=of_step))
    assert not ev.run()
    assert len(ran) == tries


def test_arguments_of_run_win_over_those_of_the_constructor() -> None:
    ev = eventor()
    ev.run(config={"task_construct": "thread", "max_concurrent": 7}, logging_level="WARNING")
    held = ev.config
    assert (held.task_construct, held.max_concurrent, held.logging_level) == ("thread", 7, logging.WARNING)


TAGGED = """
EVENTOR: {max_concurrent: 2}
prod: {flows: {max_concurrent: 3}}
"""


@pytest.mark.parametrize(("tag", "most"), [(None, 2), ("EVENTOR", 2), ("prod.flows", 3)])
def test_the_section_is_the_one_that_the_environment_names(
    file: Any, monkeypatch: pytest.MonkeyPatch, tag: str | None, most: int
) -> None:
    if tag is not None:
        monkeypatch.setenv("EVENTOR_CONFIG_TAG", tag)
    assert configured(file(TAGGED)).max_concurrent == most


def test_a_program_without_config_does_not_mind_the_environments_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTOR_CONFIG_TAG", "prod")
    monkeypatch.setenv("EVENTOR_DB_CONFIG_TAG", "DB")
    assert configured().max_concurrent == 1


DATABASES = """
EVENTOR:
  DATABASE: {mine: first.db}
  TEST_DATABASE: {mine: second.db}
"""


@pytest.mark.parametrize(
    ("tag", "store"), [(None, "first.db"), ("DATABASE", "first.db"), ("TEST_DATABASE", "second.db")]
)
def test_the_databases_are_those_that_the_environment_names(
    file: Any, monkeypatch: pytest.MonkeyPatch, tag: str | None, store: str
) -> None:
    if tag is not None:
        monkeypatch.setenv("EVENTOR_DB_CONFIG_TAG", tag)
    assert evr.Eventor(store="mine", config=file(DATABASES)).store == store


def test_variables_expand_wherever_text_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "/data")
    assert configured({"logdir": "${PLACE}/logs/${PLACE}"}).logdir == "/data/logs//data"


def test_only_the_database_in_use_must_be_complete(tmp_path: Path) -> None:
    config = {"DATABASE": {"here": str(tmp_path / "run.db"), "there": {"database": "${NOT_SET_ANYWHERE}"}}}
    assert evr.Eventor(store="here", config=config).store == str(tmp_path / "run.db")
    with pytest.raises(ConfigError, match=r"DATABASE: there: database: .*NOT_SET_ANYWHERE"):
        evr.Eventor(store="there", config=config)


def test_a_path_may_be_given_where_text_is_meant(tmp_path: Path) -> None:
    assert configured({"logdir": tmp_path}).logdir == str(tmp_path)


BAD: dict[str, tuple[Any, list[str]]] = {
    "an unknown key": ({"max_concurent": 1}, ["'max_concurent'", "did you mean 'max_concurrent'?"]),
    "a key like no other": ({"colour": 1}, ["'colour'", "known keys", "max_concurrent"]),
    "a wrong type": ({"max_concurrent": "2"}, ["max_concurrent", "a whole number", "text"]),
    "a bool for a number": ({"retries": True}, ["retries", "a whole number", "true or false"]),
    "a wrong type inside": ({"retry_delay": [1, "x"]}, ["retry_delay[1]", "a number", "text"]),
    "an unknown key inside": ({"retry_delay": {"frist": 1}}, ["retry_delay", "frist"]),
    "a negative number of retries": ({"retries": -1}, ["retries", "0 or more", "-1"]),
    "a negative wait": ({"retry_delay": -1}, ["retry_delay", "0 or more"]),
    "a wait without end": ({"retry_delay": {"max": float("inf")}}, ["retry_delay", "finite"]),
    "a timeout of nothing": ({"timeout": 0}, ["timeout", "above 0"]),
    "an endless timeout": ({"timeout": float("inf")}, ["timeout", "seconds"]),
    "no result size": ({"max_result_size": 0}, ["max_result_size", "above 0"]),
    "a folder that the system does not take": ({"logdir": "a\0b"}, ["logdir", "NUL"]),
    "a folder with a lone surrogate": ({"logdir": "a\ud800b"}, ["logdir", "lone surrogates"]),
    "a prefix with an equals sign": ({"envvar_prefix": "A=B"}, ["envvar_prefix", "without =", "'A=B'"]),
    "a prefix that the system does not take": ({"envvar_prefix": "A\0"}, ["envvar_prefix", "NUL"]),
    "an unknown durability": ({"durability": "none"}, ["durability", "'none'", "'full', 'normal'"]),
    "an unknown console": ({"console": "loud"}, ["console", "'loud'", "False, 'short', 'coloured', 'full', 'quiet'"]),
    "an unknown level": ({"logging_level": "LOUD"}, ["logging_level", "'LOUD'", "INFO"]),
    "an unknown construct": ({"task_construct": "proces"}, ["task_construct", "'proces'", "process, thread"]),
    "a construct that is a class of something": ({"task_construct": dict}, ["task_construct", "dict", "Executor"]),
    "a factory that is not there": ({"task_construct": "nowhere:make"}, ["'nowhere:make'", "cannot be imported"]),
    "a factory that is no function": ({"task_construct": "math:pi"}, ["'math:pi'", "not callable"]),
    "databases as a list": ({"DATABASE": ["a.db"]}, ["DATABASE", "a mapping"]),
    "a variable that is not set": ({"logdir": "${NOT_SET_ANYWHERE}/x"}, ["logdir", "NOT_SET_ANYWHERE", "set it"]),
    "a section that is no mapping": ({"EVENTOR": 5}, ["EVENTOR", "must be a mapping"]),
    "a number instead of a config": (5, ["mapping or the path of a YAML file", "5"]),
    "a list instead of a config": ([1], ["mapping or the path of a YAML file", "[1]"]),
    "a file that is not there": ("nowhere.yaml", ["nowhere.yaml", "does not exist", "YAML file"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_configuration_is_refused_with_its_path(case: str) -> None:
    config, words = BAD[case]
    with pytest.raises(ConfigError) as refused:
        configured(config)
    for word in words:
        assert word in str(refused.value)


BAD_FILES = {
    "a list": ("- 1\n", ["config.yaml", "top level must be a mapping"]),
    "a text": ("hello\n", ["config.yaml", "top level must be a mapping"]),
    "no YAML": ("a: [1\n", ["config.yaml", "is not YAML"]),
    "YAML that would run code": ("a: !!python/object/apply:os.system [ls]\n", ["config.yaml", "is not YAML"]),
    "an unknown key in a section": ("EVENTOR: {retrys: 1}\n", ["config.yaml: EVENTOR", "did you mean 'retries'?"]),
    "a misspelt database section": ("EVENTOR: {DATABSE: {a: b}}\n", ["did you mean 'DATABASE'?"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_by_its_name(file: Any, case: str) -> None:
    text, words = BAD_FILES[case]
    with pytest.raises(ConfigError) as refused:
        configured(file(text))
    for word in words:
        assert word in str(refused.value)


def test_an_empty_file_says_nothing(file: Any) -> None:
    assert configured(file("")).max_concurrent == 1


def test_bytes_are_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match=r"config\.yaml cannot be read"):
        configured(tmp_path / "config.yaml")


@pytest.mark.parametrize("variable", ["EVENTOR_CONFIG_TAG", "EVENTOR_DB_CONFIG_TAG"])
def test_a_tag_that_names_no_section_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "TEST")
    with pytest.raises(ConfigError, match=f"no section 'TEST', which {variable} names"):
        configured({"max_concurrent": 1})


BAD_OF_STEP: dict[str, tuple[Any, list[str]]] = {
    "a key that only programs have": ({"logdir": "/x"}, ["step 's'", "'logdir'"]),
    "an unknown key": ({"retrys": 1}, ["step 's'", "did you mean 'retries'?"]),
    "a wrong type": ({"timeout": "5"}, ["step 's'", "timeout", "text"]),
    "a bad construct": ({"task_construct": "threads"}, ["step 's'", "'threads'"]),
    "no mapping": ([1], ["step 's'", "mapping"]),
}


@pytest.mark.parametrize("case", BAD_OF_STEP)
def test_a_steps_bad_configuration_is_refused_with_the_steps_name(case: str) -> None:
    config, words = BAD_OF_STEP[case]
    with pytest.raises(ConfigError) as refused:
        eventor().add_step("s", print, config=config)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("written", "means"),
    [(mp.Process, "process"), (mp.get_context("spawn").Process, "process"), (threading.Thread, "thread"),
     (evr.Invoke, "invoke")],
)  # fmt: skip
def test_classes_stand_for_constructs_as_the_seeds_programs_write_them(written: Any, means: str) -> None:
    assert configured({"task_construct": written}).task_construct == means


def test_a_password_is_never_part_of_what_is_said() -> None:
    with pytest.raises(evr.EventcoreError) as refused:
        evr.Eventor(store="postgresql://me:secret@host/db").run()
    assert "secret" not in str(refused.value)
