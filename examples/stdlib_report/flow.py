"""A report on Python's own standard library: two extracts side by side, one process step, two transmissions.

    survey -> structure (each group) ┐            ┌ file_report
           -> imports (each group)   ┴-> process -┴ post_report

`make demo` shows it with a failure and a recovery. By itself it runs from the shell:

    sequent run examples/stdlib_report/flow.py:build --param work=demo-run --param only=asyncio,encodings
"""

from pathlib import Path

from steps import extract_imports, extract_structure, file_report, post_report, process, survey

from sequent import STEP_SUCCESS, Sequent


def build(work: str = "stdlib-report", url: str = "http://127.0.0.1:8765/report", only: str = "") -> Sequent:
    """The flow: `work` is the folder for its files, `url` takes the figures, `only` chooses groups of modules."""
    work = str(Path(work).resolve())
    flow = Sequent("stdlib-report", config={"max_concurrent": 3})

    groups = flow.add_step("survey", survey, args=(work, only))

    structure = flow.add_step("structure", loop=groups.result, concurrent=2)
    structure.add_step("count", extract_structure, args=(work, structure.item))
    imports = flow.add_step("imports", loop=groups.result, concurrent=2)
    imports.add_step("list", extract_imports, args=(work, imports.item))

    extracted = ((structure, STEP_SUCCESS), (imports, STEP_SUCCESS))
    figures = flow.add_step("process", process, args=(work, groups.result), require=extracted)

    flow.add_step("file_report", file_report, args=(work, figures.result))
    flow.add_step("post_report", post_report, args=(url, figures.result), config={"retries": 2, "retry_delay": 0.5})
    return flow


flow = build()

if __name__ == "__main__":
    raise SystemExit(not flow.run())
