"""One function says which file a URL means, and it agrees with SQLAlchemy's dialect."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.engine import make_url

from bot.storage.database_url import SQLITE, async_url, sqlite_file


def opened_by_sqlalchemy(url: str) -> Path:
    arguments, _ = aiosqlite.dialect().create_connect_args(make_url(url))
    return Path(arguments[0])


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ENCODED = st.lists(
    st.sampled_from(["%20", "%25", "%2F", "%3F", "%23", "%C3%A9", "%zz", "%", "..", "/", "~", "#", "a", "é", " "]),
    max_size=8,
)


@given(NAMES | ENCODED.map("".join))
def test_it_is_the_file_that_sqlalchemy_opens(name: str) -> None:
    try:
        url = async_url(SQLITE + name)
    except ValueError:
        return
    assert url == SQLITE + name
    assert sqlite_file(url) == opened_by_sqlalchemy(url)
    assert opened_by_sqlalchemy(url).is_absolute(), "neither in memory nor a URI"


@pytest.mark.parametrize("name", ["%3Amemory%3A", ":memory:", ":mem%6fry:", "", "%00", "a%00b", "a?b", "?a"])
def test_a_url_that_names_no_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be sqlite"):
        async_url(SQLITE + name)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("p%40ss", "p@ss"),
        ("p%2Fs%3Fs%23", "p/s?s#"),
        ("100%25", "100%"),
        ("100%", "100%"),
        ("%C3%A9", "é"),
        ("a+b", "a+b"),
    ],
)
def test_a_password_is_decoded_as_by_sqlalchemy(scheme: str, written: str, password: str) -> None:
    url = make_url(async_url(f"{scheme}://bot:{written}@server:5432/night%20word?ssl=require"))
    assert (url.username, url.password, url.host, url.port) == ("bot", password, "server", 5432)
    assert (url.database, dict(url.query)) == ("night word", {"ssl": "require"})
    assert sqlite_file(url.render_as_string(hide_password=False)) is None
