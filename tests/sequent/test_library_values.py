"""NumPy's and pandas' values between the steps of a flow: results, items of loops, arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import sequent as seq
from eventcore.errors import StoreError
from sequent.errors import LoopError
from tests.support import flow, rows

CONSTRUCTS = ["process", "thread", "async", "invoke"]
FRAME = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=300), "n": np.arange(300)})


def make_both() -> dict[str, Any]:
    """A result with two libraries' values in it."""
    return {"array": np.arange(1000, dtype="f4"), "frame": FRAME, "scalars": (np.float32("nan"), pd.NaT)}


def described(value: Any, items: Any, item: Any, **more: Any) -> list[str]:
    """The types that a step got, wherever they stood."""
    array, frame, scalars = value["array"], value["frame"], value["scalars"]
    assert_frame_equal(frame, FRAME)
    assert array.tolist() == list(range(1000))
    found = [array, frame, *scalars, *items, item, seq.current().item, *more["deep"][0]["here"]]
    return [type(part).__name__ for part in found]


@pytest.mark.sqlite
@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_step_gets_the_real_types_again_wherever_it_refers_to_them(tmp_path: Path, construct: str) -> None:
    f = flow(tmp_path / "run.db", task_construct=construct, max_result_size=3_000)
    made = f.add_step("made", make_both)
    one = f.add_step("one", lambda: np.int16(7), loop=np.arange(2))
    loop = f.add_step("loop", loop=[np.datetime64("2026-01-01")])
    deep = [{"here": (loop.item,)}]
    used = loop.add_step("used", described, args=(made.result, one.result, seq.item), kwargs={"deep": deep})
    assert f()
    assert f.result(used) == [
        "ndarray", "DataFrame", "float32", "NaTType", "int16", "int16", *["datetime64"] * 3
    ]  # fmt: skip
    files = sorted(file.suffix for file in (tmp_path / "run.db.results").rglob("*.*"))
    assert files == [".npy", ".parquet"]


@pytest.mark.parametrize("store", [":memory:", "run.db"])
def test_results_in_python_are_of_the_real_types(tmp_path: Path, store: str) -> None:
    f = flow(store if store == ":memory:" else tmp_path / store, max_result_size=100)
    f.add_step("made", lambda: FRAME)
    assert f()
    assert_frame_equal(f.result("made"), FRAME)


def doubled(value: Any) -> Any:
    """What a step makes of an item."""
    return [type(value).__name__, str(value)]


@pytest.mark.parametrize(("construct", "is_computed"), [("process", True), ("invoke", False)])
@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (np.arange(3), [["int64", "0"], ["int64", "1"], ["int64", "2"]]),
        (np.eye(2), [["ndarray", "[1. 0.]"], ["ndarray", "[0. 1.]"]]),
        (np.array(["2026-01-01", "NaT"], "M8[D]"), [["datetime64", "2026-01-01"], ["datetime64", "NaT"]]),
        (pd.Series([1.5, np.inf, np.nan]), [["float", "1.5"], ["float", "inf"], ["float", "nan"]]),
        (pd.Series(["a", "b"], index=["x", "x"]), [["str", "a"], ["str", "b"]]),
        (pd.date_range("2026", periods=2, tz="UTC"), [["Timestamp", "2026-01-01 00:00:00+00:00"],
                                                      ["Timestamp", "2026-01-02 00:00:00+00:00"]]),
        (pd.DataFrame({"day": ["mon", "tue"], "n": [1, 2]}, index=[7, 7]),
         [["dict", "{'day': 'mon', 'n': 1}"], ["dict", "{'day': 'tue', 'n': 2}"]]),
        ({np.int64(3): [np.float64(0.1)]}, [["list", "[np.float64(0.1)]"]]),
        ([pd.Timestamp("2026-01-01"), pd.NaT], [["Timestamp", "2026-01-01 00:00:00"], ["NaTType", "NaT"]]),
        (pd.DataFrame(), []),
    ],
    ids=["arange", "rows", "datetime64", "series", "labels", "dates", "frame", "nested", "times", "empty"],
)  # fmt: skip
def test_loops_walk_arrays_series_and_the_rows_of_tables(
    tmp_path: Path, loop: Any, expected: list[Any], is_computed: bool, construct: str
) -> None:
    f = flow(tmp_path / "run.db", task_construct=construct)
    box = f.add_step("box", loop=(lambda: loop) if is_computed else loop)
    used = box.add_step("used", doubled, args=(seq.item,))
    assert f()
    assert list(f.results(used).values()) == expected


def test_a_loop_over_a_step_that_returned_a_table_gets_its_rows() -> None:
    f = flow()
    box = f.add_step("box", loop=f.add_step("made", lambda: FRAME.head(2)).result)
    used = box.add_step("used", lambda row: row["day"].day + row["n"], args=(box.item,))
    assert f()
    assert list(f.results(used).values()) == [1, 3]


