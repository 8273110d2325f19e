"""`make bench`, or `python -m infra.bench [SUBJECT ...]`: seconds are of CPU, children included, or said to be wall."""

from __future__ import annotations

import argparse
import os
import tempfile
from importlib import import_module

# every so many-th document of the corpus is taken
SUBJECTS = {"reference": 5, "steps": 5, "memory": 1, "rebuild": 5, "scan": 20, "reward": 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; default: all")
    chosen = parser.parse_args().subjects or list(SUBJECTS)
    if unknown := set(chosen) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    # in here, because every process that is started imports this module again
    from tasks.collect import collect
    from tasks.config import CollectConfig

    documents, _ = collect(CollectConfig())
    for name in chosen:
        with tempfile.TemporaryDirectory() as home:
            os.environ["RECTO_HOME"] = home
            import_module(f"infra.bench.{name}").bench(documents[:: SUBJECTS[name]])


if __name__ == "__main__":
    main()
