"""Writes minilm_reference.json: sentence vectors that the tests expect of pipeline/src/ml/minilm.rs.

An independent forward pass of all-MiniLM-L6-v2 in float64, written from the BERT paper
(https://arxiv.org/abs/1810.04805) and the model card (mean pooling over the mask, then L2), so that
a mistake in candle, in its mask or in our pooling shows. One sentence at a time: there is no padding
here to go wrong.

    pip install numpy safetensors tokenizers
    python minilm_reference.py MODEL_DIR > minilm_reference.json
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

MAX_TOKENS = 256
TEXTS = [
    "A cat sleeps on the warm windowsill.",
    "Khi mặt trời lặn, thành phố Hà Nội lên đèn và phố cổ đông người.",
    "海边的日出非常美丽，人们在沙滩上散步。",
    "In 2024 the crew filmed 25 clips (4K, 60 fps) -- then lost half of them!",
    # More than the 128 tokens that tokenizer.json would keep, and more than 256.
    "Waves roll in, one after the other, and the harbour wakes slowly under a grey sky. " * 9,
    "The river bends north; herons wait in the reeds while mist lifts off the fields. " * 20,
]

erf = np.vectorize(math.erf, otypes=[np.float64])


def linear(x, tensors, name):
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def layer_norm(x, tensors, name, eps):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def attention(x, tensors, name, n_heads):
    length, width = x.shape
    heads = lambda part: linear(x, tensors, f"{name}.self.{part}").reshape(length, n_heads, -1).swapaxes(0, 1)
    query, key, value = heads("query"), heads("key"), heads("value")
    scores = query @ key.swapaxes(1, 2) / math.sqrt(width / n_heads)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return linear((weights @ value).swapaxes(0, 1).reshape(length, width), tensors, f"{name}.output.dense")


def embed(ids, tensors, config):
    eps = config["layer_norm_eps"]
    table = lambda name: tensors[f"embeddings.{name}.weight"]
    x = table("word_embeddings")[ids] + table("position_embeddings")[: len(ids)] + table("token_type_embeddings")[0]
    x = layer_norm(x, tensors, "embeddings.LayerNorm", eps)
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        attended = attention(x, tensors, f"{layer}.attention", config["num_attention_heads"])
        x = layer_norm(x + attended, tensors, f"{layer}.attention.output.LayerNorm", eps)
        inner = linear(x, tensors, f"{layer}.intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = layer_norm(x + linear(inner, tensors, f"{layer}.output.dense"), tensors, f"{layer}.output.LayerNorm", eps)
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


def main():
    model = Path(sys.argv[1])
    config = json.loads((model / "config.json").read_text())
    tensors = {
        name: tensor.astype(np.float64)
        for name, tensor in load_file(model / "model.safetensors").items()
        if tensor.dtype == np.float32
    }
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    rows = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        vector = [round(float(value), 7) for value in embed(ids, tensors, config)]
        rows.append({"text": text, "tokens": len(ids), "vector": vector})
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
