"""Whatever a run looks like, its tree fits its place, and what needs attention is the last to be folded."""

from hypothesis import given
from hypothesis import strategies as st

from visual.live.fitting import fitted, size
from visual.live.items import Item, printable, whole

STATES = st.sampled_from(
    ["success", "failure", "active", "ready", "waiting", "not reached", "cancelled", "interrupted"]
)


def item(name: str, state: str, *children: Item) -> Item:
    return Item(name, None, state, "", None, "", children)


items = st.lists(
    st.recursive(
        st.builds(item, st.just("step"), STATES),
        lambda inner: st.builds(
            lambda state, inside: item("box", state, *inside), STATES, st.lists(inner, min_size=1, max_size=6)
        ),
        max_leaves=40,
    ),
    max_size=12,
)


@given(items, st.integers(1, 60))
def test_it_fits(tree: list[Item], room: int) -> None:
    assert size(fitted(tree, room)) <= room


@given(items)
def test_what_fits_is_left_as_it_is(tree: list[Item]) -> None:
    assert fitted(tree, size(tree)) == tuple(tree)


def test_what_is_over_is_folded_first_and_what_runs_stays() -> None:
    done = item("done", "success", item("a", "success"), item("b", "success"))
    running = item("running", "active", item("c", "success"), item("d", "active"))
    assert fitted([done, running], 4) == (item("done", "success"), running)


def test_failures_stay_where_there_is_room_for_a_few_lines_only() -> None:
    steps = [item(f"{n}", "failure" if n == 7 else "active" if n % 2 else "success") for n in range(20)]
    found = fitted(steps, 3)
    assert [one.name for one in found] == ["1", "7", "18 more steps"]
    assert found[-1].state == "in several states"


def test_times_and_errors_are_put_in_a_line() -> None:
    assert [whole(seconds) for seconds in (0.9, 59.9, 125, 3780)] == ["0 s", "59 s", "2 min 5 s", "1 h 3 min"]
    assert printable("no\n\x1b[2Jscreen") == "no [2Jscreen"