def test_a_long_table_is_walked_whole() -> None:
    f = flow()
    box = f.add_step("box", loop=pd.DataFrame({"n": range(2_500)}))
    used = box.add_step("used", lambda row: row["n"], args=(box.item,))
    assert f()
    assert sum(f.results(used).values()) == sum(range(2_500))


def test_the_environment_has_the_text_of_an_item(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db", task_construct="process")
    box = f.add_step("box", loop=[np.float64(0.5), pd.Timestamp("2026-01-02")])
    box.add_step("told", seq.shell("test -n \"$SEQUENT_LOOP_VALUE\" && echo \"$SEQUENT_LOOP_VALUE\" >> {0}"),
                 args=(tmp_path / "out",))  # fmt: skip
    assert f()
    assert sorted((tmp_path / "out").read_text().splitlines()) == ["0.5", "2026-01-02 00:00:00"]


@pytest.mark.parametrize(
    ("loop", "message"),
    [(np.array(5), "cannot be iterated over"), (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns of the same name"),
     ([np.array([object()])], r"the value\[0\] cannot be stored: its dtype is object")],
)  # fmt: skip
def test_what_cannot_be_walked_or_stored_is_refused(loop: Any, message: str) -> None:
    with pytest.raises(LoopError, match=message):
        flow().add_step("box", loop=loop)


def test_arrays_of_objects_fail_the_step_whose_result_is_used(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db")
    f.add_step("used", print, args=(f.add_step("made", lambda: np.array([object()])).result,))
    assert not f()
    [(error,)] = rows(tmp_path / "run.db", "select error from {attempts} where error is not null")
    assert "its dtype is object, and objects in arrays would have to be pickled; convert it with" in error


def uses_an_array(store: Path, mode: seq.RunMode, *, works: bool, **config: Any) -> seq.Sequent:
    """A run whose second step refers to the array of its first."""
    f = flow(store, mode, **{"max_result_size": 100, **config})
    made = f.add_step("made", lambda: np.arange(1000) if mode is seq.RunMode.restart else 1 / 0)
    f.add_step("used", lambda array: array.sum() / works, args=(made.result,))
    return f


def test_an_array_is_carried_over_to_recovery(tmp_path: Path) -> None:
    assert not uses_an_array(tmp_path / "s.db", seq.RunMode.restart, works=False)()
    for _ in range(2):
        recovered = uses_an_array(tmp_path / "s.db", seq.RunMode.recover, works=True)
        assert recovered()
    assert recovered.result("used") == np.float64(499500)
    assert recovered.result("made").tolist() == list(range(1000))


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8] + b"\xff" * 8)


@pytest.mark.sqlite
@pytest.mark.parametrize(("damage", "reason"), [(damaged, "is damaged"), (Path.unlink, "cannot be read: No such file")])
def test_a_file_that_cannot_be_read_fails_the_step_that_uses_it(tmp_path: Path, damage: Any, reason: str) -> None:
    assert not uses_an_array(tmp_path / "s.db", seq.RunMode.restart, works=False)()
    [file] = (tmp_path / "s.db.results").rglob("*.npy")
    damage(file)
    recovered = uses_an_array(tmp_path / "s.db", seq.RunMode.recover, works=True)
    assert not recovered()
    [task] = recovered.tasks("used")
    assert task.error is not None
    assert task.error.startswith(f"StoreError: the result of step 'made' at 1 cannot be used: its file {file} {reason}")
    assert "rerun the step that returned it, which recovery alone would skip" in task.error
    with pytest.raises(StoreError, match=f"the result of made@1 cannot be read: its file .* {reason}"):
        recovered.result("made")


@pytest.mark.sqlite
def test_a_file_that_cannot_be_written_fails_its_step(tmp_path: Path) -> None:
    (tmp_path / "s.db.results").touch()
    f = uses_an_array(tmp_path / "s.db", seq.RunMode.restart, works=True)
    assert not f()
    [task] = f.tasks("made")
    assert task.error is not None
    assert task.error.startswith("StoreError: the result's file, 8128 bytes long, cannot be kept in ")


def test_no_row_has_the_bytes_of_a_large_array(tmp_path: Path) -> None:
    assert uses_an_array(tmp_path / "s.db", seq.RunMode.restart, works=True, max_result_size=1000)()
    [(value, file)] = rows(tmp_path / "s.db", "select value, file from {results} where step = 'made'")
    assert (len(value) < 200, file) == (True, None)


def test_a_table_that_another_step_wants_and_that_cannot_be_stored_is_told_of_once() -> None:
    f = flow(logging_level="CRITICAL")
    made = f.add_step("made", lambda: pd.DataFrame({"o": [[1], [2]]}))
    f.add_step("taken", print, args=(made.result,))
    assert not f()
    [task] = f.tasks("made")
    assert task.error == (
        "NotStorableError: a later step refers to this step's result, but the value cannot be stored: its column 'o' "
        "of dtype object holds objects of type list, which Parquet does not keep; convert them, to text perhaps"
    )
