"""A model's id and revision on the hub come in; out comes a folder that TGI and vLLM can load.

    python prepare_model.py ibm-granite/granite-4.1-8b REVISION /model

makes /model/granite-4.1-8b, and beside it granite-4.1-8b.tokenizer_config.json for TGI, which
reads a chat template from there and not from chat_template.jinja. Done once, it asks the hub
nothing more. Exit code 1, with the reason, where the model would load and then answer nonsense.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

ROPE_THETA = 10_000_000
"""Of Granite 4.1. TGI takes 10,000 where the configuration does not say, without a word."""


def main(model: str, revision: str, root: Path) -> None:
    """Download what is not there yet, check it, and put it into its place in one step."""
    folder = root / model.rpartition("/")[2]
    stamp = folder / ".revision"
    if stamp.is_file() and stamp.read_text("ascii") == revision:
        print(f"{model} is there at {revision}")
        return
    partial = root / f".{folder.name}-{revision}"  # where an interrupted download goes on
    print(f"downloading {model} at {revision}")
    wanted = ["*.json", "*.jinja", "*.safetensors", "*.txt"]
    snapshot_download(model, revision=revision, local_dir=partial, allow_patterns=wanted)
    state_rope_theta(partial / "config.json")
    patched = template_inside(partial)
    (root / f"{folder.name}.tokenizer_config.json").write_text(patched, "utf-8")
    (partial / stamp.name).write_text(revision, "ascii")
    if folder.exists():  # an earlier revision, whose files must not be mixed with these
        shutil.rmtree(folder)
    partial.rename(folder)
    print(f"{model} is ready")


def state_rope_theta(path: Path) -> None:
    """Make sure that config.json has the key that TGI reads, with the model's own value.

    Newer tools write it under `rope_parameters`, where TGI does not look.
    """
    config: dict[str, Any] = json.loads(path.read_text("utf-8"))
    inner = config.get("rope_parameters") or {}
    theta = config.get("rope_theta", inner.get("rope_theta"))
    if theta != ROPE_THETA:
        raise SystemExit(f"config.json has rope_theta {theta}, not {ROPE_THETA}: another model?")
    config["rope_theta"] = ROPE_THETA
    path.write_text(json.dumps(config, indent=2), "utf-8")


def template_inside(folder: Path) -> str:
    """Give tokenizer_config.json with the chat template inside."""
    tokenizer: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    template = folder / "chat_template.jinja"
    if template.is_file():
        tokenizer["chat_template"] = template.read_text("utf-8")
    if not tokenizer.get("chat_template"):
        raise SystemExit("neither chat_template.jinja nor tokenizer_config.json has a template")
    return json.dumps(tokenizer, indent=2)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
