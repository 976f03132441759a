"""`shell`: a command as a step's function."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.act.observer import AttemptFailed
from sequent.errors import CommandError, FlowError
from tests.support import Recorder, flow, run_script

EVIL = 'it\'s "$(touch evil)" `touch evil`; touch evil #*'
EXECUTORS = ["process", "thread", "invoke", "async"]


def printed(command: str, *args: Any, **kwargs: Any) -> str:
    """What a command of a step prints, as its log has it."""
    ran = flow(logdir="log")
    ran.add_step("s", seq.shell(command), args=args, kwargs=kwargs)
    assert ran.run(), ran.tasks()
    [log] = Path("log").rglob("*.log")
    return log.read_text()


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "place",
    ["{0}", '"{0}"', '"$(printf %s {0})"', "$(printf %s {0} | cat -)", "`true`{0}", '"`printf %s {0}`"',
     '"`printf %s \\"{0}\\"`"', '"`true`"{0}'],
)  # fmt: skip
def test_an_argument_is_a_word_of_its_own_and_nothing_in_it_is_interpreted(place: str) -> None:
    value = "a" if place.startswith("$(") else EVIL  # what a substitution yields without quotes is split by the shell
    assert printed(f"printf '%s' {place}", value) == value
    assert not Path("evil").exists()


def test_arguments_have_names_and_lists_are_several_words() -> None:
    text = printed("printf '<%s>' {files} {0} \"{files}\" {number}", Path("a b"), files=["x y", "z"], number=3)
    assert text == "<x y><z><a b><x y z><3>"


@pytest.mark.parametrize(
    ("command", "args", "text"),
    [
        ("x=1; echo ${x} ${x}", (), "1 1\n"),
        ("echo a b | awk '{print $2}'", (), "b\n"),
        ("echo '{0}' \\{0}", (), "{0} {0}\n"),
        ("echo {} {a,b}", (), "{} {a,b}\n"),
        ('true # it\'s {nothing}\necho "(" {0}', ("x",), "( x\n"),
        ("case a in a) echo {0};; esac", ("x",), "x\n"),
        ("echo {00} {0} {100} {1000000000} {²}", ("x",), "{00} x {100} {1000000000} {²}\n"),
    ],
)
def test_other_braces_belong_to_the_shell(command: str, args: tuple[str, ...], text: str) -> None:
    assert printed(command, *args) == text


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ('cat <<EOF\n<{0}> "{0}" \\{0}\n EOF\nEOF\nprintf %s {0}', '<a  *> "a  *" \\{0}\n EOF\na  *'),
        ("cat <<-END - <<X\n\tit's\n\tEND\nX {0}\nX\nprintf %s {0}", "X a  *\na  *"),
        ("cat <<'EOF'\n{1}\nEOF\nprintf %s {0}", "{1}\na  *"),
        ("echo $((1 << 2)) {0}\nprintf %s {0}", "4 a  *\na  *"),
        ("cat <<EOF\n{0}", "a  *"),
    ],
)
def test_a_here_document_has_arguments_as_they_are(command: str, text: str) -> None:
    assert printed(command, "a  *") == text


@pytest.mark.parametrize("command", ["echo $((1 + {0}))", 'echo "$((1 + {0}))"', "echo $(((2) * {0}))"])
def test_the_shell_computes_with_no_argument(command: str) -> None:
    with pytest.raises(FlowError, match="where the shell would compute with whatever it contains; compute the number"):
        seq.shell(command)


@pytest.mark.parametrize("construct", EXECUTORS)
def test_the_output_goes_to_the_steps_log_whatever_runs_it(construct: str) -> None:
    ran = flow(task_construct=construct, logdir="log")
    ran.add_step("s", seq.shell("echo out; echo err >&2; printf 'ä\\377'"))
    assert ran.run()
    [log] = Path("log").rglob("*.log")
    assert log.read_bytes().decode(errors="replace") == "out\nerr\nä\ufffd"


@pytest.mark.parametrize("construct", EXECUTORS)
@pytest.mark.parametrize(("command", "said"), [("exit 3", "exit code 3: exit 3"), ("kill -9 $$", "ended by SIGKILL")])
def test_an_exit_code_other_than_0_fails_the_step(construct: str, command: str, said: str) -> None:
    told = Recorder(AttemptFailed)
    ran = flow(task_construct=construct, logging_level="CRITICAL")
    ran.add_step("s", seq.shell(command))
    ran.add_observer(told)
    assert not ran.run()
    assert [notice.traceback for notice in told.of(AttemptFailed)] == [None]
    [task] = ran.tasks()
    assert task.error is not None
    assert task.error.startswith(f"CommandError: {said}")


def test_a_command_can_handle_and_be_handled_like_any_function() -> None:
    ran = flow(logging_level="CRITICAL")
    fails = ran.add_step("fails", seq.shell("test -e made"), config={"retries": 1})
    made = ran.add_step("make", seq.shell("touch {0}"), args=("made",), require=((fails, seq.STEP_FAILURE),))
    ran.add_step("check", seq.shell("test -e {file}"), kwargs={"file": "made"}, require=((made, seq.STEP_SUCCESS),))
    assert ran.run()
    assert ran.result(made) is None


def test_what_a_command_started_is_ended_with_it_when_its_time_is_up() -> None:
    script = """
        import sequent as seq

        flow = seq.Sequent("late", config={"logging_level": "CRITICAL"})
        flow.add_step("s", seq.shell("sleep 600 & echo $! > {0}; echo $$ >> {0}; wait"), args=("pids",),
                      config={"timeout": 3})
        assert not flow.run()
        assert "timed out" in flow.tasks("s")[0].error
    """
    done = run_script(script, Path.cwd())
    assert done.returncode == 0, done.stderr
    for pid in Path("pids").read_text().split():
        while is_alive(int(pid)):
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended may still wait for its parent."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:4]
    except OSError:
        return False


def test_what_a_command_leaves_behind_does_not_hold_up_a_step_in_a_thread() -> None:
    ran = flow(task_construct="thread")
    ran.add_step("s", seq.shell("sleep 600 & echo $! > pid"))
    assert ran.run()
    os.kill(int(Path("pid").read_text()), 9)


@pytest.mark.parametrize(
    ("command", "args", "kwargs", "said"),
    [
        ("echo {0} {1}", ("a",), {}, "missing a required argument: 'argument_1'"),
        ("echo {x}", (), {}, "missing a required argument: 'x'"),
        ("echo", ("a",), {}, "too many positional arguments"),
        ("echo '{x}'", (), {"x": 1}, "unexpected keyword argument 'x'; nothing is replaced between single quotes"),
        ("echo {x}", (), {"x": None}, "argument 'x' of the command is None"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(command: str, args: Any, kwargs: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        seq.shell(command)(*args, **kwargs)


@pytest.mark.parametrize("command", ["", "  ", "a\0b", 3, "echo {class}"])
def test_what_is_no_command_is_refused_at_once(command: Any) -> None:
    with pytest.raises(seq.FlowError, match="shell: "):
        seq.shell(command)


def test_a_changed_command_is_noticed_in_recovery(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def build(command: str) -> seq.Sequent:
        made = flow(tmp_path / "run.db", logging_level="WARNING")
        made.add_step("s", seq.shell(command))
        return made

    build("exit 1").run()
    build("exit 0").run(run_mode=seq.RUN_RECOVER)
    assert "The program differs" in caplog.text


def test_the_error_says_which_command_it_was() -> None:
    error = CommandError(2, "ls /nix")
    assert (str(error), error.code, error.command) == ("exit code 2: ls /nix", 2, "ls /nix")
    assert str(CommandError(-250, "x")) == "ended by signal 250: x"


def test_check_finds_a_use_of_the_result_of_a_command() -> None:
    made = flow()
    a = made.add_step("a", seq.shell("echo 42"))
    made.add_step("b", print, args=(a.result,))
    [said] = made.problems()
    assert said.startswith("step 'b': it uses a.result, but step 'a' runs a command, whose result is always None;")
