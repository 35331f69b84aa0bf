"""What a llama.cpp server says of itself: a model's name and sizes in, the long bodies out."""

from tests.fakes.wire import JSON

SLOT_PARAMETERS: JSON = {
    "seed": 4294967295,
    "temperature": 0.8,
    "dynatemp_range": 0.0,
    "dynatemp_exponent": 1.0,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.05,
    "top_n_sigma": -1.0,
    "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
    "typical_p": 1.0,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_penalty_last_n": 64,
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
    "adaptive_target": -1.0,
    "adaptive_decay": 0.9,
    "max_tokens": -1,
    "n_predict": -1,
    "n_keep": 0,
    "n_discard": 0,
    "ignore_eos": False,
    "stream": False,
    "n_probs": 0,
    "min_keep": 0,
    "chat_format": "Content-only",
    "reasoning_format": "none",
    "reasoning_in_content": False,
    "generation_prompt": "",
    "samplers": ["penalties", "dry", "top_k", "top_p", "min_p", "temperature"],
    "speculative.types": "none",
    "timings_per_token": False,
    "post_sampling_probs": False,
    "backend_sampling": False,
    "lora": [],
}
TEMPLATE_CAPABILITIES: JSON = {
    "supports_object_arguments": False,
    "supports_parallel_tool_calls": False,
    "supports_preserve_reasoning": False,
    "supports_reasoning_effort": False,
    "supports_string_content": True,
    "supports_system_role": True,
    "supports_tool_calls": False,
    "supports_tools": False,
    "supports_typed_content": False,
}


def props(model: str, context: int, slots: int) -> JSON:
    """GET /props; `n_ctx` is one slot's share."""
    return {
        "default_generation_settings": {"params": SLOT_PARAMETERS, "n_ctx": context},
        "total_slots": slots,
        "model_alias": model,
        "model_ftype": "Q4_1",
        "model_path": f"/models/{model}",
        "modalities": {"vision": False, "video": False, "audio": False},
        "media_marker": "<__media_marker__>",
        "endpoint_slots": True,
        "endpoint_props": False,
        "endpoint_metrics": True,
        "ui": True,
        "ui_settings": {},
        "chat_template": "{% for message in messages %}...{% endfor %}",
        "chat_template_caps": TEMPLATE_CAPABILITIES,
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "build_info": "b0-unknown",
        "is_sleeping": False,
        "cors_proxy_enabled": False,
    }


def model_list(model: str, context: int) -> JSON:
    """GET /v1/models; its `n_ctx` is one slot's share too."""
    details = {
        "parent_model": "",
        "format": "gguf",
        "family": "",
        "families": [""],
        "parameter_size": "",
        "quantization_level": "",
    }
    short = {
        "name": model,
        "model": model,
        "modified_at": "",
        "size": "",
        "digest": "",
        "type": "model",
        "description": "",
        "tags": [""],
        "capabilities": ["completion"],
        "parameters": "",
        "details": details,
    }
    meta = {
        "vocab_type": 2,
        "n_vocab": 49152,
        "n_ctx": context,
        "n_ctx_train": 8192,
        "n_embd": 576,
        "n_params": 134515008,
        "size": 96576768,
        "ftype": "Q4_1",
    }
    full = {
        "id": model,
        "aliases": [model],
        "tags": [],
        "object": "model",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "created": 1795499895,
        "owned_by": "llamacpp",
        "meta": meta,
    }
    return {"models": [short], "object": "list", "data": [full]}
