"""The text of ``predictions.where`` to conditions: sqlglot reads it, and what is no plain expression is refused, and where.

Words and marks are looked at first, as they have places; what is left is a tree of few kinds, any other of which is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokens import Tokenizer

from prediction_exporter.config.conditions import Compare, Condition, Every, IsNull, Like, Not, Operator, Some, Value

#: Longest expression, in characters, and most words and marks of one, and parentheses and NOT inside of each other.
MOST_CHARACTERS, MOST_TOKENS, MOST_DEPTH = 4000, 1000, 40


#: A word or mark of sqlglot, whose class has moved between its releases: it has token_type, text, start, end and comments.
Token = Any


class WhereError(ValueError):
    """An expression that is none; the message continues a sentence that begins with it, and holds nothing of its text."""


def parse_where(text: str) -> Condition:
    """Return what an expression says.

    Raises:
        WhereError: it is none, or says more than is allowed.

    >>> parse_where("event = 'prediction'")
    Compare(field='event', operator='=', value='prediction')
    >>> parse_where("path = '/predict'; DROP TABLE x")
    Traceback (most recent call last):
    ...
    prediction_exporter.config.where_parser.WhereError: has a semicolon at character 18
    """
    tokens = _tokens(text)
    try:
        tree = parse_one(text, into=exp.Condition)  # no statement is looked for
    except SqlglotError as error:
        raise WhereError(f"is no expression{_place(text, tokens, error)}{_hint(tokens)}") from error
    except RecursionError:
        raise WhereError("has too many conditions inside of each other") from None
    return _condition(tree)


# Words and marks

_REFUSED: dict[str, str] = {
    "SEMICOLON": "a semicolon",
    "L_BRACKET": "a bracket, which leads into a list",
    "L_BRACE": "a brace",
    "PLACEHOLDER": "a placeholder",
    "PARAMETER": "an @; write a name that begins with it in double quotes",
    "COLON": "a colon",
    "DCOLON": "a cast",
    "SELECT": "a query",
    "TILDE": "a ~ (there are no regular expressions but LIKE)",
    "UNKNOWN": "a mark that is none (names that are no words stand in double quotes)",
    "DASH": "a minus that begins no number; write a name that holds one in double quotes",
    "DIV": "a slash",
    "STAR": "a star",
    "PLUS": "a plus",
    "CASE": "CASE",
    "NATIONAL_STRING": "a text with a prefix",
    "HEX_STRING": "a text with a prefix",
    "BIT_STRING": "a text with a prefix",
    "ILIKE": "ILIKE; LIKE tells capital letters from small ones",
}

#: What other languages write, and what is written here.
_INSTEAD = {"==": "=", "&&": "AND", "||": "OR", "!": "NOT"}

#: Kinds of words and marks that an expression is made of.
_ALLOWED_TOKENS = frozenset(
    (
        *("AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE", "LIKE", "BETWEEN", "ESCAPE", "EQ", "NEQ", "LT", "LTE", "GT"),
        *("GTE", "L_PAREN", "R_PAREN", "COMMA", "DOT", "NUMBER", "STRING", "DASH", "IDENTIFIER", "VAR"),
    )
)

#: Quoted text, quotes that do not end, and comments, whichever comes first.
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|(?P<open>['"])|(?P<comment>--|/\*|\{\#)""")

_NAME = re.compile(r"[^\W\d]\w*")
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+")

