"""Nothing that a diff holds becomes a control string, a new line, or the end of the data."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.diff.chunk import Chunk
from reviewbot.diff.hunks import Hunk
from reviewbot.model.prompt import Shown, build_messages, neutralise, restore
from tests.diffs import LINE_CHARACTERS, TEXTS

CONTROL_STRINGS = (
    "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|fim_prefix|>", "<|tool_call|>",
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<tools>", "</tools>",
    "<documents>", "</documents>", "<schema>", "</schema>", "<think>", "</think>",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|fim_middle|>", "<|repo_name|>",
    "<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>", "<|python_tag|>",
    "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[THINK]",
    "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<pad>", "<unk>", "<turn|>", "<|turn>",
    "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<jupyter_code>",
    "<｜begin▁of▁sentence｜>", "<｜User｜>", "<|channel|>", "<|message|>", "<|return|>",
)  # fmt: skip
HOSTILE = (
    st.lists(
        st.sampled_from(CONTROL_STRINGS)
        | st.sampled_from(
            ("<", "|", ">", "[", "]", "/", "im_start", "</change>", "<change>", "\n@@")
        )
        | st.text(LINE_CHARACTERS, max_size=3),
        max_size=5,
    )
    .map("".join)
    .map(lambda text: text.replace("\n", ""))
)
NAMES = HOSTILE.map(lambda text: text or "x")


@st.composite
def hostile_chunks(draw: st.DrawFn) -> Chunk:
    hunks = []
    for lines in draw(st.lists(st.lists(HOSTILE | TEXTS, min_size=1, max_size=4), max_size=2)):
        body = "".join(f"{draw(st.sampled_from('+- '))}{line}\n" for line in lines)
        hunks.append(Hunk(1, 1, draw(HOSTILE), body, body.count("\n"), 0))
    return Chunk(draw(NAMES), tuple(hunks), 0)


def user_text(chunk: Chunk) -> str:
    return build_messages(Shown(chunk))[1].content


@settings(max_examples=1000)
@given(hostile_chunks())
def test_no_control_string_survives_in_a_prompt(chunk: Chunk) -> None:
    text = user_text(chunk)
    assert [control for control in CONTROL_STRINGS if control in text] == []


@settings(max_examples=700)
@given(hostile_chunks())
def test_a_line_of_code_begins_no_line_of_the_prompt_and_ends_no_data(chunk: Chunk) -> None:
    text = user_text(chunk)
    lines = sum(hunk.body.count("\n") for hunk in chunk.hunks)
    empty = user_text(Chunk("x", (), 0))
    assert len(text.splitlines()) == len(empty.splitlines()) + len(chunk.hunks) + lines
    assert (text.count("<change>"), text.count("</change>")) == (1, 1)


@settings(max_examples=500)
@given(HOSTILE.filter(lambda text: text.isprintable() and "\u200b" not in text), st.booleans())
def test_what_was_broken_up_is_restored_in_an_answer(text: str, ascii_: bool) -> None:  # noqa: FBT001
    answer = json.dumps([neutralise(text)], ensure_ascii=ascii_)
    assert json.loads(restore(answer)) == [text]


@settings(max_examples=300)
@given(HOSTILE | TEXTS)
def test_breaking_up_twice_is_breaking_up_once(text: str) -> None:
    assert neutralise(neutralise(text)) == neutralise(text)
