"""A remote whose server does not answer is said before anything is asked of it."""

import pytest

from lamp_core.errors import LampError
from tasks.dvc.remote import require_remote
from tests.toy import Toy

CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ("url = ssh://ann@127.0.0.1:1/srv/store", "ssh://127.0.0.1:1/srv/store"),
        ("url = http://ann:hunter22@127.0.0.1:1/store", "http://127.0.0.1:1/store"),
        ("url = s3://bucket/store\n    endpointurl = http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_a_remote_that_does_not_answer_is_named_with_its_address(
    settings: str, address: str, toy: Toy
) -> None:
    (toy.project.root / ".dvc" / "config").write_text(f"{CONFIG}    {settings}\n")
    with pytest.raises(LampError) as refused:
        require_remote(toy.project)
    assert f"DVC's remote 'storage' at {address} does not answer" in str(refused.value)
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize("url", ["/srv/store", "../store", "s3://bucket/store"])
def test_a_remote_without_an_address_of_a_machine_is_not_asked(url: str, toy: Toy) -> None:
    (toy.project.root / ".dvc" / "config").write_text(f"{CONFIG}    url = {url}\n")
    assert require_remote(toy.project) == "storage"
