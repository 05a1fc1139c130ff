"""Messages and forms as text, without the parts that differ between runs."""

import re
from typing import Any

_VARIES = (
    (r"<t:\d+(:\w)?>", r"<t:TIME\1>"),
    (r"· <?\d[\d.,]* (ms|s)$", "· TIME"),
    (r"\b\d[\d.,]* tokens/s", "N tokens/s"),
    (r"^float32 on cpu(, [\w ,]+)?$", "float32 on cpu, ENGINE PATH"),
    (r"^1 / 16 / 128 rows by .*$", "MEASURED TIMES"),
    (r"\b(nightword|python|torch|transformers|tokenizers)([ =`*]+)\d[\w.+]*", r"\1\2VERSION"),
    (r"\bNightword \d[\w.+]*", "Nightword VERSION"),
    (r"discord\.com/channels/\S+/\d{17,20}", "discord.com/channels/MESSAGE"),
    (r"\b\d{17,20}\b", "ID"),
)


def stable(text: str, names: dict[int, str]) -> str:
    """Return `text` with names for known ids, and words for times and versions."""
    for id_, name in names.items():
        text = text.replace(str(id_), name)
    for pattern, word in _VARIES:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def message_as_text(message: Any, names: dict[int, str]) -> str:
    """Return a message as its readers see it: text, embeds, files with descriptions, buttons and menus."""
    lines = ["(for one reader)"] if message.flags.ephemeral else []
    lines += [message.content] if message.content else []
    for embed in message.embeds:
        lines += _embed(embed)
    lines += [f"file {file.filename}: {file.description}" for file in message.attachments]
    rows = [row if isinstance(row, dict) else row.to_dict() for row in message.components]
    lines += [line for row in rows for line in _row(row["components"])]
    return stable("\n".join(lines), names)


def form_as_text(modal: dict[str, Any]) -> str:
    """Return a form: its title and its fields."""
    fields = [part.get("component", part) for row in modal["components"] for part in row.get("components", [row])]
    lines = [f"form {modal['title']}"]
    for field, row in zip(fields, modal["components"], strict=True):
        label = field.get("label") or row.get("label")
        lines.append(f"{label}: {field.get('placeholder', '')} (at most {field.get('max_length')})")
    return "\n".join(lines)


def _embed(embed: Any) -> list[str]:
    lines = [f"# {embed.title} (colour {embed.colour})", *([embed.description] if embed.description else [])]
    for field in embed.fields:
        lines += [f"## {field.name}{' (beside the next)' if field.inline else ''}", field.value]
    return [*lines, *([f"-- {embed.footer.text}"] if embed.footer.text else [])]


def _row(components: list[dict[str, Any]]) -> list[str]:
    buttons = [f"[{part['label']}{' (off)' if part.get('disabled') else ''}]" for part in components if "label" in part]
    lines = [" ".join(buttons)] if buttons else []
    for menu in (part for part in components if "options" in part):
        lines.append(f"menu {menu.get('placeholder')}")
        lines += [
            f"  {' · '.join(filter(None, (option['label'], option.get('description'))))}" for option in menu["options"]
        ]
    return lines
