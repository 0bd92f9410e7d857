"""The page's server in this process, over a small project with every model and an index of words."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import uvicorn
from safetensors.torch import load_file, save_file

from lamp_core.datasets.clip_list import ClipList
from lamp_core.lexical.gallery import LexicalIndex
from lamp_core.lexical.words import Vocabulary
from lamp_core.page.app import page_app
from lamp_core.page.workshop import Workshop

PIECES = ("[CLS]", "walk", "jump", "wave", "kick")


@contextmanager
def served(workshop: Workshop) -> Iterator[str]:
    """Serve a page; gives its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(page_app(workshop), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 120
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(120)
        listening.close()
        workshop.shelf.close()


def replace_weights(file: Path) -> None:
    """Put other weights in a model's place, as a stage that trained anew would."""
    tensors = {name: torch.randn_like(tensor) for name, tensor in load_file(file).items()}
    unfinished = file.with_suffix(".new")
    save_file(tensors, unfinished)
    unfinished.replace(file)


def write_index(data: Path) -> None:
    """An index of clips by the words of their actions, as the stage `lexical_index` would write it."""
    clips = ClipList.load(data / "features")
    rows = [
        (name, captions[0].text, [float(piece in name) for piece in PIECES])
        for name, captions in zip(clips.names, clips.captions, strict=True)
        if any(piece in name for piece in PIECES)
    ]
    index = LexicalIndex(Vocabulary(PIECES), {}, most_terms=3)
    names, captions, weights = zip(*rows, strict=True)
    index.add(names, captions, np.array(weights, dtype=np.float32))
    index.save(data / "lexical_index")
