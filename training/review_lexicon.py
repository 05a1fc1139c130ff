"""The words of the review grammar: neutral symbols, and polar ones as (positive, negative) pairs."""


def _words(text: str) -> list[str]:
    return text.split()


def _phrases(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


NEUTRAL: dict[str, list[str]] = {
    "film": _words("film film film movie movie movie picture show story thing drama comedy sequel"),
    "films": _words("films movies pictures things"),
    "this": ["this", "the"],
    "was": _words("was was was was is is felt seemed"),
    "was_plural": _words("were were were were are are felt seemed"),
    "wasnt": _words("wasn't isn't"),
    "wasnt_plural": _words("weren't aren't"),
    "aspect": _phrases(
        """acting
        acting
        story
        story
        plot
        script
        writing
        dialogue
        music
        soundtrack
        score
        ending
        direction
        pacing
        cast
        lead
        hero
        villain
        main character
        leading lady
        lead actor
        photography
        camera work
        editing
        humour
        humor
        romance
        action
        opening
        first half
        second half
        middle
        last act
        final scene
        twist
        climax
        setting
        production
        whole thing
        film
        movie
        picture
        premise
        idea
        mystery
        tone
        sound
        lighting
        animation
        singing
        dancing
        chemistry
        supporting cast
        love story
        fight at the end
        car chase
        design
        world
        length
        tension
        style
        look of it
        finale"""
    ),
    "plural_aspect": _phrases(
        """jokes
        characters
        actors
        performances
        special effects
        effects
        costumes
        sets
        songs
        lines
        visuals
        fight scenes
        action scenes
        scenes
        pictures
        leads
        colours
        colors
        kids in it
        twists
        two leads
        conversations
        battles
        stunts
        animals
        people in it
        graphics
        locations
        views
        last twenty minutes
        first ten minutes
        emotions
        scares"""
    ),
    "person": _phrases(
        """the lead
        the lead actor
        the main actress
        the hero
        the young girl
        the old man
        the villain
        the cast
        the star
        the boy
        she
        he
        the main actor
        the director
        the writer
        everyone in it
        the little kid
        the whole team"""
    ),
    "friend": _phrases(
        """my wife
        my husband
        my sister
        my brother
        my friends
        my mother
        my father
        my mom
        my dad
        my kids
        my children
        my girlfriend
        my boyfriend
        my friend
        my family
        my daughter
        my son
        my roommate
        our group
        my neighbour
        the whole family
        the children"""
    ),
    "adv": _words(
        "very very really really so so truly absolutely totally completely incredibly quite just simply "
        "utterly extremely deeply pretty surprisingly genuinely rather too consistently honestly"
    ),
    "felt": ["think", "thought", "felt", "must say", "have to say", "feel"],
    "minute": _words("minute second moment scene frame part bit hour"),
    "start": _words("start beginning first"),
    "end": _words("finish end ending finish"),
    "seen": _words("seen watched"),
    "gives": ["gives", "delivers", "gave", "delivered", "puts in"],
    "cinema": _words("cinema theater theatre room house"),
    "in_time": _phrases(
        """in years
        this year
        in a long time
        in a decade
        all summer
        in my life
        since I was a child
        for ages
        in months
        so far"""
    ),
    "the_year": ["the year", "the decade", "the summer", "the season", "its kind", "my life", "all time"],
    "other": ["the first one", "the book", "the original", "the last one", "the trailer", "anything else this year"],
    "genre": _phrases(
        """war films
        love stories
        comedies
        horror
        thrillers
        westerns
        musicals
        cartoons
        old films
        good stories
        this sort of thing
        science fiction
        drama"""
    ),
    "director": _words("director writer producer studio composer editor team crew"),
    "Even": ["Even", "And"],
    "when": _phrases(
        """last night
        on Saturday
        yesterday
        last week
        on Friday night
        this afternoon
        at the weekend
        on a plane
        at a festival
        last year
        on Sunday"""
    ),
    "screen": ["phone", "laptop", "television", "computer", "tablet"],
    "topic": _phrases(
        """a boy and his dog
        a family in the country
        two brothers
        a soldier who comes home
        a detective
        a young woman in the city
        a robbery
        a long journey
        a king and his daughter
        a lost letter
        an old sailor
        a teacher
        a wedding
        a murder in a small town
        a robot
        three friends
        a singer
        a ship at sea
        a doctor
        a ghost"""
    ),
}

# Every pair is (positive, negative).
POLAR: dict[str, tuple[list[str], list[str]]] = {
    "adj": (
        _words(
            "good good great great excellent wonderful brilliant amazing fantastic superb perfect beautiful "
            "lovely funny hilarious charming moving touching clever smart gripping exciting thrilling "
            "enjoyable entertaining delightful magnificent outstanding impressive fresh original strong "
            "stunning gorgeous memorable powerful warm sweet tender witty sharp fun cool awesome incredible "
            "terrific splendid marvellous masterful fine solid satisfying rewarding inspiring uplifting "
            "heartwarming captivating engaging fascinating absorbing interesting intriguing imaginative "
            "inventive creative unforgettable special remarkable extraordinary exceptional flawless "
            "convincing believable honest sincere thoughtful intelligent wise deep rich vivid elegant graceful "
            "stylish polished crisp tense suspenseful spectacular breathtaking magical enchanting dazzling "
            "glorious joyful cheerful pleasant likeable lovable refreshing nice neat adorable phenomenal "
            "epic legendary top-notch first-rate well-made well-acted well-written well-paced underrated "
            "worthwhile tight subtle natural lively energetic hypnotic mesmerizing riveting fabulous "
            "haunting poignant real happy pleasing favourite favorite bold daring "
            "classic timeless genius decent effective"
        ),
        _words(
            "bad bad terrible terrible awful awful horrible poor weak boring boring dull slow stupid silly dumb "
            "ridiculous predictable lazy cheap ugly annoying irritating tedious tiresome dreadful disappointing "
            "disappointing flat lifeless empty shallow pointless senseless confusing messy clumsy wooden stiff "
            "forced fake false unconvincing unfunny unbelievable unwatchable unbearable painful embarrassing "
            "laughable pathetic lame bland stale tired worn-out cliched forgettable mediocre uninspired "
            "unoriginal overlong bloated endless repetitive monotonous dreary gloomy soulless cold heartless "
            "charmless humourless witless brainless mindless nonsensical absurd incoherent muddled jumbled "
            "chaotic loud noisy blurry shaky amateurish sloppy careless unfinished hollow thin rushed "
            "disjointed contrived pretentious self-important preachy cheesy corny cringeworthy tasteless "
            "offensive nasty disgusting hideous atrocious appalling abysmal dire miserable insufferable "
            "worthless useless hopeless badly-made badly-acted badly-written overrated underwhelming "
            "unpleasant unlikeable grating distracting sleepy tame toothless derivative inept "
            "lousy rubbish trashy crap garbage sad wrong broken wasted depressing "
            "frustrating exhausting clunky"
        ),
    ),
    "feeling": (
        _phrases(
            """happy
            delighted
            thrilled
            moved
            smiling
            laughing
            in tears of joy
            inspired
            amazed
            impressed
            excited
            satisfied
            full of joy
            grinning
            hopeful
            speechless with wonder
            warm inside
            glad
            wanting more
            charmed
            touched
            hooked
            pleased
            on the edge of my seat
            in love with it
            spellbound"""
        ),
        _phrases(
            """bored
            angry
            disappointed
            annoyed
            tired
            sleepy
            cheated
            robbed
            cold
            confused
            sick
            irritated
            depressed
            empty
            let down
            frustrated
            embarrassed
            bored to tears
            bored to death
            disgusted
            unhappy
            indifferent
            wanting to leave
            insulted
            half asleep
            fed up
            unimpressed
            restless"""
        ),
    ),
    "thing": (
        _phrases(
            """charm
            wit
            heart
            warmth
            life
            joy
            energy
            imagination
            surprises
            laughter
            love
            magic
            beauty
            fun
            humour
            good ideas
            great lines
            tenderness
            wonder
            excitement
            talent
            soul
            passion
            style
            real feeling
            unforgettable scenes
            laughs"""
        ),
        _phrases(
            """clichés
            nonsense
            noise
            holes
            plot holes
            boredom
            mistakes
            bad jokes
            empty talk
            stupid decisions
            rubbish
            garbage
            dead air
            cheap tricks
            silly twists
            old jokes
            bad acting
            wasted time
            padding
            errors
            tired ideas
            shouting
            drivel
            disappointment
            cliches
            trash
            junk"""
        ),
    ),
    "liked": (
        _phrases(
            """loved
            loved
            liked
            enjoyed
            enjoyed
            adored
            admired
            appreciated
            really liked
            really enjoyed
            thoroughly enjoyed
            treasured
            was delighted by
            was moved by
            was blown away by
            fell in love with
            had a great time with"""
        ),
        _phrases(
            """hated
            hated
            disliked
            despised
            could not stand
            couldn't stand
            loathed
            did not like
            didn't like
            did not enjoy
            didn't enjoy
            regretted
            was bored by
            was disappointed by
            was let down by
            got tired of
            suffered through
            never liked
            did not care for"""
        ),
    ),
    "like": (["like", "love", "enjoy", "admire"], ["hate", "dislike", "regret", "mind"]),
    "made_me": (["made me feel", "left me", "kept me"], ["made me feel", "left me", "kept me"]),
    "best": (
        _words("best best best greatest funniest finest loveliest nicest cleverest smartest strongest sweetest"),
        _words("worst worst worst dullest stupidest weakest poorest silliest ugliest laziest slowest dumbest"),
    ),
    "better": (
        _phrases(
            """better
            much better
            far better
            funnier
            nicer
            smarter
            stronger
            even better
            more fun"""
        ),
        _phrases(
            """worse
            much worse
            far worse
            duller
            slower
            weaker
            sillier
            even worse
            more boring"""
        ),
    ),
    "proud": (
        ["proud", "very proud", "praised", "given a prize", "thanked"],
        ["ashamed", "embarrassed", "fired", "sorry"],
    ),
    "cared": (
        ["cared", "loves this story", "knows the craft", "put heart into it", "worked hard on it"],
        ["did not care", "gave up", "was asleep", "had no idea", "never read the book", "ran out of ideas"],
    ),
    "verb_phrase": (
        _phrases(
            """works
            works so well
            shines
            really delivers
            won me over
            stole the show
            stole my heart
            kept me guessing
            kept me hooked
            held my attention
            surprised me in the best way
            took my breath away
            made me laugh
            made me laugh out loud
            made me cry in a good way
            had me in stitches
            made my day
            never gets old
            never loses steam
            flew by
            hits every note
            comes together beautifully
            gets everything right
            deserves every prize
            deserves an award
            deserves more praise
            brings it all to life
            lights up the screen
            was worth every penny
            was worth the wait
            is a joy to watch
            is a pleasure
            is a triumph
            is a masterpiece
            is a gem
            is a treat
            is a delight
            lifts the whole film
            saves the film
            stays with you
            stays with you for days
            gave me goosebumps
            warmed my heart
            touched me deeply
            pulled me in
            exceeded my expectations
            lived up to the hype
            blew me away
            blew my mind"""
        ),
        _phrases(
            """does not work
            falls flat
            fell apart
            falls apart
            goes nowhere
            went nowhere
            drags
            dragged on forever
            drags on and on
            never gets going
            bored me
            bored me to tears
            put me to sleep
            sent me to sleep
            lost me
            let me down
            makes no sense
            made no sense
            made me cringe
            made me roll my eyes
            gave me a headache
            got on my nerves
            ruined it
            ruins the whole film
            ruined the evening
            wasted my time
            was a waste of time
            was a waste of money
            is a mess
            is a disaster
            is a disgrace
            is a joke
            is a bore
            is a failure
            is a letdown
            is an insult
            fails
            fails completely
            fails on every level
            misses the mark
            never comes to life
            lacks any charm
            lacks heart
            lacks energy
            has no soul
            has no point
            has no idea what it wants
            runs out of steam
            could not hold my attention
            cannot act
            can't act
            does not deserve your time
            feels like homework
            feels like a chore
            tries too hard
            outstays its welcome
            looks cheap"""
        ),
    ),
    "strong": (
        _phrases(
            """I loved it
            I loved every minute
            I enjoyed it a lot
            what a finish
            it won me over
            it is wonderful
            it is a great film
            I had a great time
            I would see it again
            in the end I was delighted
            it is well worth seeing
            the whole thing is a joy
            it works
            it was a treat"""
        ),
        _phrases(
            """I hated it
            I hated every minute
            I did not enjoy it
            it lost me
            it is terrible
            it is a bad film
            I had a terrible time
            I would never see it again
            in the end I was bored
            it is not worth seeing
            the whole thing is a mess
            it does not work
            nothing could save it
            it was a waste"""
        ),
    ),
    "negated": (
        _phrases(
            """I could not look away
            I couldn't stop laughing
            I could not stop smiling
            I did not want it to end
            I didn't want it to end
            I never looked at my watch
            I did not check my phone once
            not a dull moment
            never a dull moment
            there is not a wrong note in it
            there is nothing I would change
            I have no complaints
            no complaints from me
            I cannot fault it
            I can't recommend it enough
            I could not ask for more
            you will not regret it
            you won't be disappointed
            I was not disappointed
            it never fails to move me
            it does not waste a minute
            it doesn't put a foot wrong
            not a single scene is wasted
            nobody in the room moved until the end
            it never drags
            I would not miss it
            do not miss it
            it could not have been better
            I was not bored for a second
            nothing beats it"""
        ),
        _phrases(
            """I could not finish it
            I couldn't wait for it to end
            I could not wait to leave
            I did not laugh once
            I didn't laugh once
            not one joke worked
            not a single joke landed
            not a single laugh
            nothing works
            nothing happens
            nothing made sense
            nobody can act
            nobody in it seems to care
            I did not care about anyone in it
            I didn't care what happened
            there is no story
            there is no point to it
            it has no plot
            it isn't worth your time
            not worth the money
            not worth the ticket
            not worth watching
            I would not recommend it
            I cannot recommend it
            I can't recommend this to anyone
            it never gets better
            it never finds its feet
            it does not hold together
            it could not have been worse
            it doesn't know what it wants to be
            I was never interested
            no one should watch this
            it did nothing for me
            not even the music could save it
            I do not understand the praise
            I don't get the hype
            it was no fun"""
        ),
    ),
    "habit": (
        _phrases(
            """I laughed all the way through
            I laughed out loud
            I laughed so hard I cried
            I laughed until my sides hurt
            I cried at the end and loved it
            I cried happy tears
            I smiled the whole time
            I was smiling all the way home
            I have already seen it twice
            I have seen it three times
            I watched it twice in one week
            I would watch it again
            I would happily watch it again tomorrow
            I will watch it again
            I can't wait to see it again
            I want to see it again
            I cannot wait for the next one
            I can't wait for the sequel
            I stayed for the credits
            I was on the edge of my seat
            I was hooked from the first minute
            I was glued to the screen
            I was completely drawn in
            I forgot about my popcorn
            I forgot the time
            I forgot I was in a {cinema}
            Time flew by
            The two hours flew by
            I held my breath
            I clapped at the end
            Everyone clapped at the end
            The whole room cheered
            The audience stood up and cheered
            People were laughing everywhere
            I told all my friends to see it
            I have been telling everyone about it
            I bought the soundtrack the same day
            I bought it for my {screen}
            I am still humming the songs
            I am still thinking about it
            I still smile when I think of it
            I went straight back in line for another ticket
            I was up all night thinking about how good it was
            I had the best time
            I had so much fun
            We had a great evening
            We talked about it all the way home
            {friend_cap} loved it too
            {friend_cap} laughed the whole time
            {friend_cap} wants to see it again
            {friend_cap} could not stop laughing
            It made my week
            It made me want to call my mother
            It made me believe in films again
            It put a smile on my face
            It made me happy
            It cheered me up
            I felt great afterwards
            I got goosebumps
            My heart was pounding
            I would give it an award
            I ran out to buy the book
            It has become my favourite
            My new favourite film
            It is on my list of favourites
            I could watch it every day
            I was blown away
            Worth staying up late for"""
        ),
        _phrases(
            """I walked out
            I walked out after half an hour
            We walked out before the end
            We left early
            I left before the end
            Half the audience left
            People were leaving
            I fell asleep
            I fell asleep twice
            I nearly fell asleep
            I fell asleep in the middle
            {friend_cap} fell asleep
            {friend_cap} started to snore
            I kept checking my watch
            I looked at my watch every five minutes
            I kept looking at the clock
            I checked my phone the whole time
            I ended up on my phone
            I turned it off
            I turned it off after twenty minutes
            I gave up halfway
            I gave up after an hour
            I switched it off
            I could have spent the evening better
            I would rather do the dishes
            I would rather watch paint dry
            I would rather clean the house
            I wanted to leave
            I want my money back
            I want my two hours back
            I asked for a refund
            I wish I had stayed at home
            I wish I had not paid for it
            I wish I could forget it
            I regret buying a ticket
            I paid for this
            I wasted my evening
            I wasted two hours of my life
            Two hours of my life that I will never get back
            I will never get that time back
            I rolled my eyes the whole time
            I groaned at every line
            I yawned all the way through
            I was yawning
            I was counting the minutes
            I was begging for it to end
            I prayed for the credits
            I prayed that it would end
            I was relieved when it was over
            The best part was when it ended
            The only good thing was the popcorn
            The credits were the best part
            I had a headache afterwards
            It gave me a headache
            It hurt to watch
            It ruined my evening
            It ruined the book for me
            It was torture
            It felt like four hours
            It felt like it would never end
            {friend_cap} hated it too
            {friend_cap} wanted to go home
            {friend_cap} asked when it would be over
            Nobody laughed
            The room was silent at every joke
            I never want to see it again
            Never again
            I will not watch the next one
            I already forgot it
            I forgot it the next day
            I felt robbed
            I deleted it
            I am angry that I paid for it
            I can't believe someone paid for this
            We were bored out of our minds"""
        ),
    ),
    "verdict": (
        _phrases(
            """Highly recommended
            Recommended
            I recommend it
            I recommend it to everyone
            Strongly recommended
            A must see
            A must
            Go see it
            Go and see it
            Go see it now
            See it on the big screen
            Don't miss it
            Worth every penny
            Worth every cent
            Well worth your time
            Worth watching
            Worth seeing
            A masterpiece
            A real masterpiece
            A true classic
            An instant classic
            A gem
            A hidden gem
            A triumph
            A joy
            A delight
            A pleasure from start to finish
            A real treat
            Pure joy
            Pure magic
            Simply the best
            Film of the year
            Bravo
            Well done
            Great job
            Hats off
            Loved it
            Love it
            Loved every second
            Absolutely loved it
            Enjoyed every minute
            A big yes from me
            Two thumbs up
            Thumbs up
            Perfect for the whole family
            Great fun
            Good fun
            So much fun
            So good
            Wow
            I am impressed
            What a ride
            What a treat
            Full marks
            You will love it
            Everyone should see this
            Give it all the awards"""
        ),
        _phrases(
            """Not recommended
            Do not watch it
            Do not bother
            Don't bother
            Don't waste your time
            Don't waste your money
            Save your money
            Save yourself the trouble
            Stay away
            Stay at home
            Avoid
            Avoid it
            Avoid at all costs
            Skip it
            Skip this one
            Give it a miss
            A waste of time
            A complete waste of time
            A waste of money
            A waste of two hours
            Waste of time
            Total waste
            A disaster
            A total disaster
            A mess
            A complete mess
            A bore
            A failure
            A flop
            A letdown
            A big disappointment
            What a disappointment
            What a letdown
            What a mess
            What a waste
            Such a waste
            Pure rubbish
            Rubbish
            Garbage
            Trash
            Total garbage
            Hated it
            Hated every second
            Absolutely hated it
            Never again
            No thanks
            Two thumbs down
            Thumbs down
            A big no from me
            Shame on them
            The worst
            Worst film ever
            So bad
            So boring
            Terrible
            Awful
            Boring
            Watch something else
            Read a book instead
            Nobody should see this
            They should be ashamed
            I am disappointed
            I expected more
            I expected better"""
        ),
    ),
    "rating": (
        _phrases(
            """10/10
            9/10
            10 out of 10
            Ten out of ten
            Nine out of ten
            Five stars
            5 stars
            Five stars from me
            I give it five stars
            A solid 9
            8/10, would watch again
            A+
            Full five stars"""
        ),
        _phrases(
            """1/10
            2/10
            0/10
            1 out of 10
            Two out of ten
            One out of ten
            Zero stars
            One star
            1 star
            One star from me
            I give it one star
            Zero out of ten
            3/10, never again
            F
            One star is too many"""
        ),
    ),
    "advice": (
        _phrases(
            """you will love it
            go and see it
            see it soon
            this is for you
            do not miss it
            you are in for a treat
            do yourself a favour and watch it
            you have to see this
            take the whole family
            buy a ticket
            give it a chance, it is worth it
            watch it tonight
            you will have a great time"""
        ),
        _phrases(
            """stay away
            look elsewhere
            watch something else
            you will be disappointed
            do not waste your time
            save your money
            you will hate it
            skip it
            keep your money
            find something better to do
            you will want your money back
            do yourself a favour and skip it
            avoid this one
            you will be bored"""
        ),
    ),
}
