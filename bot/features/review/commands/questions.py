"""`/review question` and `/question`: what a server asks about messages."""

import json
import re

import discord
from discord import app_commands

from bot.answers.answering import defer, reply
from bot.answers.client import BotClient, Interaction
from bot.answers.components import Form
from bot.answers.delivery import acknowledge
from bot.answers.error_reply import reply_on_error
from bot.decisions.definition import define
from bot.decisions.gate import decision_of, definition_of
from bot.decisions.presets import matching_presets, preset
from bot.errors import DecisionInvalid, NotPermitted, UsageError
from bot.features.review.access import ReviewCog
from bot.features.review.commands.shared import ReviewCommands, asker, require_question, server, suggest_questions
from bot.features.review.embeds.questions import defined_answer, deleted_answer, question_answer, questions_answer
from bot.features.review.places import can_moderate, find_place
from bot.features.review.reader import ReviewReader
from bot.questions.decision import QUESTION_LENGTH, Decision, DecisionType, Example
from bot.storage.question_records import PlaceQuestion, ServerQuestion
from bot.storage.questions import MOST_QUESTIONS

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NAME_OPTION = "A name of at most 32 letters, digits, - and _"
# A label, in double quotes if it contains a colon, and the example's text.
_EXAMPLE = re.compile(r'\s*("(?:[^"])*"|[^:]+?)\s*:\s*(.*)')


