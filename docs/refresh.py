"""Put the demonstration's real output into the README: `cair demo --lang en | tee FILE; python docs/refresh.py FILE`."""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- demo: begin -->", "<!-- demo: end -->"
_PATHS = re.compile(r"^/\S+/(?=report\.html)", re.MULTILINE)


def shown(output: str) -> str:
    """The part of the output that is shown: the figures, without machine paths and trailing blanks."""
    figures = output[output.index(" As of ") :].split("\nreal\t")[0]
    lines = [line.rstrip() for line in _PATHS.sub("CAIR_HOME/", figures).splitlines()]
    return "\n".join(line.removeprefix(" ") for line in lines).strip()


def main() -> None:
    """Replace what stands between the marks."""
    output = Path(sys.argv[1]).read_text(encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    before, after = readme.split(BEGIN)[0], readme.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n```text\n{shown(output)}\n```\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
