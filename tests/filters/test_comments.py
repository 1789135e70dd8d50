"""The comment scanner: what counts in each language, and what hostile text cannot do."""

# ruff: noqa: E501, RUF005 - a case is one line, however long.

import ast
import io
import sysconfig
import tokenize
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import filters.comments
from filters.comment_scan.syntax import load_syntax
from filters.comments import Comments

SYNTAX = Path(filters.comments.__file__).parent / "data" / "comment_syntax.toml"

# In each text, what lies between « and » is a comment; the marks are removed before it is scanned.
MARKED = [
    ("Python", "x = 1  «# a»\ny = '# b' \"# c\"  «# d»"),
    ("Python", '«"""a"""»\nx = """# b"""\n"""c"""\n'),
    ("Python", "\n«# a»\n\n«u'b'»; x = 1"),
    (
        "Python",
        "def f(a: int = {1: 2}, b=\":\") -> dict[str, int]:\n    «# a»\n    «r'''b\n    # c'''»\n    return 'd'",
    ),
    ("Python", "class A: «'a'»\nasync  def f(): pass\n'b'"),
    ("Python", "class A:\n    x = 1\n    'a'\n    def f(self):\n        b'b'\n        f'c'\n"),
    ("Python", "def f():\n    'a' % b\ndef g():\n    ('b')\nif x:\n    'c'\n"),
    ("Python", "#!/bin/python # a\n«# b»\r\n«'''c'''»\r\nx = 'd\n«# e»"),
    ("Python", "x = [\n'a',\n]\ndef f(\n    a,  «# b»\n):\n    «'c'»\n"),
    ("Python", "s = 'a\\'# b' + 'c\\\n# d'  «# e»"),
    (
        "Java",
        'String a = "/* a */"; «// b "»\nchar c = \'"\', d = \'\\\'\'; «/* e\n// */» int f; String g = """\n// "h"\n""";',
    ),
    ("JavaScript", "a = /[/\"]\\/'/g; «// b»\nc = d / e; f = g() / h++ / 2 «// i»"),
    ("JavaScript", "a = `b ${c ? `// ${d}` : '}'} // e ${{f: 1}} `; «// g»\nreturn /'/ «/* h */»"),
    ("TypeScript", "const a: A<B> = x! / y; «// b»\nconst c = 'http://d';"),
    ("C", '#include <a.h> «/* b */»\nchar *c = "// d\\"" «// e \\\nf»\nint g = a / b «/* h */»;'),
    ("C++", 'auto a = R"x(// b)" )x"; «// c»\nint d = 1\'000\'000; «/* e »'),
    ("C#", 'var a = @"C:\\"; «// b»\nvar c = $@"""d"" // e"; «/// f»\nvar g = """\n// "h"\n""";'),
    ("Go", "a := `// b\\`; «// c»\nd := '\"'; e := '\\''; «/* f */»"),
    ("Rust", "«/* a /* b */ c */» fn f<'a>(x: &'a str) { r#\"// \" \"#; '\"'; b'\\''; r#type } «// d»"),
    ("Kotlin", 'a = "${b["// c"]} // d" «// e»\nf = """\n// ${g("""h""")}\n""" «/* i /* j */ */»'),
    ("Scala", 'val a = \'b; val c = s"${d("// e")}" «// f»'),
    ("Swift", 'a = #"// " \\(b)"# ; c = "\\(d("// e"))" «// f»\ng = """\n// h\n"""; «/* /* i */ */»'),
    ("PHP", '<b># a</b><?php «# b »?> // c <?= "// d" «/* e */» ?>\n<?php #[F]\n$g = <<<H\n# i\nH;\n«// j»'),
    (
        "Ruby",
        'a = "#{b["# c"]}" «# d»\n«=begin\ne\n=end»\n%w[# f] =~ /# g/\nputs <<~H\n  # i\nH\n«# j»\n__END__\n# k',
    ),
    (
        "Perl",
        "$#a; $b =~ s/#/'/; q{#{}'} «# c»\n«=pod\n\nd\n\n=cut»\nprint <<'E';\n# f\nE\n«# g»\n__END__\n# h",
    ),
    (
        "Shell",
        "#!/bin/sh\n«# a»\nb=\"$(c \"# d\" «# e»\n)\" ${f#g} ${#h} i#j '# k'\ncat <<-'L'\n# m\nL\n«# n»\necho $((1<<2)) \\# «# o»",
    ),
    ("SQL", "«-- a»\nSELECT 'b''-- c' «/* d */», \"-- e\""),
    ("Lua", "«--[==[ a ]] b ]==]» c = [[ -- d ]] «-- e»\nf = '-- g'"),
    ("Haskell", "a --> b «-- c»\n{-# d -- #-}«{- e {- f -} -}» f' = '\"' «--- g»"),
    ("CSS", 'a { b: url("/* c */") } «/* d */»'),
    ("HTML", "«<!-- a -->» <p>it's // b</p><style><!-- c --></style>"),
    ("XML", "«<!-- a\n-->»<![CDATA[<!-- b -->]]>"),
    ("YAML", "a: b#c «# d»\ne: |\n  # f\n\n  g\n«# h»\ni: '# j' «# k»\nl: don't «# m»\n- >-\n  # n\n- «# o»"),
    ("TOML", "a = \"# b\" «# c»\nd = '''\n# e'''\nf = '\\' «# g»"),
    ("Makefile", "a: b «# c»\n\td \\# e"),
    ("Dockerfile", "«# a»\nRUN b # c\n  «# d»"),
    ("R", 'a <- \'# b\' «# c»\nd <- r"-(# " )e)-" «# f»'),
    ("Julia", 'a = "$(b("# c")) # d" «# e»\n«#= f #= g =# =#» h\' * i\' «# j»'),
    ("OCaml", 'let a = \'"\' «(* b (* c *) d *)» "(* e *)"'),
    ("PowerShell", "«<# a #>» $b = \"`\"# c\"; «# d»\n'e''# f' «# g»"),
    ("Fortran", "a = 'b ! c' «! d»\n«C e»"),
    ("JSON", '{"a": "// b"}'),
    ("Elixir", 'a = ~r/# b "/ «# c»\nd = [?", ?#, ?\\"] ~w[# e]\nf = ~S"""\n# g \\"""\n""" «# h»'),
    ("Erlang", 'a() -> [$", $%, $\\"] «% b»'),
    ("OCaml", 'let a = {|(* b "|} «(* c *)» {d|(* |} e|d}'),
    ("Tcl", "set a b; «# c \\\nd»\nif {e} { «# f»\n}\nset g h#i # j"),
    ("VHDL", "a «/* b */» c «-- d»"),
    ("Zig", 'const a =\n    \\\\ // b\n    \\\\ "c\n; «// d»'),
    ("Batchfile", "@«rem a»\n«REM»\nremove b rem c\n«:: d»\nif e (\n  «rem f»\n)"),
    ("INI", "«; a»\n  «# b»\nc = d ; e"),
    ("Pascal", "{$ifdef a} «{ b }» (*$define c*) «(* d *)» «// e»"),
    ("Ruby", "a[b] = $` «# c»\nd = %(# e)\nf << %(# g)\nh = /i\n # j\n/x «# k»\nl = ?/ «# m»\nn = 5 %\no"),
    ("Ruby", "a <<~eos\n# b\neos\nc <<none\n«# d»\ne = 'f'\n/# g/.h «# i»"),
    (
        "Perl",
        'my $a = \\"b"; «# c»\nlocal $/; «# d»\n$e // 1; $f =~ /g # h\n\\/x/x; «# i»\n__DATA__\n# j\n«=head1 k\n\nl»',
    ),
    ("CMake", "«#[" + "=" * 71 + "[.rst:\n a ]]\n]" + "=" * 71 + "]» b"),
    ("Scheme", '(a «#;(b "(" (c))» #\\; «; d»\n «#;e» f «#; "g)"»)'),
    ("Common Lisp", "'|\\\\#| #\\\\| #\\\\# «#| a |#» b «; c»"),
    ("R", "`a\\`# b` «# c»"),
]


