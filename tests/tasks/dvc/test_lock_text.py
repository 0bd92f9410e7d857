from collections import OrderedDict

import pytest

from tasks.dvc.lock_text import lock_text, parse_lock


def test_what_another_yaml_would_take_for_something_else_stays_what_it_is() -> None:
    odd = ["yes", "no", "on", "0:10", "1e-05", 1e-5, "1e-5", 1e22, "null", None, "", True, "2026-01-01", "ü"]
    shared = {"md5": "1"}
    content = {"schema": "2.0", "stages": {"z": OrderedDict(b=odd, a=[shared, shared]), "a": {"list": []}}}
    text = lock_text(content)
    assert parse_lock(text) == content and list(parse_lock(text)["stages"]) == ["z", "a"]
    assert "&" not in text


def test_a_lock_that_is_cut_off_in_a_name_is_said() -> None:
    with pytest.raises(ValueError, match="no YAML"):
        parse_lock("schema: '2.0'\nstages:\n  a:\n    cmd: x\n    de")
    assert parse_lock("") == {}
