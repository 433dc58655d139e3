"""Writes whisper_reference.json: logits that the tests expect of whisper.cpp, as pipeline/src/ml/whisper.rs
loads it, on the fixtures' weights of chance.

An independent forward pass of Whisper in float64, written from the paper (https://arxiv.org/abs/2212.04356)
and the layout of OpenAI's `model.py` and `audio.py` (log-mel spectrogram of 30 s, exact GELU, pre-norm
blocks, no bias on the keys), so that a mistake in whisper.cpp, in its bindings or in our writing of its
format shows. No cache of keys and values: each step reads all tokens anew.

    pip install numpy
    fixtures whisper-model --out MODEL.bin
    python whisper_reference.py MODEL.bin > whisper_reference.json
"""

import hashlib
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np

RATE = 16_000
WINDOW, HOP, SECONDS = 400, 160, 30
# Start, English, transcribe, no times; then one of the model's words.
PROMPT = [50258, 50259, 50359, 50363]
NEXT = 1234
# Every so manieth logit is kept.
STEP = 128


def sound(seed):
    """As `sound` in pipeline/src/ml/whisper/tests.rs: 28 seconds of a tone that climbs, cut to syllables."""
    t = np.arange(28 * RATE) / RATE
    voice = np.sin(2 * np.pi * t * (150 * seed + 40 * t)) + np.sin(2 * np.pi * t * 1100 * seed) / 2
    return 0.4 * voice * np.sin(2 * np.pi * t * seed) ** 2


def read(path):
    """The sizes, the mel filters and the tensors of a file in whisper.cpp's ggml format."""
    data = path.read_bytes()
    at = 0

    def numbers(n):
        nonlocal at
        at += 4 * n
        return struct.unpack_from(f"<{n}i", data, at - 4 * n)

    def values(kind, n):
        nonlocal at
        found = np.frombuffer(data, kind, n, at)
        at += found.nbytes
        return found.astype(np.float64)

    assert numbers(1)[0] == 0x67676D6C, "ggml"
    names = "vocab audio_ctx audio_state audio_head audio_layer text_ctx text_state text_head text_layer mels ftype"
    sizes = dict(zip(names.split(), numbers(11)))
    n_mels, n_bins = numbers(2)
    filters = values("<f4", n_mels * n_bins).reshape(n_mels, n_bins)
    for _ in range(numbers(1)[0]):
        (length,) = numbers(1)
        at += length
    tensors = {}
    while at < len(data):
        n_dims, length, kind = numbers(3)
        shape = numbers(n_dims)[::-1]
        name = data[at : at + length].decode()
        at += length
        tensors[name] = values("<f2" if kind else "<f4", math.prod(shape)).reshape(shape)
    return sizes, filters, tensors


def log_mel(samples, filters):
    """30 s: silence after the sound, mirrored at both ends."""
    padded = np.pad(np.pad(samples, (0, SECONDS * RATE - len(samples))), WINDOW // 2, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: SECONDS * RATE // HOP]
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    log = np.log10(np.maximum(filters @ power.T, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


erf = np.vectorize(math.erf)


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def convolution(x, tensors, name, stride):
    """Over the second axis, three wide, zeros around."""
    padded = np.pad(x, ((0, 0), (1, 1)))
    n = (x.shape[1] - 1) // stride + 1
    taps = [padded[:, tap : tap + stride * n : stride][:, :n] for tap in range(3)]
    weight = tensors[f"{name}.weight"]
    return gelu(sum(weight[:, :, tap] @ taps[tap] for tap in range(3)) + tensors[f"{name}.bias"].reshape(-1, 1))


def layer_norm(x, tensors, name, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def linear(x, tensors, name):
    bias = tensors.get(f"{name}.bias", 0)
    return x @ tensors[f"{name}.weight"].T + bias


def attention(x, other, tensors, name, n_heads, is_causal=False):
    heads = lambda part, x: linear(x, tensors, f"{name}.{part}").reshape(len(x), n_heads, -1).swapaxes(0, 1)
    query, key, value = heads("query", x), heads("key", other), heads("value", other)
    scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
    if is_causal:
        scores = np.where(np.tril(np.ones((len(x), len(x)), bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return linear((weights @ value).swapaxes(0, 1).reshape(x.shape), tensors, f"{name}.out")


def block(x, heard, tensors, name, n_heads):
    normed = layer_norm(x, tensors, f"{name}.attn_ln")
    x = x + attention(normed, normed, tensors, f"{name}.attn", n_heads, is_causal=heard is not None)
    if heard is not None:
        normed = layer_norm(x, tensors, f"{name}.cross_attn_ln")
        x = x + attention(normed, heard, tensors, f"{name}.cross_attn", n_heads)
    inner = gelu(linear(layer_norm(x, tensors, f"{name}.mlp_ln"), tensors, f"{name}.mlp.0"))
    return x + linear(inner, tensors, f"{name}.mlp.2")


def encode(mel, tensors, sizes):
    x = convolution(convolution(mel, tensors, "encoder.conv1", 1), tensors, "encoder.conv2", 2).T
    x = x + tensors["encoder.positional_embedding"]
    for i in range(sizes["audio_layer"]):
        x = block(x, None, tensors, f"encoder.blocks.{i}", sizes["audio_head"])
    return layer_norm(x, tensors, "encoder.ln_post")


def logits(tokens, heard, tensors, sizes):
    """What may come after the last token."""
    table = tensors["decoder.token_embedding.weight"]
    x = table[tokens] + tensors["decoder.positional_embedding"][: len(tokens)]
    for i in range(sizes["text_layer"]):
        x = block(x, heard, tensors, f"decoder.blocks.{i}", sizes["text_head"])
    return table @ layer_norm(x, tensors, "decoder.ln")[-1]


def main():
    path = Path(sys.argv[1])
    sizes, filters, tensors = read(path)
    sounds = []
    for seed in (1, 3):
        heard = encode(log_mel(sound(seed), filters), tensors, sizes)
        steps = [logits(tokens, heard, tensors, sizes) for tokens in (PROMPT, PROMPT + [NEXT])]
        kept = [[round(float(value), 5) for value in step[::STEP]] for step in steps]
        sounds.append({"seed": seed, "logits": kept})
    weights = hashlib.sha256(path.read_bytes()).hexdigest()
    print(json.dumps({"weights": weights, "prompt": PROMPT, "next": NEXT, "step": STEP, "sounds": sounds}))


if __name__ == "__main__":
    main()
