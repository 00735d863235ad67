"""The type of ``predictions.where``: a text that is an expression."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from prediction_exporter.config.values import Text, refuse

ALLOWED = (
    "fields, text in single quotes, numbers, true and false, compared by =, <>, <, <=, >, >=, LIKE, IN, BETWEEN and "
    "IS [NOT] NULL, joined by AND, OR, NOT and parentheses"
)


def _checked(text: str) -> str:
    # Imported here: most configurations have no expression, and the parser takes a tenth of a second.
    from prediction_exporter.config.where_parser import WhereError, parse_where

    try:
        parse_where(text)
    except WhereError as error:
        raise refuse(str(error), ALLOWED) from None
    return text


#: An expression that tells predictions from other records.
Where = Annotated[Text, AfterValidator(_checked)]
