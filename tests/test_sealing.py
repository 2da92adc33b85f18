"""Secrets in the database: sealed with a key that lies elsewhere."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from actors.sealing import SealBroken, Sealer
from daemon.config import ConfigError, SecretSection, load_config
from daemon.secret_key import secret_key

KEY = "k" * 32


def sealer(section: SecretSection) -> Sealer:
    return Sealer(lambda make: secret_key(section, make))


def test_the_key_is_made_on_first_use_for_its_owner_alone(tmp_path: Path) -> None:
    config = load_config(None, tmp_path / "data", {})
    file = tmp_path / "data" / "secret.key"
    with pytest.raises(SealBroken):
        sealer(config.secret).open(b"anything")
    assert not file.exists()
    sealed = sealer(config.secret).seal("geheim")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]
    assert b"geheim" not in sealed
    assert sealer(config.secret).open(sealed) == "geheim"


def test_another_key_opens_nothing() -> None:
    sealed = sealer(SecretSection(key=KEY)).seal("geheim")
    with pytest.raises(SealBroken):
        sealer(SecretSection(key="l" * 32)).open(sealed)
    with pytest.raises(SealBroken):
        sealer(SecretSection(key=KEY)).open(sealed[:-3])


def test_what_was_sealed_too_long_ago_stays_closed() -> None:
    sealed = sealer(SecretSection(key=KEY)).seal("geheim")
    with pytest.raises(SealBroken):
        sealer(SecretSection(key=KEY)).open(sealed, max_age_s=-1)


def test_the_key_may_come_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text(KEY + "\n")
    for environment in (
        {"RINGFENCE_SECRET_KEY": KEY},
        {"RINGFENCE_SECRET_KEY_FILE": str(tmp_path / "secret.key")},
        {"CREDENTIALS_DIRECTORY": str(tmp_path)},
    ):
        config = load_config(None, tmp_path / "data", environment)
        assert secret_key(config.secret, False) == KEY
    assert not (tmp_path / "data").exists()


def test_a_key_anybody_could_guess_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="32 characters"):
        load_config(None, tmp_path, {"RINGFENCE_SECRET_KEY": "secret"})