def ratios(texts: list[str], languages: list[str]) -> list[float]:
    docs = pa.table({"content": pa.array(texts, pa.string()), "lang": pa.array(languages, pa.string())})
    return list(Comments()(docs)["comment_ratio"].to_pylist())


@pytest.mark.parametrize(("language", "marked"), MARKED)
def test_comments_of_a_language(language: str, marked: str) -> None:
    text = marked.replace("«", "").replace("»", "")
    inside = sum(len(part.split("»")[0]) for part in marked.split("«")[1:])
    assert ratios([text], [language]) == [inside / len(text)]


def test_ratio_counts_code_points() -> None:
    assert ratios(["é # 漢字😀"], ["Python"]) == [5 / 7]


def test_unknown_language_and_null_label_are_unknown() -> None:
    assert ratios(["# a", "# a"], ["Befunge", ""]) == [-1.0, -1.0]


@pytest.mark.parametrize(
    ("language", "text"),
    [("Python", "x = '''"), ("JavaScript", "`"), ("JavaScript", "`${"), ("Go", "`a"), ("Rust", 'r##"a"#')]
    + [("JavaScript", "`${" * 33), ("Perl", "s{a}"), ("Python", '"""')],
)
def test_text_that_ends_inside_a_string_is_unknown(language: str, text: str) -> None:
    assert ratios([text], [language]) == [-1.0]