class Questioning(ReviewCommands):
    """The commands of `/review question`."""

    question = app_commands.Group(name="question", description="Define what the model is asked about messages")

    @question.command(name="define", extras={"example": "/review question define name:spam preset:spam"})
    @app_commands.describe(
        name=NAME_OPTION,
        type="How it is asked; by default a template if it contains {text}, else options, or yes and no without labels",
        preset="A ready-made question to start from",
    )
    @reply_on_error
    async def define_question(
        self,
        interaction: Interaction,
        name: str,
        type: DecisionType | None = None,  # noqa: A002  # the option's name
        preset: str | None = None,
    ) -> None:
        """Define a question in a form: its text, labels and examples. No place asks it until you say so."""
        _check_definer(interaction)
        if not NAME.fullmatch(name):
            raise UsageError("A name has at most 32 small letters, digits, - and _, and begins with one of the first.")
        if await self._reader.store.questions.get(server(interaction).id, name) is not None:
            raise UsageError(f"This server has a question {name}. Change it with /review question change.")
        start = None if preset is None else _preset(preset)
        form = QuestionForm(self._reader, name, None, start, type or _kept_type(start))
        await acknowledge(interaction, interaction.response.send_modal(form))

    @question.command(name="change", extras={"example": "/review question change name:spam"})
    @app_commands.describe(
        name="The question",
        type="How it is asked; by default what fits its text and labels",
        preset="A ready-made question to put in its place",
    )
    @reply_on_error
    async def change_question(
        self,
        interaction: Interaction,
        name: str,
        type: DecisionType | None = None,  # noqa: A002  # the option's name
        preset: str | None = None,
    ) -> None:
        """Change a question in a form. It gets a new version, and is in shadow until that is measured."""
        _check_definer(interaction)
        question = await require_question(self._reader.store, server(interaction), name)
        start = decision_of(question.definition) if preset is None else _preset(preset)
        form = QuestionForm(self._reader, name, question, start, type or _kept_type(start))
        await acknowledge(interaction, interaction.response.send_modal(form))

    @question.command(name="show", extras={"example": "/review question show name:spam"})
    @app_commands.describe(name="The question", version="An earlier version")
    @reply_on_error
    async def show_question(
        self, interaction: Interaction, name: str, version: app_commands.Range[int, 1, 2**31] | None = None
    ) -> None:
        """Show what a question asks, with its labels and examples."""
        await _show(interaction, self._reader, name, version)

    @question.command(name="list", extras={"example": "/review question list"})
    @reply_on_error
    async def list_questions(self, interaction: Interaction) -> None:
        """List this server's questions, and where each is asked."""
        if not await defer(interaction, private=True):
            return
        store, guild = self._reader.store, server(interaction)
        questions = await store.questions.in_guild(guild.id)
        asked = [each for question in questions for each in await store.place_questions.asking(question.id)]
        await reply(interaction, questions_answer(questions, _moderated(asked, guild, asker(interaction))))

    @question.command(name="delete", extras={"example": "/review question delete name:spam"})
    @app_commands.describe(name="The question")
    @reply_on_error
    async def delete_question(self, interaction: Interaction, name: str) -> None:
        """Delete a question everywhere, with its versions, examples, labels, scores and measurements."""
        _check_definer(interaction)
        guild = server(interaction)
        await require_question(self._reader.store, guild, name)
        if not await defer(interaction, private=True):
            return
        await self._reader.store.questions.delete(guild.id, name)
        await self._reader.store.audit.record(guild.id, None, interaction.user.id, "undefine", name)
        await reply(interaction, deleted_answer(name))

    @change_question.autocomplete("name")
    @show_question.autocomplete("name")
    @delete_question.autocomplete("name")
    async def suggest_name(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Suggest this server's questions."""
        return await suggest_questions(self._reader.store, interaction, current)

    @define_question.autocomplete("preset")
    @change_question.autocomplete("preset")
    async def suggest_preset(self, _: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Suggest the ready-made questions."""
        found = matching_presets(current)[:25]
        return [app_commands.Choice(name=f"{each.name}: {each.title}"[:100], value=each.name) for each in found]


class Asking(ReviewCog):
    """The command `/question`, for everybody: what is asked about members' messages is no secret."""

    def __init__(self, reader: ReviewReader) -> None:
        self._reader = reader

    @app_commands.command(name="question", extras={"example": "/question name:spam"})
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.describe(name="A question of this server", version="An earlier version")
    @reply_on_error
    async def show(
        self, interaction: Interaction, name: str, version: app_commands.Range[int, 1, 2**31] | None = None
    ) -> None:
        """Show what a question of this server asks about messages, with its labels and examples."""
        await _show(interaction, self._reader, name, version)

    @show.autocomplete("name")
    async def suggest(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Suggest this server's questions."""
        return await suggest_questions(self._reader.store, interaction, current)


class QuestionForm(Form, title="Question"):
    """The form for a question: its text, labels and examples."""

    def __init__(
        self,
        reader: ReviewReader,
        name: str,
        before: ServerQuestion | None,
        start: Decision | None,
        type_: DecisionType | None,
    ) -> None:
        """Without `before` the question is new; the form begins with the parts of `start`."""
        super().__init__(title=f"Question {name}"[:45])
        self._reader, self._name, self._before, self._type = reader, name, before, type_
        self.text = _input(
            "question", "Question, or template with {text}", QUESTION_LENGTH, "Message: {text} Is it spam? Answer:"
        )
        self.labels = _input("labels", "Labels, one a line (a template needs 2 to 10)", 1100, "yes\nno", required=False)
        self.examples = _input(
            "examples", "Examples, label: text, one a line, up to 8", 4000,
            "Write them yourself. Don't paste members' messages: examples are shown to everybody.", required=False,
        )  # fmt: skip
        if start is not None:
            self.text.default = start.question
            self.labels.default = "" if start.type == "noul" else "\n".join(map(_written, start.labels))
            self.examples.default = "\n".join(
                f"{_written(example.label)}: {_one_line(example.text)}" for example in start.examples
            )
        for item in (self.text, self.labels, self.examples):
            self.add_item(item)

    async def submit(self, interaction: Interaction) -> None:
        """Define the question, or add a version to it."""
        _check_definer(interaction)
        decision = read_form(self.text.value, self.labels.value, self.examples.value, self._type)
        store, guild = self._reader.store, server(interaction)
        asked = [] if self._before is None else await store.place_questions.asking(self._before.id)
        for place in asked:
            if place.rule.flag_label not in decision.labels:
                raise UsageError(
                    f"<#{place.place_id}> flags {place.rule.flag_label.strip()!r}. Keep that label, or first choose "
                    "another flag_label there with /review watch."
                )
        if not await defer(interaction, private=True):
            return
        user_id, definition = interaction.user.id, definition_of(decision)
        if self._before is None:
            question = await self._define(guild.id, definition, user_id)
        else:
            question = await store.questions.change(self._before.id, definition, user_id)
        if question is None:
            raise UsageError(f"The question {self._name} was defined or deleted meanwhile. Look at it and try again.")
        detail = f"{self._name} version {question.version}"
        await store.audit.record(guild.id, None, user_id, "define", detail)
        self._reader.publisher.wake()
        await reply(interaction, defined_answer(question, _moderated(asked, guild, asker(interaction))))

    async def _define(self, guild_id: int, definition: str, user_id: int) -> ServerQuestion | None:
        try:
            return await self._reader.store.questions.define(guild_id, self._name, definition, user_id)
        except ValueError:
            raise UsageError(
                f"This server has {MOST_QUESTIONS} questions, the most that it can have. Delete one first."
            ) from None


def read_form(question: str, labels: str, examples: str, type_: DecisionType | None) -> Decision:
    """Return the decision that a moderator wrote in the form. Raises DecisionInvalid."""
    written: list[Example] = []
    for line in examples.splitlines():
        if not line.strip():
            continue
        match = _EXAMPLE.fullmatch(line)
        if match is None:
            raise DecisionInvalid(f"The example {line[:60]!r} has no label. Write each as label: text.")
        label, text = match[1], match[2]
        is_quoted = len(label) > 2 and label[0] == label[-1] == '"'
        written.append(Example(_several_lines(text), label[1:-1] if is_quoted else label))
    return define(question, labels.splitlines(), type_, written)


def _input(
    custom_id: str, label: str, most: int, placeholder: str, *, required: bool = True
) -> discord.ui.TextInput[QuestionForm]:
    return discord.ui.TextInput(
        custom_id=custom_id,
        label=label,
        style=discord.TextStyle.paragraph,
        max_length=most,
        placeholder=placeholder,
        required=required,
    )


def _written(label: str) -> str:
    """Return a label as the form reads it: in double quotes unless it follows a template with one space."""
    is_plain = label.strip() == label.removeprefix(" ") and ":" not in label
    return label.strip() if is_plain else f'"{label}"'


def _one_line(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "\n" in text or text.startswith('"') else text


def _several_lines(text: str) -> str:
    """Return the text of an example: a JSON string can have line breaks."""
    if not (len(text) > 1 and text[0] == text[-1] == '"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def _kept_type(start: Decision | None) -> DecisionType | None:
    """Return the type of `start` if it can't be told from the text and labels of the form."""
    return "score" if start is not None and start.type == "score" else None


def _preset(name: str) -> Decision:
    return preset(name).decision


def _check_definer(interaction: Interaction) -> None:
    """Raise NotPermitted unless the asker moderates the whole server, in which a question can be asked anywhere."""
    if not asker(interaction).guild_permissions.manage_messages:
        raise NotPermitted("You need Manage Messages in the whole server for this, not only in one channel.")


def _moderated(asked: list[PlaceQuestion], guild: discord.Guild, member: discord.Member) -> list[PlaceQuestion]:
    """Return the places' questions in places that `member` can moderate."""
    places = {each.place_id: find_place(guild, each.place_id) for each in asked}
    return [each for each in asked if (place := places[each.place_id]) is not None and can_moderate(member, place)]


async def _show(interaction: Interaction, reader: ReviewReader, name: str, version: int | None) -> None:
    question = await require_question(reader.store, server(interaction), name)
    if not await defer(interaction, private=True):
        return
    versions = await reader.store.questions.versions(question.id)
    shown = next((each for each in versions if each.version == (version or question.version)), None)
    if shown is None:
        raise UsageError(f"The question {name} has versions 1 to {question.version:,}.")
    await reply(interaction, question_answer(shown, versions=len(versions)))


async def setup(bot: BotClient, reader: ReviewReader) -> None:
    """Add `/question`."""
    await bot.add_cog(Asking(reader))
