"""Runs olmOCR's own checker as it is and writes down its verdict on every test. Started as a process of its own:

    python -m tasks.evaluate.olmocr.driver BENCH CANDIDATE VERDICTS [CHROMIUM]

BENCH is a folder in the benchmark's layout with the candidate's folder in it; VERDICTS the file that is written, a JSON
object a line (id, pdf, page, type, passed, explanation). What the checker prints stays on standard output.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def main(bench: str, candidate: str, verdicts: str, chromium: str = "") -> None:
    # the checker fills one table from as many threads as there are processors, and can lose entries of it
    os.cpu_count = lambda: 1
    if chromium:
        _launch_with(chromium)
    benchmark: Any = import_module("olmocr.bench.benchmark")
    evaluate = benchmark.evaluate_candidate

    def recorded(*args: Any, **options: Any) -> Any:
        outcome = evaluate(*args, **options)
        lines = [
            {
                "id": test.id,
                "pdf": test.pdf,
                "page": test.page,
                "type": test.type,
                "passed": bool(passed),
                "explanation": str(explanation),
            }
            for pages in outcome[-1].values()
            for results in pages.values()
            for test, passed, explanation in results
        ]
        Path(verdicts).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return outcome

    benchmark.evaluate_candidate = recorded
    # a page that no test names is no fault of the benchmark's folder
    sys.argv = ["benchmark", "--dir", bench, "--candidate", candidate, "--force"]
    benchmark.main()


def _launch_with(chromium: str) -> None:
    """Let Playwright start this Chromium rather than one that it would have to download."""
    browsers: Any = import_module("playwright.sync_api").BrowserType
    launch = browsers.launch

    def launch_installed(self: Any, **options: Any) -> Any:
        # Chromium's sandbox does not start as root
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        return launch(self, **{"executable_path": chromium, "args": arguments, **options})

    browsers.launch = launch_installed


if __name__ == "__main__":
    main(*sys.argv[1:])
