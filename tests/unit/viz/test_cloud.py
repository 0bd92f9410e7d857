import re

from lamp_core.viz.cloud import cloud_page, sized


def test_the_heaviest_word_is_the_largest() -> None:
    assert sized([("jump", 0.8), ("left", 0.2), ("…ly", 0.0)]) == [
        ("jump", 0.8, 2.0),
        ("left", 0.2, 1.1),
        ("…ly", 0.0, 0.8),
    ]
    assert sized([]) == []


def test_a_page_of_a_cloud_has_the_words_and_loads_nothing() -> None:
    page = cloud_page([("jump", 0.8), ("left", 0.2)], "<walk>.npy in words")
    cloud = re.findall(r'<span style="font-size: ([\d.]+)em" title="([\d.]+)">(.*?)</span>', page)
    assert cloud == [("2.00", "0.800", "jump"), ("1.10", "0.200", "left")]
    assert "<h1>&lt;walk&gt;.npy in words</h1>" in page
    assert "http://" not in page and "https://" not in page and "--accent: #" in page
