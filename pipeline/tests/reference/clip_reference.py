"""Writes clip_reference.json: vectors that the tests expect of pipeline/src/ml/clip.rs on the fixtures'
weights of chance.

An independent forward pass of CLIP in float64, written from the paper (https://arxiv.org/abs/2103.00020)
and the layout of Hugging Face's `CLIPModel` (quick GELU, pre-norm blocks, text vector at the end mark,
image vector at the class token), so that a mistake in candle, in our reading of config.json, in the
padding or in the preprocessing shows. One text or picture at a time: there is no padding here to go wrong.

    pip install numpy safetensors tokenizers
    fixtures clip-model --out MODEL_DIR
    python clip_reference.py MODEL_DIR > clip_reference.json
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

TEXTS = [
    "A cat sleeps on the warm windowsill.",
    "Waves roll in, one after the other.",
    # More tokens than there are positions.
    "The river bends north; herons wait in the reeds while mist lifts off the fields. " * 3,
]
SIDE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711])


def picture(seed):
    """As `picture` in pipeline/tests/clip.rs: lines of pixels of red, green and blue."""
    y, x, colour = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return (x * (colour + 1) + y * seed + (x * y) // 97) % 256


def linear(x, tensors, name):
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def layer_norm(x, tensors, name, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def attention(x, tensors, name, n_heads, is_causal):
    length, width = x.shape
    heads = lambda part: linear(x, tensors, f"{name}.{part}").reshape(length, n_heads, -1).swapaxes(0, 1)
    query, key, value = heads("q_proj"), heads("k_proj"), heads("v_proj")
    scores = query @ key.swapaxes(1, 2) / math.sqrt(width / n_heads)
    if is_causal:
        scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return linear((weights @ value).swapaxes(0, 1).reshape(length, width), tensors, f"{name}.out_proj")


def tower(x, tensors, name, config, is_causal):
    for i in range(config["num_hidden_layers"]):
        layer = f"{name}.encoder.layers.{i}"
        normed = layer_norm(x, tensors, f"{layer}.layer_norm1")
        x = x + attention(normed, tensors, f"{layer}.self_attn", config["num_attention_heads"], is_causal)
        inner = linear(layer_norm(x, tensors, f"{layer}.layer_norm2"), tensors, f"{layer}.mlp.fc1")
        inner = inner / (1 + np.exp(-1.702 * inner))
        x = x + linear(inner, tensors, f"{layer}.mlp.fc2")
    return x


def normalised(vector):
    return [round(float(value), 6) for value in vector / np.linalg.norm(vector)]


def text_vector(ids, tensors, config):
    table = lambda name: tensors[f"text_model.embeddings.{name}.weight"]
    x = table("token_embedding")[ids] + table("position_embedding")[: len(ids)]
    x = layer_norm(tower(x, tensors, "text_model", config, True), tensors, "text_model.final_layer_norm")
    return normalised(tensors["text_projection.weight"] @ x[ids.index(max(ids))])


def image_vector(pixels, tensors, config):
    size = config["patch_size"]
    planes = ((pixels / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)
    n = SIDE // size
    patches = planes.reshape(3, n, size, n, size).transpose(1, 3, 0, 2, 4).reshape(n * n, -1)
    embeddings = "vision_model.embeddings"
    kernels = tensors[f"{embeddings}.patch_embedding.weight"].reshape(config["hidden_size"], -1)
    x = np.vstack([tensors[f"{embeddings}.class_embedding"], patches @ kernels.T])
    x = layer_norm(x + tensors[f"{embeddings}.position_embedding.weight"], tensors, "vision_model.pre_layrnorm")
    x = tower(x, tensors, "vision_model", config, False)
    pooled = layer_norm(x[0], tensors, "vision_model.post_layernorm")
    return normalised(tensors["visual_projection.weight"] @ pooled)


def main():
    model = Path(sys.argv[1])
    config = json.loads((model / "config.json").read_text())
    sha256 = json.loads((model / "model.json").read_text())["sha256"]
    tensors = {name: tensor.astype(np.float64) for name, tensor in load_file(model / "model.safetensors").items()}
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(config["text_config"]["max_position_embeddings"])
    texts = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        texts.append({"text": text, "tokens": len(ids), "vector": text_vector(ids, tensors, config["text_config"])})
    pictures = [
        {"seed": seed, "vector": image_vector(picture(seed), tensors, config["vision_config"])} for seed in (2, 5)
    ]
    print(json.dumps({"weights": sha256, "texts": texts, "pictures": pictures}))


if __name__ == "__main__":
    main()
