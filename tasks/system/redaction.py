"""Secrets are never written: what prints an address, an error or a log passes it through `masked`."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from tasks.system.exit_status import BAD_REQUEST

HIDDEN = "***"
SHORTEST_SECRET = 6
"""A shorter value is no secret worth the name, and would black out half of a log."""
CREDENTIALS = re.compile(r"(?P<scheme>\b[\w+.-]+://)(?P<user>[^\s/:@]*):(?P<secret>[^\s/@]*(?:@[^\s/@]+)*)@")
TOKEN_AS_USER = re.compile(r"(?P<scheme>\bhttps?://)[^\s/:@]+@")
SECRET_WORD = (
    r"(?:password|passwd|passphrase|secret_access_key|access_key_id|session_token|auth_string|api_key|apikey|"
    r"account_key|accountkey|sas_token|client_secret|connection_string|custom_auth_header|"
    r"(?:sig|signature|token)(?=['\"]?\s*=))"
)
ASSIGNED = re.compile(
    rf"(?P<name>(?:^|(?<=[\s?&;,{{'\"]))(?:[\w-]*[_-])?{SECRET_WORD}['\"]?\s*(?:=|:(?=\s))\s*['\"]?)"
    r"(?P<secret>[^\s&;,'\"}]+)",
    re.IGNORECASE,
)
AUTHORIZATION = re.compile(r"(?P<name>\b(?:basic|bearer)\s+)(?P<secret>[\w+/=.~-]{8,})", re.IGNORECASE)
SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|TOKEN|SECRET|AUTH_STRING|API_KEY|ACCESS_KEY|ACCESS_KEY_ID|STORAGE_KEY|"
    r"ACCOUNT_KEY|CLIENT_SECRET|CONNECTION_STRING)$"
)
IN_ADDRESS = re.compile(r"://[^\s/:@]*:([^\s/]+)@")
DVC_SECRETS = re.compile(rf"^\s*\w*{SECRET_WORD}\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


def masked(text: str, root: Path | None = None) -> str:
    """The text with every secret in it replaced by ``***``.

    A secret is the password of an address (``https://user:***@host``), a value behind a word such as
    ``password=`` or ``sig=``, and, wherever it stands, the value of an environment variable named like a
    secret (``MLFLOW_TRACKING_PASSWORD``, ``PREFECT_API_AUTH_STRING``) or of such a key in DVC's local
    configuration.

    Args:
        text: a line or several.
        root: folder of the project whose ``.dvc/config.local`` is looked at; the present one by default.
    """
    for secret in _known_secrets(root or Path.cwd()):
        text = text.replace(secret, HIDDEN)
    text = CREDENTIALS.sub(lambda found: f"{found['scheme']}{found['user']}:{HIDDEN}@", text)
    text = TOKEN_AS_USER.sub(lambda found: f"{found['scheme']}{HIDDEN}@", text)
    text = AUTHORIZATION.sub(lambda found: f"{found['name']}{HIDDEN}", text)
    return ASSIGNED.sub(lambda found: f"{found['name']}{HIDDEN}", text)


def warn(text: str) -> None:
    """Say what goes wrong beside the work, in a line without secrets."""
    print(masked(f"warning: {text}"), file=sys.stderr, flush=True)


def refuse(fault: object) -> NoReturn:
    """Say without secrets why a request cannot be met, and end with the status of a bad one."""
    print(masked(f"error: {fault}"), file=sys.stderr, flush=True)
    sys.exit(BAD_REQUEST)


def _known_secrets(root: Path) -> list[str]:
    """Secrets of this process's environment and of DVC's configuration, the longest first."""
    named = [value for name, value in os.environ.items() if SECRET_VARIABLE.search(name)]
    in_addresses = [found for value in os.environ.values() for found in IN_ADDRESS.findall(value)]
    found = {*named, *in_addresses, *_of_dvc((root / ".dvc" / "config.local", root / ".dvc" / "config"))}
    return sorted((secret for secret in found if len(secret) >= SHORTEST_SECRET), key=len, reverse=True)


def _of_dvc(files: Iterable[Path]) -> list[str]:
    return [
        secret.strip("'\"")
        for file in files
        if file.is_file()
        for secret in DVC_SECRETS.findall(file.read_text(errors="replace"))
    ]
