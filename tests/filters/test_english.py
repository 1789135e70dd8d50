"""The english filter names the language of prose, whatever the text."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.english import UNKNOWN, English

SENTENCES = {
    "en": "Every morning the baker opens his shop before the sun has risen over the hills of the town.",
    "de": "Jeden Morgen öffnet der Bäcker seinen Laden, bevor die Sonne über den Hügeln der Stadt steht.",
    "fr": "Chaque matin, le boulanger ouvre sa boutique avant que le soleil ne se lève sur les collines.",
    "es": "Cada mañana el panadero abre su tienda antes de que salga el sol sobre las colinas del pueblo.",
    "it": "Ogni mattina il fornaio apre la sua bottega prima che il sole sorga sulle colline della città.",
    "pt": "Todas as manhãs o padeiro abre a sua loja antes que o sol nasça sobre as colinas da cidade.",
    "nl": "Elke ochtend opent de bakker zijn winkel voordat de zon boven de heuvels van de stad staat.",
    "sv": "Varje morgon öppnar bagaren sin butik innan solen har gått upp över stadens kullar.",
    "fi": "Joka aamu leipuri avaa kauppansa ennen kuin aurinko on noussut kaupungin kukkuloiden yli.",
    "pl": "Każdego ranka piekarz otwiera swój sklep, zanim słońce wzejdzie nad wzgórzami miasta.",
    "cs": "Každé ráno pekař otevírá svůj obchod dříve, než slunce vyjde nad kopci města.",
    "hu": "A pék minden reggel kinyitja a boltját, mielőtt a nap felkelne a város dombjai fölött.",
    "tr": "Fırıncı her sabah güneş kasabanın tepelerinin üzerinde yükselmeden dükkânını açar.",
    "el": "Κάθε πρωί ο φούρναρης ανοίγει το μαγαζί του πριν ανατείλει ο ήλιος πάνω από τους λόφους.",
    "ru": "Каждое утро пекарь открывает свою лавку раньше, чем солнце поднимется над холмами города.",
    "ja": "毎朝、パン屋は町の丘の上に太陽が昇る前に店を開けます。",
    "zh": "每天早上，面包师都会在太阳升到小镇的山丘之前打开他的店铺。",
}
EMPTY_OF_WORDS = ["", " \n\t", "12345 67.89 ::", "\0\0\0", "\ufeff", "🙂🙂", "{}[]();", "\r\n\u2028"]


def judged(texts: list[str], **fields: int) -> list[tuple[str, float]]:
    signals = English(**fields)(pa.table({"content": pa.array(texts, pa.large_string())}))
    return list(zip(*signals.to_pydict().values(), strict=True))


def test_sentences_have_their_languages() -> None:
    found = judged(list(SENTENCES.values()))
    assert {code: language for code, (language, _) in zip(SENTENCES, found, strict=True)} == {
        code: code for code in SENTENCES
    }
    assert [code for code, (_, score) in zip(SENTENCES, found, strict=True) if score > 0.5] == ["en"]


def test_text_without_letters_is_unknown() -> None:
    assert judged(EMPTY_OF_WORDS) == [(UNKNOWN, 0.0)] * len(EMPTY_OF_WORDS)


def test_only_the_first_characters_count() -> None:
    german, english = SENTENCES["de"], SENTENCES["en"]
    assert judged([german + english * 100], max_chars=len(german))[0][0] == "de"
    assert judged([german + english * 100])[0][0] == "en"


def test_large_and_deep_texts_cost_no_more_than_small_ones() -> None:
    texts = ["a" * 50_000_000, "(" * 100_000 + "x", '"""never closed ' * 1000]
    assert all(0 <= score <= 1 for _, score in judged(texts))


@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=80))
def test_any_text_has_a_language_and_a_score(text: str) -> None:
    ((language, score),) = judged([text])
    assert language
    assert 0 <= score <= 1
    assert language != UNKNOWN or score == 0


def test_wrong_field_and_null_are_errors() -> None:
    with pytest.raises(ValueError, match="max_chars = 0; it must be at least 1"):
        English(max_chars=0)
    with pytest.raises(ValueError, match="1 nulls"):
        English()(pa.table({"content": ["a", None]}))