def test_unterminated_string_of_one_line_ends_with_it() -> None:
    assert ratios(['"a\n//b', "'", '"'], ["C", "Rust", "Java"]) == [0.5, 0.0, 0.0]


def test_unterminated_block_comment_runs_to_the_end() -> None:
    assert ratios(["a/*b", "{-{--}"], ["C", "Haskell"]) == [0.75, 1.0]


pieces = st.sampled_from(
    [
        "/*",
        "*/",
        "//",
        "#",
        '"',
        "'",
        "`",
        "${",
        "}",
        "{",
        "\\",
        "\n",
        "<<A",
        "A\n",
        '"""',
        "'''",
        "--",
        "{-",
        "-}",
    ]
    + [
        "[[",
        "]]",
        "r#",
        'R"',
        "(",
        ")",
        "|\n",
        " ",
        "é",
        "/",
        "[",
        "q",
        "s",
        "%w",
        "<?",
        "?>",
        "=begin",
        "def f():",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.lists(pieces).map("".join), st.text()), max_size=4))
def test_any_text_in_any_language_has_a_ratio_of_its_own(texts: list[str]) -> None:
    languages = list(load_syntax().languages)
    rows = [(text, language) for text in texts for language in languages]
    found = ratios([text for text, _ in rows], [language for _, language in rows])
    assert all(ratio == -1.0 or 0.0 <= ratio <= 1.0 for ratio in found)
    backwards = ratios([text for text, _ in reversed(rows)], [language for _, language in reversed(rows)])
    assert backwards[::-1] == found


def test_python_agrees_with_tokenize_and_ast() -> None:
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-d]*.py"))
    texts = [path.read_bytes().decode("utf-8", "replace") for path in paths]
    assert len(texts) > 20
    assert ratios(texts, ["Python"] * len(texts)) == pytest.approx(
        [by_tokenize(text) for text in texts], abs=1e-12
    )


def by_tokenize(text: str) -> float:
    bodies = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body
    ]
    docstrings = {
        (body.lineno, body.col_offset)
        for body in bodies
        if isinstance(body, ast.Expr)
        and isinstance(body.value, ast.Constant)
        and isinstance(body.value.value, str)
    }
    commented = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_hashbang = token.start == (1, 0) and token.string.startswith("#!")
        if (token.type == tokenize.COMMENT and not is_hashbang) or token.start in docstrings:
            commented += len(token.string)
    return commented / max(len(text), 1)


def repeated(pieces: list[str], length: int) -> str:
    return ("".join(pieces) * (length // len("".join(pieces)) + 1))[:length]


@pytest.mark.parametrize("language", load_syntax().languages)
def test_openers_without_end_are_read_in_one_pass(language: str) -> None:
    """A scan that looked ahead from each of them would take hours."""
    table = tomllib.loads(SYNTAX.read_text(encoding="utf-8"))
    rules = [table["rules"][name] for name in table["languages"][language]]
    openers = [
        o for rule in rules for o in ([rule["open"]] if isinstance(rule["open"], str) else rule["open"])
    ]
    after = ["", "\n", " ", "a", *(rule["after"] for rule in rules if "after" in rule)]
    texts = [repeated([opener, tail], 200_000) for opener in openers for tail in after]
    texts += [repeated(openers, 200_000), repeated(openers[::-1], 200_000)] if openers else []
    found = ratios(texts, [language] * len(texts))
    assert all(ratio == -1.0 or 0.0 <= ratio <= 1.0 for ratio in found)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("Java", "a" * 50_000_000 + "//", 2 / 50_000_002),
        ("Python", "(" * 100_000 + "#", 1 / 100_001),
        ("Rust", "/*" * 100_000 + "*/" * 100_000, 1.0),
        ("JavaScript", "{" * 100_000 + "}" * 100_000 + "//", 2 / 200_002),
        ("Scala", '"' + "\\" * 48, 0.0),
        ("Python", "\ufeff# a\0\rb # c\r\n# d\u2028e", (4 + 3 + 5) / 18),
        ("C", "// \U0001f600\rint a;", 4 / 11),
    ],
    ids=lambda value: ascii(value)[:16],
)
def test_bad_input_has_a_value(language: str, text: str, expected: float) -> None:
    assert ratios([text], [language]) == [pytest.approx(expected, abs=1e-12)]


def test_a_lone_surrogate_cannot_be_in_a_table() -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        pa.table({"content": ["\ud800"]})
