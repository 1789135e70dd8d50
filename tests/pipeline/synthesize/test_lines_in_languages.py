"""What `lines` takes in real code: one middle for each cursor line whose block ends in the window.

Each case is a file, the visible start of a line in it, where the cursor stands, and the start of the line
that the middle ends before; None where the cursor's line is the only one of its block.
Indents are all that counts: brackets, strings and directives are not read.
"""

from __future__ import annotations

import pytest

from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import Limits, lines_cut

PYTHON = """\
class Shop:
    def buy(self, item,
            price):
        if price > 0:
            self.items.append(
                item,
            )

            self.total += price
        else:
            raise ValueError(
"price")
        return self.total

    name = "corner"
"""
C = """\
static int read_all(int fd)
{
        char buffer[64];
#ifdef DEBUG
        puts("reading");
#endif
        while (read(fd, buffer, sizeof buffer) > 0) {
                if (buffer[0] == '#')
                        goto done;
                count(buffer,
                      sizeof buffer);
        }
done:
        return close(fd);
}
"""
JAVASCRIPT = """\
export function load(url) {
  return fetch(url)
    .then((reply) => reply.json())
    .then((data) => {
      cache.set(url, data);
      return data;
    });
}
"""
GO = """\
func (s *Server) Run() error {
\tfor _, l := range s.listeners {
\t\tif err := l.Close(); err != nil {
\t\t\treturn err
\t\t}
\t\ts.wait(l,
\t\t\ttime.Second)
\t}
\treturn nil
}
"""
YAML = """\
jobs:
  build:
    steps:
    - run: |
        make
        make test
    - uses: cache
  deploy:
    needs: build
"""
MAKEFILE = """\
OBJECTS = main.o \\
          read.o
all: $(OBJECTS)
\t$(CC) -o $@ \\
\t  $(OBJECTS)

\techo done
clean:
\trm -f $(OBJECTS)
"""
# A tab reaches to column 8, so these three are lines of one block.
MIXED = "if a:\n        b()\n\tc()\n    \td()\n    e()\n"

CASES = [
    # A branch, with the blank line and the call in it, to before `else`, whose indent is smaller.
    (PYTHON, "self.items.append(", "        else:"),
    # A header takes its body and what follows in its own block; the string's second line stands in column 0.
    (PYTHON, "if price > 0:", '"price")'),
    (PYTHON, "def buy(", '"price")'),
    (PYTHON, "raise ValueError(", None),
    # In a continued call: the bracket that closes it is indented less.
    (PYTHON, "item,\n            )", None),
    # Continued arguments: the rest of them.
    (C, "count(buffer,", "        }\ndone"),
    (C, "sizeof buffer);", None),
    # A directive and a label in column 0 end a block.
    (C, "char buffer[64];", None),
    (C, "while (read", "done:\n"),
    (C, "if (buffer[0]", "        }\ndone"),
    # The brace that closes the cursor's block stays in the suffix.
    (JAVASCRIPT, "cache.set(", "    });"),
    (JAVASCRIPT, ".then((reply)", "}\n"),
    (JAVASCRIPT, "return fetch(url)", "}\n"),
    (GO, "for _, l", "}\n"),
    (GO, "if err :=", "\t}\n\treturn nil"),
    (GO, "s.wait(l,", "\t}\n\treturn nil"),
    # A list may stand at its key's own indent.
    (YAML, "steps:", "  deploy:"),
    (YAML, "- run: |", "  deploy:"),
    (YAML, "make\n", "    - uses"),
    # A recipe with a continued line and a blank one.
    (MAKEFILE, "$(CC)", "clean:"),
    (MAKEFILE, "$(OBJECTS)\n\n", "\techo"),
    (MIXED, "b()", "    e()"),
    (MIXED, "c()", "    e()"),
]


@pytest.mark.parametrize(("text", "line", "stop"), CASES)
def test_lines_end_before_the_smaller_indent(text: str, line: str, stop: str | None) -> None:
    assert text.count(line) == 1
    start = text.index(line)
    expected = set() if stop is None else {text[start : end_of(text, start, stop)]}
    assert middles_from(text, start) == expected


def end_of(text: str, start: int, stop: str) -> int:
    """Where the first line after `start` begins that begins with `stop`."""
    return text.index("\n" + stop, start) + 1


@pytest.mark.parametrize(("text", "line"), [(PYTHON, "class Shop"), (C, "static int"), (GO, "func (s")])
def test_a_line_without_indent_is_followed_by_any_number(text: str, line: str) -> None:
    lengths = {middle.count("\n") for middle in middles_from(text, text.index(line))}
    assert lengths == set(range(2, min(20, text.count("\n")) + 1))


def middles_from(text: str, cursor: int) -> set[str]:
    """The middles that begin at `cursor` among many draws with the cursor where the indent ends."""
    limits = Limits((0, 0), 20, whole_end=True, cursor=(1.0, 0.0, 0.0))
    cuts = [lines_cut(text, Rng(keyed_hash(0, b"", seed, "languages")), limits) for seed in range(1500)]
    return {text[cut.start : cut.end] for cut in cuts if cut is not None and cut.start == cursor}
