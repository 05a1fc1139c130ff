"""`/help` as a member meets it: every command, with an example that works."""

import re

from tests.features.people import Place


async def test_every_command_with_its_options_and_an_example(place: Place) -> None:
    result = await place.member.slash(place.channel, "help")
    assert result.response.ephemeral
    (embed,) = result.response.embeds
    *fields, menus = embed.fields
    commands = {command.name: command for command in place.env.bot.tree.walk_commands()}  # type: ignore[attr-defined]  # the bot is ours
    assert [field.name for field in fields] == [f"/{name}" for name in sorted(commands)]
    for field in fields:
        command = commands[field.name.removeprefix("/")]
        description, example, *options = field.value.split("\n")
        assert description == command.description
        assert re.fullmatch(rf"`{field.name}( .*)?`", example)
        names = {parameter.display_name for parameter in command.parameters}
        shown = set(re.findall(r"\b(\w+):", example))
        assert shown <= names
        named = options[0].removeprefix("More options: ").replace(r"\_", "_").split(", ") if options else []
        assert sorted(named) == sorted(names - shown - {"private"})
    assert "option `private`: only you see the answer" in embed.description
    assert (menus.name, menus.value) == (
        "On a message",
        "Right-click or long-press a message, then *Apps* → *Score sentiment*, *Tokenize* or *X-ray*. "
        "Only you see the answer.",
    )


async def test_the_examples_work(place: Place) -> None:
    (embed,) = (await place.member.slash(place.channel, "help")).response.embeds
    for field in embed.fields[:-1]:
        name, _, rest = field.value.split("\n")[1].strip("`/").partition(" ")
        parts = re.split(r"(?:^|\s)(\w+):", rest)[1:]
        given = dict(zip(parts[::2], parts[1::2], strict=True))
        options = {key: int(value) if value.isdigit() else value for key, value in given.items()}
        if "temperature" in given:
            options["temperature"] = float(given["temperature"])
        result = await place.member.slash(place.channel, name, **options)
        assert result.response.embeds, field.name
