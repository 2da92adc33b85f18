"""The configuration: strict, wholly documented, and its secrets found where promised."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from daemon.config import SECRETS, Config, ConfigError, find_config, load_config

DOCUMENT = Path(__file__).parents[1] / "docs" / "configuration.md"


def _write(folder: Path, text: str) -> Path:
    file = folder / "ringfence.toml"
    file.write_text(text)
    return file


def _load(folder: Path, text: str, environment: dict[str, str] | None = None) -> Config:
    return load_config(_write(folder, text), folder / "data", environment or {})


def _keys() -> dict[str, dict[str, object]]:
    """Every section's keys with their defaults."""
    sections = msgspec.structs.fields(Config)
    return {
        section.name: {
            key.name: key.default_factory() if key.default is msgspec.NODEFAULT else key.default
            for key in msgspec.structs.fields(type(section.default))
        }
        for section in sections
    }


def _documented() -> dict[str, dict[str, str]]:
    """Every documented section's keys with the default the page gives."""
    found: dict[str, dict[str, str]] = {}
    section = ""
    for line in DOCUMENT.read_text().splitlines():
        if heading := re.match(r"## `\[(\w+)\]`", line):
            section = heading[1]
            found[section] = {}
        elif line.startswith("## "):
            section = ""
        elif section and (row := re.match(r"\| `(\w+)` \| [^|]+ \| `([^`]*)` \| \S", line)):
            found[section][row[1]] = row[2]
    return found


def test_every_key_is_documented_and_nothing_else() -> None:
    documented = {section: set(keys) for section, keys in _documented().items()}
    assert documented == {section: set(keys) for section, keys in _keys().items()}


def test_every_documented_default_is_the_real_one() -> None:
    def as_written(value: object) -> str:
        return json.dumps(list(value) if isinstance(value, tuple) else value)

    expected = {s: {k: as_written(v) for k, v in keys.items()} for s, keys in _keys().items()}
    assert _documented() == expected


def test_every_secret_is_documented() -> None:
    text = DOCUMENT.read_text()
    for key in SECRETS:
        assert f"`{key}`" in text
        assert f"`RINGFENCE_{key.upper().replace('.', '_')}`" in text


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    example = DOCUMENT.read_text().split("```toml\n")[1].split("```")[0]
    config = _load(tmp_path, example, {"RINGFENCE_CUCM_PASSWORD": "secret"})
    assert config.cucm.password == "secret"
    assert tomllib.loads(example)


def test_nothing_at_all_is_a_configuration(tmp_path: Path) -> None:
    config = load_config(None, tmp_path / "data", {})
    assert config.database.dsn == ""
    assert config.inbox.directory == str(tmp_path / "data" / "inbox")
    assert config.inbox.archive_directory == str(tmp_path / "data" / "archive")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[web]\nprot = 1\n", "unknown key web.prot"),
        ("[wbe]\nport = 1\n", "unknown key wbe"),
        ("[cucm.lock_css]\nx = 1\n", r"cucm.lock_css\[...\]: Expected `str`"),
        ('[web]\nport = "80"\n', "web.port: Expected `int`"),
        ("[web]\nport = 70000\n", "web.port"),
        ("[inbox]\nrescan_every_s = 0\n", "inbox.rescan_every_s"),
        ('[mail]\nsecurity = "ssl"\n', "mail.security"),
        ('[mail]\nhost = "mail"\n', "mail.sender"),
        ('[cucm]\naxl_url = "publisher"\n', "cucm.axl_url"),
        ('[cucm]\naxl_url = "https://p/axl/"\n', "cucm.username"),
        ('[web]\ntls_key_file = "k"\n', "belong together"),
        ('[web]\npublic_url = "calls"\n', "web.public_url"),
        ('[inbox]\ndirectory = "a"\narchive_directory = "a"\n', "inbox.archive_directory"),
        ('[mail]\npassword = "a"\npassword_file = "b"\n', "mail.password and mail.password_file"),
        ('[mail]\npassword_file = "absent"\n', "mail.password_file"),
        ("[web\n", "ringfence.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        _load(tmp_path, text)
    assert "ringfence.toml" in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_config(tmp_path / "absent.toml", tmp_path, {})


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        '[inbox]\ndirectory = "in"\n[web]\ntls_certificate_file = "c.pem"\ntls_key_file = "/k"\n',
    )
    assert config.inbox.directory == str(tmp_path / "in")
    assert config.web.tls_certificate_file == str(tmp_path / "c.pem")
    assert config.web.tls_key_file == "/k"


def test_where_a_secret_comes_from(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" from file \n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mail.password").write_text("from systemd\n")
    systemd = {"CREDENTIALS_DIRECTORY": str(credentials)}
    written = '[mail]\npassword = "written"\n'
    named = '[mail]\npassword_file = "secret"\n'
    assert _load(tmp_path, "", systemd).mail.password == "from systemd"
    assert _load(tmp_path, written, systemd).mail.password == "written"
    assert _load(tmp_path, named, systemd).mail.password == "from file"
    environment = {**systemd, "RINGFENCE_MAIL_PASSWORD": "from environment"}
    assert _load(tmp_path, named, environment).mail.password == "from environment"


def test_a_secret_shows_nowhere_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        _load(tmp_path, '[mail]\npassword = "hunter2"\nport = "x"\n')
    assert "hunter2" not in str(raised.value)


def test_which_file_and_which_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = Path(os.path.realpath(tmp_path))
    assert find_config(None, None, {}) == (None, here / "var")
    (tmp_path / "ringfence.toml").touch()
    assert find_config(None, None, {}) == (here / "ringfence.toml", here / "var")
    data = tmp_path / "data"
    data.mkdir()
    assert find_config(None, str(data), {}) == (None, data)
    (data / "ringfence.toml").touch()
    assert find_config(None, str(data), {}) == (data / "ringfence.toml", data)
    environment = {"RINGFENCE_DATA": str(data)}
    assert find_config(None, None, environment) == (data / "ringfence.toml", data)
    environment["RINGFENCE_CONFIG"] = "/etc/x.toml"
    assert find_config(None, None, environment)[0] == Path("/etc/x.toml")
    assert find_config("/etc/y.toml", None, environment)[0] == Path("/etc/y.toml")
