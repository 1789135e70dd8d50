"""The pictures of docs/fim.md show what `infill preview` shows today."""

from __future__ import annotations

import html
import re
from pathlib import Path

from tests.pipeline.commands.kind_pictures import FOLDER, PLAN, draw

GUIDE = Path(__file__).parents[3] / "docs" / "fim.md"
TEXT = re.compile(r'<text class="[^"]*-(r\d+)"[^>]*>([^<]*)</text>')
STYLE = re.compile(r"-(r\d+) \{([^}]*)\}")


def written(svg: str) -> list[tuple[str, str]]:
    """Every text of a picture, with its style."""
    styles = dict(STYLE.findall(svg))
    return [(styles.get(name, ""), html.unescape(text)) for name, text in TEXT.findall(svg)]


def test_the_pictures_are_what_preview_shows(tmp_path: Path) -> None:
    draw(tmp_path, tmp_path)
    for name in PLAN["picture"]:
        now = (tmp_path / f"kind-{name}.svg").read_text(encoding="utf-8")
        kept = (FOLDER / f"kind-{name}.svg").read_text(encoding="utf-8")
        assert len(written(now)) > 20
        assert written(kept) == written(now), "run `python -m tests.pipeline.commands.kind_pictures`"


def test_every_picture_is_shown_on_the_page() -> None:
    shown = set(re.findall(r"\]\(img/(kind-[\w-]+\.svg)\)", GUIDE.read_text(encoding="utf-8")))
    kept = {path.name for path in FOLDER.glob("kind-*.svg")}
    assert shown == kept == {f"kind-{name}.svg" for name in PLAN["picture"]}
