"""Short texts on which an encoder must equal the reference before it is trusted.

Each is an edge of the pre-tokenizer, of UTF-8, or of the merges: small enough that all of them cost
milliseconds, nasty enough that every rule of the scanner is taken at least once in each direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

_PIECE_LINES: Final = (
    "a|Zz|é|ß|ǅ|ʰ|中文|ไทย|한글|עברית|𝒳",  # letters of 1 to 4 bytes
    "7|42|٣|৪|Ⅻ|½|²|一|𝟘|\U00016ff4|\U00011de0",  # Nd, Nl, No; a numeral that is a letter; new digits
    " |  |     |\t|\t\t\t|\n|\n\n|\r\n|\r|\v|\f|\x1c|\x1f",
    "\x85|\xa0|\u1680|\u2003|\u2028|\u2029|\u202f|\u3000|\u200b|\ufeff",
    "'|''|'s|'t|'re|'ve|'m|'ll|'d|'S|'r|'l|'v|’s|'ſ",
    ".|()|_|->|\0|\x7f|…|€|\u0301|e\u0301|\u1100\u1161\u11a8|Å|\ufffd",
    "🙂|👩\u200d💻|🇫🇷|\U0010ffff|\ue000|\ufdd0",
)
_PIECES: Final = tuple(piece for line in _PIECE_LINES for piece in line.split("|"))

_CODE: Final = (
    "def f(x):\n    return x['k'] + 10**9  # it's 3.14\n\n\n",
    "\tif (a<b&&c>d) {\r\n\t\treturn\t0x1F;\r\n\t}\r\n",
    "for i in range(100000000000):    \n        pass\n    \n",
    "we're they've I'll he'd 'tis don't'nt ''s '''doc'''",
    "π = 3.14159 ; 面积 = π*r² // 中文注释 １２３",
)

_RUN_UNITS: Final = (" ", "\t", "a", "=", "\n", "é", "0", "\r\n", " a")


def probe_texts(tokens: Sequence[str]) -> list[str]:
    """The probes; `tokens` are literals that must stay text, each alone and amid blanks and letters."""
    pairs = ["".join(pair) for pair in product(_PIECES, repeat=2)]
    framed = [frame.format(piece) for piece in _PIECES for frame in ("a {} a", "\n  {}  \n", "1{}1")]
    literals = [frame.format(token) for token in tokens for frame in ("{}", "a {}  b", "  {}\n")]
    runs = [unit * count for unit in _RUN_UNITS for count in (15, 31, 32, 64, 65, 300)]
    runs += [f"x{unit * count}y" for unit in " \t" for count in range(2, 70)]
    return ["", *_CODE, "".join(_PIECES), " ".join(_PIECES), *pairs, *framed, *literals, *runs]
