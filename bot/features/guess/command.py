"""`/guess`: people guess the next token, and the model scores them."""

import random

from discord import app_commands
from discord.ext import commands

from bot.answers.client import BotClient, Interaction
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import Text, describe_options
from bot.features.guess.rounds import RoundButton, open_round

# Openings of well-known books, each cut off at a word worth guessing. All are in the public domain.
OPENINGS = (
    # Edward Bulwer-Lytton, Paul Clifford, 1830
    "It was a dark and stormy",
    # Jane Austen, Pride and Prejudice, 1813
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a",
    # Jane Austen, Emma, 1815
    "Emma Woodhouse, handsome, clever, and",
    # Mary Shelley, Frankenstein, 1818
    "You will rejoice to hear that no disaster has accompanied the commencement of an",
    # Charles Dickens, A Christmas Carol, 1843
    "Marley was dead: to begin",
    # Charlotte Brontë, Jane Eyre, 1847
    "There was no possibility of taking a walk that",
    # Emily Brontë, Wuthering Heights, 1847
    "I have just returned from a visit to my",
    # Charles Dickens, David Copperfield, 1850
    "Whether I shall turn out to be the hero of my own life, or whether that station will be held by anybody",
    # Herman Melville, Moby-Dick, 1851
    "Call me",
    # Charles Dickens, Hard Times, 1854
    "Now, what I want is,",
    # Charles Dickens, A Tale of Two Cities, 1859
    "It was the best of times, it was the worst of",
    # Lewis Carroll, Alice's Adventures in Wonderland, 1865
    "Alice was beginning to get very tired of sitting by her sister on the",
    # George Eliot, Middlemarch, 1871
    "Miss Brooke had that kind of beauty which seems to be thrown into relief by poor",
    # Leo Tolstoy, Anna Karenina, 1878, translated by Constance Garnett, 1901
    "Happy families are all alike; every unhappy family is unhappy in its own",
    # Robert Louis Stevenson, Treasure Island, 1883
    "Squire Trelawney, Dr. Livesey, and the rest of these gentlemen having asked me to write down the whole",
    # Oscar Wilde, The Picture of Dorian Gray, 1890
    "The studio was filled with the rich odour of",
    # Arthur Conan Doyle, A Scandal in Bohemia, 1891
    "To Sherlock Holmes she is always",
    # H. G. Wells, The Time Machine, 1895
    "The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to",
    # H. G. Wells, The War of the Worlds, 1898
    "No one would have believed in the last years of the nineteenth century that this world was being",
    # Kenneth Grahame, The Wind in the Willows, 1908
    "The Mole had been working very hard all the morning, spring-cleaning his little",
    # J. M. Barrie, Peter and Wendy, 1911
    "All children, except one, grow",
)


class Guess(commands.Cog):
    """The command `/guess`."""

    @app_commands.command(name="guess", extras={"example": "/guess prompt:The old man looked at the"})
    @describe_options("guess")
    @reply_on_error
    async def guess(
        self,
        interaction: Interaction,
        prompt: Text | None = None,
        private: bool = False,
    ) -> None:
        """Guess the next token together, and see how probable the model finds each guess."""
        await open_round(interaction, prompt or random.choice(OPENINGS), private=private)


async def setup(bot: BotClient) -> None:
    """Add the command and the buttons of its rounds, including rounds from before a restart."""
    await bot.add_cog(Guess())
    bot.add_dynamic_items(RoundButton)