#: What may stand in front of a minus that begins a number, or of a parenthesis that holds conditions or values.
_OPENERS = frozenset(
    ("AND", "OR", "NOT", "IN", "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "L_PAREN", "COMMA", "BETWEEN", "LIKE", "IS")
)


def _tokens(text: str) -> list[Token]:
    """Return the words and marks of an expression, all of them of kinds that it may have."""
    if len(text) > MOST_CHARACTERS:
        raise WhereError(f"has more than {MOST_CHARACTERS} characters")
    odd = next((at for at, character in enumerate(text) if not character.isprintable() and character not in " \t\r\n"), None)
    if odd is not None:
        raise WhereError(f"has a character that cannot be printed at character {odd + 1}")
    try:
        tokens = Tokenizer().tokenize(text)
    except TokenError as error:
        raise WhereError(f"has quotes that do not end{_open_quote(text)}") from error
    if not tokens:
        raise WhereError("is empty" if not text.strip() else "has nothing but a comment")
    if len(tokens) > MOST_TOKENS:
        raise WhereError(f"has more than {MOST_TOKENS} words and marks")
    inside = nots = 0
    for place, token in enumerate(tokens):
        _check_token(tokens, place, text)
        kind = token.token_type.name
        inside += {"L_PAREN": 1, "R_PAREN": -1}.get(kind, 0)
        nots = 0 if kind in ("AND", "OR") else nots + (kind == "NOT")
        if inside + nots > MOST_DEPTH:
            raise WhereError(f"has more than {MOST_DEPTH} parentheses and NOT inside of each other{_at(token)}")
    return tokens


def _check_token(tokens: list[Token], place: int, text: str) -> None:
    token = tokens[place]
    kind = token.token_type.name
    before = tokens[place - 1].token_type.name if place else "L_PAREN"
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    if kind == "VAR" and token.text.upper() == "IF":  # begins a statement to the parser
        raise WhereError(f"has a word of SQL{_at(token)}; where it is a field, write it in double quotes")
    if token.comments:
        raise WhereError(f"has a comment at character {_comment(text) + 1}")
    follows_name = before in ("VAR", "IDENTIFIER") or (place > 0 and _is_word(tokens[place - 1]))
    if kind == "L_PAREN" and follows_name and before not in _OPENERS:
        raise WhereError(f"calls a function{_at(tokens[place - 1])}")
    if kind == "DASH" and (before not in _OPENERS or after is None or after.token_type.name != "NUMBER"):
        raise WhereError(f"has {_REFUSED['DASH']}{_at(token)}")
    if kind == "NUMBER" and _DIGITS.fullmatch(token.text) is None:
        raise WhereError(f"has a number that is none{_at(token)}")
    written = text[token.start : token.end + 1]
    if written in _INSTEAD:
        raise WhereError(f"has {written} for {_INSTEAD[written]}{_at(token)}")
    if kind in _REFUSED and kind != "DASH":
        raise WhereError(f"has {_REFUSED[kind]}{_at(token)}")
    if kind not in _ALLOWED_TOKENS and not _is_word(token):
        raise WhereError(f"has something that is not allowed{_at(token)}")


def _is_word(token: Token) -> bool:
    """Return whether a token is a word that may name a field, as ``timestamp`` and ``count``, which are words of SQL too."""
    return token.token_type.name not in _ALLOWED_TOKENS and _NAME.fullmatch(token.text) is not None


def _at(token: Token) -> str:
    return f" at character {token.start + 1}"


def _place(text: str, tokens: list[Token], error: SqlglotError) -> str:
    """Return where the word or mark stands that the parser stopped at, whose end it names."""
    told = (getattr(error, "errors", None) or [{}])[0]
    line, column = told.get("line"), told.get("col")
    if line is None or column is None:
        return ""
    end = sum(len(one) + 1 for one in text.split("\n")[: line - 1]) + column - 1
    return next((_at(token) for token in tokens if token.start <= end <= token.end), f" at character {end + 1}")


def _open_quote(text: str) -> str:
    """Return where the quotes begin that do not end."""
    at = max((match.start() for match in _QUOTED.finditer(text) if match["open"]), default=None)
    return "" if at is None else f" at character {at + 1}"


def _comment(text: str) -> int:
    """Return where the first comment begins."""
    return next(match.start() for match in _QUOTED.finditer(text) if match["comment"])


def _hint(tokens: list[Token]) -> str:
    """Return what may be meant where a word of SQL stands as a name."""
    word = next((token for token in tokens if _is_word(token)), None)
    return "" if word is None else f"; where the word at character {word.start + 1} is a field, write it in double quotes"


# The tree


def _condition(tree: Any) -> Condition:
    """Return what a tree says."""
    match tree:
        case exp.Paren():
            return _condition(tree.this)
        case exp.And():
            return Every(tuple(_condition(part) for part in tree.flatten()))
        case exp.Or():
            return Some(tuple(_condition(part) for part in tree.flatten()))
        case exp.Not():
            return Not(_condition(tree.this))
        case exp.Column():
            return Compare(_field(tree), "=", True)
    read = next((read for kinds, read in _TESTS if isinstance(tree, kinds)), None)
    if read is None:
        raise WhereError(f"has what is no condition{_near(tree)}")
    of = tree.this if isinstance(tree, exp.Escape) else tree
    return Not(read(tree)) if of.args.get("negate") else read(tree)


def _compared(tree: Any) -> Condition:
    signs: dict[type[Any], Operator] = {
        exp.EQ: "=",
        exp.NEQ: "=",
        exp.LT: "<",
        exp.LTE: "<=",
        exp.GT: ">",
        exp.GTE: ">=",
    }
    turned: dict[Operator, Operator] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
    sign, left, right = signs[type(tree)], tree.this, tree.expression
    if isinstance(left, exp.Literal | exp.Neg | exp.Boolean) and isinstance(right, exp.Column):
        left, right, sign = right, left, turned[sign]
    found = _ordered(left, sign, right)
    return Not(found) if isinstance(tree, exp.NEQ) else found


def _ordered(field: Any, sign: Operator, value: Any) -> Compare:
    found = Compare(_field(field), sign, _value(value))
    if isinstance(found.value, bool) and sign != "=":
        raise WhereError(f"puts true or false in an order{_near(field)}")
    if isinstance(found.value, str) and sign != "=" and _DIGITS.fullmatch(found.value.removeprefix("-")):
        # By the order of characters '9' is above '10', which nobody means.
        raise WhereError(f"puts a number in the order of texts{_near(field)}; write it without quotes")
    return found


def _between(tree: Any) -> Condition:
    return Every((_ordered(tree.this, ">=", tree.args["low"]), _ordered(tree.this, "<=", tree.args["high"])))


def _like(tree: Any) -> Condition:
    escape: str | None = None
    if isinstance(tree, exp.Escape):
        written = _value(tree.expression)
        tree = tree.this
        escape = written if isinstance(written, str) else ""
        if len(escape) != 1 or not isinstance(tree, exp.Like):
            raise WhereError(f"has an ESCAPE that is not one character behind LIKE{_near(tree)}")
    pattern = _value(tree.expression)
    if not isinstance(pattern, str):
        raise WhereError(f"has a LIKE without a text{_near(tree)}")
    return Like(_field(tree.this), _pattern(pattern, escape, tree))


def _pattern(pattern: str, escape: str | None, tree: Any) -> tuple[str | None, ...]:
    parts: list[str | None] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            escaped = next(characters, None)
            if escaped is None:
                raise WhereError(f"has a pattern that ends in its ESCAPE{_near(tree)}")
            parts.append(escaped)
        else:
            parts.append({"%": None, "_": ""}.get(character, character))
    return tuple(parts)


def _is(tree: Any) -> Condition:
    if not isinstance(tree.expression, exp.Null):
        raise WhereError(f"has an IS without NULL{_near(tree)}")
    return IsNull(_field(tree.this))


def _in(tree: Any) -> Condition:
    values = tree.args.get("expressions")
    if not values or tree.args.get("query") is not None:
        raise WhereError(f"has an IN without values in parentheses{_near(tree)}")
    field = _field(tree.this)
    return Some(tuple(Compare(field, "=", _value(value)) for value in values))


#: What reads each kind of test.
_TESTS: tuple[tuple[tuple[type[Any], ...], Callable[[Any], Condition]], ...] = (
    ((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _compared),
    ((exp.Like, exp.Escape), _like),
    ((exp.Is,), _is),
    ((exp.In,), _in),
    ((exp.Between,), _between),
)


def _field(tree: Any) -> str:
    """Return the name of a field, whose parts are joined by dots."""
    if not isinstance(tree, exp.Column | exp.Dot):
        raise WhereError(f"compares what is no field{_near(tree)}")
    parts = [_part(part) for part in tree.parts]
    if not all(parts):
        raise WhereError(f"has a field without a name{_near(tree)}")
    return ".".join(parts)


def _part(part: Any) -> str:
    if not isinstance(part, exp.Identifier):
        raise WhereError(f"has a field that is none{_near(part)}")
    return str(part.this)


def _value(tree: Any) -> Value:
    sign = 1.0
    if isinstance(tree, exp.Neg):
        sign, tree = -1.0, tree.this
        if not (isinstance(tree, exp.Literal) and not tree.is_string):
            raise WhereError(f"has a minus that begins no number{_near(tree)}")
    if isinstance(tree, exp.Boolean):
        return bool(tree.this)
    if isinstance(tree, exp.Null):
        raise WhereError("compares with NULL, which is never true; write IS NULL or IS NOT NULL")
    if not isinstance(tree, exp.Literal):
        quoted = "; text stands in single quotes" if isinstance(tree, exp.Column) else ""
        raise WhereError(f"compares with what is no text, number, true or false{_near(tree)}{quoted}")
    if tree.is_string:
        return str(tree.this)
    number = sign * float(tree.this)
    if not math.isfinite(number):
        raise WhereError(f"has a number that is too large{_near(tree)}")
    return number


def _near(tree: Any) -> str:
    """Return where a part of the tree stands, as far as a name in it tells."""
    names = tree.find_all(exp.Identifier) if isinstance(tree, exp.Expression) else ()
    at = min((name.meta["start"] for name in names if "start" in name.meta), default=None)
    return "" if at is None else f" at character {at + 1}"
